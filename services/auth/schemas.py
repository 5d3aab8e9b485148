"""Bodies and answers of auth's routes; the shapes others share are in shared/wire.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from services.auth.addresses import Email
from services.auth.names import Name
from shared.wire import Id, Input, Output, Session, Text, Time, User

Password = Annotated[Text, Field(min_length=1, max_length=200)]
"""One to try; code points. Which new ones are good enough, services/auth/password_rules.py says."""
NewPassword = Annotated[
    Text, Field(min_length=8, max_length=200, description="8 code points or more, and not one that is soon guessed")
]


class LoginRequest(Input):
    """Without ``password`` a link is mailed. ``redirect_to`` counts only when it leads to this installation's pages."""

    email: Email
    redirect_to: Text | None = None
    password: Password | None = None


class LinkSent(Output):
    """``code_digits``: how long the mailed code is; ``dev_inbox``: whether the mail is to be read at ``/dev/inbox``."""

    status: Literal["link_sent"] = "link_sent"
    code_digits: int
    dev_inbox: bool


class LoginAnswer(RootModel[LinkSent | Session]):
    """What was asked for: a mail, or with a password a session."""


class SignUpRequest(Input):
    """``redirect_to`` as for a login."""

    email: Email
    password: NewPassword
    name: Name | None = None
    redirect_to: Text | None = None


class ConfirmationSent(Output):
    """As ``LinkSent``."""

    status: Literal["confirmation_sent"] = "confirmation_sent"
    code_digits: int
    dev_inbox: bool


class ResetRequest(Input):
    """``redirect_to`` as for a login."""

    email: Email
    redirect_to: Text | None = None


class ResetSent(Output):
    """The mail holds a link and no code; ``dev_inbox``: whether it is to be read at ``/dev/inbox``."""

    status: Literal["link_sent"] = "link_sent"
    dev_inbox: bool


class PasswordChange(Input):
    """``current_password`` is needed by whoever has one."""

    password: NewPassword
    current_password: Password | None = None


class SignInMethods(Output):
    """What this installation offers: ``link`` by mail always; ``code_digits``: how long the mailed code is."""

    link: Literal[True] = True
    password: bool
    google: bool
    code_digits: int


class GoogleQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    redirect_to: str = ""


class GoogleRequest(Input):
    """``nonce`` as it was before hashing, when the id token has one: its claim is the SHA-256 in hex."""

    id_token: Text = Field(min_length=1, max_length=10_000)
    nonce: Text | None = Field(None, max_length=1_000)


class CallbackQuery(BaseModel):
    """What a browser is sent back with: ``request`` is Supabase Auth's, ``state`` Google's own."""

    model_config = ConfigDict(frozen=True)

    request: str = ""
    state: str = ""
    code: str = ""
    error: str = ""
    error_code: str = ""


class ConfirmQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    token_hash: str = ""
    type: str = "email"
    redirect_to: str = ""


class ConfirmRequest(Input):
    """``token_hash`` of a mailed link, or ``email`` and the ``code`` of the same mail.

    ``redirect_to`` and ``type`` as the link has them; with ``type`` "recovery" also the new ``password``.
    """

    token_hash: Text | None = Field(None, max_length=200)
    email: Email | None = None
    code: Text | None = Field(None, max_length=20)
    redirect_to: Text | None = None
    type: Text | None = None
    password: Password | None = None


class RefreshRequest(Input):
    """Empty for a browser: its cookie says it."""

    refresh_token: Text | None = Field(None, max_length=1_000)


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
    role: Literal["admin", "member"] = Field(
        default_factory=lambda: "member", description="admins only; the last stays"
    )


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
