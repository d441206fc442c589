import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Accept } from "./Accept";

const LINK = {
  kind: "invite",
  role: "viewer",
  name: null,
  expires_at: "2026-12-01T00:00:00Z",
} as const;
const ALLOWED = "1 to 100 characters that can be seen, on one line";
const REFUSED = {
  title: "Unprocessable Content",
  status: 422,
  detail: `name: has no characters that can be seen; allowed: ${ALLOWED}`,
  errors: [
    {
      path: "name",
      message: `has no characters that can be seen; allowed: ${ALLOWED}`,
      value: "   ",
      allowed: ALLOWED,
      hint: null,
    },
  ],
};

vi.mock("@tanstack/react-router", async (original) => ({
  ...(await original<object>()),
  useNavigate: () => () => {},
}));

// The client takes it as it is when it is read.
const sent = vi.hoisted(() => {
  const sent: unknown[] = [];
  globalThis.fetch = async (request) => {
    sent.push(await (request as Request).json());
    return new Response(JSON.stringify(REFUSED), {
      status: 422,
      headers: { "Content-Type": "application/problem+json" },
    });
  };
  return sent;
});

test("a blank name is said to be none where it was typed, with what is allowed", async () => {
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <Accept secret="a-secret" link={LINK} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  const name = screen.getByLabelText("Name");
  fireEvent.change(name, { target: { value: "   " } });
  fireEvent.change(screen.getByLabelText("Password"), { target: { value: "three-blue-otters" } });
  fireEvent.click(screen.getByRole("button", { name: "Make the account" }));
  const said = `It has no characters that can be seen; allowed: ${ALLOWED}`;
  const shown = await screen.findByText(said);
  expect(name.getAttribute("aria-describedby")?.split(" ")).toContain(shown.id);
  expect(sent).toEqual([{ secret: "a-secret", password: "three-blue-otters", name: "   " }]);
});
