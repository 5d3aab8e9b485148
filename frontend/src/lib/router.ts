import { isId } from "./ids";
import { Store } from "./store";

export type Route =
  | { page: "login"; next: string }
  | { page: "chat" }
  | { page: "conversation"; id: string; message?: string }
  | { page: "person"; userId: string }
  | { page: "people" }
  | { page: "not-found" };

export const paths = {
  chat: "/chat",
  people: "/people",
  conversation: (id: string) => `/chat/${id}`,
  message: (conversationId: string, id: string) => `/chat/${conversationId}?message=${id}`,
  person: (userId: string) => `/chat/with/${userId}`,
  login: (next: string) => (next === "/chat" ? "/login" : `/login?next=${encodeURIComponent(next)}`),
};

export function parseRoute(address: string): Route {
  const url = new URL(address, "http://pulse.invalid");
  const [first, second, third, ...rest] = url.pathname.replace(/\/+$/, "").split("/").slice(1);
  if (rest.length > 0) return { page: "not-found" };
  if (first === "login" && second === undefined) return { page: "login", next: safeNext(url.searchParams.get("next")) };
  if (first === "people" && second === undefined) return { page: "people" };
  if ((first === undefined || first === "chat") && second === undefined) return { page: "chat" };
  if (first === "chat" && second === "with" && third !== undefined && isId(third)) return { page: "person", userId: third };
  if (first === "chat" && second !== undefined && third === undefined && isId(second)) {
    const message = url.searchParams.get("message");
    return { page: "conversation", id: second, ...(message !== null && isId(message) ? { message } : {}) };
  }
  return { page: "not-found" };
}

/** Only our own chat pages: a crafted login link must not lead anywhere else. */
function safeNext(next: string | null): string {
  return next !== null && /^\/(people|chat(\/(with\/)?[0-9a-f-]{36}(\?message=[0-9a-f-]{36})?)?)$/i.test(next) ? next : "/chat";
}

class Router extends Store<Route> {
  constructor() {
    super(parseRoute(location.pathname + location.search));
    window.addEventListener("popstate", () => this.#read());
  }

  go(path: string, { replace = false } = {}): void {
    if (path === location.pathname + location.search) return;
    if (replace) history.replaceState(null, "", path);
    else history.pushState(null, "", path);
    this.#read();
  }

  #read(): void {
    this.set(parseRoute(location.pathname + location.search));
  }
}

let router: Router | undefined;

/** The one router of the page, made when it is first asked for. */
export function getRouter(): Router {
  router ??= new Router();
  return router;
}
