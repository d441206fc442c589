import { expect, test } from "vitest";
import { whyNot } from "./may";
import { GUEST, type Role, type Who } from "./who";

const RIGHTS = {
  viewer: ["read"],
  editor: ["read", "launch"],
  administrator: ["read", "launch", "admin"],
} as const;

function somebody(role: Role, id = 7): Who {
  const person = {
    id,
    name: "Ada",
    role,
    rights: [...RIGHTS[role]],
    way: "session" as const,
    colour: "#175cd3",
    password: true,
  };
  return { person, auth: "local", guest: false, url: "http://lab.test" };
}

test("without accounts everybody may everything, also what a name had launched", () => {
  const may = whyNot({ person: null, auth: "none", guest: false, url: "" });
  expect([may.launch, may.administer, may.change(3), may.change(null)]).toEqual(
    Array(4).fill(undefined),
  );
});

test("a viewer is told which role is needed, whosever it is", () => {
  const may = whyNot(somebody("viewer"));
  expect(may.launch).toBe("This needs the role editor; yours is viewer.");
  expect(may.change(7)).toBe(may.launch);
  expect(may.administer).toContain("administrator");
});

test("an editor changes what is theirs; what is another's or nobody's they do not", () => {
  const may = whyNot(somebody("editor"));
  expect(may.launch).toBeUndefined();
  expect(may.change(7)).toBeUndefined();
  expect(may.change(8)).toContain("somebody else");
  expect(may.change(null)).toContain("nobody");
  expect(may.administer).toContain("administrator");
});

test("what the page does not know the owner of is offered to an editor: the server knows", () => {
  expect(whyNot(somebody("editor")).change(undefined)).toBeUndefined();
  expect(whyNot(somebody("viewer")).change(undefined)).toBeDefined();
});

test("an administrator changes what is anybody's", () => {
  const may = whyNot(somebody("administrator"));
  expect([may.launch, may.administer, may.change(8), may.change(null)]).toEqual(
    Array(4).fill(undefined),
  );
});

test("somebody who is not signed in, or came by a share link, may nothing", () => {
  for (const who of [GUEST, { ...somebody("editor"), person: null }]) {
    const may = whyNot(who);
    expect([may.launch, may.administer, may.change(null)]).not.toContain(undefined);
  }
});
