"""Events for large groups are pushed in requests that the websocket service takes."""

from __future__ import annotations

from uuid import uuid4

from services.chat.relay.pusher import Push
from tests.chat.conftest import ChatApp


def test_a_batch_has_so_many_recipients_and_one_event_may_have_more_alone(app: ChatApp) -> None:
    pusher = app.state.pusher
    crowd = [str(uuid4())] * 5_000
    sizes = [5_000] * 25 + [60_000, 1, 1]
    pusher.push([Push(None, (crowd * 12)[:size], "typing", {"number": n}) for n, size in enumerate(sizes)])
    batches = []
    while pusher._waiting:
        batches.append(pusher._take_batch())
    assert [len(batch) for batch in batches] == [10, 10, 5, 1, 2]
    assert [push.data["number"] for batch in batches for push in batch] == list(range(28))
