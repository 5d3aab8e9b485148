import { useEffect, useState, type ReactElement } from "react";
import type { User } from "../api/types";
import { SignInPage } from "../features/sign-in/sign-in-page";
import { getRouter, paths } from "../lib/router";
import type { Client, Live } from "../state/client";
import { ClientContext, LiveContext, useClient } from "../state/context";
import { useStore } from "../ui/use-store";
import { ChatPage } from "./chat-page";
import { NotFound } from "./not-found";
import { Notice, Splash } from "./notice";
import { useStart } from "./use-client";

export function App(): ReactElement {
  const route = useStore(getRouter());
  const { client, trouble } = useStart();
  if (route.page === "not-found") return <NotFound />;
  if (client === null) {
    if (!trouble) return <Splash />;
    return <Notice title="Pulse can’t be reached" text="Either you are offline, or the server is taking a break. This page tries again by itself." />;
  }
  return (
    <ClientContext value={client}>
      <Gate client={client} />
    </ClientContext>
  );
}

/** Signed in or not decides which pages there are. */
function Gate({ client }: { client: Client }): ReactElement {
  const route = useStore(getRouter());
  const state = useStore(client.session);
  const signedIn = state.status === "signed-in";
  const atLogin = route.page === "login";

  useEffect(() => {
    if (signedIn && route.page === "login") getRouter().go(route.next, { replace: true });
    else if (!signedIn && route.page !== "login") getRouter().go(paths.login(location.pathname + location.search), { replace: true });
  }, [signedIn, route]);

  useEffect(() => {
    if (!signedIn) document.title = "Sign in · Pulse";
  }, [signedIn]);

  if (!signedIn) return atLogin ? <SignInPage next={route.next} /> : <Splash />;
  return <SignedIn key={state.user.id} user={state.user} />;
}

function SignedIn({ user }: { user: User }): ReactElement {
  const client = useClient();
  const [live, setLive] = useState<Live | null>(null);
  const [me] = useState(user);
  useEffect(() => {
    const started = client.start(me);
    // The chat has connections and timers: it must begin in an effect, and the page can only be drawn once it has.
    // eslint-disable-next-line react-hooks/set-state-in-effect
    setLive(started);
    return () => started.stop();
  }, [client, me]);
  if (live === null) return <Splash />;
  return (
    <LiveContext value={live}>
      <ChatPage />
    </LiveContext>
  );
}
