import { Anchor } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Empty } from "../ui/Empty";

export function NotFound() {
  return (
    <Empty title="There is no such page">
      The link may be old.{" "}
      <Anchor component={Link} to="/history">
        All experiments
      </Anchor>
    </Empty>
  );
}
