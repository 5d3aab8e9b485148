"""Which way mail goes."""

from __future__ import annotations

from collections.abc import Callable

from services.auth.mail.mailer import InboxMailer, Mailer
from services.auth.mail.smtp import SmtpMailer, SmtpServer, parse_sender
from shared.database import Database


def choose_mailer(
    server: SmtpServer | None, sender: str | None, own: Database, name_address: Callable[[str], str]
) -> Mailer:
    """SMTP when there is a server and a sender, else the development inbox."""
    if server is None or sender is None:
        return InboxMailer(own)
    return SmtpMailer(server, parse_sender(sender), name_address)


def choose_notice_mailer(
    server: SmtpServer | None, sender: str | None, name_address: Callable[[str], str]
) -> Mailer | None:
    """For an installation whose provider mails the links itself: None without a server."""
    return None if server is None or sender is None else SmtpMailer(server, parse_sender(sender), name_address)
