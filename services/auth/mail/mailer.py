"""The port for mail, and the development inbox behind it."""

from __future__ import annotations

from typing import Protocol

from services.auth.mail.message import Mail
from shared.database import Database


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Takes the mail at once; neither its success nor its time may be seen by who asked for it."""


class InboxMailer:
    """Keeps mails where ``GET /dev/inbox`` shows them; ``database`` calls the schema builtin_auth."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def send(self, mail: Mail) -> None:
        self._database.call("add_inbox_mail", recipient=mail.to, subject=mail.subject, link=mail.link, code=mail.code)
