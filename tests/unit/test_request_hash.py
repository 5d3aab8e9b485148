"""The hashes that are kept with all messages: a resend is known by them, also after an update of Pulse."""

from uuid import UUID

import pytest

from services.chat.messages.schemas import SendRequest
from services.chat.messages.sending import hash_request

CONVERSATION, ANSWERED = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("content", "reply_to", "kept"),
    [
        ("plain", None, "9c043e1ecebd06259a3069844cbdc096a5d20fa2a0c724269aff305ccd2c7431"),
        (
            'é "quoted" \\ \n\x7f \U0001f600',
            ANSWERED,
            "9807d4616460f8d374fffbb7cd6ee043c188350a9b4ca9afe367e0f397da9739",
        ),
    ],
    ids=["plain", "signs and an answer"],
)
def test_a_request_has_the_hash_that_was_kept_by_earlier_versions(
    content: str, reply_to: UUID | None, kept: str
) -> None:
    request = SendRequest(content=content, conversation_id=CONVERSATION, reply_to=reply_to)
    assert hash_request(CONVERSATION, request) == kept
    assert hash_request(ANSWERED, request) != kept
