/** What a table is made of: columns that know their values, or records as the server sends them. */

import type { ReactNode } from "react";

/** A column: what it sorts by, and what it shows. */
export interface Column<T> {
  id: string;
  header: string;
  /** Instead of the header's text, and without sorting. */
  head?: ReactNode;
  value: (row: T) => string | number | undefined;
  cell?: (row: T) => ReactNode;
  numeric?: boolean;
  /** A moment stays on one line, however narrow the screen: the table scrolls. */
  moment?: true;
  /** The deviation that the cell shows beside the value: a column of its own in files. */
  deviation?: (row: T) => number | undefined;
}

export type Cell = string | number | boolean | null;

/** A table as the server sends it. */
export interface Records {
  columns: string[];
  data: Cell[][];
  /** How many further rows the files have. */
  left_out?: number;
}
