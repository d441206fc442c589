import { quantity } from "../../ui/format";

/** `1 run`, `2 runs`. */
export function count(amount: number, noun: string): string {
  return `${quantity(amount)} ${noun}${amount === 1 ? "" : "s"}`;
}
