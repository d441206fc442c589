import { useLocalStorage } from "@mantine/hooks";

/** The columns that this browser shows where a link names none; the settings change them. */
export function useRunColumns(usual: string[]) {
  const [own, set, forget] = useLocalStorage<string[] | undefined>({
    key: "loraone-run-columns",
    defaultValue: undefined,
    getInitialValueInEffect: false,
  });
  return [own ?? usual, set, forget] as const;
}
