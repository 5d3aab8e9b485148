import { describe, expect, it } from "vitest";
import type { Members as Page, User } from "../api/types";
import { ann, ben, cho, joined, left } from "../testing/shapes";
import { Members } from "./members";

const eve: User = { ...cho, id: "e0000000-0000-4000-8000-000000000000", name: "Eve" };

function page(users: User[], next: string | null): Page {
  return { members: users.map((user) => ({ user, role: "member", joined_at: user.created_at, last_read_seq: 0 })), next_cursor: next };
}

function pagesOf(...pages: User[][]): { members: Members; asked: (string | null)[] } {
  const asked: (string | null)[] = [];
  const members = new Members((cursor) => {
    asked.push(cursor);
    const at = Number(cursor ?? 0);
    return Promise.resolve(page(pages[at] ?? [], at + 1 < pages.length ? String(at + 1) : null));
  });
  return { members, asked };
}

const names = (members: Members): string[] => members.getSnapshot().users.map((user) => user.name);

describe("the members", () => {
  it("come page by page, and each page once", async () => {
    const { members, asked } = pagesOf([ann, ben], [cho]);
    await Promise.all([members.load(), members.load()]);
    expect(names(members)).toEqual(["Ann", "Ben"]);
    await members.load();
    await members.load();
    expect(names(members)).toEqual(["Ann", "Ben", "Cho"]);
    expect(asked).toEqual([null, "1"]);
  });

  it("take a newcomer in at their place, and let go of who left", async () => {
    const { members } = pagesOf([ann, eve]);
    await members.load();
    members.apply(joined(cho, 5));
    expect(names(members)).toEqual(["Ann", "Cho", "Eve"]);
    members.apply(left(ann, 6));
    expect(names(members)).toEqual(["Cho", "Eve"]);
  });

  it("leave a newcomer of a later page to that page", async () => {
    const { members } = pagesOf([ann, ben], [cho, eve]);
    await members.load();
    members.apply(joined(eve, 5));
    expect(names(members)).toEqual(["Ann", "Ben"]);
    await members.load();
    expect(names(members)).toEqual(["Ann", "Ben", "Cho", "Eve"]);
  });

  it("can be asked for again after a failure", async () => {
    let fails = true;
    const members = new Members(() => (fails ? Promise.reject(new Error("down")) : Promise.resolve(page([ann], null))));
    await members.load();
    expect(members.getSnapshot().status).toBe("failed");
    fails = false;
    await members.load();
    expect(names(members)).toEqual(["Ann"]);
  });
});
