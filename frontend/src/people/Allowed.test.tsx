import { Button, MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { Allowed } from "./Allowed";

afterEach(cleanup);

function shown(why: string | undefined) {
  const press = vi.fn();
  const submit = vi.fn((event: React.FormEvent) => event.preventDefault());
  render(
    <form onSubmit={submit}>
      <Allowed why={why}>
        <Button type="submit" onClick={press}>
          Launch
        </Button>
      </Allowed>
    </form>,
    { wrapper: ({ children }) => <MantineProvider env="test">{children}</MantineProvider> },
  );
  fireEvent.click(screen.getByRole("button", { name: "Launch" }));
  return { press, submit };
}

test("what one may does what it does", () => {
  const { press, submit } = shown(undefined);
  expect(press).toHaveBeenCalledOnce();
  expect(submit).toHaveBeenCalledOnce();
});

test("what one may not does nothing, sends no form, and says why to pointer and keyboard", async () => {
  const { press, submit } = shown("Yours is viewer.");
  expect(press).not.toHaveBeenCalled();
  expect(submit).not.toHaveBeenCalled();
  const button = screen.getByRole("button");
  expect(button.getAttribute("aria-disabled")).toBe("true");
  fireEvent.mouseEnter(button);
  expect(await screen.findByText("Yours is viewer.")).toBeTruthy();
});
