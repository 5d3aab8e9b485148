"""Mail by SMTP, received by a real server: both parts, clean headers, and nobody waits for it."""

from __future__ import annotations

import email
import email.policy
import re
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from services.auth.builtin.provider import BuiltinProvider
from services.auth.mail.message import SignInMail
from services.auth.mail.smtp import SmtpMailer, SmtpServer, parse_sender
from tests.auth.conftest import OWN_ORIGIN, MakeApp, parts_of
from tests.auth.providers import MAILED, builtin_only
from tests.auth.visitor import Visitor

pytestmark = builtin_only(MAILED)

LINK = (
    OWN_ORIGIN + "/auth/confirm?token_hash=" + "x" * 43 + "&type=email&redirect_to=http%3A%2F%2Flocalhost%3A3000%2Fchat"
)

ENCODED = (
    "=?utf-8?q?evil=40attacker.org=2cx?=@example.org",
    "=?utf-8?q?a=0d=0abcc=3aevil=40attacker.org=0d=0ax=3a?=@example.org",
    "=?utf-8?q?a=0d=0a=0d=0a=3ch1=3egot=20you?=@example.org",
)
"""What each decodes to is another recipient, a header, and a body."""


class Postbox:
    """Stands for somebody's mail server: keeps what arrives, or refuses as told."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.answers: list[str] = []
        self.logins: list[str] = []
        self.arrived = threading.Condition()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        with self.arrived:
            answer = self.answers.pop(0) if self.answers else "250 OK"
            if answer.startswith("250"):
                self.envelopes.append(envelope)
            self.arrived.notify_all()
        return answer

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(f"{data.login.decode()}:{data.password.decode()}")
        return AuthResult(success=True)

    def wait_for(self, count: int) -> list[EmailMessage]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.envelopes) >= count, timeout=20), "no mail arrived"
            return [self.read(envelope) for envelope in self.envelopes]

    @staticmethod
    def read(envelope: Envelope) -> EmailMessage:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def smtp_url(postbox: Postbox, free_port: int) -> Iterator[str]:
    controller = Controller(
        postbox,
        hostname="127.0.0.1",
        port=free_port,
        authenticator=postbox.authenticate,
        auth_require_tls=False,
        enable_SMTPUTF8=True,
    )
    controller.start()
    yield f"smtp://127.0.0.1:{free_port}"
    controller.stop()


@pytest.fixture
def mailer(smtp_url: str) -> SmtpMailer:
    server = SmtpServer.from_url(smtp_url)
    return SmtpMailer(server, parse_sender("Pulse <pulse@example.org>"), lambda _: "hashed", (0.01, 0.01))


def text_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_link_asked_for_arrives_in_text_and_html_and_signs_in(
    make_app: MakeApp, smtp_url: str, postbox: Postbox
) -> None:
    app = make_app(SMTP_URL=smtp_url.replace("//", "//pulse:pass%40word@"), MAIL_FROM="Pulse <pulse@example.org>")
    ann = Visitor(app, "ann@example.org")
    assert ann.call("POST", "/auth/login", json={"email": ann.email}).status_code == 202
    [message] = postbox.wait_for(1)
    text, html = text_of(message, "plain"), text_of(message, "html")
    link = re.search(r"http\S+", text)
    code = re.search(r"\b\d{6}\b", text)
    assert link
    assert code
    assert link[0].replace("&", "&amp;") in html
    assert code[0] in html
    assert link[0].startswith(OWN_ORIGIN + "/auth/confirm?token_hash=")
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["To"] == ann.email
    assert message["From"] == "Pulse <pulse@example.org>"
    assert message["Subject"] == f"{code[0]} is your Pulse sign-in code"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime is not None
    assert message["Message-ID"].endswith("@example.org>")
    assert postbox.envelopes[0].rcpt_tos == [ann.email]
    assert postbox.envelopes[0].mail_from == "pulse@example.org"
    assert postbox.logins == ["pulse:pass@word"]
    assert ann.confirm(email=ann.email, code=code[0]).status_code == 200


def test_the_html_needs_nothing_from_elsewhere(mailer: SmtpMailer, postbox: Postbox) -> None:
    mailer.send(SignInMail("ann@example.org", LINK, "012345"))
    html = text_of(postbox.wait_for(1)[0], "html")
    assert re.findall(r'(?:src|href)="([^"]+)"', html) == [LINK.replace("&", "&amp;")]
    assert "<script" not in html


def test_lines_stay_short_enough_for_every_server(mailer: SmtpMailer, postbox: Postbox) -> None:
    mailer.send(SignInMail("ann@example.org", LINK + "x" * 1500, "012345"))
    assert LINK + "x" * 1500 in text_of(postbox.wait_for(1)[0], "plain")
    content = postbox.envelopes[0].content
    assert isinstance(content, bytes)
    assert max(map(len, content.splitlines())) <= 998


@pytest.mark.parametrize(
    ("to", "envelope"),
    [("ann@bücher.example", "ann@xn--bcher-kva.example"), ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example")],
)
def test_addresses_in_other_letters_travel_safely(smtp_url: str, postbox: Postbox, to: str, envelope: str) -> None:
    sender = parse_sender("Pülse, Inc. \u2665 <pulse@example.org>")
    SmtpMailer(SmtpServer.from_url(smtp_url), sender, str, ()).send(SignInMail(to, LINK, "012345"))
    [message] = postbox.wait_for(1)
    assert postbox.envelopes[0].rcpt_tos == [envelope]
    content = postbox.envelopes[0].content
    assert isinstance(content, bytes)
    assert f"To: {envelope}\r\n".encode() in content
    assert message["From"].addresses[0].addr_spec == "pulse@example.org"


def test_nobody_adds_headers_or_recipients() -> None:
    for to in (
        "a@example.org\r\nBcc: b@example.org",
        "a\nb@example.org",
        "a@example.org\n\nbody",
        "a,b@example.org",
        "<b@example.org>, a@example.org",
        *ENCODED,
    ):
        with pytest.raises(ValueError, match=r"invalid|[Cc]odepoint|may not contain"):
            SignInMail(to, LINK, "012345").render(parse_sender("Pulse <pulse@example.org>"))


@pytest.mark.parametrize("address", ENCODED)
def test_an_address_that_mail_programs_would_decode_is_none(make_app: MakeApp, address: str) -> None:
    app = make_app(SIGNUP="domains:example.org", ADMIN_EMAILS="ann@example.org")
    for path, more in (("/auth/login", {}), ("/auth/signup", {"password": "seven purple otters knit"})):
        answer = Visitor(app, "").call("POST", path, json={"email": address, **more})
        assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed")
    invited = Visitor(app, "ann@example.org").sign_in().call("POST", "/users", json={"email": address})
    assert invited.status_code == 422


@pytest.mark.parametrize("address", ["=utf-8?q?a@example.org", "a=b?c@example.org", "?=x@example.org"])
def test_its_signs_alone_are_letters_as_others(smtp_url: str, postbox: Postbox, address: str) -> None:
    SmtpMailer(SmtpServer.from_url(smtp_url), parse_sender("a@b.org"), str, ()).send(
        SignInMail(address, LINK, "012345")
    )
    postbox.wait_for(1)
    content = postbox.envelopes[0].content
    assert isinstance(content, bytes)
    assert postbox.envelopes[0].rcpt_tos == [address]
    assert f"To: {address}\r\n".encode() in content


def test_a_busy_server_is_tried_again_and_a_final_no_is_taken(mailer: SmtpMailer, postbox: Postbox) -> None:
    postbox.answers = ["451 busy", "451 busy"]
    mailer.send(SignInMail("ann@example.org", LINK, "000001"))
    assert len(postbox.wait_for(1)) == 1
    postbox.answers = ["550 no such person"]
    mailer.send(SignInMail("nobody@example.org", LINK, "000002"))
    mailer.close(20)
    assert len(postbox.envelopes) == 1
    postbox.answers = ["451 busy"] * 3
    mailer.send(SignInMail("ben@example.org", LINK, "000003"))
    mailer.close(20)
    assert (len(postbox.envelopes), postbox.answers) == (1, [])


def test_one_slow_recipient_does_not_hold_up_the_others(smtp_url: str, postbox: Postbox) -> None:
    mailer = SmtpMailer(SmtpServer.from_url(smtp_url), parse_sender("a@b.org"), str, (60.0,))
    postbox.answers = ["451 greylisted"]
    mailer.send(SignInMail("ann@example.org", LINK, "000001"))
    mailer.send(SignInMail("ben@example.org", LINK, "000002"))
    assert len(postbox.wait_for(1)) == 1
    assert postbox.answers == []


def test_a_dead_mail_server_neither_delays_nor_changes_the_answer(make_app: MakeApp, free_port: int) -> None:
    app = make_app(
        SMTP_URL=f"smtp://127.0.0.1:{free_port}?timeout=1",
        MAIL_FROM="pulse@example.org",
        SIGNUP="invited",
        ADMIN_EMAILS="ann@example.org",
    )
    answers = []
    for address in ("ann@example.org", "nobody@example.org"):
        began = time.monotonic()
        answers.append(Visitor(app, "").call("POST", "/auth/login", json={"email": address}))
        assert time.monotonic() - began < 20
    body = b'{"status":"link_sent","code_digits":6,"dev_inbox":false}'
    assert {(answer.status_code, answer.get_data()) for answer in answers} == {(202, body)}


def test_failures_are_logged_without_address_link_or_code(
    mailer: SmtpMailer, postbox: Postbox, capsys: pytest.CaptureFixture[str]
) -> None:
    postbox.answers = ["451 <ann@example.org> is busy", "550 <ann@example.org> unknown"]
    mailer.send(SignInMail("ann@example.org", LINK, "012345"))
    mailer.close(20)
    said = capsys.readouterr().out
    assert "mail_delayed" in said
    assert "mail_failed" in said
    for secret in ("ann@", "x" * 43, "012345"):
        assert secret not in said


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", SmtpServer("smtp", "mail.example.org", 25, None, None, 10)),
        ("smtps://a%40b:p%3A@mail:4465", SmtpServer("smtps", "mail", 4465, "a@b", "p:", 10)),
        ("smtp+starttls://u:p@mail?timeout=3.5", SmtpServer("smtp+starttls", "mail", 587, "u", "p", 3.5)),
    ],
)
def test_an_smtp_url_says_how_to_connect(url: str, server: SmtpServer) -> None:
    assert SmtpServer.from_url(url) == server


def test_mail_is_sent_by_the_wiring_the_settings_ask_for(make_app: MakeApp, smtp_url: str) -> None:
    def mailer_of(**environ: str) -> Callable[..., object]:
        provider = parts_of(make_app(**environ)).provider
        assert isinstance(provider, BuiltinProvider)
        return provider._mailing.mailer.send

    assert "SmtpMailer" in repr(mailer_of(SMTP_URL=smtp_url, MAIL_FROM="a@b.org"))
    assert "InboxMailer" in repr(mailer_of())
