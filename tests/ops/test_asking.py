"""The doctor's questions go the ways that the services' calls go: proxies and certificate authorities."""

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ops.doctor.asking import NoAnswer, ask

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
SECRET = {"Authorization": "Bearer s3cret"}


class Listener(BaseHTTPRequestHandler):
    """Answers whoever asks with the Authorization that came, and lets no CONNECT through."""

    def do_GET(self) -> None:
        body = f'{{"authorization":"{self.headers.get("Authorization")}"}}'.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        seen.append((self.path, str(self.headers)))
        self.send_error(403)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test says what it expects."""


seen: list[tuple[str, str]] = []


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no authority but the test's."""
    for name in (*PROXIES, *(name.lower() for name in PROXIES), *AUTHORITIES):
        monkeypatch.delenv(name, raising=False)
    seen.clear()


@pytest.fixture
def listener() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def certificate(listener: ThreadingHTTPServer, tmp_path: Path) -> Path:
    """The listener's own, which nobody else vouches for; it speaks TLS from now on."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pulse-in-tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, keys = tmp_path / "certificate.pem", tmp_path / "key.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    keys.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, keys)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    return path


def address(server: ThreadingHTTPServer) -> str:
    return f"127.0.0.1:{server.server_address[1]}"


def test_https_goes_through_the_proxy_of_the_environment_which_sees_no_key(
    listener: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{address(listener)}")
    with pytest.raises(NoAnswer, match="the proxy of HTTPS_PROXY"):
        ask("GET", "https://abc.invalid/auth/v1/health", SECRET)
    [(path, headers)] = seen
    assert path == "abc.invalid:443"
    assert "s3cret" not in headers
    monkeypatch.setenv("NO_PROXY", ".invalid")
    with pytest.raises(NoAnswer, match="there is no host of that name"):
        ask("GET", "https://abc.invalid/auth/v1/health", SECRET)


def test_plain_calls_go_straight_there_with_their_own_key(
    listener: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert ask("GET", f"http://{address(listener)}/", SECRET).get("authorization") == "Bearer s3cret"


def test_an_authority_of_ones_own_is_believed_where_it_is_named(
    listener: ThreadingHTTPServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://{address(listener)}/"
    with pytest.raises(NoAnswer, match="not trusted here"):
        ask("GET", url)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ask("GET", url, SECRET).get("authorization") == "Bearer s3cret"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(NoAnswer, match="SSL_CERT_FILE or SSL_CERT_DIR is of no use"):
        ask("GET", url)
