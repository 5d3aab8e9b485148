"""Spares each test process what costs it much and shows it nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from werkzeug.routing import Rule


def log_plain_tracebacks() -> None:
    """rich, which a development tool brings along, would draw each with the source around it in colours."""
    structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback


def build_addresses_late() -> None:
    """Werkzeug compiles two functions for each route that build its address. A test makes an app, which builds none."""
    compile_builder = Rule._compile_builder

    def builder(rule: Rule, append_unknown: bool = True) -> Any:
        compiled: list[Any] = []

        def build(rule: Rule, **values: Any) -> Any:
            if not compiled:
                compiled.append(compile_builder(rule, append_unknown))
            return compiled[0](rule, **values)

        return build

    Rule._compile_builder = builder  # type: ignore[assignment]  # typed as a method


@contextmanager
def keeping_all() -> Iterator[None]:
    """What is imported meanwhile stays to the end: no search for garbage has to look at it, then or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
