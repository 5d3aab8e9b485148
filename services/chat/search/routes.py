"""Searching what was said."""

from __future__ import annotations

from services.chat.errors import ConversationNotFound, TooManySearches
from services.chat.search.schemas import Matches, SearchQuery
from services.chat.state import chat
from shared.api import Answer, Api
from shared.caller import Caller
from shared.database import TookTooLong

SEARCH_SECONDS = 3.0  # as search_messages has it for PostgREST: one that takes longer keeps others waiting

api = Api("search")


@api.on("GET", "/search", errors=(ConversationNotFound, TooManySearches, TookTooLong))
def search(caller: Caller, query: SearchQuery) -> Answer[Matches]:
    """Messages of the caller's conversations in which all of the words stand, newest first."""
    state = chat()
    with state.searches.one():
        matches = state.database.read(
            "search_messages",
            SEARCH_SECONDS,
            caller=caller.user_id,
            q=query.q,
            conversation_id=query.conversation_id,
            sender_id=query.sender_id,
            before_at=query.before.isoformat() if query.before else None,
            page_limit=query.limit,
            cursor=query.cursor,
        )
    return Answer(matches)
