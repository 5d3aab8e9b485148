import { browserStorage } from "../../lib/storage";

const PREFIX = "pulse.draft.";

/** Unfinished texts, one for each conversation of each account. */
export const drafts = {
  read: (owner: string, lane: string): string => browserStorage.get(`${PREFIX}${owner}.${lane}`) ?? "",
  keep: (owner: string, lane: string, text: string): void => {
    if (text === "") browserStorage.remove(`${PREFIX}${owner}.${lane}`);
    else browserStorage.set(`${PREFIX}${owner}.${lane}`, text);
  },
  forget: (owner: string): void => {
    for (const key of browserStorage.keys(`${PREFIX}${owner}.`)) browserStorage.remove(key);
  },
};
