"""The AuthProvider that needs nothing but Postgres: what is single-use is decided in its SQL functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

import structlog

from services.auth.builtin.signing_keys import SigningKeys
from services.auth.mail.mailer import Mailer
from services.auth.mail.message import SignInMail
from services.auth.provider import (
    Asker,
    LinkExpired,
    NotInvited,
    NotOffered,
    PendingLink,
    RefreshReused,
    Scope,
    SessionOver,
    SignedOut,
    SignIn,
)
from services.auth.seals import CODE_DIGITS, Seals, hash_token, new_code, new_token
from services.auth.settings import DAY_SECONDS, AuthSettings
from shared.caller import Caller
from shared.database import Database

if TYPE_CHECKING:
    from services.auth.builtin.google import Google, Vouched

log = structlog.get_logger()


class BuiltinProvider:
    """``database`` calls the functions of the schema builtin_auth; ``google`` is None where it is not set up."""

    code_digits = CODE_DIGITS
    offers_password = True

    def __init__(
        self, settings: AuthSettings, database: Database, seals: Seals, mailer: Mailer, google: Google | None = None
    ) -> None:
        self._google = google
        self.remembers_browsers = google is not None
        self._database = database
        self._mailer = mailer
        self._policy = settings.signup_policy
        self._confirm_url = settings.auth_public_url + "/auth/confirm"
        self._access_seconds = settings.access_token_seconds
        self._idle_seconds = settings.session_idle_days * DAY_SECONDS
        self._session_seconds = settings.session_days * DAY_SECONDS
        self._seals = seals
        self._keys = SigningKeys(database, seals, issuer=settings.auth_public_url)

    @property
    def offers_google(self) -> bool:
        return self._google is not None

    def request_link(self, email: str, redirect_to: str, asker: Asker | None) -> None:
        token, code = new_token(), new_code()
        answer = self._database.call(
            "request_link",
            email=email,
            token_hash=hash_token(token),
            code_hash=self._seals.hash_code(email, code),
            requested_by=asker.browser if asker else None,
            may_join=self._policy.meet(email).may_join,
        )
        if answer["mail"]:
            query = urlencode({"token_hash": token, "type": "email", "redirect_to": redirect_to})
            self._mailer.send(SignInMail(to=email, link=f"{self._confirm_url}?{query}", code=code))
        log.info("link_requested", address=self._seals.name_address(email), mailed=answer["mail"])

    def find_link(self, token: str, redirect_to: str = "", kind: str = "") -> PendingLink | None:  # noqa: ARG002
        found = self._database.call("find_link", token_hash=hash_token(token))
        return PendingLink(**found) if found else None

    def find_target(self, redirect_to: str | None) -> str | None:
        return redirect_to

    def confirm_link(self, token: str, redirect_to: str | None, asker: Asker) -> SignIn:  # noqa: ARG002
        pending = self.find_link(token)
        if pending is None or pending.email is None:
            raise LinkExpired()
        return self._confirm("confirm_link", pending.email, token_hash=hash_token(token))

    def confirm_code(self, email: str, code: str, asker: Asker) -> SignIn:  # noqa: ARG002  # each mail counts its tries
        return self._confirm("confirm_code", email, email=email, code_hash=self._seals.hash_code(email, code))

    def _confirm(self, function: str, address: str, **by: str) -> SignIn:
        refresh_token = new_token()
        answer = self._database.call(
            function,
            **by,
            newcomer=self._policy.meet(address).as_json(),
            refresh_hash=hash_token(refresh_token),
            idle_seconds=self._idle_seconds,
            session_seconds=self._session_seconds,
        )
        if answer is None:
            raise LinkExpired()
        return self._sign_in(answer, refresh_token)

    def sign_in_with_password(self, email: str, password: str, asker: Asker) -> SignIn:  # noqa: ARG002
        raise NotOffered()

    def sign_up(self, email: str, password: str, name: str | None, redirect_to: str, asker: Asker) -> None:  # noqa: ARG002
        raise NotOffered()

    def request_reset(self, email: str, redirect_to: str, asker: Asker) -> None:  # noqa: ARG002
        raise NotOffered()

    def confirm_recovery(
        self, token: str, redirect_to: str | None, password: str, asker: Asker
    ) -> tuple[SignIn, list[str]]:
        raise NotOffered()

    def change_password(
        self, caller: Caller, email: str, access_token: str, current: str | None, password: str
    ) -> list[str]:
        raise NotOffered()

    def google_url(self, redirect_to: str, asker: Asker) -> str:
        return self._offered_google().url(redirect_to, asker)

    def sign_in_with_google(self, id_token: str, nonce: str | None, asker: Asker) -> SignIn:  # noqa: ARG002
        return self._admit(self._offered_google().by_token(id_token, nonce))

    def exchange_code(self, code: str, request: str, asker: Asker) -> tuple[SignIn, str]:
        vouched, target = self._offered_google().by_code(code, request, asker)
        return self._admit(vouched), target

    def _offered_google(self) -> Google:
        if self._google is None:
            raise NotOffered()
        return self._google

    def _admit(self, vouched: Vouched) -> SignIn:
        refresh_token = new_token()
        answer = self._database.call(
            "sign_in_by_identity",
            issuer=vouched.issuer,
            subject=vouched.person.subject,
            email=vouched.person.email,
            once=vouched.once,
            once_seconds=vouched.once_seconds,
            newcomer={**self._policy.meet(vouched.person.email).as_json(), "name": vouched.name},
            refresh_hash=hash_token(refresh_token),
            idle_seconds=self._idle_seconds,
            session_seconds=self._session_seconds,
        )
        if answer["outcome"] == "used":
            raise LinkExpired()
        if answer["outcome"] != "signed_in":
            raise NotInvited()
        return self._sign_in(answer, refresh_token)

    def refresh(self, refresh_token: str, asker: Asker) -> SignIn:  # noqa: ARG002
        successor = new_token()
        answer = self._database.call(
            "refresh_session",
            refresh_hash=hash_token(refresh_token),
            successor_hash=hash_token(successor),
            idle_seconds=self._idle_seconds,
        )
        if answer["outcome"] == "reused":
            raise RefreshReused(answer["session_id"], answer["user_id"])
        if answer["outcome"] != "refreshed":
            raise SessionOver()
        return self._sign_in(answer, successor)

    def sign_out(
        self,
        *,
        caller: Caller | None,
        access_token: str | None,  # noqa: ARG002  # the session's id is enough
        refresh_token: str | None,
        scope: Scope,
    ) -> SignedOut | None:
        answer = self._database.call(
            "end_session",
            session=caller.session_id if caller else None,
            refresh_hash=hash_token(refresh_token) if refresh_token else None,
            everywhere=scope == "global",
        )
        return SignedOut(**answer) if answer else None

    def create_account(self, email: str, name: str) -> UUID:  # noqa: ARG002  # the users row has it
        return UUID(self._database.call("create_account", email=email)["id"])

    def rename_account(self, user_id: UUID, name: str) -> None:
        """Nothing to do: the users row has the name."""

    def delete_account(self, user_id: UUID) -> None:
        self._database.call("delete_account", account=user_id)

    def public_keys(self) -> list[dict[str, Any]]:
        return self._keys.public_keys()

    def check_ready(self) -> None:
        self._keys.public_keys()

    def _sign_in(self, answer: dict[str, Any], refresh_token: str) -> SignIn:
        access_token, expires_at = self._keys.sign(
            user_id=answer["user"]["id"],
            session_id=answer["session_id"],
            # The database's moment, taken under the session's lock: see render_sign_in.
            issued_at=float(answer["issued_at"]),
            seconds=self._access_seconds,
        )
        return SignIn(
            user=answer["user"],
            session_id=answer["session_id"],
            access_token=access_token,
            expires_at=expires_at,
            refresh_token=refresh_token,
            refresh_seconds=int(answer["refresh_seconds"]),
        )
