"""Routes that read their own signature: the models that validate a request are the models OpenAPI shows.

    api = Api("messages")

    @api.on("POST", "/chat/send", status=201, errors=(NotFound, MessageIdTaken))
    def send(caller: Caller, body: SendRequest) -> Answer[Message]:
        return Answer(actions.send(caller, body))

A view's parameters say what it needs: ``caller: Caller`` (signed in), ``body`` and ``query`` (pydantic models), and
the path's own names. It answers ``Answer[Model]``, a flask Response, or None (204).
Source of the design: three libraries were measured and each misread some JSON (docs/decisions/0003).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.caller import require_caller, require_service
from shared.errors import AppError, BadJson, Malformed, WrongMediaType

M = TypeVar("M")
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Answer(Generic[M]):
    """``body`` is an ``M``, or JSON-ready data of its shape, or that as JSON (SQL functions render most answers)."""

    body: Any
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """One operation as declared; ``openapi.py`` reads these."""

    method: str
    path: str
    view: Callable[..., Any]
    status: int
    also: tuple[int, ...]
    errors: tuple[type[AppError], ...]
    tag: str
    for_services: bool
    form: bool
    alias: bool
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    answer: Any
    needs_caller: bool


class Api:
    """Routes of one feature, registered on an app by ``install``."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.routes: list[Route] = []

    def on(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        also: tuple[int, ...] = (),
        errors: tuple[type[AppError], ...] = (),
        for_services: bool = False,
        form: bool = False,
        alias: bool = False,
    ) -> Callable[[View], View]:
        """``also`` are further statuses of the same answer; ``for_services`` asks for SERVICE_TOKEN;
        ``form`` takes HTML forms beside JSON; ``alias``: another path of a view that has one."""

        def declare(view: View) -> View:
            hints = get_type_hints(view)
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    view=view,
                    status=status,
                    also=also,
                    errors=errors,
                    tag=self.tag,
                    for_services=for_services,
                    form=form,
                    alias=alias,
                    body=hints.get("body"),
                    query=hints.get("query"),
                    answer=_answered(hints.get("return")),
                    needs_caller="caller" in inspect.signature(view).parameters,
                )
            )
            return view

        return declare

    def install(self, app: Flask) -> None:
        routes: list[Route] = app.extensions.setdefault("pulse.routes", [])
        for route in self.routes:
            routes.append(route)
            app.add_url_rule(
                route.path,
                endpoint=f"{self.tag}.{route.view.__name__}.{route.method}.{route.path}",
                view_func=_adapt(route),
                methods=[route.method],
            )


def _answered(returned: Any) -> Any:
    """The model of ``Answer[Model]``, which may stand in a union with Response."""
    options = [option for option in (returned, *get_args(returned)) if get_origin(option) is Answer]
    return get_args(options[0])[0] if options else None


def _adapt(route: Route) -> Callable[..., Response]:
    def run(**arguments: Any) -> Response:
        if route.for_services:
            require_service()
        if route.needs_caller:
            arguments["caller"] = require_caller()
        if route.query:
            arguments["query"] = _read_query(route.query)
        if route.body:
            arguments["body"] = _read_body(route.body, route.form)
        return _respond(route.view(**arguments), route)

    return run


def _respond(result: Any, route: Route) -> Response:
    if isinstance(result, Response):
        return result
    if result is None:
        return Response(status=204)
    if not isinstance(result, Answer):
        raise TypeError(f"{route.view.__name__} answered a {type(result).__name__}")
    body = result.body
    if current_app.config.get("CHECK_ANSWERS"):
        check_shape(route.answer, json.loads(body) if isinstance(body, bytes) else body)
    response = Response(_dump(body), result.status or route.status, mimetype="application/json")
    response.headers.update(result.headers)
    return response


def _dump(body: Any) -> bytes | str:
    if isinstance(body, bytes):
        return body
    if isinstance(body, BaseModel):
        return body.model_dump_json()
    return current_app.json.dumps(body, separators=(",", ":"))


def check_shape(model: Any, body: Any) -> None:
    """Raises when ``body`` is not exactly of the documented shape. Tests switch it on (CHECK_ANSWERS)."""
    if isinstance(body, BaseModel):
        body = body.model_dump(mode="json")
    again = TypeAdapter(model).validate_python(body).model_dump(mode="json", exclude_unset=True)
    unknown = set(body) - set(again)
    if unknown:
        raise TypeError(f"the answer has undocumented fields: {sorted(unknown)}")


def _read_body(model: type[BaseModel], form: bool) -> BaseModel:
    if form and request.mimetype == "application/x-www-form-urlencoded":
        return _validated(lambda: model.model_validate(request.form.to_dict(), strict=False))
    raw = request.get_data()
    if request.mimetype != "application/json":
        # Anything else may be posted by a form on another site, without a preflight.
        if raw:
            raise WrongMediaType()
        raw = b"{}"
    return _validated(lambda: model.model_validate_json(raw))


def _read_query(model: type[BaseModel]) -> BaseModel:
    values: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        key = info.alias or name
        given = request.args.getlist(key)
        if given:
            repeated = get_origin(info.annotation) in (list, tuple, set)
            values[key] = [part for one in given for part in one.split(",") if part] if repeated else given[-1]
    return _validated(lambda: model.model_validate(values, strict=False))


def _validated(validate: Callable[[], BaseModel]) -> BaseModel:
    try:
        return validate()
    except ValidationError as error:
        items = error.errors(include_input=False, include_url=False, include_context=False)
        if any(item["type"] == "json_invalid" for item in items):
            raise BadJson() from None
        raise Malformed(
            fields=[
                {"field": ".".join(str(part) for part in item["loc"]) or "body", "problem": _plain(item["msg"])}
                for item in items
            ]
        ) from None


def _plain(problem: str) -> str:
    return problem.removeprefix("Value error, ")
