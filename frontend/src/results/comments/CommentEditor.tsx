import {
  Alert,
  Button,
  Combobox,
  Group,
  SegmentedControl,
  Stack,
  Textarea,
  useCombobox,
} from "@mantine/core";
import { useLayoutEffect, useRef, useState } from "react";
import { sentence } from "../../api/client";
import { RenderedMarkdown } from "../RenderedMarkdown";
import { begun, completed, offered } from "./mention";
import type { Commenters } from "./useComments";

interface Props {
  label: string;
  text: string;
  type: (text: string) => void;
  people: Commenters["people"];
  send: () => void;
  sending: boolean;
  error: unknown;
  /** What the button says. */
  verb: string;
  cancel?: () => void;
}

/** Writes and previews a comment; people are offered by name after an @. */
export function CommentEditor({ label, text, type, people, send, ...props }: Props) {
  const [preview, setPreview] = useState(false);
  return (
    <Stack gap="xs">
      {preview ? (
        <RenderedMarkdown text={text} />
      ) : (
        <Field label={label} text={text} type={type} people={people} send={send} />
      )}
      {props.error !== null && <Alert color="red">{sentence(props.error)}</Alert>}
      <Group gap="xs">
        <Button size="xs" loading={props.sending} disabled={text.trim() === ""} onClick={send}>
          {props.verb}
        </Button>
        {props.cancel && (
          <Button size="xs" variant="default" onClick={props.cancel}>
            Cancel
          </Button>
        )}
        <SegmentedControl
          size="xs"
          aria-label="Write or preview"
          value={preview ? "preview" : "write"}
          onChange={(value) => setPreview(value === "preview")}
          data={[
            { value: "write", label: "Write" },
            { value: "preview", label: "Preview" },
          ]}
        />
      </Group>
    </Stack>
  );
}

type FieldProps = Pick<Props, "label" | "text" | "type" | "people" | "send">;

function Field({ label, text, type, people, send }: FieldProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState(0);
  const [left, setLeft] = useState(false);
  const next = useRef<number | undefined>(undefined);
  const combobox = useCombobox();
  const mention = begun(text, caret);
  const names = mention ? offered(people, mention) : [];
  const open = names.length > 0 && !left;
  // After a name was put in, once the text is there.
  useLayoutEffect(() => {
    if (next.current === undefined) return;
    area.current?.setSelectionRange(next.current, next.current);
    next.current = undefined;
  });
  const choose = (name: string) => {
    if (!mention) return;
    const whole = completed(text, caret, mention, name);
    type(whole.text);
    setCaret(whole.caret);
    next.current = whole.caret;
    area.current?.focus();
  };
  return (
    <Combobox store={{ ...combobox, dropdownOpened: open }} onOptionSubmit={choose}>
      <Combobox.Target withKeyboardNavigation={open}>
        <Textarea
          ref={area}
          aria-label={label}
          placeholder="Markdown, $formulas$, @names"
          autosize
          minRows={3}
          maxRows={20}
          value={text}
          onChange={({ currentTarget }) => {
            type(currentTarget.value);
            setCaret(currentTarget.selectionStart);
            setLeft(false);
            combobox.selectFirstOption();
          }}
          onSelect={({ currentTarget }) => setCaret(currentTarget.selectionStart)}
          onBlur={() => setLeft(true)}
          onKeyDown={(event) => {
            if (event.key === "Escape" && open) {
              event.stopPropagation(); // it may stand in a dialog
              setLeft(true);
            }
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={!open}>
        <Combobox.Options aria-label="People">
          {names.map(({ id, name }) => (
            <Combobox.Option key={id} value={name}>
              {name}
            </Combobox.Option>
          ))}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
