"""A short road for ``POST /deliver``, past Flask and pydantic: they cost more than writing to a hundred sockets.

Only what is plain and right is taken; every doubt goes the ordinary road (routes.py), which says what is wrong. So the
contract is in one place, and this only has to recognise requests about which there is nothing to say. The same pattern
as chat's for sends (docs/decisions/0016, and 0015 for this one).
"""

from __future__ import annotations

import json
import os
import re
import time
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import structlog

from services.websocket import fanout
from services.websocket.broadcast import Broadcast
from services.websocket.fanout import DELIVERABLE, Addressed
from services.websocket.frames import Frame, frame_text
from services.websocket.http_head import read_head
from services.websocket.remembered import GROUP, Remembered
from shared.caller import Identity
from shared.errors import AppError
from shared.short_road import HEADER_BYTES, HEADERS, Reply, frame
from shared.short_road import ODD as UNUSUAL
from shared.web import REQUEST_ID, name_pause, record

BEGINNINGS = {name: b'42["%s",' % name.encode() for name in DELIVERABLE}
LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]{1,7})[ \t]*\r\n", re.IGNORECASE)
ODD = frozenset(name.lower() for name in UNUSUAL | {"Origin"}) - {"connection"}
KEPT = "keep-alive"
DASHES = (8, 13, 18, 23)  # in a UUID's 36 characters

log = structlog.get_logger()
_groups = Remembered[tuple[str, int], tuple[bytes, ...]]()


class Asked(NamedTuple):
    """``body`` and ``end`` are places in the request's bytes; ``request_id`` is empty where none was given."""

    body: int
    end: int
    request_id: str


class DeliverRoad:
    """``waits``: ``answer`` may take a while, and is to be called where that costs nobody else."""

    beginning = b"POST /deliver HTTP/1.1\r\n"

    def __init__(self, identity: Identity, broadcast: Broadcast) -> None:
        self._identity, self._broadcast = identity, broadcast
        self._heads = Remembered[bytes, str]()
        self.waits = broadcast.waits

    def measure(self, data: bytes) -> Asked | None:
        """What is asked for at the beginning of ``data``; None for a request of the ordinary road."""
        end = data.find(b"\r\n\r\n", 0, HEADER_BYTES)
        length = LENGTH.search(data, 0, end + 2) if end > 0 else None
        if length is None:
            return None
        # Services write the same head again and again, but for the length of what comes after it.
        head = data[: length.start(1)] + data[length.end(1) : end]
        request_id = self._heads.find(head)
        if request_id is None:
            request_id = self._read_id(data)
            if request_id is None:
                return None
            self._heads.keep(head, request_id, len(head))
        return Asked(end + 4, end + 4 + int(length[1]), request_id)

    def _read_id(self, data: bytes) -> str | None:
        """The request's id, empty where it has none; None where it is not what services ask."""
        head = read_head(data)
        if head is None or head.get("Content-Type") != "application/json" or head.get("Host") is None:
            return None
        if not ODD.isdisjoint(head.names) or head.get("Connection", KEPT).lower() != KEPT:
            return None
        if not self._identity.is_service(head):
            return None
        given = head.get("X-Request-Id", "")
        return given if REQUEST_ID.fullmatch(given) else ""

    def answer(self, asked: Asked, body: bytes) -> bytes | None:
        """None: the ordinary road."""
        began = time.perf_counter()
        found = read_deliveries(body)
        if found is None:
            return None
        addressed, request_ids = found
        request_id = asked.request_id or _make_id()
        status, answer = self._deliver(addressed, request_id)
        # Named here and not bound: this may be in a green thread that goes on with others' affairs.
        record("POST", "/deliver", status, time.perf_counter() - began, request_id=request_id, request_ids=request_ids)
        return answer

    def _deliver(self, addressed: list[Addressed], request_id: str) -> tuple[int, bytes]:
        try:
            self._broadcast.deliver(addressed)
        except AppError as error:
            return _refuse(error, request_id)
        except Exception as error:
            log.error("bug", exc_info=error, request_id=request_id)
            return _refuse(AppError(), request_id)
        body = b'{"accepted":%d}' % fanout.count(addressed)
        begin = _begin_accepted(int(time.time()))
        return 202, b"%bX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n%b" % (
            begin,
            request_id.encode(),
            len(body),
            body,
        )


def _refuse(error: AppError, request_id: str) -> tuple[int, bytes]:
    headers = {**HEADERS, "X-Request-Id": request_id, **name_pause(error)}
    return error.status, frame(Reply(error.status, headers, json.dumps(error.body()).encode()), closes=False)


@lru_cache(maxsize=1)
def _begin_accepted(_second: int) -> bytes:
    """The head of an answer, as far as all have the same."""
    return frame(Reply(202, HEADERS, b""), closes=False).removesuffix(b"Content-Length: 0\r\n\r\n")


def _make_id() -> str:
    """A version 4 UUID; to make an object of it first costs more than all the rest."""
    some = os.urandom(16).hex()
    return f"{some[:8]}-{some[8:12]}-4{some[13:16]}-a{some[17:20]}-{some[20:]}"


def read_deliveries(body: bytes) -> tuple[list[Addressed], list[str]] | None:
    """What to write to whom, and the ids of the requests that caused it. None when anything is out of the ordinary."""
    addressed: list[Addressed] = []
    request_ids: list[str] = []
    try:
        # orjson refuses what JSON lacks (NaN, infinities, lone surrogates). Integers beyond 64 bits, which no event
        # has, become floats, as in every browser.
        for delivery in _check_list(orjson.loads(body)["deliveries"]):
            people = read_people(delivery["to"])
            if people is None:
                return None
            addressed.append(
                (people, [_encode(event["event"], event["data"]) for event in _check_list(delivery["events"])])
            )
            request_id = delivery.get("request_id")
            if request_id is not None:
                if not REQUEST_ID.fullmatch(request_id):
                    return None
                request_ids.append(request_id)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return addressed, request_ids


def read_people(ids: list[str]) -> tuple[bytes, ...] | None:
    """The bytes of UUIDs written as everybody writes them, each once. None when there is another among them.

    Raises TypeError or ValueError for what is no list of texts.
    """
    if not isinstance(ids, list):
        return None
    text = ",".join(ids)
    if len(ids) < GROUP:
        return _read_people(text, len(ids))
    group = text, len(ids)  # no other list of as many has the same text: each comma inside of one is one too many
    people = _groups.find(group)
    if people is None:
        people = _read_people(*group)
        if people is not None:
            _groups.keep(group, people, len(ids))
    return people


def _read_people(text: str, count: int) -> tuple[bytes, ...] | None:
    """All at a time, because there may be thousands. Raises ValueError for what is not hexadecimal."""
    commas = text[36::37]
    if count and (len(text) != 37 * count - 1 or commas != "," * (count - 1)):
        return None
    dashes = "-" * count
    if any(text[place::37] != dashes for place in DASHES):
        return None
    found = bytes.fromhex(text.replace("-", "").replace(",", ""))
    if len(found) != 16 * count:  # white space, or more dashes or commas
        return None
    return tuple(dict.fromkeys([found[at : at + 16] for at in range(0, len(found), 16)]))


def _check_list(value: Any) -> list[Any]:
    """Raises TypeError for anything else, which may be iterated over, too."""
    if type(value) is not list:
        raise TypeError
    return value


def _encode(event: str, data: object) -> Frame:
    if type(data) is not dict:
        raise TypeError
    return Frame.from_wire(frame_text(b"%b%b]" % (BEGINNINGS[event], orjson.dumps(data))))
