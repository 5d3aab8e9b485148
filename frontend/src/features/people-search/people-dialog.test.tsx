// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuthApi } from "../../api/auth";
import type { User } from "../../api/types";
import type { Client, Live } from "../../state/client";
import { ClientContext, LiveContext } from "../../state/context";
import { People } from "../../state/people";
import { Presence } from "../../state/presence";
import { ann, ben, cho } from "../../testing/shapes";
import { PeopleDialog } from "./people-dialog";

let root: Root;
let people: People;

const names = (): (string | null)[] => [...document.querySelectorAll("[role=option] bdi")].map((one) => one.textContent);

function change(user: User): void {
  act(() => people.learn([user]));
}

beforeEach(async () => {
  vi.useFakeTimers();
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  const auth = { users: () => Promise.resolve({ users: [ann, ben, cho], next_cursor: null }) } as unknown as AuthApi;
  people = new People(auth, ann);
  const chat = { me: ann, people, presence: new Presence({} as never) };
  root = createRoot(document.body.appendChild(document.createElement("div")));
  act(() =>
    root.render(
      <ClientContext value={{ auth } as unknown as Client}>
        <LiveContext value={{ chat } as unknown as Live}>
          <PeopleDialog onChoose={() => undefined} onGroup={() => undefined} onClose={() => undefined} />
        </LiveContext>
      </ClientContext>,
    ),
  );
  await act(() => vi.advanceTimersByTimeAsync(0));
});

afterEach(() => {
  act(() => root.unmount());
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("the directory", () => {
  it("shows everybody but oneself", () => {
    expect(names()).toEqual(["Ben", "Cho"]);
  });

  it("shows a new name while it is open", () => {
    change({ ...ben, name: "Benjamin" });
    expect(names()).toEqual(["Benjamin", "Cho"]);
  });

  it("offers nobody who was deleted", () => {
    change({ ...cho, name: "Deleted user", deleted_at: "2026-11-22T13:00:00.000000Z" });
    expect(names()).toEqual(["Ben"]);
  });
});
