import { createContext, type ReactNode, useContext } from "react";
import { FigureActions } from "../../ui/figureActions";
import { CommentButton } from "./CommentButton";

const Experiment = createContext<number | undefined>(undefined);
const Some = createContext(false);

/** Whether there are comments to be read. */
export function useSomeComments(): boolean {
  return useContext(Some);
}

/** The experiment whose runs can be commented on here, if any. */
export function useCommented(): number | undefined {
  return useContext(Experiment);
}

interface Props {
  experiment: number;
  some: boolean;
  children: ReactNode;
}

/** Around the views of one experiment: its figures and runs have a button for comments. */
export function Commenting({ experiment, some, children }: Props) {
  const onFigure = (figure: string) => (
    <CommentButton experiment={experiment} figure={figure} name={figure} some={some} />
  );
  return (
    <Experiment.Provider value={experiment}>
      <Some.Provider value={some}>
        <FigureActions.Provider value={onFigure}>{children}</FigureActions.Provider>
      </Some.Provider>
    </Experiment.Provider>
  );
}

interface ComparingProps {
  /** What is compared. */
  items: string[];
  experiments: number[];
  children: ReactNode;
}

/**
 * Around a comparison: its figures have a button for comments. They are kept with the first of its
 * experiments, and shown wherever the same is compared.
 */
export function CommentingOnComparison({ items, experiments, children }: ComparingProps) {
  const first = Math.min(...experiments);
  const onFigure = (figure: string) => (
    <CommentButton experiment={first} figure={figure} name={figure} some compared={items} />
  );
  return (
    <FigureActions.Provider value={experiments.length > 0 ? onFigure : undefined}>
      {children}
    </FigureActions.Provider>
  );
}
