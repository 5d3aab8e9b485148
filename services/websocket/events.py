"""What a client may say: connect, ``authenticate``, and goodbye. Commands travel by HTTP to the other services."""

from __future__ import annotations

from typing import Any
from wsgiref.types import WSGIEnvironment

import orjson
import structlog
from flask import Request, request
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO
from prometheus_client import Counter
from pydantic import ValidationError

from services.websocket.connections import Connection
from services.websocket.frames import Frame
from services.websocket.sessions import Sessions
from services.websocket.transport import Transport
from shared.caller import Caller, Identity
from shared.errors import AppError, NotAllowed, NotAuthenticated, Unavailable
from shared.wire import Authenticate

REFUSED = Counter("pulse_socket_refused_total", "Connects and renewals refused", ["code"])

log = structlog.get_logger()


class Events:
    """``install`` makes them the handlers of ``socketio``."""

    def __init__(self, socketio: SocketIO, transport: Transport, sessions: Sessions, identity: Identity) -> None:
        self._server, self._transport = socketio.server, transport
        self._sessions, self._identity = sessions, identity

    def connect(self, connection_id: str, *arguments: Any) -> dict[str, Any] | None:
        if self._sessions.connections.find(connection_id) is not None:
            return self.other("connect")  # an event that is only called so
        environ = self._server.get_environ(connection_id) or {}
        try:
            caller = _identify(self._identity, arguments[1] if len(arguments) > 1 else None, environ)
            client = self._server.eio.sockets.get(self._server.manager.eio_sid_from_sid(connection_id, "/"))
            if client is None or client.closed:
                raise Refused("gone", {"code": "gone"})  # it hung up while auth was asked for keys
            self._sessions.open(Connection(connection_id, caller, client))
        except Refused:
            raise
        except AppError as error:
            answer = _refuse(error)
            log.info("connect_refused", origin=environ.get("HTTP_ORIGIN"), **_reason(answer))
            raise Refused(answer["code"], answer) from None
        except Exception as error:
            answer = _answer_bug(error)  # as an answer it would count as welcome
            raise Refused(answer["code"], answer) from None
        self._transport.forget_handshake(client)
        return None

    def sign_in(self, client: Any, packet: str) -> bool:
        """``connect``, for the client's first CONNECT with a token that is good and whose key is known: without waiting
        and without python-socketio's part in it. False for any other: nothing was done."""
        manager = self._server.manager
        token = _read_token(packet)
        if token is None or client.closed or manager.sid_from_eio_sid(client.sid, "/") is not None:
            return False
        try:
            caller = self._identity.verifier.verify_at_once(token)
        except AppError:
            return False
        connection_id = manager.pre_connect(client.sid, "/")
        try:
            self._sessions.open(Connection(connection_id, caller, client))
        except Exception as error:
            manager.disconnect(connection_id, "/")
            _answer_bug(error)
            return False
        self._transport.forget_handshake(client)
        client.queue.offer(Frame(f'40{{"sid":"{connection_id}"}}'))
        manager.connect(connection_id, "/")
        return True

    def disconnect(self, connection_id: str, reason: Any = "", *_: Any) -> dict[str, Any] | None:
        if self._server.manager.is_connected(connection_id, "/"):
            return self.other("disconnect")
        connection = self._sessions.connections.find(connection_id)
        try:
            if connection is not None:
                self._sessions.close(connection, str(reason))
        except Exception as error:
            _answer_bug(error)
        return None

    def authenticate(self, *arguments: Any) -> dict[str, Any]:
        connection = self._sessions.connections.find(_connection_id())
        try:
            if connection is None:
                raise NotAuthenticated()
            token = Authenticate.model_validate(arguments[0] if arguments else None).token
            return self._sessions.authenticate(connection, token).model_dump()
        except ValidationError:
            return {"code": "malformed", "message": "Send one object with the access token: {token}."}
        except AppError as error:
            answer = _refuse(error)
            log.info("authenticate_refused", **_reason(answer))
            return answer

    def other(self, _event: str, *_arguments: Any) -> dict[str, Any]:
        return {"code": "unknown_event", "message": "Commands travel by HTTP; here only authenticate is understood."}

    def install(self, socketio: SocketIO) -> None:
        # Each client brings these two, and Flask's request context would be a tenth of what it costs to let one in.
        self._server.on("connect", self.connect)
        self._server.on("disconnect", self.disconnect)
        socketio.on_event("authenticate", self.authenticate)
        socketio.on_event("*", self.other)
        socketio.on_error_default(_answer_bug)
        self._transport.sign_in_by(self.sign_in)


def _connection_id() -> str:
    return str(request.sid)  # type: ignore[attr-defined]  # Flask-SocketIO adds it


def _answer_bug(error: Exception) -> dict[str, Any]:
    log.error("bug", exc_info=error)
    return AppError().body()


def _identify(identity: Identity, auth: Any, environ: WSGIEnvironment) -> Caller:
    """The ``auth`` object's token, else what the handshake carried. Raises AppError."""
    token = auth.get("token") if isinstance(auth, dict) else None
    if isinstance(token, str) and token:
        return identity.verifier.verify(token)
    handshake = Request(environ)
    return identity.identify(handshake.headers, handshake.cookies, unsafe=True)


def _read_token(packet: str) -> str | None:
    """Of a CONNECT whose ``auth`` is an object."""
    try:
        token = orjson.loads(packet[2:]).get("token")
    except ValueError:
        return None
    return token if isinstance(token, str) and token else None


def _refuse(error: AppError) -> dict[str, Any]:
    """The contract has one word for every "no" at this door; why is beside it."""
    if isinstance(error, NotAuthenticated | NotAllowed):
        answer = {"reason": error.code, **error.body(), "code": "unauthorized"}
    elif isinstance(error, Unavailable):
        answer = {**error.body(), "code": "unavailable"}
    else:
        answer = error.body()
    REFUSED.labels(answer["code"]).inc()
    return answer


def _reason(answer: dict[str, Any]) -> dict[str, str]:
    return {"refused_with": answer["code"], "reason": str(answer.get("reason", ""))}
