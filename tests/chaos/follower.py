"""What one person's client holds of all its conversations, made of live events and of the rules of convergence.

They are in docs/architecture.md (One message's journey, 7): an event with the next ``seq`` is applied, a known one
dropped, those above a hole are held half a second and a random while more, then the changes are asked for. After every
connect and ``resync`` the conversations are listed, and the changes of those that moved are read; events that
arrive meanwhile are held.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

from tests.chaos.engineio import Gone, Socket
from tests.chaos.requests import Away, Refused, Service

HOLE_SECONDS = 0.5
SPREAD_SECONDS = 2.0
RETRY_SECONDS = 0.3
PAGE = 200

Event = tuple[str, dict[str, Any]]


class Log:
    """One conversation: how far it is known, the messages as they are now, and what waits above a hole."""

    def __init__(self) -> None:
        self.position = 0
        self.target = 0
        self.messages: dict[str, dict[str, Any]] = {}
        self.held: dict[int, Event] = {}
        self.reading: asyncio.Task[None] | None = None
        self.hole: asyncio.TimerHandle | None = None

    @property
    def shown(self) -> list[dict[str, Any]]:
        return sorted(self.messages.values(), key=lambda message: int(message["seq"]))

    @property
    def is_quiet(self) -> bool:
        return self.position >= self.target and self.reading is None and self.hole is None

    def apply(self, seq: int, event: Event) -> None:
        assert seq == self.position + 1
        self.position = seq
        message = event[1].get("message")
        if message:
            known = self.messages.get(message["id"])
            if known is None or message["changed_seq"] >= known["changed_seq"]:
                self.messages[message["id"]] = message


class Follower:
    """``counts``: connects, deliveries, repeats, resyncs and so on, of all who share it."""

    def __init__(
        self, user_id: str, token: str, nodes: list[str], chat: Service, counts: Counter[str], chance: random.Random
    ) -> None:
        self.user_id, self.token = user_id, token
        self.logs: dict[str, Log] = {}
        self.connected = False
        self.faults: list[str] = []
        self._nodes, self._chat, self._counts, self._chance = nodes, chat, counts, chance
        self._node = chance.randrange(len(nodes))
        self._arrived: list[Event] | None = None  # while the conversations are being read
        self._catching_up: asyncio.Task[None] | None = None
        self._again = False
        self._stopped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stopped = True
        tasks = [task for task in (self._running, self._catching_up, *self._tasks) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_quiet(self) -> bool:
        """Connected, and as far as this client can know there is nothing more to know."""
        return self.connected and self._catching_up is None and all(log.is_quiet for log in self.logs.values())

    async def _run(self) -> None:
        while not self._stopped:
            try:
                socket = await Socket.open(self._nodes[self._node % len(self._nodes)], self.token)
            except Gone:
                self._counts["refused connects"] += 1
            else:
                self.connected = True
                self._counts["connects"] += 1
                self._catch_up()
                async for event, data in socket.events():
                    self._hear(event, data)
                self.connected = False
            self._node += 1
            await asyncio.sleep(self._chance.uniform(0.1, 1.0))

    def _hear(self, event: str, data: Any) -> None:
        if event == "resync":
            self._counts["resyncs"] += 1
            self._catch_up()
        elif isinstance(data, dict) and "seq" in data and event != "read":
            self._counts["deliveries"] += 1
            if self._arrived is not None:
                self._arrived.append((event, data))
            else:
                self._take(event, data)

    def _take(self, event: str, data: dict[str, Any]) -> None:
        log = self.logs.setdefault(data["conversation_id"], Log())
        if data["seq"] <= log.position or data["seq"] in log.held:
            self._counts["repeats"] += 1
            return
        log.held[data["seq"]] = (event, data)
        log.target = max(log.target, data["seq"])
        self._drain(data["conversation_id"], log)

    def _drain(self, conversation_id: str, log: Log) -> None:
        if log.reading is not None:
            return
        while (event := log.held.pop(log.position + 1, None)) is not None:
            self._apply(conversation_id, log, log.position + 1, event)
        for seq in [seq for seq in log.held if seq <= log.position]:
            del log.held[seq]
        if log.position >= log.target:
            if log.hole:
                log.hole.cancel()
                log.hole = None
        elif log.hole is None:
            self._counts["out of order"] += 1
            wait = HOLE_SECONDS + self._chance.uniform(0, SPREAD_SECONDS)
            log.hole = asyncio.get_running_loop().call_later(wait, self._read_changes, conversation_id, log)

    def _apply(self, conversation_id: str, log: Log, seq: int, event: Event) -> None:
        log.apply(seq, event)
        if event[0] == "member.left" and event[1]["user"]["id"] == self.user_id:
            # It may be of an earlier time, and we be back: only asking tells.
            self._keep(self._check(conversation_id, log))

    def _read_changes(self, conversation_id: str, log: Log) -> None:
        if log.hole:
            log.hole.cancel()
            log.hole = None
        if log.reading is None:
            log.reading = asyncio.create_task(self._fill(conversation_id, log))

    async def _fill(self, conversation_id: str, log: Log) -> None:
        """Asks for the changes until ``target`` is reached, however long that takes."""
        while log.position < (target := log.target):
            try:
                self._counts["changes asked for"] += 1
                changes = await self._get(
                    "/chat/changes", conversation_id=conversation_id, after=log.position, limit=PAGE
                )
                if changes["reset"]:
                    await self._reload(conversation_id, log)
            except Refused:
                if log.target == target:
                    self._forget(conversation_id, log)
                continue  # else we came back while the refusal was on its way
            for change in changes["events"]:
                if change["seq"] == log.position + 1:
                    self._apply(conversation_id, log, change["seq"], (change["event"], change["data"]))
            if changes["last_seq"] < target:
                self.faults.append(
                    f"heard of {conversation_id} {target} before it was committed: {changes['last_seq']}"
                )
                log.target = changes["last_seq"]
        log.reading = None
        self._drain(conversation_id, log)

    async def _reload(self, conversation_id: str, log: Log) -> None:
        self._counts["reloads"] += 1
        messages: dict[str, dict[str, Any]] = {}
        where: dict[str, Any] = {"conversation_id": conversation_id, "limit": PAGE}
        position: int | None = None
        while True:
            page = await self._get("/chat/history", **where)
            position = page["last_seq"] if position is None else position
            messages.update({message["id"]: message for message in page["messages"]})
            if not page["has_more"]:
                break
            where["before"] = page["messages"][0]["seq"]
        # Older pages were read later: what changed meanwhile comes once more with the changes after `position`.
        log.messages, log.position = messages, position

    def _catch_up(self) -> None:
        if self._catching_up is not None:
            self._again = True
            return
        self._catching_up = asyncio.create_task(self._list())

    async def _list(self) -> None:
        while not self._stopped:
            self._again = False
            self._arrived = self._arrived or []
            try:
                await self._list_once()
            except Refused as refused:
                self.faults.append(f"may not list conversations: {refused}")
            arrived, self._arrived = self._arrived, None
            for event, data in arrived:
                self._take(event, data)
            if not self._again:
                break
        self._catching_up = None

    async def _list_once(self) -> None:
        listed: dict[str, int] = {}
        cursor: str | None = None
        while True:
            query = {"limit": PAGE, **({"cursor": cursor} if cursor else {})}
            page = await self._get("/conversations", **query)
            listed.update({shape["id"]: shape["last_seq"] for shape in page["conversations"]})
            cursor = page["next_cursor"]
            if cursor is None:
                break
        for conversation_id, log in list(self.logs.items()):
            if conversation_id not in listed:
                await self._check(conversation_id, log)
        behind = []
        for conversation_id, last_seq in listed.items():
            log = self.logs.setdefault(conversation_id, Log())
            log.target = max(log.target, last_seq)
            if log.position < log.target:
                self._read_changes(conversation_id, log)
                behind.append(log.reading)
        await asyncio.gather(*(task for task in behind if task))

    async def _check(self, conversation_id: str, log: Log) -> None:
        """It goes, unless it is still ours, or again: then there was news of it meanwhile."""
        while True:
            position = log.position
            try:
                await self._get(f"/conversations/{conversation_id}")
            except Refused:
                if log.position != position:
                    continue
                self._forget(conversation_id, log)
            return

    def _forget(self, conversation_id: str, log: Log) -> None:
        if self.logs.get(conversation_id) is log:
            del self.logs[conversation_id]
        if log.hole:
            log.hole.cancel()
            log.hole = None
        log.target = log.position
        log.held.clear()

    def _keep(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _get(self, path: str, **query: Any) -> Any:
        """Until there is an answer. Raises Refused."""
        while True:
            try:
                return (await self._chat.ask("GET", path, token=self.token, at=self._node, query=query))[1]
            except Away as away:
                self._node += 1
                await asyncio.sleep(max(away.retry_after_seconds, self._chance.uniform(0.5, 1.5) * RETRY_SECONDS))
