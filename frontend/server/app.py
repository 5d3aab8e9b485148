"""The page server: built files, one page for every address the pages know, and ``/config.json``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from wsgiref.headers import Headers

from flask import Flask, Response, redirect, request
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import NotFound as HttpNotFound
from werkzeug.wrappers import Response as AnyResponse
from whitenoise import WhiteNoise

from frontend.server.headers import security_headers
from frontend.server.settings import PagesSettings
from shared import web
from shared.api import Answer, Api
from shared.errors import NotFound, Unavailable

DIST = Path(__file__).parent.parent / "dist"
NOT_BUILT = "The pages are not built: run `npm ci && npm run build` in frontend/, then start this again."
PAGE_PATHS = ("/login", "/people", "/chat", "/chat/<uuid:conversation_id>", "/chat/with/<uuid:user_id>")


class Config(BaseModel):
    """Where browsers find the services."""

    auth_url: str
    chat_url: str
    websocket_url: str
    transports: list[str]


def create_app(settings: PagesSettings | None = None, dist: Path = DIST) -> Flask:
    settings = settings or PagesSettings.read()
    app = Flask(__name__, static_folder=None)
    pages = Pages(dist)
    _config_api(settings).install(app)
    app.add_url_rule("/", endpoint="home", view_func=lambda: redirect("/chat"))
    for path in PAGE_PATHS:
        app.add_url_rule(path, endpoint=path, view_func=pages.show)
    headers = security_headers(settings)
    web.install(app, settings, "Pulse pages", ready={"pages": pages.check_built})
    app.before_request(lambda: _redirect_home(settings.public_url))
    app.register_error_handler(HttpNotFound, pages.show_missing)
    app.after_request(lambda response: _protect(response, headers))
    if pages.index is not None:
        _serve_files(app, dist, headers)
    return app


class Pages:
    """The one page, read once; its script shows what the address asks for."""

    def __init__(self, dist: Path) -> None:
        index = dist / "index.html"
        self.index = index.read_bytes() if index.is_file() else None

    def check_built(self) -> bytes:
        """Raises Unavailable when there is nothing to show."""
        if self.index is None:
            raise Unavailable(NOT_BUILT)
        return self.index

    def show(self, **_: object) -> Response:
        return Response(self.check_built(), mimetype="text/html", headers={"Cache-Control": "no-cache"})

    def show_missing(self, _error: HTTPException) -> Response:
        """People get the page, which says so in its own words; programs get the contract's error."""
        reads_html = request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
        if not reads_html or self.index is None or request.path.startswith("/assets/"):
            return web.answer(NotFound())
        page = self.show()
        page.status_code = 404
        return page


def _config_api(settings: PagesSettings) -> Api:
    api = Api("pages")

    @api.on("GET", "/config.json")
    def show_config() -> Answer[Config]:
        """The services' addresses, read by the pages when they start."""
        config = Config(
            auth_url=settings.auth_public_url,
            chat_url=settings.chat_public_url,
            websocket_url=settings.websocket_public_url,
            transports=list(settings.transports),
        )
        return Answer(config.model_dump())

    return api


def _redirect_home(public_url: str) -> AnyResponse | None:
    """Cookies belong to one host name: whoever comes by another (127.0.0.1, say) is sent to ours."""
    host = (urlsplit(f"//{request.host}").hostname or "").lower()
    if request.method not in ("GET", "HEAD") or request.path in web.QUIET or host == urlsplit(public_url).hostname:
        return None
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    return redirect(f"{public_url}{request.path}{query}")


def _protect(response: Response, headers: dict[str, str]) -> Response:
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    return response


def _serve_files(app: Flask, dist: Path, headers: dict[str, str]) -> None:
    """Vite names what is under assets/ by content: that never changes; everything else is asked for each time."""

    def add_headers(given: Headers, _path: str, _url: str) -> None:
        for name, value in headers.items():
            given[name] = value

    files = WhiteNoise(
        app.wsgi_app,
        root=str(dist),
        max_age=0,
        allow_all_origins=False,
        immutable_file_test=r"^/assets/",
        add_headers_function=add_headers,
        mimetypes={".webmanifest": "application/manifest+json"},
    )
    app.wsgi_app = files  # type: ignore[method-assign]
