"""Every error a client may see: one class a situation, with a code that is never renamed.

    AppError
    ├── BadJson 400 · NotAuthenticated 401 · AccountUnknown 401 · NotAllowed 403
    ├── NotFound 404 · MethodNotAllowed 405 · TooLarge 413 · WrongMediaType 415
    ├── Malformed 422 (``fields`` names where)
    ├── TooManyRequests 429 · Unavailable 503 (both with ``Retry-After``)
    └── DatabaseRefusal (status and code chosen by an SQL function)

A service adds its own subclasses beside the code that raises them. The body is
``{"code", "message", **data}``; what caused it goes to the log only.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AppError(Exception):
    """``code`` and ``status`` are the contract; ``message`` is for people; ``data`` are named values for programs."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    message: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, message: str | None = None, *, retry_after_seconds: int | None = None, **data: Any) -> None:
        self.text = message or self.message
        self.retry_after_seconds = retry_after_seconds
        self.data = data
        super().__init__(self.text)

    def body(self) -> dict[str, Any]:
        return {**self.data, "code": self.code, "message": self.text}


class BadJson(AppError):
    code, status, message = "bad_json", 400, "The request body is not valid JSON."


class BadRequest(AppError):
    code, status, message = "bad_request", 400, "The request can't be read."


class UriTooLong(AppError):
    code, status, message = "uri_too_long", 414, "The address is too long."


class HeadersTooLarge(AppError):
    code, status, message = "headers_too_large", 431, "The request's headers are too large."


class NotAuthenticated(AppError):
    code, status, message = "not_authenticated", 401, "Sign in first."


class AccountUnknown(AppError):
    code, status, message = "account_unknown", 401, "This account does not exist here."


class NotAllowed(AppError):
    code, status, message = "not_allowed", 403, "You may not do that."


class OriginNotAllowed(NotAllowed):
    code, message = "origin_not_allowed", "Requests with cookies count only from the pages of this installation."


class NotFound(AppError):
    code, status, message = "not_found", 404, "There is nothing here."


class UserNotFound(NotFound):
    code, message = "user_not_found", "There is no such person."


class MethodNotAllowed(AppError):
    code, status, message = "method_not_allowed", 405, "This address does not answer to that method."


class Conflict(AppError):
    code, status, message = "conflict", 409, "That does not fit what is there."


class TooLarge(AppError):
    code, status, message = "too_large", 413, "The request body is too large."


class WrongMediaType(AppError):
    code, status, message = "wrong_media_type", 415, "Send JSON with Content-Type: application/json."


class Malformed(AppError):
    """``fields`` is ``[{"field": "content", "problem": "…"}]``."""

    code, status, message = "malformed", 422, "Some fields are not right."


class TooManyRequests(AppError):
    code, status, message = "too_many_requests", 429, "Too many requests. Wait a moment."


class Unavailable(AppError):
    """A dependency is down: nothing is known to be lost, try again."""

    code, status, message = "unavailable", 503, "A part of the system is not answering. Try again in a moment."


class DatabaseRefusal(AppError):
    """What an SQL function raised as ``PTxxx``: it chose the status, the code and the data."""

    def __init__(self, status: int, code: str, data: dict[str, Any]) -> None:
        message = data.pop("message", None) or code.replace("_", " ").capitalize() + "."
        self.code, self.status = code, status  # type: ignore[misc]  # fixed per raise, not per class
        super().__init__(message, **data)
