"""Many at once: those who bring something for them need not wait for all, and too many come in when there is room."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.websocket.frames import frame
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, wait_until
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


def test_whoever_comes_behind_a_crowd_that_leaves_need_not_wait_until_all_of_it_is_counted_out(
    make_service: MakeService, neighbours: Neighbours, ann: str, ben: str
) -> None:
    service = make_service()
    handshake = make_handshake()
    with ExitStack() as stack:
        crowd = [stack.enter_context(reach(service)) for _ in range(CROWD)]
        for made in crowd:
            made.sendall(handshake + frame(f'40{{"token":"{neighbours.sign(ann)}"}}'.encode()))
        assert all(is_welcome(made) for made in crowd)
        service.pause()
        for made in crowd:
            made.close()
        newcomer = stack.enter_context(reach(service))
        newcomer.sendall(handshake + frame(f'40{{"token":"{neighbours.sign(ben)}"}}'.encode()))
        service.resume()
        assert is_welcome(newcomer)
        wait_until(lambda: service.metric("pulse_socket_connections") == 1, what="all of the crowd are counted out")
        said = [(line["event"], line.get("user_id")) for line in service.log()]
    assert said.count(("disconnected", ann)) == CROWD
    assert ("disconnected", ann) in said[said.index(("connected", ben)) :]


@contextmanager
def more_than_it_can_open(service: Service) -> Iterator[None]:
    """Clients are in the queue for whom it has no descriptors left; at the end they hang up."""
    folder = Path(f"/proc/{service.process.pid}/fd")
    most = max(int(one.name) for one in folder.iterdir()) + 4
    before = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (most, before[1]))
        for _ in range(most):
            stack.enter_context(reach(service))
        wait_until(lambda: len(list(folder.iterdir())) == most, what="none is left")
        yield


def test_without_descriptors_for_all_it_lets_them_in_when_there_are_some_again(make_service: MakeService) -> None:
    service = make_service()
    with more_than_it_can_open(service):
        pass
    assert service.get("/healthz").ok


def test_told_to_stop_without_descriptors_it_ends_well(make_service: MakeService) -> None:
    service = make_service()
    with more_than_it_can_open(service):
        assert service.terminate() == 0
    assert [line["event"] for line in service.log()][-2:] == ["stopping", "stopped"]
