"""The directory of people, and its admin's side."""

from __future__ import annotations

from uuid import UUID

from flask import after_this_request

from services.auth import people
from services.auth.parts import parts
from services.auth.schemas import NewUser, UserChanges, UserPage, UserQuery
from shared.api import Answer, Api
from shared.caller import Caller
from shared.errors import AccountUnknown, Conflict, NotAllowed, OriginNotAllowed, Unavailable, UserNotFound
from shared.wire import User

api = Api("people")


class EmailTaken(Conflict):
    code, message = "email_taken", "Somebody has this address already."


class NamedAdmin(Conflict):
    code, message = "named_admin", "ADMIN_EMAILS names this address. Take it out there first."


class LastAdmin(Conflict):
    code, message = "last_admin", "Without this admin there would be none."


@api.on("GET", "/users", errors=(AccountUnknown,))
def list_users(caller: Caller, query: UserQuery) -> Answer[UserPage]:
    """People by name, page by page; ``query`` is part of a name or a whole email. Admins see emails and roles."""
    return Answer(
        parts().database.call(
            "list_users", caller=caller.user_id, query=query.query, page_limit=query.limit, cursor=query.cursor
        )
    )


@api.on("GET", "/users/<uuid:user_id>", errors=(AccountUnknown, UserNotFound))
def show_user(caller: Caller, user_id: UUID) -> Answer[User]:
    """One person; somebody deleted is "Deleted user"."""
    return Answer(parts().database.call("get_user", caller=caller.user_id, user_id=user_id))


@api.on("POST", "/users", status=201, errors=(AccountUnknown, NotAllowed, OriginNotAllowed, EmailTaken, Unavailable))
def create_user(caller: Caller, body: NewUser) -> Answer[User]:
    """Makes an account for somebody and mails them a link to sign in with. Admins only.

    After a 503 the same request may be repeated.
    """
    return Answer(people.create_user(parts(), caller.user_id, body))


@api.on(
    "PUT",
    "/users/<uuid:user_id>",
    errors=(AccountUnknown, NotAllowed, OriginNotAllowed, UserNotFound, LastAdmin, NamedAdmin),
)
def update_user(caller: Caller, user_id: UUID, body: UserChanges) -> Answer[User]:
    """Changes oneself, or as an admin anybody; what is left out stays. Only admins change roles, their own too.

    Whoever loses one has their sockets closed and needs a fresh token; their sessions go on.
    """
    return Answer(people.update_user(parts(), caller.user_id, user_id, body))


@api.on(
    "DELETE",
    "/users/<uuid:user_id>",
    status=204,
    errors=(AccountUnknown, NotAllowed, OriginNotAllowed, UserNotFound, LastAdmin, Unavailable),
)
def delete_user(caller: Caller, user_id: UUID) -> None:
    """Deletes oneself, or as an admin anybody: signed out everywhere, messages stay under "Deleted user".

    After a 503 the person is locked out all the same; what is left to do is done by itself, or by a repeat.
    """
    people.lock_out(parts(), caller.user_id, user_id)
    if caller.user_id == user_id:
        after_this_request(parts().cookies.take)
    people.remove_account(parts().database, parts().provider, user_id)
