"""A short road for ``POST /deliver``, past Flask and pydantic: they cost more than writing to a hundred sockets.

Only what is plain and right is taken; every doubt goes the ordinary road (routes.py), which says what is wrong. So the
contract is in one place, and this only has to recognise requests about which there is nothing to say. The same pattern
as chat's for sends (docs/decisions/0016, and 0015 for this one).
"""

from __future__ import annotations

import json
import time
from typing import Any

import orjson
import structlog

from services.websocket import fanout
from services.websocket.broadcast import Broadcast
from services.websocket.fanout import DELIVERABLE, Addressed
from services.websocket.frames import Frame, frame_text
from services.websocket.http_head import Head
from services.websocket.remembered import GROUP, Remembered
from shared.caller import Identity
from shared.errors import AppError
from shared.short_road import Reply, frame, read_request
from shared.web import REQUEST_ID, choose_request_id, name_pause, record

BEGINNINGS = {name: b'42["%s",' % name.encode() for name in DELIVERABLE}
DASHES = (8, 13, 18, 23)  # in a UUID's 36 characters
HEADERS = {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Origin",
}

log = structlog.get_logger()
_groups = Remembered[tuple[str, int], tuple[bytes, ...]]()


class DeliverRoad:
    beginning = b"POST /deliver HTTP/1.1\r\n"

    def __init__(self, identity: Identity, broadcast: Broadcast) -> None:
        self._identity, self._broadcast = identity, broadcast

    def knows(self, head: Head) -> bool:
        return self._identity.is_service(head)

    def answer(self, data: bytes) -> bytes | None:
        """``data`` is one whole request. None: the ordinary road."""
        began = time.perf_counter()
        request = read_request(data)
        if request is None or request.headers.get("Content-Type") != "application/json":
            return None
        if "Origin" in request.headers or not self._identity.is_service(request.headers):
            return None
        found = read_deliveries(request.body)
        if found is None:
            return None
        addressed, request_ids = found
        request_id = choose_request_id(request.headers.get("X-Request-Id", ""))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        reply = self._deliver(addressed, {**HEADERS, "X-Request-Id": request_id})
        record("POST", "/deliver", reply.status, time.perf_counter() - began, request_ids=request_ids)
        return frame(reply, closes=False)

    def _deliver(self, addressed: list[Addressed], headers: dict[str, str]) -> Reply:
        try:
            self._broadcast.deliver(addressed)
        except AppError as error:
            return _refuse(error, headers)
        except Exception as error:
            log.error("bug", exc_info=error)
            return _refuse(AppError(), headers)
        return Reply(202, headers, b'{"accepted":%d}' % fanout.count(addressed))


def _refuse(error: AppError, headers: dict[str, str]) -> Reply:
    return Reply(error.status, {**headers, **name_pause(error)}, json.dumps(error.body()).encode())


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
