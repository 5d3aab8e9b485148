"""What every service's HTTP has in common: errors in one shape, request ids, CORS, health, metrics, docs."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from functools import cache

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from shared import errors
from shared.errors import AppError
from shared.logs import name_cause
from shared.metrics import REQUEST_SECONDS, REQUESTS, render_metrics
from shared.openapi import install_docs
from shared.settings import Settings

BODY_BYTES = 256 * 1024  # of a JSON request; 8,000 code points escaped as \uXXXX\uXXXX are 96,000
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
QUIET = {"/healthz", "/readyz", "/metrics", "/revocations"}  # asked every second or so; logged when refused

Check = Callable[[], object]
"""A dependency of ``/readyz``: returns when it works, raises when it does not."""

log = structlog.get_logger()


def install(
    app: Flask,
    settings: Settings,
    title: str,
    *,
    ready: Mapping[str, Check],
    reported: Mapping[str, Check] | None = None,
    body_bytes: int = BODY_BYTES,
) -> None:
    """Makes ``app`` a Pulse service; called last in ``create_app``, after its routes.

    Without what is in ``ready`` it can't do its work; what is ``reported`` may be down while it goes on.
    """
    app.config["MAX_CONTENT_LENGTH"] = body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.compact = True  # type: ignore[attr-defined]
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=0)  # type: ignore[method-assign]
    app.before_request(_begin)
    origins = frozenset(settings.origins)
    app.after_request(lambda response: _finish(response, origins))
    app.register_error_handler(AppError, answer)
    app.register_error_handler(HTTPException, lambda error: answer(_as_app_error(error), error))
    app.register_error_handler(Exception, _answer_bug)
    _install_health(app, ready, reported or {})
    install_docs(app, title)


def _begin() -> None:
    g.request_id = choose_request_id(request.headers.get("X-Request-Id", ""))
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response, origins: frozenset[str]) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.request_id
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Cache-Control", "no-store")
    headers.add("Vary", "Origin")
    headers.update(allow_origin(request.headers.get("Origin"), origins))
    if "Access-Control-Allow-Origin" in headers and request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Request-Id"
        headers["Access-Control-Max-Age"] = "600"
    route = request.url_rule.rule if request.url_rule else "unknown"
    quiet = request.path in QUIET and response.status_code < 400
    details = dict(g.get("log_details", {}))
    if "user_id" in g:
        details["user_id"] = str(g.user_id)
    record(request.method, route, response.status_code, time.perf_counter() - g.began, quiet=quiet, **details)
    return response


def record(method: str, route: str, status: int, seconds: float, *, quiet: bool = False, **details: object) -> None:
    """Counts an answered request and, unless ``quiet``, logs it: the route and not the path or query, which may hold a
    link's hash, a code or somebody's address."""
    counted = method if method in METHODS else "other"  # anybody can make up words; each would be kept
    count, observe = _figures(counted, route, status)
    count()
    observe(seconds)
    if not quiet:
        write = log.warning if status >= 500 else log.info
        write("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), **details)


@cache
def _figures(method: str, route: str, status: int) -> tuple[Callable[[], None], Callable[[float], None]]:
    """To look labels up costs more than to count."""
    return REQUESTS.labels(method, route, str(status)).inc, REQUEST_SECONDS.labels(method, route).observe


def allow_origin(origin: str | None, origins: frozenset[str]) -> dict[str, str]:
    """The headers with which one of this installation's pages may read the answer; none for anybody else."""
    if origin not in origins:
        return {}
    return {
        "Access-Control-Allow-Origin": origin or "",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Request-Id, Retry-After",
    }


def choose_request_id(given: str) -> str:
    """The caller's own where it is plain, else a new one."""
    return given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def answer(error: AppError, cause: HTTPException | None = None) -> Response:
    """The error in the contract's shape."""
    response = jsonify(error.body())
    response.status_code = error.status
    response.headers.update(name_pause(error))
    if cause is not None and getattr(cause, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(cause.valid_methods))  # type: ignore[attr-defined]
    if error.status >= 500:
        log.warning("failed", error_code=error.code, cause=name_cause(error))
    return response


def name_pause(error: AppError) -> dict[str, str]:
    """``Retry-After``, where asking again later may help."""
    if error.retry_after_seconds is not None:
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"Retry-After": "1"} if error.status == 503 else {}


def _as_app_error(error: HTTPException) -> AppError:
    """Flask's own refusals in the contract's shape."""
    known: dict[int | None, type[AppError]] = {
        404: errors.NotFound,
        405: errors.MethodNotAllowed,
        413: errors.TooLarge,
        415: errors.WrongMediaType,
        429: errors.TooManyRequests,
        503: errors.Unavailable,
    }
    if error.code in known:
        return known[error.code]()
    return errors.BadRequest() if error.code and error.code < 500 else AppError()


def _answer_bug(error: Exception) -> Response:
    log.error("bug", exc_info=error)
    return answer(AppError())


def _install_health(app: Flask, ready: Mapping[str, Check], reported: Mapping[str, Check]) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="alive")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int, dict[str, str]]:
        found = {name: _state(name, check) for name, check in {**ready, **reported}.items()}
        down = [name for name in ready if found[name] != "ok"]
        if not down:
            return jsonify(status="ready", dependencies=found), 200, {}
        body = {"code": "not_ready", "message": "Down: " + ", ".join(down), "dependencies": found}
        return jsonify(body), 503, {"Retry-After": "1"}

    @app.get("/metrics")
    def metrics() -> Response:
        text, content_type = render_metrics()
        return Response(text, content_type=content_type)


def _state(name: str, check: Check) -> str:
    try:
        check()
    except Exception as error:
        # The reason is for whoever runs this installation; addresses and credentials stay in the log.
        log.warning("not_ready", dependency=name, cause=repr(error))
        return error.text if isinstance(error, AppError) else "not answering"
    return "ok"
