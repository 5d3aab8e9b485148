import { describe, expect, it } from "vitest";
import { parseRoute } from "./router";

const ID = "6c0b1a3e-7c55-4a9e-9c52-0f9b8f3c3f11";

describe("an address", () => {
  it.each([
    ["/", { page: "chat" }],
    ["/chat", { page: "chat" }],
    ["/chat/", { page: "chat" }],
    [`/chat/${ID}`, { page: "conversation", id: ID }],
    [`/chat/${ID}?message=${ID}`, { page: "conversation", id: ID, message: ID }],
    [`/chat/${ID}?message=x`, { page: "conversation", id: ID }],
    [`/chat/with/${ID}`, { page: "person", userId: ID }],
    ["/login", { page: "login", next: "/chat" }],
    [`/login?next=/chat/with/${ID}`, { page: "login", next: `/chat/with/${ID}` }],
    [`/login?next=${encodeURIComponent(`/chat/${ID}?message=${ID}`)}`, { page: "login", next: `/chat/${ID}?message=${ID}` }],
  ])("%s is a page", (address, route) => expect(parseRoute(address)).toEqual(route));

  it.each(["/nothing", "/chat/not-an-id", "/chat/with", `/chat/${ID}/more`, "/login/x"])("%s is not", (address) =>
    expect(parseRoute(address)).toEqual({ page: "not-found" }),
  );

  it.each(["https://evil.example", "//evil.example", "/\\evil.example", "/chat/../../x", "javascript:1"])("never leads from login to %s", (next) =>
    expect(parseRoute(`/login?next=${encodeURIComponent(next)}`)).toEqual({ page: "login", next: "/chat" }),
  );
});
