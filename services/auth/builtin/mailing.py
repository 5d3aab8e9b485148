"""The mails of the built-in provider: what goes to whom is decided in one call, so that every address costs alike."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import structlog

from services.auth.mail.mailer import Mailer
from services.auth.mail.message import InvitationMail, KnownMail, PasswordChangedMail, ResetMail, SignInMail, SignUpMail
from services.auth.provider import Asker
from services.auth.seals import Seals, hash_token, new_code, new_token
from services.auth.settings import DAY_SECONDS, AuthSettings
from shared.database import Database

INVITATION_DAYS = 7

log = structlog.get_logger()


class Mailing:
    """``database`` calls the functions of the schema builtin_auth."""

    def __init__(self, settings: AuthSettings, database: Database, seals: Seals, mailer: Mailer) -> None:
        self._database = database
        self._seals = seals
        self.mailer = mailer
        self._policy = settings.signup_policy
        self._confirm_url = settings.auth_public_url + "/auth/confirm"
        self._login_url = settings.public_url + "/login"

    def send_link(self, email: str, redirect_to: str, asker: Asker | None) -> None:
        token, code = new_token(), new_code()
        if self._keep(email, token, code, asker)["mail"]:
            self.mailer.send(SignInMail(to=email, link=self._link(token, "email", redirect_to), code=code))

    def send_sign_up(self, email: str, password_hash: str, name: str | None, redirect_to: str, asker: Asker) -> None:
        token, code = new_token(), new_code()
        answer = self._keep(email, token, code, asker, password_hash=password_hash, name=name)
        link = self._link(token, "email", redirect_to)
        if answer["mail"] and answer["known"]:
            self.mailer.send(KnownMail(to=email, link=link, code=code))
        elif answer["mail"]:
            self.mailer.send(SignUpMail(to=email, link=link, code=code, chosen_on=asker.browser))

    def send_reset(self, email: str, redirect_to: str, asker: Asker) -> None:
        token = new_token()
        if self._keep(email, token, new_code(), asker, kind="recovery")["mail"]:
            link = self._link(token, "recovery", redirect_to)
            self.mailer.send(ResetMail(to=email, link=link, asked_on=asker.browser))

    def send_invitation(self, email: str, redirect_to: str, inviter: str | None) -> None:
        """Not counted among an address's mails, which anybody may use up. It lasts for days, so it has no code."""
        token = new_token()
        answer = self._database.call(
            "invite",
            email=email,
            token_hash=hash_token(token),
            code_hash=hash_token(new_token()),
            life_seconds=INVITATION_DAYS * DAY_SECONDS,
        )
        log.info("invitation_requested", address=self._seals.name_address(email), mailed=answer["mail"])
        if answer["mail"]:
            link = self._link(token, "email", redirect_to)
            mail = InvitationMail(to=email, link=link, inviter=inviter, login_url=self._login_url, days=INVITATION_DAYS)
            self.mailer.send(mail)

    def tell_of_new_password(self, email: str) -> None:
        """Not counted among an address's mails: whoever was asked for five must hear of it all the same."""
        self.mailer.send(PasswordChangedMail(to=email, link=self._login_url))

    def _keep(self, email: str, token: str, code: str, asker: Asker | None, **more: str | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._database.call(
            "request_link",
            email=email,
            token_hash=hash_token(token),
            code_hash=self._seals.hash_code(email, code),
            requested_by=asker.browser if asker else None,
            asked_by=hash_token(asker.secret) if asker else None,
            may_join=self._policy.meet(email).may_join,
            **more,
        )
        log.info("link_requested", address=self._seals.name_address(email), mailed=answer["mail"])
        return answer

    def _link(self, token: str, kind: str, redirect_to: str) -> str:
        return f"{self._confirm_url}?{urlencode({'token_hash': token, 'type': kind, 'redirect_to': redirect_to})}"
