import { createContext, useContext } from "react";
import type { Client, Live } from "./client";

export const ClientContext = createContext<Client | null>(null);
export const LiveContext = createContext<Live | null>(null);

export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("No client around this component");
  return client;
}

/** The running chat of whoever is signed in; only below the signed-in pages. */
export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("No chat around this component");
  return live;
}
