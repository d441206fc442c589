import type { Schemas } from "../../api/client";
import { bytes } from "../../ui/format";

/** What was removed for good, as a notification that stays long enough to be read. */
export function emptied(freed: Schemas["EmptiedOut"]) {
  const files = freed.files + freed.logs;
  const parts = [
    `${bytes(files)} of files are free`,
    freed.database > 0 ? `the database is ${bytes(freed.database)} smaller` : freed.kept,
    ...(freed.goes_on ? ["what is left is being removed"] : []),
    ...freed.trouble,
  ];
  const whole = freed.trouble.length === 0;
  return {
    color: whole ? undefined : "red",
    title: whole ? "Removed for good" : "Not all could be removed",
    autoClose: 20_000,
    message: parts.join("; "),
  };
}
