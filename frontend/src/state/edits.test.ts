import { beforeEach, describe, expect, it } from "vitest";
import { ApiError } from "../api/errors";
import type { Message } from "../api/types";
import { message } from "../testing/shapes";
import { Edits } from "./edits";

let asked: string[];
let done: string[];
let answer: () => Promise<void>;
let edits: Edits;

const wish = () => edits.getSnapshot().get("message-1");
const settle = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  asked = [];
  done = [];
  answer = () => Promise.resolve();
  const ask = async (what: string, change: Partial<Message>): Promise<Message> => {
    asked.push(what);
    await answer();
    return message(1, { changed_seq: asked.length + 1, ...change });
  };
  edits = new Edits({
    edit: (_id, content) => ask(content, { content }),
    delete: () => ask("delete", { content: null }),
    done: (event, { content }) => done.push(`${event} ${content ?? "-"}`),
  });
});

describe("a change of a message", () => {
  it("shows at once, and goes when the server has it", async () => {
    edits.change("message-1", "new words");
    expect(wish()).toEqual({ content: "new words", state: { kind: "saving" } });
    await settle();
    expect(done).toEqual(["message.edited new words"]);
    expect(wish()).toBeUndefined();
  });

  it("says honestly that it did not work; again or never is the person's choice", async () => {
    answer = () => Promise.reject(new ApiError(403, "not_allowed", "Not yours."));
    edits.change("message-1", null);
    await settle();
    expect(wish()).toEqual({ content: null, state: { kind: "failed", reason: "Not yours." } });
    edits.undo("message-1");
    expect(wish()).toBeUndefined();
    edits.change("message-1", "x");
    await settle();
    answer = () => Promise.resolve();
    edits.retry("message-1");
    await settle();
    expect(done).toEqual(["message.edited x"]);
  });

  it("of a change under way follows it, and the last word counts", async () => {
    edits.change("message-1", "one");
    edits.change("message-1", "two");
    edits.change("message-1", null);
    await settle();
    expect(asked).toEqual(["one", "delete"]);
    expect(done).toEqual(["message.edited one", "message.deleted -"]);
    expect(wish()).toBeUndefined();
  });
});
