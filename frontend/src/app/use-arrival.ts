import { useEffect } from "react";
import { inWords } from "../api/errors";
import { getRouter, paths } from "../lib/router";
import { useLive } from "../state/context";
import type { Place } from "../state/place";

/** Goes to the message that the address names; from then on the address is the conversation's. Answers whether it is on the way. */
export function useArrival(place: Place | null, conversationId: string | null, messageId: string | null): boolean {
  const { chat } = useLive();

  useEffect(() => {
    if (place === null || conversationId === null || messageId === null) return;
    let gone = false;
    const arrive = (problem: string | null): void => {
      if (gone) return;
      if (problem !== null) chat.notices.say(problem);
      getRouter().go(paths.conversation(conversationId), { replace: true });
    };
    place.go(messageId).then((found) => arrive(found ? null : "That message isn’t there any more."), (error: unknown) => arrive(inWords(error)));
    return () => {
      gone = true;
    };
  }, [chat, place, conversationId, messageId]);

  // Whoever comes back another time begins at the newest again.
  useEffect(() => () => place?.leave(), [place]);

  return place !== null && messageId !== null;
}
