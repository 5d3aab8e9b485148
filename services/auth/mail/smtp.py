"""Mail by SMTP: in the background, with a time limit and a few more tries."""

from __future__ import annotations

import random
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import structlog

from services.auth.addresses import normalise_email, to_ascii_domain
from services.auth.background import Background
from services.auth.mail.message import Mail

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
# Not parseaddr: people write a comma in their firm's name without quoting it.
SENDER = re.compile(r'\s*(?:"?(?P<name>[^"<>\x00-\x1f]*?)"?\s*<(?P<bracketed>[^<>]+)>|(?P<bare>[^<>\s]+))\s*')
WAITS_SECONDS = (1.0, 5.0, 20.0)  # before the second, third and fourth try
BEFORE_SECONDS = (0.1, 0.4)
SENDING_THREADS = 4  # so that a mail server that hangs over one recipient does not hold up everybody's codes
QUEUED_MAILS = 1_000

log = structlog.get_logger()


@dataclass(frozen=True)
class SmtpServer:
    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    timeout_seconds: float

    @classmethod
    def from_url(cls, url: str) -> SmtpServer:
        """``smtp://``, ``smtp+starttls://`` or ``smtps://`` (TLS at once), ``?timeout=`` seconds. Raises ValueError."""
        try:
            parts = urlsplit(url)
            seconds = float(parse_qs(parts.query).get("timeout", ["10"])[-1])
            port = parts.port
        except ValueError:
            port, seconds = None, 0.0
        if parts.scheme not in PORTS or not parts.hostname or not 0 < seconds <= 120:
            # Without the value: it may hold a password.
            raise ValueError("must be like smtp+starttls://user:password@mail.example.org:587?timeout=10")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or PORTS[parts.scheme],
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            timeout_seconds=seconds,
        )

    def deliver(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Raises smtplib.SMTPException or OSError."""
        with self._connect() as connection:
            if self.scheme == "smtp+starttls":
                connection.starttls(context=ssl.create_default_context())
            if self.user is not None:
                connection.login(self.user, self.password or "")
            # Named, else they are parsed out of the headers.
            connection.send_message(message, sender, [recipient])

    def _connect(self) -> smtplib.SMTP:
        if self.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)


class SmtpMailer:
    """``name_address`` gives the stand-in for an address that logs may hold."""

    def __init__(
        self,
        server: SmtpServer,
        sender: Address,
        name_address: Callable[[str], str],
        waits_seconds: tuple[float, ...] = WAITS_SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._name_address = name_address
        self._waits = waits_seconds
        self._background = Background("mail", QUEUED_MAILS, threads=SENDING_THREADS)

    def send(self, mail: Mail) -> None:
        # Not at once: at work beside the rest of the request, it would show in the answer's time who gets mail.
        self._queue(mail, self._waits, after_seconds=random.uniform(*BEFORE_SECONDS))  # noqa: S311

    def close(self, seconds: float) -> None:
        """Sends what is waiting, for at most ``seconds``."""
        self._background.close(seconds)

    def _queue(self, mail: Mail, waits: tuple[float, ...], after_seconds: float) -> None:
        if not self._background.submit(lambda: self._deliver(mail, waits), after_seconds):
            log.error("mail_dropped", address=self._name_address(mail.to), cause="too many are waiting")

    def _deliver(self, mail: Mail, waits: tuple[float, ...]) -> None:
        address = self._name_address(mail.to)
        try:
            self._server.deliver(mail.render(self._sender), self._sender.addr_spec, mail.envelope_to)
        except (smtplib.SMTPException, OSError) as error:
            # The reason's text may repeat the address: its kind and status must do.
            details = {"cause": type(error).__name__, "smtp_status": getattr(error, "smtp_code", None)}
            if not waits or _is_final(error):
                log.error("mail_failed", address=address, **details)
            else:
                log.warning("mail_delayed", address=address, **details)
                self._queue(mail, waits[1:], waits[0])
        else:
            log.info("mail_sent", address=address)


def _is_final(error: Exception) -> bool:
    """Whether another try would get the same answer: a 5xx for the sender, the recipients or the content."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(status >= 500 for status, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, smtplib.SMTPNotSupportedError)


def parse_sender(text: str) -> Address:
    """``Pulse <pulse@example.org>`` or a bare address. Raises ValueError."""
    found = SENDER.fullmatch(text)
    if found is None:
        raise ValueError("must be like Pulse <pulse@example.org>")
    name, email = found["name"] or "Pulse", normalise_email(found["bracketed"] or found["bare"])
    return Address(display_name=name, addr_spec=to_ascii_domain(email))
