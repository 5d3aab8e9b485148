"""What a client keeps of its conversations, and how it converges (docs/architecture.md, One message's journey, 7).

One thread does everything in turn: events that arrive while it reads from the server wait in the queue, which is all
the holding the rule asks for.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

import requests

from tests.system.person import Person

HOLE_SECONDS = 0.5
RETRY_SECONDS = 0.2


class Replica:
    """Follows one conversation of ``person`` on a device of its own: its messages, its name, who owns it and who is in.

    Forgets all of it once ``person`` is not in it any more. ``member_ids`` of at most 20 members.
    """

    def __init__(self, person: Person, conversation_id: str, *transports: str) -> None:
        self.position = 0
        self.messages: dict[str, dict[str, Any]] = {}
        self.name: str | None = None
        self.owner_ids: list[str] = []
        self.member_ids: frozenset[str] = frozenset()
        self._person = person
        self._conversation_id = conversation_id
        self._arrived: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._held: dict[int, dict[str, Any]] = {}
        self._hole_since = 0.0
        self._closing = threading.Event()
        self.device = person.make_device(*transports)
        self.device.client.on("connect", self._connected)
        self.device.client.on("resync", lambda _data: self._arrived.put(None))
        self.device.client.on("*", self._hear)
        self._thread = threading.Thread(target=self._run, name="replica")
        self._thread.start()
        self.device.connect()

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The timeline, by seq."""
        return sorted(self.messages.copy().values(), key=lambda message: int(message["seq"]))

    @property
    def person_id(self) -> str:
        return self._person.id

    @property
    def circle(self) -> tuple[str | None, set[str], set[str]]:
        """Name, owners and members."""
        return self.name, set(self.owner_ids), set(self.member_ids)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _connected(self) -> None:
        self.device.connects += 1
        self._arrived.put(None)

    def _hear(self, event: str, data: dict[str, Any]) -> None:
        if data.get("conversation_id") == self._conversation_id and "seq" in data and event != "read":
            self._arrived.put({"event": event, "seq": data["seq"], "data": data})

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                arrived = self._arrived.get(timeout=0.1)
            except queue.Empty:
                pass
            else:
                if arrived is None:
                    self._catch_up()
                else:
                    self._take(arrived)
                    if arrived["event"] == "member.left" and arrived["data"]["user"]["id"] == self._person.id:
                        self._catch_up()  # which also says whether they have come back since
            if self._held and time.monotonic() - self._hole_since > HOLE_SECONDS:
                self._catch_up()

    def _take(self, event: dict[str, Any]) -> None:
        if event["seq"] <= self.position:
            return
        if not self._held:
            self._hole_since = time.monotonic()
        self._held[event["seq"]] = event
        while self.position + 1 in self._held:
            self._apply(self._held.pop(self.position + 1))

    def _apply(self, event: dict[str, Any]) -> None:
        self.position = event["seq"]
        data = event["data"]
        if message := data.get("message"):
            held = self.messages.get(message["id"])
            if held is None or message["changed_seq"] >= held["changed_seq"]:
                self.messages[message["id"]] = message
        elif "conversation" in data:
            self._show(data["conversation"])
        elif event["event"] == "member.joined":
            self.member_ids |= {data["user"]["id"]}
        else:
            self.member_ids -= {data["user"]["id"]}

    def _show(self, conversation: dict[str, Any]) -> None:
        self.name, self.owner_ids = conversation["name"], conversation["owner_ids"]
        self.member_ids = frozenset(user["id"] for user in conversation["members"])

    def _forget(self) -> None:
        self.position, self.messages, self._held = 0, {}, {}
        self.name, self.owner_ids, self.member_ids = None, [], frozenset()

    def _catch_up(self) -> None:
        """Reads what is above our position until there is nothing more, however long chat is away."""
        while not self._closing.is_set():
            try:
                found = self._person.chat.request("GET", f"/conversations/{self._conversation_id}")
                if found.status_code == 404:
                    self._forget()
                    return
                assert found.status_code == 200, found.text
                conversation: dict[str, Any] = found.json()
                if conversation["last_seq"] <= self.position:
                    return
                changes = self._person.changes(self._conversation_id, self.position)
            except (requests.RequestException, AssertionError):
                time.sleep(RETRY_SECONDS)
                continue
            if changes["reset"]:
                self.messages = {message["id"]: message for message in self._person.history(self._conversation_id)}
                self.position = changes["last_seq"]
                self._show(conversation)
            for event in changes["events"]:
                self._take(event)
            self._held = {seq: event for seq, event in self._held.items() if seq > self.position}
