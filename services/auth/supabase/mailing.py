"""Links and confirmations, mailed by GoTrue in the background: no answer, nor its time, shows what became of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import structlog
from supabase_auth.errors import AuthApiError

from services.auth.addresses import to_ascii_domain
from services.auth.background import Background
from services.auth.provider import Asker
from services.auth.seals import Seals, new_token
from services.auth.signup import SignupPolicy
from services.auth.supabase.errors import FAILURES, is_passing, translate
from services.auth.supabase.gotrue import GoTrue
from services.auth.supabase.passwords import MARK, Passwords, check_bytes
from services.auth.supabase.requests import Kind, Request, Requests, challenge
from shared.database import Database
from shared.errors import AppError, Malformed, TooManyRequests, Unavailable

MAILS_AN_HOUR = 5
HOUR_SECONDS = 3600
BEFORE_SECONDS = (0.1, 0.4)  # not beside the rest of the request, in whose time it would show
WAITS_SECONDS = (1.0, 5.0, 20.0)
SENDING_THREADS = 4  # GoTrue waits for its mail server: one that hangs must not hold up everybody
QUEUED_MAILS = 1_000
NOBODY = "nobody"
"""No address: GoTrue looks at a new password before it looks at whose it is (supabase/auth, signup.go)."""

log = structlog.get_logger()

Work = Callable[[], None]


class Mailing:
    def __init__(
        self,
        database: Database,
        gotrue: GoTrue,
        requests: Requests,
        passwords: Passwords,
        policy: SignupPolicy,
        seals: Seals,
    ) -> None:
        self._database = database
        self._gotrue = gotrue
        self._requests = requests
        self._passwords = passwords
        self._policy = policy
        self._seals = seals
        self._background = Background("supabase mail", QUEUED_MAILS, threads=SENDING_THREADS)

    def request_link(self, email: str, redirect_to: str, asker: Asker) -> None:
        request = _ask("link", email, redirect_to, asker)
        permitted = self._take_permit(email)
        self._queue(email, lambda: self._send_link(request, asker), permitted)

    def invite(self, email: str, redirect_to: str) -> None:
        """Not counted among an address's mails, which anybody may use up."""
        asker = Asker(address=None, browser=None, secret=new_token())
        request = _ask("link", email, redirect_to, asker)
        permitted = self._take_permit(email, "invitation")
        self._queue(email, lambda: self._send_link(request, asker), permitted)

    def sign_up(self, email: str, password: str, name: str | None, redirect_to: str, asker: Asker) -> None:
        """Raises Malformed for a weak password, whoever's it is."""
        self.check_strength(password, asker)
        request = _ask("signup", email, redirect_to, asker)
        permitted = self._take_permit(email)
        if self._policy.meet(email).may_join:
            self._queue(email, lambda: self._send_confirmation(request, password, name, asker), permitted)
        else:  # whoever was invited gets in by link
            self._queue(email, lambda: self._send_plain_link(request, asker), permitted)

    def request_reset(self, email: str, redirect_to: str, asker: Asker) -> None:
        request = _ask("recovery", email, redirect_to, asker)
        permitted = self._take_permit(email)
        self._queue(email, lambda: self._send_recovery(request, asker), permitted)

    def check_strength(self, password: str, asker: Asker) -> None:
        """Raises Malformed, TooManyRequests or Unavailable: alike for every address, as none is named."""
        check_bytes(password)
        try:
            self._gotrue.client(asker).sign_up({"email": NOBODY, "password": password})
        except FAILURES as error:
            found = translate(error, AppError)
            if isinstance(found, (Malformed, TooManyRequests, Unavailable)):
                raise found from error

    def close(self, seconds: float) -> None:
        self._background.close(seconds)

    def _send_link(self, request: Request, asker: Asker) -> None:
        assert request.email is not None
        client = self._gotrue.background.client(asker, challenge(asker.secret, request.id))
        client.sign_in_with_otp(
            {
                "email": to_ascii_domain(request.email),
                "options": {
                    "email_redirect_to": self._requests.address(request),
                    "should_create_user": self._policy.meet(request.email).may_join,
                    "data": {MARK: self._requests.mark(replace(request, kind="link"), asker.secret)},
                },
            }
        )

    def _send_plain_link(self, request: Request, asker: Asker) -> None:
        """Instead of a confirmation: it makes no password count."""
        self._send_link(replace(request, kind="link"), asker)

    def _send_recovery(self, request: Request, asker: Asker) -> None:
        """GoTrue says nothing of an address that has no account, and mails nothing."""
        assert request.email is not None
        client = self._gotrue.background.client(asker, challenge(asker.secret, request.id))
        client.reset_password_for_email(
            to_ascii_domain(request.email), {"redirect_to": self._requests.address(request)}
        )

    def _send_confirmation(self, request: Request, password: str, name: str | None, asker: Asker) -> None:
        assert request.email is not None
        mark = self._requests.mark(request, asker.secret)
        data = {MARK: mark, **({"name": name} if name else {})}
        client = self._gotrue.background.client(asker, challenge(asker.secret, request.id))
        try:
            made = client.sign_up(
                {
                    "email": to_ascii_domain(request.email),
                    "password": password,
                    "options": {"email_redirect_to": self._requests.address(request), "data": data},
                }
            )
        except AuthApiError as error:
            if error.code != "user_already_exists":
                raise
            self._send_plain_link(request, asker)
            return
        if made.user is None:
            return
        is_ours = made.user.user_metadata.get(MARK) == mark
        if made.session is not None:
            # MAILER_AUTOCONFIRM: nobody has shown that the address is theirs, so the password must not count yet.
            log.error("gotrue_confirms_by_itself", hint="switch on Confirm email (GOTRUE_MAILER_AUTOCONFIRM=false)")
            self._passwords.replace(made.user.id)
            self._passwords.keep_until_confirmed(request, password)
            self._send_link(request, asker)
        elif is_ours and not made.user.identities:
            self._send_plain_link(request, asker)  # made up for an address that has an account: it gets a link instead
        elif not is_ours:
            self._passwords.keep_until_confirmed(request, password)

    def _take_permit(self, email: str, kind: str = "mail") -> bool:
        answer = self._database.call(
            "take_permit", bucket=f"{kind}:{email}", permits=MAILS_AN_HOUR, window_seconds=HOUR_SECONDS
        )
        return bool(answer["allowed"])

    def _queue(self, email: str, send: Work, permitted: bool) -> None:
        address = self._seals.name_address(email)
        log.info("link_requested", address=address, permitted=permitted)
        before = random.uniform(*BEFORE_SECONDS)  # noqa: S311  # spreads, hides nothing by itself
        self._submit(address, send if permitted else _nothing, WAITS_SECONDS, before)

    def _submit(self, address: str, send: Work, waits: tuple[float, ...], after_seconds: float) -> None:
        def work() -> None:
            try:
                send()
            except FAILURES as error:
                # Without GoTrue's text, which may repeat the address.
                details = {"cause": type(error).__name__, "error_code": getattr(error, "code", None)}
                if waits and is_passing(error):
                    log.warning("mail_delayed", address=address, **details)
                    self._submit(address, send, waits[1:], waits[0])
                else:
                    log.warning("mail_not_sent", address=address, **details)

        if not self._background.submit(work, after_seconds):
            log.error("mail_dropped", address=address, cause="too many are waiting")


def _ask(kind: Kind, email: str, redirect_to: str, asker: Asker) -> Request:
    return Request.new(kind, email, asker.browser, redirect_to, asker.secret)


def _nothing() -> None:
    """Throttled: as much work to queue as for everybody else."""
