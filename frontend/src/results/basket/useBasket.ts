import { useLocalStorage } from "@mantine/hooks";
import { fits, toggledItem, wellFormed, withItems } from "./basket";

interface Basket {
  items: string[];
  has: (item: string) => boolean;
  /** Whether it has room for the item. */
  takes: (item: string) => boolean;
  toggle: (item: string) => void;
  add: (items: string[]) => void;
  set: (items: string[]) => void;
}

/** What this browser has gathered to compare; the link of the comparison carries it. */
export function useBasket(): Basket {
  const [items, set] = useLocalStorage<string[]>({
    key: "loraone-basket",
    defaultValue: [],
    getInitialValueInEffect: false,
    deserialize: (text) => wellFormed(parsedJson(text)) ?? [],
  });
  return {
    items,
    set,
    has: (item) => items.includes(item),
    takes: (item) => fits([...items, item]),
    toggle: (item) => set((old) => toggledItem(old, item)),
    add: (more) => set((old) => withItems(old, more)),
  };
}

function parsedJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
}
