"""Hands records to the websocket service, in order and in batches, and finds the one it can't take."""

from __future__ import annotations

from confluent_kafka import Message
from prometheus_client import Counter, Histogram
from pydantic import ValidationError

from services.chat.bridge.dead_letters import DeadLetters
from services.chat.kafka.events import Event
from services.chat.relay.pusher import MALFORMED
from shared.errors import Unavailable
from shared.service_client import ServiceClient, ServiceRefused, encode

DELIVERED = Counter("pulse_bridge_delivered_total", "Records the websocket service accepted")
DELIVER_SECONDS = Histogram("pulse_bridge_deliver_seconds", "Time of one POST /deliver")


class Delivery:
    def __init__(self, websocket: ServiceClient, dead_letters: DeadLetters) -> None:
        self._websocket = websocket
        self._dead_letters = dead_letters

    def deliver(self, messages: list[Message]) -> None:
        """Returns when each is accepted or set aside. Raises Unavailable: then all of them are to be repeated."""
        sound: list[tuple[Message, bytes]] = []
        for message in messages:
            try:
                sound.append((message, _read(message)))
            except ValueError as error:
                # Those before it first: whatever stands behind a record waits for it.
                self._post(sound)
                sound = []
                self._dead_letters.set_aside(message, f"is no event: {_name_problem(error)}")
        self._post(sound)

    def close(self) -> None:
        self._dead_letters.close()

    def _post(self, sound: list[tuple[Message, bytes]]) -> None:
        if not sound:
            return
        try:
            with DELIVER_SECONDS.time():
                deliveries = b",".join(delivery for _, delivery in sound)
                self._websocket.post_encoded("/deliver", b'{"deliveries":[' + deliveries + b"]}")
        except ServiceRefused as error:
            if error.status not in MALFORMED:  # a wrong SERVICE_TOKEN or WEBSOCKET_URL says nothing about the records
                raise Unavailable(f"/deliver answers {error}") from error
            if len(sound) == 1:
                self._dead_letters.set_aside(sound[0][0], f"/deliver answers {error}")
                return
            half = len(sound) // 2
            self._post(sound[:half])
            self._post(sound[half:])
        else:
            DELIVERED.inc(len(sound))


def _read(message: Message) -> bytes:
    """One delivery as JSON. Raises ValueError: pydantic's, or of data that it takes and JSON has no words for."""
    event = Event.model_validate_json(message.value() or b"")
    delivery = {
        "to": [str(user_id) for user_id in event.to],
        "events": [{"event": event.type, "data": event.data}],
        "request_id": str(event.id),
    }
    return encode(delivery)


def _name_problem(error: ValueError) -> str:
    """Without what was said: it may be somebody's message."""
    if not isinstance(error, ValidationError):
        return "data is not JSON"
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])} {first['type']}".strip()
