"""The AuthProvider that needs nothing but Postgres: what is single-use is decided in its SQL functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.auth.builtin.mailing import Mailing
from services.auth.builtin.passwords import Passwords
from services.auth.builtin.signing_keys import SigningKeys
from services.auth.mail.mailer import Mailer
from services.auth.provider import (
    Asker,
    InvalidCredentials,
    LinkExpired,
    NotInvited,
    NotOffered,
    PasswordAtStake,
    PendingLink,
    RefreshReused,
    Scope,
    SessionOver,
    SignedOut,
    SignIn,
    WrongPassword,
)
from services.auth.seals import CODE_DIGITS, Seals, hash_token, new_token
from services.auth.settings import DAY_SECONDS, AuthSettings
from shared.caller import Caller
from shared.database import Database

if TYPE_CHECKING:
    from services.auth.builtin.google import Google, Vouched


class BuiltinProvider:
    """``database`` calls the functions of the schema builtin_auth; ``google`` is None where it is not set up."""

    code_digits = CODE_DIGITS
    offers_password = True
    remembers_browsers = True

    def __init__(
        self, settings: AuthSettings, database: Database, seals: Seals, mailer: Mailer, google: Google | None = None
    ) -> None:
        self._google = google
        self.sends_browsers_back = google is not None
        self._database = database
        self._mailing = Mailing(settings, database, seals, mailer)
        self._passwords = Passwords(waiting=settings.threads // 2)
        self._policy = settings.signup_policy
        self._access_seconds = settings.access_token_seconds
        self._idle_seconds = settings.session_idle_days * DAY_SECONDS
        self._session_seconds = settings.session_days * DAY_SECONDS
        self._seals = seals
        self._keys = SigningKeys(database, seals, issuer=settings.auth_public_url)

    @property
    def offers_google(self) -> bool:
        return self._google is not None

    def request_link(self, email: str, redirect_to: str, asker: Asker) -> None:
        self._mailing.send_link(email, redirect_to, asker)

    def invite(self, email: str, redirect_to: str, inviter: str | None) -> None:
        self._mailing.send_invitation(email, redirect_to, inviter)

    def find_link(
        self,
        token: str,
        redirect_to: str,  # noqa: ARG002  # the token tells it
        kind: str,  # noqa: ARG002
        asker: Asker,
    ) -> PendingLink | None:
        return self._find_link(token, asker)

    def _find_link(self, token: str, asker: Asker) -> PendingLink | None:
        found = self._database.call("find_link", token_hash=hash_token(token), asked_by=hash_token(asker.secret))
        if found is None:
            return None
        chosen: PasswordAtStake | None = None
        if found["chose_password"]:
            chosen = "chosen" if found["same_browser"] else "elsewhere"
        return PendingLink(
            email=found["email"],
            requested_by=found["requested_by"],
            age_seconds=found["age_seconds"],
            sets="new" if found["kind"] == "recovery" else chosen,
        )

    def find_target(self, redirect_to: str | None) -> str | None:
        return redirect_to

    def confirm_link(self, token: str, redirect_to: str | None, asker: Asker) -> SignIn:  # noqa: ARG002
        pending = self._find_link(token, asker)
        if pending is None or pending.email is None or pending.sets == "new":
            raise LinkExpired()
        return self._confirm("confirm_link", pending.email, asker, token_hash=hash_token(token))

    def confirm_code(self, email: str, code: str, asker: Asker) -> SignIn:
        return self._confirm("confirm_code", email, asker, email=email, code_hash=self._seals.hash_code(email, code))

    def _confirm(self, function: str, address: str, asker: Asker, **by: str) -> SignIn:
        opened = self._open(function, address, **by, asked_by=hash_token(asker.secret), by_browser=asker.is_browser)
        if opened is None:
            raise LinkExpired()
        return opened[0]

    def _open(self, function: str, address: str, **by: str | bool | None) -> tuple[SignIn, dict[str, Any]] | None:
        """The session such a function opened, and all it said; None where it refused."""
        refresh_token = new_token()
        answer = self._database.call(
            function,
            **by,
            newcomer=self._policy.meet(address).as_json(),
            refresh_hash=hash_token(refresh_token),
            idle_seconds=self._idle_seconds,
            session_seconds=self._session_seconds,
        )
        return (self._sign_in(answer, refresh_token), answer) if answer else None

    def sign_in_with_password(self, email: str, password: str, asker: Asker) -> SignIn:  # noqa: ARG002
        found = self._database.call("find_password", email=email) or {"account": None, "password_hash": None}
        is_right, renewed = self._passwords.check(password, found["password_hash"])
        if not is_right:
            raise InvalidCredentials()
        opened = self._open(
            "open_session_by_password",
            email,
            account=found["account"],
            password_hash=found["password_hash"],
            renewed_hash=renewed,
        )
        if opened is None:
            raise InvalidCredentials()
        return opened[0]

    def sign_up(self, email: str, password: str, name: str | None, redirect_to: str, asker: Asker) -> None:
        # Hashed for every address, also where nothing will be kept: it takes the longest of it all.
        self._mailing.send_sign_up(email, self._passwords.hash(password), name, redirect_to, asker)

    def request_reset(self, email: str, redirect_to: str, asker: Asker) -> None:
        self._mailing.send_reset(email, redirect_to, asker)

    def confirm_recovery(
        self,
        token: str,
        redirect_to: str | None,  # noqa: ARG002  # the token tells it
        password: str,
        asker: Asker,
    ) -> tuple[SignIn, list[str]]:
        pending = self._find_link(token, asker)
        if pending is None or pending.email is None or pending.sets != "new":
            raise LinkExpired()
        new_hash = self._passwords.hash(password)
        opened = self._open("confirm_recovery", pending.email, token_hash=hash_token(token), new_hash=new_hash)
        if opened is None:
            raise LinkExpired()
        self._mailing.tell_of_new_password(pending.email)
        return opened[0], opened[1]["ended"]

    def change_password(
        self,
        caller: Caller,
        email: str,
        access_token: str,  # noqa: ARG002  # the caller is enough
        current: str | None,
        password: str,
        asker: Asker,  # noqa: ARG002
    ) -> list[str]:
        held: str | None = (self._database.call("find_password", email=email) or {"password_hash": None})[
            "password_hash"
        ]
        if held is not None and (current is None or not self._passwords.check(current, held)[0]):
            raise WrongPassword()
        ended: list[str] | None = self._database.call(
            "change_password",
            account=caller.user_id,
            held_hash=held,
            new_hash=self._passwords.hash(password),
            kept_session=caller.session_id,
        )["ended"]
        if ended is None:
            raise WrongPassword()
        self._mailing.tell_of_new_password(email)
        return ended

    def google_url(self, redirect_to: str, asker: Asker) -> str:
        return self._offered_google().url(redirect_to, asker)

    def sign_in_with_google(self, id_token: str, nonce: str | None, asker: Asker) -> SignIn:  # noqa: ARG002
        return self._admit(self._offered_google().by_token(id_token, nonce))

    def leads_to_google(self, request: str) -> bool:  # noqa: ARG002  # nobody else sends browsers back
        return self.offers_google

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
