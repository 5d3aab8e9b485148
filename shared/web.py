"""What every service's HTTP has in common: errors in one shape, request ids, CORS, health, metrics, docs."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping

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
    app.after_request(lambda response: _finish(response, frozenset(settings.origins)))
    app.register_error_handler(AppError, answer)
    app.register_error_handler(HTTPException, lambda error: answer(_as_app_error(error), error))
    app.register_error_handler(Exception, _answer_bug)
    _install_health(app, ready, reported or {})
    install_docs(app, title)


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response, origins: frozenset[str]) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    _allow_origin(response, origins)
    route = request.url_rule.rule if request.url_rule else "unknown"
    seconds = time.perf_counter() - g.began
    method = request.method if request.method in METHODS else "other"  # anybody can make up words; each would be kept
    REQUESTS.labels(method, route, str(response.status_code)).inc()
    REQUEST_SECONDS.labels(method, route).observe(seconds)
    if request.path not in QUIET or response.status_code >= 400:
        # The route and not the path or query: those may hold a link's hash, a code or somebody's address.
        write = log.warning if response.status_code >= 500 else log.info
        details = dict(g.get("log_details", {}))
        if "user_id" in g:
            details["user_id"] = str(g.user_id)
        write(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            ms=round(seconds * 1000, 1),
            **details,
        )
    return response


def _allow_origin(response: Response, origins: frozenset[str]) -> None:
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin")
    if origin not in origins:
        return
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = origin or ""
    headers["Access-Control-Allow-Credentials"] = "true"
    headers["Access-Control-Expose-Headers"] = "X-Request-Id, Retry-After"
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Request-Id"
        headers["Access-Control-Max-Age"] = "600"


def answer(error: AppError, cause: HTTPException | None = None) -> Response:
    """The error in the contract's shape."""
    response = jsonify(error.body())
    response.status_code = error.status
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    elif error.status == 503:
        response.headers["Retry-After"] = "1"
    if cause is not None and getattr(cause, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(cause.valid_methods))  # type: ignore[attr-defined]
    if error.status >= 500:
        log.warning("failed", error_code=error.code, cause=name_cause(error))
    return response


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
