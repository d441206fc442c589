import { createContext, type ReactNode, useContext } from "react";

const Context = createContext(false);

/** Whether what stands here belongs to what was asked before: nothing of it may be taken away. */
export function useOutdated(): boolean {
  return useContext(Context);
}

interface Props {
  /** Whether the answer to what is asked now is still on its way. */
  when: boolean;
  /**
   * Whether each row is true of what it names, whatever is asked, such as an experiment's: it can be
   * reached, and a heading that sorts keeps the focus. Files of the whole are withheld all the same.
   */
  rows?: boolean;
  children: ReactNode;
}

/**
 * An answer that stays in sight while the next one comes: dimmed, and out of reach of pointer and
 * keyboard, so that no figure, file or text is taken for the answer to what is asked now. Quick
 * answers do not flicker: the dimming itself begins after a moment.
 */
export function Outdated({ when, rows = false, children }: Props) {
  const outdated = useOutdated() || when;
  return (
    <Context.Provider value={outdated}>
      <div
        aria-busy={when}
        inert={when && !rows}
        style={{
          opacity: when ? 0.4 : 1,
          transition: when ? "opacity 150ms ease 150ms" : undefined,
        }}
      >
        {children}
      </div>
    </Context.Provider>
  );
}
