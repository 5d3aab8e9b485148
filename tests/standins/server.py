"""A WSGI application on loopback: HTTP/1.1 with keep-alive, a thread a connection.

Werkzeug's server ends every connection after one answer; a gateway does not, and a client's pool is to be tried.
"""

from __future__ import annotations

import io
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _Connection(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        length = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        try:
            try:
                chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
            except ConnectionError:
                raise
            except Exception:  # a mistake of a stand-in, for whoever reads the failed test
                traceback.print_exc()
                chunks, status, headers = [b"the stand-in failed"], "500 Internal Server Error", Headers()
            self._answer(status, headers.to_wsgi_list(), b"".join(chunks))
        except ConnectionError:  # a client that gave up, or a fault that hung up
            self.close_connection = True

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        bodiless = code in ("204", "304")
        if not bodiless:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not bodiless and self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log(self, type: str, message: str, *args: object) -> None:
        """The requests a test asks for are recorded by the gateway."""


class _Server(ThreadedWSGIServer):
    daemon_threads = True

    def __init__(self, app: WSGIApplication, port: int) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__("127.0.0.1", port, app, handler=_Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._connections):
            hang_up(connection)


def hang_up(connection: socket.socket) -> None:
    """Close both ways at once, as a proxy that dies does; the thread that serves it then ends by itself."""
    with suppress(OSError):  # it was gone already
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve(app: WSGIApplication, port: int = 0) -> Iterator[str]:
    """The application's origin, ``http://127.0.0.1:<port>``; with the block all its connections end."""
    server = _Server(app, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()
