import { Http } from "./http";

/** Where the services are, as the page server says at run time. */
export interface Config {
  auth_url: string;
  chat_url: string;
  websocket_url: string;
  transports: ("websocket" | "polling")[];
}

export function loadConfig(): Promise<Config> {
  return new Http("").send<Config>("/config.json");
}
