"""Bodies and answers of auth's routes; the shapes others share are in shared/wire.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.auth.addresses import Email
from services.auth.names import Name
from shared.wire import Id, Input, Output, Text, Time, User


def _no_password(value: str | None) -> str | None:
    if value is not None:
        raise ValueError("is not a way to sign in here: leave it out and get a link by mail")
    return value


class LoginRequest(Input):
    """``redirect_to`` counts only when it leads to this installation's pages."""

    email: Email
    redirect_to: Text | None = None
    password: Annotated[Text | None, AfterValidator(_no_password)] = None


class LinkSent(Output):
    status: Literal["link_sent"] = "link_sent"


class ConfirmQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    token_hash: str = ""
    type: str = "email"
    redirect_to: str = ""


class ConfirmRequest(Input):
    """``token_hash`` of a mailed link, or ``email`` and the ``code`` of the same mail."""

    token_hash: Text | None = Field(None, max_length=200)
    email: Email | None = None
    code: Text | None = Field(None, max_length=20)
    redirect_to: Text | None = None
    type: Text | None = None


class RefreshRequest(Input):
    """Empty for a browser: its cookie says it."""

    refresh_token: Text | None = Field(None, max_length=200)


class LogoutRequest(Input):
    scope: Literal["local", "global"] = "local"


class SessionStatus(Output):
    """``expires_at`` is the access token's: refresh before."""

    user: User
    expires_at: Time


class UserQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    query: Text | None = Field(None, max_length=320, description="part of a name, or a whole email")
    limit: int = Field(50, ge=1, le=200)
    cursor: Text | None = Field(None, max_length=2000)


class NewUser(Input):
    """Without a name the person is called by their address, until they say otherwise."""

    email: Email
    name: Name | None = None


def _no_upload(value: str | None) -> str | None:
    if value is not None:
        raise ValueError("must be null: pictures can't be uploaded here yet")
    return value


class UserChanges(Input):
    """What is left out stays as it is."""

    name: Name = Field(default_factory=str, description="1 to 80 code points, trimmed, without control characters")
    avatar_url: Annotated[Text | None, AfterValidator(_no_upload)] = None


class UserPage(Output):
    users: list[User]
    next_cursor: str | None


class RevocationQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    after: int = Field(0, ge=0, le=2**62, description="the position of the last answer")


class Revocation(Output):
    """Ends tokens of the session or the user that were issued at or before ``not_before``."""

    session_id: str | None
    user_id: Id | None
    not_before: Time
    expires_at: Time


class RevocationPage(Output):
    revocations: list[Revocation]
    position: int


class Jwks(Output):
    keys: list[dict[str, Any]]


class InboxQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    email: Text | None = Field(None, max_length=320)


class InboxMail(Output):
    to: str
    subject: str
    link: str
    code: str
    sent_at: Time


class Inbox(Output):
    mails: list[InboxMail]
