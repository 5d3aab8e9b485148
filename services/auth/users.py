"""The directory of people."""

from __future__ import annotations

from uuid import UUID

from services.auth.parts import parts
from services.auth.schemas import UserPage, UserQuery
from shared.api import Answer, Api
from shared.caller import Caller
from shared.errors import AccountUnknown, UserNotFound
from shared.wire import User

api = Api("people")


@api.on("GET", "/users", errors=(AccountUnknown,))
def list_users(caller: Caller, query: UserQuery) -> Answer[UserPage]:
    """People by name, page by page; ``query`` is part of a name or a whole email."""
    return Answer(
        parts().database.call(
            "list_users", caller=caller.user_id, query=query.query, page_limit=query.limit, cursor=query.cursor
        )
    )


@api.on("GET", "/users/<uuid:user_id>", errors=(AccountUnknown, UserNotFound))
def show_user(caller: Caller, user_id: UUID) -> Answer[User]:
    """One person; somebody deleted is "Deleted user"."""
    return Answer(parts().database.call("get_user", caller=caller.user_id, user_id=user_id))
