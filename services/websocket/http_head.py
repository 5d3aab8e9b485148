"""The head of a plain request, read at once: the standard library gives each to its parser of e-mails."""

from __future__ import annotations

import re
from typing import overload

REQUEST_LINE = re.compile(r"(GET|POST|OPTIONS) (/(?:[!-.0-~][!-~]*)?) HTTP/1\.1")
LENGTH = re.compile("[0-9]{1,18}")  # of a body; whatever else a parser would take for a number is refused
# Spaces around the value are taken off afterwards: looked for here, a long run of them would be tried in every way.
FIELD = re.compile(r"([A-Za-z0-9-]+):([\t\x20-\x7e]*)")


class Head:
    """A plain HTTP/1.1 request's head; asked for fields as an e-mail's would be."""

    def __init__(self, length: int, method: str, target: str, fields: list[tuple[str, str]]) -> None:
        self.length, self.method, self.target, self._headers = length, method, target, fields
        self._by_name = {name.lower(): value for name, value in fields}
        self.closes = self._by_name.get("connection", "").lower() == "close"
        self.names = self._by_name.keys()  # in lower case
        body = self._by_name.get("content-length", "0")
        self.plain = (
            len(self.names) == len(fields)  # no field stands twice
            and LENGTH.fullmatch(body) is not None
            and "transfer-encoding" not in self.names
        )

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: str) -> str: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        return self._by_name.get(name.lower(), default)

    def get_content_type(self) -> str:
        return "text/plain"  # of a request that names none; the loop asks then


def read_head(data: bytes) -> Head | None:
    """The head at the beginning of ``data``; None for what is not whole, or unusual in any way."""
    end = data.find(b"\r\n\r\n")
    line, *lines = data[: max(end, 0)].decode("latin-1").split("\r\n")
    request = REQUEST_LINE.fullmatch(line)
    if request is None:
        return None
    fields = [(found[1], found[2].strip(" \t")) for found in map(FIELD.fullmatch, lines) if found is not None]
    if len(fields) != len(lines) or any("\t" in value for _, value in fields):
        return None
    head = Head(end + 4, request[1], request[2], fields)
    return head if head.plain else None
