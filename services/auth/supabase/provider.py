"""The AuthProvider on Supabase Auth. Who somebody is, GoTrue says; who may come in, and until when, is ours."""

from __future__ import annotations

import time
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import httpx
from supabase_auth.types import AuthResponse, SignInWithIdTokenCredentials

from services.auth.addresses import to_ascii_domain
from services.auth.mail.mailer import Mailer
from services.auth.provider import (
    Asker,
    InvalidCredentials,
    LinkExpired,
    OtherBrowser,
    PasswordAtStake,
    PendingLink,
    Scope,
    SignedOut,
    SignIn,
    SignInRefused,
)
from services.auth.seals import Seals
from services.auth.settings import AuthSettings
from services.auth.supabase.accounts import Accounts
from services.auth.supabase.arrivals import Arrivals
from services.auth.supabase.errors import FAILURES, translate
from services.auth.supabase.gotrue import READY_TIMEOUT, GoTrue
from services.auth.supabase.keys import PublicKeys
from services.auth.supabase.mailing import Mailing
from services.auth.supabase.offered import Offered
from services.auth.supabase.one_use import OneUse
from services.auth.supabase.password_changes import PasswordChanges
from services.auth.supabase.passwords import Passwords, check_bytes
from services.auth.supabase.requests import Request, Requests, challenge, verifier
from services.auth.supabase.sessions import Sessions
from services.auth.supabase.tries import Tries, translate_try
from shared.caller import Caller
from shared.database import Database
from shared.errors import AppError, NotAllowed, Unavailable

CALLBACK = "/auth/callback"
SETS: dict[str, PasswordAtStake] = {"recovery": "new", "signup": "chosen"}
"""By the kind of request."""
REFUSAL_SECONDS = 0.5  # GoTrue answers sooner for an address it does not know than for a wrong password


