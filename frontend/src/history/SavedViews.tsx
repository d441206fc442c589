import { ActionIcon, Button, Group, Menu, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconBookmark, IconTrash } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { api, sentence } from "../api/client";
import { changed } from "../api/live";
import { useWhyNot } from "../people/may";
import { useDraftText } from "../ui/draft";

interface Props {
  query: string;
  open: (query: string) => void;
}

/** Searches under a name: opened, forgotten, and the present search saved. */
export function SavedViews({ query, open }: Props) {
  const queries = useQueryClient();
  const whyNot = useWhyNot();
  const [name, setName, sent] = useDraftText("view");
  const { data } = api.useQuery("get", "/api/views");
  const readAnew = () => void changed(queries, { kind: "views", experiment: 0, run: 0 });
  const refused = (title: string) => (error: unknown) =>
    notifications.show({ color: "red", title, message: sentence(error) });
  const save = api.useMutation("post", "/api/views", {
    onSuccess: (_, { body }) => {
      sent(body.name);
      readAnew();
    },
    onError: refused("Not saved"),
  });
  const forget = api.useMutation("delete", "/api/views/{view_id}", {
    onSuccess: readAnew,
    onError: refused("Not forgotten"),
  });
  return (
    <Menu position="bottom-end" width={300}>
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconBookmark size={14} />}>
          Views
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {(data ?? []).map((view) => (
          <Group key={view.id} gap={4} wrap="nowrap">
            <Menu.Item onClick={() => open(view.query)} style={{ flex: 1 }}>
              <Text size="sm">{view.name}</Text>
              <Text size="xs" c="dimmed" truncate>
                {view.query || "everything"}
              </Text>
            </Menu.Item>
            {whyNot.change(view.owner) === undefined && (
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={`Forget ${view.name}`}
                onClick={() => forget.mutate({ params: { path: { view_id: view.id } } })}
              >
                <IconTrash size={14} />
              </ActionIcon>
            )}
          </Group>
        ))}
        {data?.length === 0 && (
          <Text size="sm" c="dimmed" p="xs">
            No search has been saved yet.
          </Text>
        )}
        {whyNot.launch === undefined && <Menu.Divider />}
        <form
          hidden={whyNot.launch !== undefined}
          onSubmit={(event) => {
            event.preventDefault();
            // Kept as it is sent. A name that is refused stays, to be changed.
            setName(name.trim());
            if (name.trim()) save.mutate({ body: { name: name.trim(), query } });
          }}
        >
          <Group gap={4} p={4} wrap="nowrap">
            <TextInput
              size="xs"
              style={{ flex: 1 }}
              aria-label="Name of the view"
              placeholder="Save this search as …"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              onKeyDown={(event) => event.stopPropagation()}
            />
            <Button size="xs" type="submit" disabled={name.trim() === ""}>
              Save
            </Button>
          </Group>
        </form>
      </Menu.Dropdown>
    </Menu>
  );
}
