/** Where in a request something is wrong. */
export interface FieldProblem {
  field: string;
  problem: string;
}

/** The contract's error body, with what HTTP adds. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfterSeconds: number | null;
  readonly fields: readonly FieldProblem[];

  constructor(status: number, code: string, message: string, retryAfterSeconds: number | null = null, fields: readonly FieldProblem[] = []) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
    this.fields = fields;
  }
}

/** No answer came: no network, a refused connection, or our own time limit. */
export class NoAnswer extends Error {
  constructor(cause: unknown) {
    super("No answer from the server", { cause });
    this.name = "NoAnswer";
  }
}

/** Whether the same request may succeed later without anybody changing it. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NoAnswer) return true;
  return error instanceof ApiError && (error.status >= 500 || error.status === 429 || error.status === 408 || error.status === 401);
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof ApiError && error.code === code;
}

/** What is wrong with one field, as a sentence about the `subject`; null when it is not that field. */
export function problemOf(error: unknown, field: string, subject = `Your ${field}`): string | null {
  if (!(error instanceof ApiError) || error.status !== 422) return null;
  const problem = error.fields.find((one) => one.field === field || one.field.endsWith(`.${field}`))?.problem;
  if (problem === undefined) return null;
  const words = /^\p{Ll}/u.test(problem) ? `${subject} ${problem}` : problem;
  return /[.!?]$/.test(words) ? words : `${words}.`;
}

/** What to tell the person in front of the screen. */
export function inWords(error: unknown): string {
  if (error instanceof NoAnswer) {
    return navigator.onLine ? "The server isn’t answering. Try again in a moment." : "You’re offline. Check your connection and try again.";
  }
  if (!(error instanceof ApiError)) return "Something unexpected happened. Try again.";
  if (error.status === 429) return `Too many attempts. Try again in ${waitInWords(error.retryAfterSeconds ?? 60)}.`;
  if (error.status >= 500) return "The server has trouble right now. Try again in a moment.";
  return error.message;
}

function waitInWords(seconds: number): string {
  if (seconds < 90) return `${seconds} second${seconds === 1 ? "" : "s"}`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}
