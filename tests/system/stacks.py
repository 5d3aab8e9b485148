"""One stack for each mode, started for the first test that wants it, kept to the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ops.migrate import APP_ROLE
from ops.postgres import Cluster
from tests.conftest import APP_PASSWORD, Database
from tests.system.backing import Mode
from tests.system.stack import Stack, running_stack

STACKS = pytest.StashKey["Stacks"]()
"""Where the test process keeps its own, so that a failed test can show their logs."""
MODES: tuple[Mode, ...] = ("embedded", "supabase")
USUAL_MODES = MODES if os.environ.get("BOTH_MODES") else MODES[:1]
"""Of what should not differ, as other suites hold both modes to the same: both with `make test BOTH_MODES=1`."""


class Stacks:
    def __init__(self, postgres: Cluster, template: str, folder: Path) -> None:
        self.started: dict[Mode, Stack] = {}
        self._postgres, self._template, self._folder = postgres, template, folder
        self._ends = ExitStack()

    def get(self, mode: Mode) -> Stack:
        if mode not in self.started:
            self.started[mode] = self._ends.enter_context(self._run(mode))
        return self.started[mode]

    def __enter__(self) -> Stacks:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    @contextmanager
    def _run(self, mode: Mode) -> Iterator[Stack]:
        name = f"{mode}_{secrets.token_hex(4)}"
        self._postgres.create_database(name, self._template)
        database = Database(self._postgres.url(name, APP_ROLE, APP_PASSWORD), self._postgres.url(name))
        with running_stack(self._folder / mode, database, mode) as stack:
            yield stack
        self._postgres.drop_database(name)
