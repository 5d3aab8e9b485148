"""GoTrue's mails: templates fetched by HTTP, filled in as Go's html/template does, sent by SMTP within the request."""

from __future__ import annotations

import html
import re
import smtplib
from email.message import EmailMessage
from urllib.parse import quote, quote_plus

import requests

from tests.standins.gotrue.options import GotrueOptions

TIMEOUT_SECONDS = 10
VARIABLE = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")
ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
HREF = re.compile(r"""href\s*=\s*["']([^"']*)$""")
NOT_A_WEB_ADDRESS = re.compile(r"(?!https?:|mailto:)[^/?#]*:", re.IGNORECASE)
STOCK = '<h2>{title}</h2>\n\n<p><a href="{{{{ .ConfirmationURL }}}}">{title}</a></p>'
TITLES = {
    "confirmation": "Confirm your email address",
    "magic_link": "Your sign-in link",
    "invite": "You've been invited",
    "recovery": "Reset your password",
}


class MailFailed(Exception):
    """The mail server is away, or takes no mail for this address."""


class Mails:
    def __init__(self, options: GotrueOptions) -> None:
        self._options = options
        self._bodies: dict[str, str] = {}

    def send(self, template: str, to: str, variables: dict[str, str]) -> None:
        """Raises MailFailed."""
        message = EmailMessage()
        message["From"] = "admin@example.org"
        message["To"] = to
        message["Subject"] = render(self._options.subjects.get(template, TITLES[template]), variables)
        message.set_content(render(self._body(template), variables), subtype="html")
        try:
            with smtplib.SMTP(self._options.smtp_host, self._options.smtp_port, timeout=TIMEOUT_SECONDS) as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as reason:
            raise MailFailed from reason

    def _body(self, template: str) -> str:
        """A template that cannot be fetched is replaced by the stock one without a word, and tried again."""
        stock = STOCK.format(title=TITLES[template])
        url = self._options.templates.get(template)
        if url is None:
            return stock
        if template not in self._bodies:
            try:
                answer = requests.get(url, timeout=TIMEOUT_SECONDS)
            except requests.RequestException:
                return stock
            if answer.status_code != 200:
                return stock
            self._bodies[template] = answer.content.decode()
        return self._bodies[template]


def confirmation_url(options: GotrueOptions, token_hash: str, kind: str, redirect_to: str) -> str:
    # Taken for encoded already when it has nothing to encode: as the real one does.
    target = quote_plus(redirect_to) if re.search("[&=#]", redirect_to) else redirect_to
    origin = "/".join(options.external_url.split("/")[:3])
    return f"{origin}{options.verify_path}?token={quote_plus(token_hash)}&type={kind}&redirect_to={target}"


def render(template: str, variables: dict[str, str]) -> str:
    """Go's html/template for plain variables: what is escaped how follows from where it stands."""
    template = COMMENT.sub("", template)
    unknown = [action for action in ACTION.findall(template) if not VARIABLE.fullmatch(action)]
    assert not unknown, f"the stand-in fills in variables only, not {unknown}"

    def fill(place: re.Match[str]) -> str:
        value = variables.get(place[1], "")
        href = HREF.search(template, 0, place.start())
        if href is None:
            return _escape(value)
        return _escape(_in_url(value, href[1]))

    return VARIABLE.sub(fill, template)


def _in_url(value: str, before: str) -> str:
    if re.search("[?#]", before):
        return quote(value, safe="")
    if not before and NOT_A_WEB_ADDRESS.match(value):
        return "#ZgotmplZ"
    return re.sub(r"%(?![0-9a-fA-F]{2})", "%25", quote(value, safe="!#$&*+,/:;=?@[]%"))


def _escape(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;").replace("+", "&#43;")
