import { Button, FileButton } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconUpload } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { api, sentence } from "../api/client";

/** Takes in an experiment that another server exported. */
export function ImportButton() {
  const navigate = useNavigate();
  const failed = (message: string) =>
    notifications.show({ color: "red", title: "Not imported", message });
  const { mutate, isPending } = api.useMutation("post", "/api/experiments/import", {
    onSuccess: ({ id, left_out }) => {
      for (const message of left_out)
        notifications.show({ color: "yellow", title: "Imported in part", message });
      void navigate({ to: "/experiments/$id", params: { id } });
    },
    onError: (error) => failed(sentence(error)),
  });
  const read = async (file: File | null) => {
    if (!file) return;
    try {
      mutate({ body: JSON.parse(await file.text()) });
    } catch {
      failed(`${file.name} is no JSON`);
    }
  };
  return (
    <FileButton onChange={(file) => void read(file)} accept="application/json,.json">
      {(props) => (
        <Button
          {...props}
          size="xs"
          variant="default"
          loading={isPending}
          leftSection={<IconUpload size={14} />}
        >
          Import
        </Button>
      )}
    </FileButton>
  );
}
