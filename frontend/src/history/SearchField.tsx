import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

const HELP =
  "Words, and terms: method:lora-one model:minilm tag:paper by:ana lr>1e-4 rank:8 since:2026-10 " +
  "status:failed is:starred is:archived; a minus in front turns one around";

interface Props {
  query: string;
  wrong: string | undefined;
  search: (words: string) => void;
}

/** The search as it is typed; it is sent when the typing pauses. */
export function SearchField({ query, wrong, search }: Props) {
  const [text, setText] = useState(query);
  const asked = useRef(query);
  const later = useDebouncedCallback((words: string) => {
    asked.current = words;
    search(words);
  }, 400);
  useEffect(() => {
    // A facet, a tag or a saved view changed the search; what is being typed stays.
    if (query !== asked.current) {
      asked.current = query;
      setText(query);
    }
  }, [query]);
  return (
    <TextInput
      aria-label="Search experiments"
      placeholder="method:lora-one lr>1e-4 tag:paper …"
      description={HELP}
      inputWrapperOrder={["input", "description", "error"]}
      leftSection={<IconSearch size={16} />}
      error={wrong}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        later(event.currentTarget.value);
      }}
      // Whoever goes on to another page finds the search again on the way back.
      onBlur={() => later.flush()}
    />
  );
}
