import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiError, isTransient, NoAnswer } from "./errors";
import { Http } from "./http";

let server: Server;
let base: string;
let answers: ((response: ServerResponse) => void)[];
let asked: string[];

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
  };
const refused = json(401, { code: "not_authenticated", message: "Sign in." });

beforeEach(async () => {
  answers = [];
  asked = [];
  server = createServer((request, response) => {
    asked.push(`${request.method ?? ""} ${request.url ?? ""}`);
    answers.shift()?.(response);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

describe("a request", () => {
  it("carries its query without what is not there", async () => {
    answers.push(json(200, { ok: true }));
    expect(await new Http(`${base}/`).send("/things", { query: { cursor: null, limit: 5, q: "a&b" } })).toEqual({ ok: true });
    expect(asked).toEqual(["GET /things?limit=5&q=a%26b"]);
  });

  it("takes an empty answer", async () => {
    answers.push((response) => response.writeHead(204).end());
    expect(await new Http(base).send("/gone", { method: "POST" })).toBeUndefined();
  });

  it("rejects with the contract's error", async () => {
    answers.push(json(429, { code: "too_many_requests", message: "Slow down." }, { "Retry-After": "42" }));
    const error = await new Http(base).send("/x").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ status: 429, code: "too_many_requests", message: "Slow down.", retryAfterSeconds: 42 });
  });

  it("survives a proxy's page in place of an error", async () => {
    answers.push((response) => response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>Bad gateway"));
    const error = await new Http(base).send("/x").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ status: 502, code: "unexpected_answer" });
    expect(isTransient(error)).toBe(true);
  });

  it("says so when no answer comes", async () => {
    answers.push((response) => response.destroy());
    await expect(new Http(base).send("/x")).rejects.toThrow(NoAnswer);
    await expect(new Http(base).send("/slow", { timeoutMs: 50 })).rejects.toThrow(NoAnswer);
  });

  it("is repeated once after the session was renewed", async () => {
    answers.push(refused, json(200, "in"));
    expect(await new Http(base, () => Promise.resolve(true)).send("/x")).toBe("in");
  });

  it("is not repeated for ever", async () => {
    answers.push(refused, refused, json(200, "never"));
    await expect(new Http(base, () => Promise.resolve(true)).send("/x")).rejects.toThrow(ApiError);
    expect(asked).toHaveLength(2);
  });

  it("is not repeated when there is no session, nor for other refusals", async () => {
    answers.push(refused, json(403, { code: "not_allowed", message: "No." }));
    const http = new Http(base, () => Promise.resolve(false));
    await expect(http.send("/x")).rejects.toThrow("Sign in.");
    await expect(http.send("/x")).rejects.toThrow("No.");
    expect(asked).toHaveLength(2);
  });
});
