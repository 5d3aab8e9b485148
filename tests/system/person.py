"""Somebody who signed in: calls by bearer token, and devices that listen."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import requests

from tests.system.device import Device
from tests.system.http import Http

PAGE = 200


class Person:
    """``session`` is what signing in answered."""

    def __init__(self, auth: Http, chat: Http, websocket_url: str, session: dict[str, Any]) -> None:
        self.auth = auth
        self.chat = chat
        self.user: dict[str, Any] = session["user"]
        self.id: str = self.user["id"]
        self.email: str = self.user["email"]
        self.devices: list[Device] = []
        self._websocket_url = websocket_url
        self.keep(session)

    def keep(self, session: dict[str, Any]) -> None:
        """Goes on with this session's tokens."""
        self.token: str = session["access_token"]
        self.refresh_token: str = session["refresh_token"]
        self.auth.token = self.chat.token = self.token

    def refresh(self) -> dict[str, Any]:
        """Trades the refresh token; the new session is kept and returned."""
        session: dict[str, Any] = self.auth.post("/auth/refresh", {"refresh_token": self.refresh_token})
        self.keep(session)
        return session

    def connect(self, *transports: str) -> Device:
        """One more device, connected."""
        device = self.make_device(*transports)
        device.connect()
        return device

    def make_device(self, *transports: str) -> Device:
        device = Device(self._websocket_url, lambda: self.token, transports or ("websocket",))
        self.devices.append(device)
        return device

    def try_to_send(self, content: Any, check: bool = True, **fields: Any) -> requests.Response:
        """``fields``: to, conversation_id, id and so on; an id is made when none is given."""
        body = {"id": str(uuid4()), "content": content, **fields}
        return self.chat.request("POST", "/chat/send", json=body, check=check)

    def send(self, content: str, **fields: Any) -> dict[str, Any]:
        """The message, durable for the first time (201)."""
        response = self.try_to_send(content, **fields)
        assert response.status_code == 201, response.text
        message: dict[str, Any] = response.json()
        return message

    def open_group(self, name: str, *members: Person) -> str:
        """The id of a group that this person owns."""
        body = {"kind": "group", "name": name, "members": [member.id for member in members]}
        opened: str = self.chat.post("/conversations", body, status=201)["id"]
        return opened

    def edit(self, message: dict[str, Any], content: str) -> dict[str, Any]:
        return self._change("PATCH", f"/messages/{message['id']}", content=content)

    def delete(self, message: dict[str, Any]) -> dict[str, Any]:
        """The tombstone."""
        return self._change("DELETE", f"/messages/{message['id']}")

    def rename(self, conversation_id: str, name: str) -> dict[str, Any]:
        return self._change("PATCH", f"/conversations/{conversation_id}", name=name)

    def take_in(self, conversation_id: str, person: Person, **role: str) -> dict[str, Any]:
        """The member."""
        return self._change("PUT", f"/conversations/{conversation_id}/members/{person.id}", **role)

    def take_out(self, conversation_id: str, person: Person) -> None:
        """Somebody else, or oneself: leaving."""
        answer = self.chat.request("DELETE", f"/conversations/{conversation_id}/members/{person.id}")
        assert answer.status_code == 204, answer.text

    def _change(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = self.chat.request(method, path, json=body)
        assert answer.status_code == 200, f"{method} {path}: {answer.text}"
        changed: dict[str, Any] = answer.json()
        return changed

    def history(self, conversation_id: str) -> list[dict[str, Any]]:
        """All of it, ascending, read page by page from the newest."""
        messages: list[dict[str, Any]] = []
        where: dict[str, Any] = {"conversation_id": conversation_id, "limit": PAGE}
        while True:
            page = self.chat.get("/chat/history", **where)
            messages = page["messages"] + messages
            if not page["has_more"]:
                return messages
            where["before"] = messages[0]["seq"]

    def changes(self, conversation_id: str, after: int) -> dict[str, Any]:
        changes: dict[str, Any] = self.chat.get(
            "/chat/changes", conversation_id=conversation_id, after=after, limit=PAGE
        )
        return changes

    def conversations(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.chat.get("/conversations")["conversations"]
        return found

    def conversation(self, conversation_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.chat.get(f"/conversations/{conversation_id}")
        return found

    def sign_out(self, scope: str = "local") -> None:
        self.auth.post("/auth/logout", {"scope": scope}, status=204)

    def leave(self) -> None:
        """Closes what this person holds open."""
        for device in self.devices:
            device.close()
        self.auth.close()
        self.chat.close()
