"""Bytes to messages: however they are cut, the same messages; and what breaks the protocol is told which rule."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from services.websocket.incoming import BINARY, CLOSE, PING, PONG, TEXT, Incoming, Message, Violation
from tests.websocket.frames import frame

MOST_BYTES = 70_000
keys = some.binary(min_size=4, max_size=4)
reasons = some.tuples(some.sampled_from([1000, 1003, 1007, 1014, 3000, 4999]), some.text(max_size=30))
goodbyes = some.just(b"") | reasons.map(lambda reason: reason[0].to_bytes(2, "big") + reason[1].encode())
controls = some.tuples(some.sampled_from([PING, PONG]), some.binary(max_size=125)) | some.tuples(
    some.just(CLOSE), goodbyes
)
pieces = some.binary(max_size=200) | some.integers(0, 30_000).map(lambda count: b"x" * count)
texts = some.text(max_size=100).map(str.encode)
messages = some.tuples(some.just(TEXT), some.lists(texts, min_size=1, max_size=3)) | some.tuples(
    some.just(BINARY), some.lists(pieces, min_size=1, max_size=2)
)


def read(incoming: Incoming, chunks: list[bytes]) -> list[Message]:
    found: list[Message] = []
    for chunk in chunks:
        incoming.feed(chunk)
        while (message := incoming.next()) is not None:
            found.append(message)
    return found


@settings(deadline=None)  # a busy machine is no failure
@given(some.data())
def test_however_the_bytes_are_cut_the_messages_are_the_same(data: some.DataObject) -> None:
    wire, expected = b"", []
    for opcode, parts in data.draw(some.lists(messages, max_size=4)):
        for n, part in enumerate(parts):
            final = n == len(parts) - 1
            wire += frame(part, 0 if n else opcode, final=final, key=data.draw(keys))
            if not final and data.draw(some.booleans()):
                control, said = data.draw(controls)
                wire += frame(said, control, key=data.draw(keys))
                expected.append(Message(control, said))
        whole = b"".join(parts)
        expected.append(Message(opcode, whole.decode() if opcode == TEXT else whole))
    cuts = sorted({0, len(wire), *data.draw(some.lists(some.integers(0, len(wire)), max_size=20))})
    assert read(Incoming(MOST_BYTES), [wire[a:b] for a, b in pairwise(cuts)]) == expected


def test_byte_by_byte_it_is_the_same() -> None:
    wire = frame("ž".encode() * 200) + frame(b"", PING) + frame(b"1", BINARY, final=False) + frame(b"2", 0)
    found = read(Incoming(MOST_BYTES), [wire[at : at + 1] for at in range(len(wire))])
    assert found == [Message(TEXT, "ž" * 200), Message(PING, b""), Message(BINARY, b"12")]


def test_a_message_of_just_the_bound_is_read() -> None:
    assert read(Incoming(1_000), [frame(b"x" * 600, final=False) + frame(b"x" * 400, 0)])[0].data == "x" * 1_000


def test_a_message_of_as_many_fragments_as_may_be_is_read() -> None:
    wire = frame(b"x", final=False) + frame(b"x", 0, final=False) * 98 + frame(b"x", 0)
    assert read(Incoming(1_000), [wire * 2]) == [Message(TEXT, "x" * 100)] * 2


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (frame(b"x", key=b""), 1002),
        (frame(b"x", 3), 1002),
        (frame(b"x", 0xB), 1002),
        (frame(b"x", odd=0x40), 1002),
        (frame(b"x", PING, final=False), 1002),
        (frame(b"x" * 126, PONG), 1002),
        (frame(b"x", 0), 1002),
        (frame(b"x", final=False) + frame(b"y"), 1002),
        (frame(b"\xff"), 1007),
        (frame(b"\xc5", final=False) + frame(b"x", 0), 1007),
        (frame(b"x" * 1_001), 1009),
        (frame(b"x" * 600, final=False) + frame(b"x" * 401, 0), 1009),
        (frame(b"", final=False) + frame(b"", 0, final=False) * 1_000, 1009),
        (frame(b"x", final=False) + frame(b"x", 0, final=False) * 99 + frame(b"x", 0), 1009),
        (b"\x81\xff" + (2**63).to_bytes(8, "big"), 1009),
        (frame(b"\x03", CLOSE), 1002),
        (frame((999).to_bytes(2, "big"), CLOSE), 1002),
        (frame((1005).to_bytes(2, "big"), CLOSE), 1002),
        (frame((2000).to_bytes(2, "big"), CLOSE), 1002),
        (frame((5000).to_bytes(2, "big"), CLOSE), 1002),
        (frame((1000).to_bytes(2, "big") + b"\xff", CLOSE), 1007),
    ],
    ids=[
        "not masked", "opcode 3", "opcode 11", "extension", "ping in parts", "large pong", "continues nothing",
        "two mixed", "not UTF-8", "not UTF-8 in parts", "large", "large in parts", "endless", "fragments", "length",
        "half a reason", "999", "1005", "2000", "5000", "reason not UTF-8",
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_what_breaks_the_protocol_is_told_by_its_code(wire: bytes, status: int, step: int) -> None:
    incoming = Incoming(1_000)
    good = frame(b"before")
    with pytest.raises(Violation) as caught:
        read(incoming, [(good + wire)[at : at + step] for at in range(0, len(good + wire), step)])
    assert caught.value.status == status


def test_what_came_before_a_broken_frame_is_read() -> None:
    incoming = Incoming(1_000)
    incoming.feed(frame(b"before") + frame(b"x", 3))
    assert incoming.next() == Message(TEXT, "before")
    with pytest.raises(Violation):
        incoming.next()
