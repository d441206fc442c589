import { MantineProvider } from "@mantine/core";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SearchField } from "./SearchField";

const input = () => screen.getByLabelText("Search experiments") as HTMLInputElement;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

test("a search is sent when the typing pauses, once", () => {
  const search = vi.fn();
  render(<SearchField query="" wrong={undefined} search={search} />, { wrapper: MantineProvider });
  for (const value of ["l", "lo", "lora"]) fireEvent.change(input(), { target: { value } });
  expect(search).not.toHaveBeenCalled();
  act(() => void vi.advanceTimersByTime(500));
  expect(search.mock.calls).toEqual([["lora"]]);
});

test("a search from elsewhere is shown, an answer to its own leaves what is typed since", () => {
  const field = (query: string) => (
    <SearchField query={query} wrong={undefined} search={() => undefined} />
  );
  const { rerender } = render(field(""), { wrapper: MantineProvider });
  rerender(field("tag:paper"));
  expect(input().value).toBe("tag:paper");
  fireEvent.change(input(), { target: { value: "tag:paper lo" } });
  act(() => void vi.advanceTimersByTime(500));
  fireEvent.change(input(), { target: { value: "tag:paper lora" } });
  rerender(field("tag:paper lo"));
  expect(input().value).toBe("tag:paper lora");
});

test("what the server finds wrong with a search stands at the field", () => {
  const wrong = "lr needs a number";
  render(<SearchField query="lr>x" wrong={wrong} search={() => undefined} />, {
    wrapper: MantineProvider,
  });
  expect(screen.getByText(wrong)).toBeTruthy();
});

test("whoever leaves the field before the pause does not lose the search", () => {
  const search = vi.fn();
  render(<SearchField query="" wrong={undefined} search={search} />, { wrapper: MantineProvider });
  fireEvent.change(input(), { target: { value: "lora" } });
  fireEvent.blur(input());
  expect(search.mock.calls).toEqual([["lora"]]);
  act(() => void vi.advanceTimersByTime(500));
  expect(search).toHaveBeenCalledTimes(1);
});
