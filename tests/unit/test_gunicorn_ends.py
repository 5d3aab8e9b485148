"""How the worker parts with clients: with those that close, reset or say no more, and with all when it stops."""

from __future__ import annotations

import socket
import time

import pytest

from shared.gunicorn_worker import PART_SECONDS, REQUEST_SECONDS
from tests.unit.worker_loop import CHUNKED, GET, POST, Loop, answer_what_was_said
from tests.unit.worker_loop import loop as loop  # a fixture


def test_nobody_waits_for_a_client_that_does_not_close(loop: Loop) -> None:
    old = GET.replace(b"HTTP/1.1", b"HTTP/1.0")
    unclosed = [loop.connect(old) for _ in range(3)]
    for client in unclosed:
        assert loop.hear(client, b"").endswith(b"fine")  # and no more will come
    assert loop.worker.nr_conns == 3  # none of which was waited for
    assert loop.hear(loop.connect(GET), b"fine")
    unclosed[0].close()
    loop.until(lambda: loop.worker.nr_conns == 3)
    for connection in loop.worker.keepalived_conns:
        connection.timeout -= PART_SECONDS
    loop.until(lambda: loop.worker.nr_conns == 1)


def test_what_a_client_sends_after_its_last_answer_does_not_cut_that_off(loop: Loop) -> None:
    client = loop.connect(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    loop.until(lambda: loop.worker.keepalived_conns and loop.worker.keepalived_conns[0].initialized)
    client.sendall(b"and more" * 1_000)
    assert loop.hear(client, b"").endswith(b"fine")
    client.shutdown(socket.SHUT_WR)
    loop.until(lambda: loop.worker.nr_conns == 0)


def test_who_resets_the_connection_is_forgotten(loop: Loop) -> None:
    client = loop.connect(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    loop.until(lambda: loop.worker.nr_conns == 0)
    assert not loop.worker.keepalived_conns


@pytest.mark.parametrize("much", [False, True])
def test_who_resets_as_the_answer_comes_ends_no_worker(loop: Loop, much: bool) -> None:
    for _ in range(5):
        client = loop.connect(POST)
        loop.until(lambda: loop.road.taken)
        if much:
            loop.road.answer(bytes(8 << 20))
            loop.until(lambda: loop.worker._slow)
        else:
            loop.road.answer()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        loop.until(lambda: loop.worker.nr_conns == 0)
    assert loop.hear(loop.connect(GET), b"fine")


def test_a_stopping_worker_does_not_hurry_for_an_answer_that_is_under_way(loop: Loop) -> None:
    client, idle = loop.connect(POST), loop.connect(GET)
    assert loop.hear(idle, b"fine")
    loop.until(lambda: loop.road.taken and len(loop.worker.keepalived_conns) == 2)
    loop.worker.alive = False
    soon = time.monotonic() + 2
    loop.worker._cap_keepalive(soon)
    timeouts = [connection.timeout for connection in loop.worker.keepalived_conns]
    assert (min(timeouts), max(timeouts) > soon) == (soon, True)
    loop.road.answer()
    assert b"Connection: close\r\n" in loop.hear(client, b"")


def test_the_last_answer_of_a_stopping_worker_is_sent_whole(loop: Loop) -> None:
    client = loop.connect(POST)
    loop.until(lambda: loop.road.taken)
    loop.worker.alive = False
    loop.road.answer(bytes(8 << 20))
    assert len(loop.hear(client, b"")) > 8 << 20
    client.close()
    loop.until(lambda: loop.worker.nr_conns == 0)


def test_a_stopping_worker_waits_for_no_request_that_is_not_whole(loop: Loop) -> None:
    loop.worker.wsgi = answer_what_was_said
    slow = loop.connect(CHUNKED)
    loop.until(lambda: loop.worker._in_threads)
    loop.worker.alive = False
    loop.worker._cap_keepalive(time.monotonic())
    loop.hear(slow, b"")
    loop.until(lambda: not loop.worker.nr_conns)


def test_who_has_not_said_a_word_is_left_sooner_than_who_is_kept(loop: Loop) -> None:
    loop.connect(b"")
    kept = loop.connect(GET)
    assert loop.hear(kept, b"fine")
    loop.until(lambda: len(loop.worker.keepalived_conns) == 2)
    silent, known = sorted(connection.timeout - time.monotonic() for connection in loop.worker.keepalived_conns)
    assert silent <= REQUEST_SECONDS < known


def test_who_does_not_go_on_is_left(loop: Loop) -> None:
    half, idle = loop.connect(GET[:-1]), loop.connect(GET)
    assert loop.hear(idle, b"fine")
    loop.until(lambda: loop.worker._begun and loop.worker.nr_conns == 2)
    for connection in loop.worker.keepalived_conns:
        connection.timeout -= REQUEST_SECONDS
    assert loop.hear(half, b"") == b""
    assert loop.worker.nr_conns == 1
    idle.sendall(GET)
    assert loop.hear(idle, b"fine")
    assert not loop.worker._begun
