"""Stock Flask-SocketIO: what its documentation shows, on eventlet or gevent (``ASYNC_MODE``).

Changed from the defaults is only that eventlet lets in more than 1,024 clients, which would else end the comparison.
gevent's websockets are those of simple-websocket, which Flask-SocketIO brings.

POST /emit {first, events, groups}: the nth event goes to room n modulo groups; answered when the last is emitted.
POST /send {room, content}: one event.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from typing import Any

MODE = os.environ["ASYNC_MODE"]
if MODE == "eventlet":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import eventlet

    eventlet.monkey_patch()
else:
    from gevent import monkey

    monkey.patch_all()

from flask import Flask, request  # noqa: E402
from flask_socketio import SocketIO, join_room  # noqa: E402

MARKER = "<t=0000000000000000,n=00000000>"
NAME, EVENT = json.loads(os.environ["EVENT"])

app = Flask(__name__)
socketio = SocketIO(app, async_mode=MODE, cors_allowed_origins="*")


@socketio.on("connect")  # type: ignore[untyped-decorator]  # published without types
def connect(auth: dict[str, Any] | None) -> None:
    join_room((auth or {}).get("room", "0"))


@app.get("/")
def ready() -> str:
    return "ok"


@app.post("/emit")
def emit() -> str:
    order = request.get_json()
    for n in range(order["events"]):
        socketio.emit(NAME, mark(order["first"] + n), to=str(n % order["groups"]))
        socketio.sleep(0)  # else nothing is written before the loop has ended
    return "ok"


@app.post("/send")
def send() -> str:
    order = request.get_json()
    socketio.emit(NAME, {**EVENT, "message": {**EVENT["message"], "content": order["content"]}}, to=order["room"])
    return "ok"


def mark(number: int) -> dict[str, Any]:
    marker = f"<t={time.monotonic_ns():016x},n={number:08x}>"
    message = EVENT["message"]
    return {**EVENT, "message": {**message, "content": message["content"].replace(MARKER, marker)}}


if __name__ == "__main__":
    options = {"max_size": 50_000} if MODE == "eventlet" else {}
    print(f"Flask-SocketIO on {socketio.async_mode}", file=sys.stderr, flush=True)
    socketio.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), **options)
