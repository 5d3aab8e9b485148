"""Many who speak at once: those who bring something for the others need not wait until all are heard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from tests.websocket.frames import frame
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service
from tests.websocket.test_door import is_welcome, make_handshake, reach, read_frame
from tests.websocket.test_short_road import ask, hear_one, make_body

MakeService = Callable[..., Service]
CROWD = 300


def test_a_delivery_behind_a_crowd_on_a_connection_that_brought_one_before_comes_in_between(
    make_service: MakeService, neighbours: Neighbours, ann: str
) -> None:
    service = make_service()
    wire = make_handshake() + frame(f'40{{"token":"{neighbours.sign(ann)}"}}'.encode())
    delivery = ask(make_body([ann], ("read", {})))
    with ExitStack() as stack:
        kept = stack.enter_context(reach(service))
        crowd = [stack.enter_context(reach(service)) for _ in range(CROWD)]
        kept.sendall(delivery)
        assert hear_one(kept)[0] == 202
        assert service.get("/healthz").ok  # all who came before are at the door by now
        service.pause()
        for made in crowd:
            made.sendall(wire)
        kept.sendall(delivery)
        service.resume()
        assert hear_one(kept)[0] == 202
        assert all(is_welcome(made) for made in crowd)
        service.deliver([ann], ("resync", {}))
        first = [read_frame(made) for made in crowd]
    assert set(first) <= {b'42["read",{}]', b'42["resync",{}]'}
    assert first.count(b'42["read",{}]') < CROWD / 2  # only they were here before it
