"""What an entry of the stream holds: everything that was packed, in order, in entries of a bounded size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from services.websocket.fanout import Addressed
from services.websocket.frames import encode_event
from services.websocket.nodes.entries import pack_deliveries, pack_ended, unpack_deliveries, unpack_ended
from services.websocket.nodes.stream import order

ANN, BEN = (1).to_bytes(16), b"\xff" * 16


def written(addressed: Sequence[Addressed]) -> dict[bytes, list[Any]]:
    """What each person hears."""
    heard: dict[bytes, list[Any]] = {}
    for to, frames in addressed:
        for person in to:
            heard.setdefault(person, []).extend(json.loads(str(frame.text)[2:])[1]["n"] for frame in frames)
    return heard


def addressed(sizes: Sequence[int], to: Sequence[bytes] = (ANN, BEN)) -> Addressed:
    return to, [encode_event("read", {"n": n, "x": "ž" * size}) for n, size in enumerate(sizes)]


@pytest.mark.parametrize("most_bytes", [1, 100, 1_000, 1_000_000])
def test_whatever_the_bound_everybody_hears_everything_in_order(most_bytes: int) -> None:
    deliveries = [addressed([0, 50, 70_000, 200]), addressed([1] * 40, [BEN]), addressed([3, 4], [ANN])]
    entries = pack_deliveries(deliveries, most_bytes)
    unpacked = [one for entry in entries for one in unpack_deliveries(entry)]
    assert written(unpacked) == written(deliveries)
    assert [frame.wire for _, frames in unpacked for frame in frames] == [
        frame.wire for _, frames in deliveries for frame in frames
    ]


def test_an_entry_is_larger_than_the_bound_only_for_a_single_frame() -> None:
    entries = pack_deliveries([addressed([400] * 30), addressed([5_000])], 3_000)
    assert [len(entry) <= 3_000 for entry in entries] == [True] * (len(entries) - 1) + [False]
    assert len(entries) > 5


@pytest.mark.parametrize("nothing", [[], [addressed([1, 2], [])], [addressed([], [ANN])]])
def test_what_nobody_is_to_hear_makes_no_entry(nothing: Sequence[Addressed]) -> None:
    assert pack_deliveries(nothing) == []


def test_an_ended_session_counts_for_tokens_of_before_only() -> None:
    revocation = unpack_ended(pack_ended(None, "0b6b7d34-8a3c-4a5e-9d62-2f4f5a0d9c11", 1_000.5))
    assert (revocation.session_id, revocation.user_id) == (None, "0b6b7d34-8a3c-4a5e-9d62-2f4f5a0d9c11")
    assert revocation.not_before == 1_000.5


def test_ids_compare_as_numbers() -> None:
    ids = [b"", b"0-1", b"5-0", b"5-2", b"5-10", b"40-0", b"1700000000000-0"]
    assert sorted(set(ids), key=order) == ids
