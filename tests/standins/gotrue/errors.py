"""GoTrue's two error shapes (supabase/auth, *internal/api/errors.go*): the caller's version header picks one."""

from __future__ import annotations

from datetime import date

from flask import Response, jsonify, request

VERSION_HEADER = "X-Supabase-Api-Version"
VERSION = date(2024, 1, 1)


class GotrueError(Exception):
    """``reasons`` are a weak password's."""

    def __init__(self, status: int, code: str, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.reasons = status, code, message, reasons


class OAuthError(Exception):
    """The shape of RFC 6749, whatever the version."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


def invalid(message: str) -> GotrueError:
    return GotrueError(400, "validation_failed", message)


def answer_error(error: GotrueError) -> Response:
    versioned = _is_versioned()
    body: dict[str, object]
    if versioned:
        body = {"code": error.code, "message": error.message}
    else:
        body = {"code": error.status, "error_code": error.code, "msg": error.message}
    if error.reasons:
        body["weak_password"] = {"reasons": list(error.reasons)}
    answer = jsonify(body)
    answer.status_code = error.status
    if versioned:
        answer.headers[VERSION_HEADER] = VERSION.isoformat()
    if not (versioned and error.reasons):
        answer.headers["x-sb-error-code"] = error.code
    return answer


def answer_oauth_error(error: OAuthError) -> Response:
    answer = jsonify({"error": error.error, "error_description": error.description})
    answer.status_code = 400
    return answer


def _is_versioned() -> bool:
    try:
        return date.fromisoformat(request.headers.get(VERSION_HEADER, "")) >= VERSION
    except ValueError:
        return False
