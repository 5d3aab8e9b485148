// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Composer } from "./composer";

let root: Root;
let sent: string[];

function field(): HTMLTextAreaElement {
  const found = document.querySelector("textarea");
  if (found === null) throw new Error("no field");
  return found;
}

function show(lane = "user:ben"): void {
  act(() => root.render(<Composer key={lane} owner="ann" lane={lane} to="Ben" onSend={(content) => sent.push(content)} onTyping={() => undefined} />));
}

function type(text: string): void {
  // React listens to the native setter, as a real keyboard would use it.
  const native = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field()) as object, "value");
  act(() => {
    native?.set?.call(field(), text);
    field().dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function press(init: KeyboardEventInit): void {
  act(() => void field().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init })));
}

beforeEach(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  localStorage.clear();
  sent = [];
  const place = document.body.appendChild(document.createElement("div"));
  root = createRoot(place);
  show();
});

afterEach(() => {
  act(() => root.unmount());
  document.body.replaceChildren();
});

describe("the composer", () => {
  it("sends with Enter exactly what was written, and is empty then", () => {
    type("  hello\n");
    press({});
    expect(sent).toEqual(["  hello\n"]);
    expect(field().value).toBe("");
  });

  it("does not send with Shift+Enter", () => {
    type("hello");
    press({ shiftKey: true });
    expect(sent).toEqual([]);
  });

  it("leaves Enter to an input method that is composing", () => {
    type("にほん");
    press({ isComposing: true });
    expect(sent).toEqual([]);
  });

  it("sends no empty and no too long message", () => {
    type(" \n ");
    press({});
    type("x".repeat(8_001));
    press({});
    expect(sent).toEqual([]);
    expect(document.body.textContent).toContain("1 character too many");
    type("😀".repeat(8_000));
    press({});
    expect(sent).toHaveLength(1);
  });

  it("offers the last message for a change only while it is empty", () => {
    let asked = 0;
    const up = { key: "ArrowUp" };
    act(() => root.render(<Composer owner="ann" lane="user:ben" to="Ben" onSend={() => undefined} onTyping={() => undefined} onEditLast={() => (asked += 1)} />));
    type("x");
    press(up);
    expect(asked).toBe(0);
    type("");
    press(up);
    expect(asked).toBe(1);
  });

  it("changes a message without touching the draft, and lets go with Esc", () => {
    type("half a thought");
    let cancelled = false;
    const cancel = (): void => void (cancelled = true);
    act(() =>
      root.render(<Composer key="edit" owner="ann" lane="user:ben" to="Ben" editing="as it was" onCancel={cancel} onSend={(content) => sent.push(content)} onTyping={() => undefined} />),
    );
    expect(field().value).toBe("as it was");
    type("as it shall be");
    press({});
    expect(sent).toEqual(["as it shall be"]);
    press({ key: "Escape" });
    expect(cancelled).toBe(true);
    show();
    expect(field().value).toBe("half a thought");
  });

  it("keeps a draft for each conversation", () => {
    type("half a thought");
    show("user:cho");
    expect(field().value).toBe("");
    show("user:ben");
    expect(field().value).toBe("half a thought");
  });
});
