import { createContext, type ReactNode, useContext } from "react";
import { FigureActions } from "../../ui/figureActions";
import { CommentButton } from "./CommentButton";

const Experiment = createContext<number | undefined>(undefined);

/** The experiment whose runs can be commented on here, if any. */
export function useCommented(): number | undefined {
  return useContext(Experiment);
}

/** Around the views of one experiment: its figures and runs have a button for comments. */
export function Commenting({ experiment, children }: { experiment: number; children: ReactNode }) {
  const onFigure = (figure: string) => (
    <CommentButton experiment={experiment} figure={figure} name={figure} />
  );
  return (
    <Experiment.Provider value={experiment}>
      <FigureActions.Provider value={onFigure}>{children}</FigureActions.Provider>
    </Experiment.Provider>
  );
}
