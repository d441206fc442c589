/** What pages put beside the buttons of their figures. */

import { createContext, type ReactNode } from "react";

export const FigureActions = createContext<((label: string) => ReactNode) | undefined>(undefined);
