import { ApiError, NoAnswer, type FieldProblem } from "./errors";

const TIMEOUT_MS = 15_000;

export interface Request {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  query?: Record<string, string | number | null | undefined>;
  body?: unknown;
  signal?: AbortSignal;
  timeoutMs?: number;
}

/** Answers whether there is a fresh session now, so that the refused request is worth one more try. */
export type Renew = () => Promise<boolean>;

/** JSON over fetch for one service: cookies, time limits, the contract's errors, one retry after 401. */
export class Http {
  readonly #base: string;
  readonly #renew: Renew | null;

  constructor(base: string, renew: Renew | null = null) {
    this.#base = base.replace(/\/$/, "");
    this.#renew = renew;
  }

  async send<Answer>(path: string, request: Request = {}): Promise<Answer> {
    try {
      return await this.#once<Answer>(path, request);
    } catch (error) {
      const refused = error instanceof ApiError && error.status === 401;
      if (!refused || this.#renew === null || !(await this.#renew())) throw error;
      return this.#once<Answer>(path, request);
    }
  }

  async #once<Answer>(path: string, request: Request): Promise<Answer> {
    const limit = AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS);
    const init: RequestInit = {
      method: request.method ?? "GET",
      credentials: "include",
      cache: "no-store",
      headers: { Accept: "application/json", ...(request.body === undefined ? {} : { "Content-Type": "application/json" }) },
      signal: request.signal ? AbortSignal.any([request.signal, limit]) : limit,
    };
    if (request.body !== undefined) init.body = JSON.stringify(request.body);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#base + path + search(request.query), init);
      text = await response.text();
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw new NoAnswer(error);
    }
    if (!response.ok) throw errorOf(response, text);
    return (text === "" ? undefined : JSON.parse(text)) as Answer;
  }
}

function search(query: Request["query"]): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) => (value == null ? [] : [[name, String(value)]]));
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs).toString()}`;
}

function errorOf(response: Response, text: string): ApiError {
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const seconds = Number.isNaN(wait) ? null : wait;
  try {
    const body = JSON.parse(text) as { code?: unknown; message?: unknown; fields?: unknown };
    if (typeof body.code === "string" && typeof body.message === "string") {
      const fields = Array.isArray(body.fields) ? (body.fields as FieldProblem[]) : [];
      return new ApiError(response.status, body.code, body.message, seconds, fields);
    }
  } catch {
    // A proxy in between may answer with a page of its own.
  }
  return new ApiError(response.status, "unexpected_answer", "The server gave an answer we can’t read.", seconds);
}
