// @vitest-environment happy-dom
import { act, useState, type ReactElement } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuthApi } from "../../api/auth";
import { ApiError, NoAnswer } from "../../api/errors";
import type { Match, Matches, Message } from "../../api/types";
import type { Live } from "../../state/client";
import { LiveContext } from "../../state/context";
import { Conversations } from "../../state/conversations";
import { People } from "../../state/people";
import { FakeChat } from "../../testing/server";
import { ann, ben, group, message, ROOM } from "../../testing/shapes";
import { SearchDialog } from "./search-dialog";

const TYPED_MS = 250;

interface Asked {
  words: string;
  within: string | null;
  cursor: string | null;
  signal: AbortSignal;
  answer: (matches: Matches) => Promise<void>;
  fail: (error: Error) => Promise<void>;
}

let root: Root;
let asked: Asked[];
let opened: Message[];

const match = (seq: number, content: string, ...highlights: [number, number][]): Match => ({ message: message(seq, { content }), highlights });
const page = (...matches: Match[]): Matches => ({ matches, next_cursor: null });
const rows = (): (string | null)[] => [...document.querySelectorAll("[role=option] p[dir=auto]")].map((one) => one.textContent);
const marks = (): (string | null)[] => [...document.querySelectorAll("mark")].map((one) => one.textContent);
const status = (): string => document.querySelector("[role=status]")?.textContent ?? "";
const field = (): HTMLInputElement => document.querySelector("input[role=combobox]") as HTMLInputElement;

async function type(text: string): Promise<Asked | undefined> {
  act(() => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field(), text);
    field().dispatchEvent(new Event("input", { bubbles: true }));
  });
  await act(() => vi.advanceTimersByTimeAsync(TYPED_MS));
  return asked.at(-1);
}

function press(key: string): void {
  act(() => field().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })) as unknown as undefined);
}

function Scene(): ReactElement {
  const [text, setText] = useState("");
  return <SearchDialog here={{ id: ROOM, title: "Room" }} scoped={false} text={text} onText={setText} onOpen={(one) => opened.push(one)} onClose={() => undefined} />;
}

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  asked = [];
  opened = [];
  const people = new People({} as unknown as AuthApi, ann);
  people.learn([ben]);
  const conversations = new Conversations(new FakeChat().api, ann.id);
  conversations.adopt(group(1));
  const search = (words: string, within: string | null, cursor: string | null, signal: AbortSignal): Promise<Matches> =>
    new Promise((resolve, reject) => {
      const settle = (how: () => void): Promise<void> => act(() => Promise.resolve().then(how));
      const answer = (matches: Matches): Promise<void> => settle(() => resolve(matches));
      const fail = (error: Error): Promise<void> => settle(() => reject(error));
      asked.push({ words, within, cursor, signal, answer, fail });
    });
  root = createRoot(document.body.appendChild(document.createElement("div")));
  act(() =>
    root.render(
      <LiveContext value={{ chat: { me: ann, people, conversations, search } } as unknown as Live}>
        <Scene />
      </LiveContext>,
    ),
  );
});

afterEach(() => {
  act(() => root.unmount());
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("the search of messages", () => {
  it("shows what was found, the matches marked, and where", async () => {
    const first = await type("  ferry ");
    expect(first).toMatchObject({ words: "ferry", within: null, cursor: null });
    await first?.answer(page(match(7, "🚢 the ferry", [6, 11])));
    expect(rows()).toEqual(["🚢 the ferry"]);
    expect(marks()).toEqual(["ferry"]);
    expect(document.querySelector("[role=option]")?.textContent).toContain("Benin Room");
    expect(status()).toBe("1 message");
  });

  it("waits until typing pauses, and drops answers that are out of date", async () => {
    const first = await type("fer");
    const second = await type("ferry");
    expect(first?.signal.aborted).toBe(true);
    await second?.answer(page(match(2, "ferry")));
    await first?.answer(page(match(1, "fern")));
    expect(rows()).toEqual(["ferry"]);
    await type("");
    expect(rows()).toEqual([]);
    expect(asked).toHaveLength(2);
  });

  it("opens the row under the keys, but none that was found for other words", async () => {
    await (await type("ferry"))?.answer(page(match(9, "new ferry"), match(2, "old ferry")));
    press("ArrowDown");
    press("ArrowDown");
    press("Enter");
    expect(opened.map((one) => one.seq)).toEqual([2]);
    await type("ferryman");
    press("Enter");
    expect(opened).toHaveLength(1);
  });

  it("reads the next page below the first, once", async () => {
    await (await type("ferry"))?.answer({ matches: [match(9, "new ferry")], next_cursor: "more" });
    // The list is not filled yet, so it is asked for at once.
    expect(asked.map(({ cursor }) => cursor)).toEqual([null, "more"]);
    await asked[1]?.answer(page(match(2, "old ferry")));
    expect(rows()).toEqual(["new ferry", "old ferry"]);
    expect(asked).toHaveLength(2);
  });

  it("can be kept to the conversation that is open", async () => {
    await (await type("ferry"))?.answer(page());
    expect(status()).toContain("No message says “ferry”");
    act(() => document.querySelectorAll<HTMLInputElement>("[type=radio]")[1]?.click());
    await act(() => vi.advanceTimersByTimeAsync(TYPED_MS));
    expect(asked.at(-1)).toMatchObject({ words: "ferry", within: ROOM });
  });

  it("says what went wrong, and asks again when that may help", async () => {
    await (await type("ferry"))?.fail(new NoAnswer(null));
    expect(status()).toContain("isn’t answering");
    act(() => [...document.querySelectorAll("button")].find((one) => one.textContent === "Try again")?.click());
    await asked[1]?.answer(page(match(2, "ferry")));
    expect(rows()).toEqual(["ferry"]);
  });

  it("says so when there is nothing in the words to look for", async () => {
    await (await type("!?"))?.fail(new ApiError(422, "malformed", "Malformed.", null, [{ field: "q", problem: "has no words" }]));
    expect(status()).toContain("nothing in this to look for");
    expect([...document.querySelectorAll("button")].map((one) => one.textContent)).not.toContain("Try again");
  });
});
