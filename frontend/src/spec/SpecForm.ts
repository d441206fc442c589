import { createContext, useContext } from "react";
import type { ExperimentSpec, FieldProblem } from "../api/client";
import type { JsonSchema } from "./schema";

/** What every field of the form needs: the spec, how to change it, and what is wrong with it. */
interface SpecForm {
  spec: ExperimentSpec;
  schema: JsonSchema;
  problems: FieldProblem[];
  set: (path: string, value: unknown) => void;
}

const Context = createContext<SpecForm | null>(null);
export const SpecFormProvider = Context.Provider;

export function useSpecForm(): SpecForm {
  const form = useContext(Context);
  if (!form) throw new Error("a field stands outside of its form");
  return form;
}
