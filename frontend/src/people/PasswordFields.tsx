import { PasswordInput, type PasswordInputProps } from "@mantine/core";
import type { Problem } from "../api/client";

/** What the server asks of a new password (backend/people/passwords.py), said before it is typed. */
const RULES =
  "At least 10 characters that are not easily guessed: three or four words are good, and a " +
  "password manager's are better. No rule about digits or signs.";

export function NewPassword(props: PasswordInputProps) {
  return (
    <PasswordInput
      label="Password"
      description={RULES}
      autoComplete="new-password"
      required
      withAsterisk={false}
      {...props}
    />
  );
}

/** What the server says of a field, such as that a password is easily guessed. */
export function saidOf(error: unknown, field: string): string | undefined {
  const problem = error as Problem | null | undefined;
  const found = problem?.errors?.find(({ path }) => path.split(".").at(-1) === field);
  return found && `It ${found.message}`;
}

/** Whether what the server says belongs to one of these fields: it is said there then. */
export function isSaid(error: unknown, ...fields: string[]): boolean {
  return fields.some((field) => saidOf(error, field) !== undefined);
}
