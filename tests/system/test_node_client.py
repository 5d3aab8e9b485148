"""The stock JavaScript client, driven by a script that knows docs/protocol.md and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import EMBEDDED_USUALLY
from tests.system.stack import Stack, new_email

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]

SCRIPT = Path(__file__).with_name("two_people.mjs")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_two_people_chat_from_node(stack: Stack, transport: str) -> None:
    links = [stack.mail_link(new_email(name))["token_hash"] for name in ("ann", "ben")]
    words = [str(SCRIPT), stack.urls["auth"], stack.urls["chat"], stack.urls["websocket"], transport, *links]
    run = subprocess.run(["node", *words], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    told: dict[str, Any] = json.loads(run.stdout)

    first, second, third, fourth = (sent["answer"] for sent in told["sent"])
    assert told["transport"] == transport
    assert told["refused"] == {"message": "unauthorized", "code": "unauthorized"}
    assert [sent["status"] for sent in told["sent"]] == [201] * 4
    assert told["again"] == {"status": 200, "answer": first}
    assert [heard["message"] for heard in told["heard"]] == [first, second, fourth]
    assert [heard["seq"] for heard in told["heard"]] == [first["seq"], second["seq"], fourth["seq"]]
    assert third in [event["data"]["message"] for event in told["changes"]["events"]]
    assert told["history"]["messages"] == told["asBenSees"]["messages"] == [first, second, third, fourth]
    assert [message["seq"] for message in told["history"]["messages"]] == [2, 3, 4, 5]
    assert told["conversations"][0]["last_message"] == fourth
    assert told["authenticated"]["ok"] is True
    assert told["signedOut"] == 204
    assert told["ended"]["reason"] == "signed_out"