class SupabaseProvider:
    """``database`` calls public functions; ``mailer``, if any, tells of new passwords: all else GoTrue mails."""

    offers_password = True
    remembers_browsers = True
    sends_browsers_back = True

    def __init__(self, settings: AuthSettings, database: Database, seals: Seals, mailer: Mailer | None = None) -> None:
        secret = settings.auth_secret.get_secret_value()
        self.code_digits = settings.code_digits
        self._authorize_url = settings.supabase_browser_url + "/auth/v1/authorize"
        self.gotrue = _connect(settings)
        self._requests = Requests(secret, settings.auth_public_url + CALLBACK)
        passwords = Passwords(secret, database, self.gotrue, self._requests)
        self._sessions = Sessions(settings, database, self.gotrue)
        self._arrivals = Arrivals(passwords, self._sessions)
        self._mailing = Mailing(database, self.gotrue, self._requests, passwords, settings.signup_policy, seals)
        self._changes = PasswordChanges(settings, database, self.gotrue, passwords, self._sessions, mailer)
        self._accounts = Accounts(self.gotrue, passwords)
        self._keys = PublicKeys(self.gotrue)
        self._offered = Offered(self.gotrue)
        self._one_use = OneUse(database)
        self._tries = Tries(database, settings.codes_per_ip)

    @property
    def offers_google(self) -> bool:
        return self._offered.has("google")

    def request_link(self, email: str, redirect_to: str, asker: Asker) -> None:
        self._mailing.request_link(email, redirect_to, asker)

    def invite(self, email: str, redirect_to: str, inviter: str | None) -> None:  # noqa: ARG002  # GoTrue's templates
        self._mailing.invite(email, redirect_to)

    def find_link(self, token: str, redirect_to: str, kind: str, asker: Asker) -> PendingLink | None:
        """What the seal says: GoTrue can't be asked about a token without using it up."""
        if not token:
            return None
        opened = self._requests.open_address(redirect_to)
        if opened is None:
            return PendingLink(None, None, None, sets="new" if kind == "recovery" else None)
        age = max(0, int(time.time()) - opened.asked_at)
        sets = SETS.get(opened.request.kind)
        if sets == "chosen" and not opened.request.is_asked_by(asker.secret):
            sets = "elsewhere"
        return PendingLink(opened.request.email, opened.request.requested_by, age, sets)

    def find_target(self, redirect_to: str | None) -> str | None:
        if redirect_to is None or not self._requests.is_callback(redirect_to):
            return redirect_to
        opened = self._requests.open_address(redirect_to)
        return opened.request.redirect_to if opened else None

    def confirm_link(self, token: str, redirect_to: str | None, asker: Asker) -> SignIn:
        answer, request = self._verify_link("email", token, redirect_to, asker)
        return self._arrivals.by_mail(answer, request, asker)

    def _verify_link(
        self, kind: Literal["email", "recovery"], token: str, redirect_to: str | None, asker: Asker
    ) -> tuple[AuthResponse, Request | None]:
        """What GoTrue says to it, and what it was asked for with, if it says so. Raises LinkExpired…"""
        opened = self._requests.open_address(redirect_to)
        request = opened.request if opened and opened.request.email else None  # not Google's, seen by its asker
        if request and (request.kind == "recovery") != (kind == "recovery"):
            raise LinkExpired()
        tries = self._tries.of_unsealed_link(asker.address)
        if request and request.email:
            tries = self._tries.of_sealed_link(asker.address, request.email)
        try:
            with self._one_use.of_link(token), tries:
                return self.gotrue.client(asker).verify_otp({"token_hash": token, "type": kind}), request
        except FAILURES as error:
            raise translate_try(error) from error

    def confirm_code(self, email: str, code: str, asker: Asker) -> SignIn:
        address = to_ascii_domain(email)
        try:
            with self._tries.of_code(email), self._one_use.of_code(address, code):
                answer = self.gotrue.client(asker).verify_otp({"email": address, "token": code, "type": "email"})
        except FAILURES as error:
            raise translate_try(error) from error
        return self._arrivals.by_mail(answer, None, asker)

    def sign_in_with_password(self, email: str, password: str, asker: Asker) -> SignIn:
        check_bytes(password)
        began = time.monotonic()
        try:
            answer = self.gotrue.client(asker).sign_in_with_password(
                {"email": to_ascii_domain(email), "password": password}
            )
            return self._arrivals.by_password(answer)
        except (*FAILURES, InvalidCredentials, NotAllowed) as error:
            found = error if isinstance(error, AppError) else translate(error, InvalidCredentials)
            if not isinstance(found, (InvalidCredentials, NotAllowed)):
                raise found from error
            time.sleep(max(0.0, began + REFUSAL_SECONDS - time.monotonic()))
            # Also for whoever has not confirmed or is banned: that would tell who is known.
            raise InvalidCredentials() from error

    def sign_up(self, email: str, password: str, name: str | None, redirect_to: str, asker: Asker) -> None:
        self._mailing.sign_up(email, password, name, redirect_to, asker)

    def request_reset(self, email: str, redirect_to: str, asker: Asker) -> None:
        self._mailing.request_reset(email, redirect_to, asker)

    def confirm_recovery(
        self, token: str, redirect_to: str | None, password: str, asker: Asker
    ) -> tuple[SignIn, list[str]]:
        self._mailing.check_strength(password, asker)
        answer, request = self._verify_link("recovery", token, redirect_to, asker)
        sign_in = self._arrivals.by_recovery(answer, request, password, asker)
        self._changes.tell(sign_in.user["email"])
        return sign_in, []  # revoked with all of the person's: there is no list

    def change_password(
        self, caller: Caller, email: str, access_token: str, current: str | None, password: str, asker: Asker
    ) -> list[str]:
        return self._changes.change(caller, email, access_token, current, password, asker)

    def google_url(self, redirect_to: str, asker: Asker) -> str:
        request = Request.new("google", None, asker.browser, redirect_to)
        query = {
            "provider": "google",
            "redirect_to": self._requests.address(request),
            "code_challenge": challenge(asker.secret, request.id),
            "code_challenge_method": "s256",
        }
        return f"{self._authorize_url}?{urlencode(query)}"

    def sign_in_with_google(self, id_token: str, nonce: str | None, asker: Asker) -> SignIn:
        credentials: SignInWithIdTokenCredentials = {"provider": "google", "token": id_token}
        if nonce:
            credentials["nonce"] = nonce
        try:
            answer = self.gotrue.client(asker).sign_in_with_id_token(credentials)
        except FAILURES as error:
            raise translate(error, SignInRefused) from error
        return self._arrivals.by_google(answer, asker)

    def leads_to_google(self, request: str) -> bool:
        opened = self._requests.open(request)
        return opened is not None and opened.request.kind == "google"

    def exchange_code(self, code: str, request: str, asker: Asker) -> tuple[SignIn, str]:
        opened = self._requests.open(request)
        if opened is None:
            raise OtherBrowser()
        params = {"auth_code": code, "code_verifier": verifier(asker.secret, opened.request.id), "redirect_to": ""}
        try:
            answer = self.gotrue.client(asker).exchange_code_for_session(params)  # type: ignore[arg-type]
        except FAILURES as error:
            raise translate(error, OtherBrowser) from error
        asked = opened.request
        if asked.kind == "google":
            return self._arrivals.by_google(answer, asker), asked.redirect_to
        return self._arrivals.by_mail(answer, asked, asker), asked.redirect_to

    def refresh(self, refresh_token: str, asker: Asker) -> SignIn:
        return self._sessions.refresh(refresh_token, asker)

    def sign_out(
        self, *, caller: Caller | None, access_token: str | None, refresh_token: str | None, scope: Scope
    ) -> SignedOut | None:
        return self._sessions.sign_out(caller, access_token, refresh_token, scope)

    def create_account(self, email: str, name: str) -> UUID:
        return self._accounts.create(email, name)

    def rename_account(self, user_id: UUID, name: str) -> None:
        self._accounts.rename(user_id, name)

    def delete_account(self, user_id: UUID) -> None:
        self._accounts.delete(user_id)

    def public_keys(self) -> list[dict[str, Any]]:
        return self._keys.known()

    def check_ready(self) -> None:
        try:
            self.gotrue.get("/health", READY_TIMEOUT)
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable("Supabase Auth is not answering.") from error

    def close(self, seconds: float = 5.0) -> None:
        """Waits for mails, sign-outs and names that GoTrue is still to hear of."""
        self._mailing.close(seconds)
        self._sessions.close(seconds)
        self._accounts.close(seconds)


def _connect(settings: AuthSettings) -> GoTrue:
    # Checked with the settings.
    assert settings.supabase_url is not None
    assert settings.supabase_publishable_key is not None
    assert settings.supabase_secret_key is not None
    return GoTrue(
        settings.supabase_url,
        settings.supabase_publishable_key,
        settings.supabase_secret_key.get_secret_value(),
        forwards=settings.supabase_ip_forwarding,
        at_once=max(1, settings.threads // 2),
    )
