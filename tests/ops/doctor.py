"""Projects for the doctor to look at, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ops.doctor.examination import examine
from ops.doctor.lines import Line
from ops.doctor.setup import read_setup
from ops.doctor.sign_in import PROBE
from tests.conftest import Database
from tests.standins.project import SupabaseProject

Open = Callable[..., SupabaseProject]
# Whatever runs on this machine, nobody listens there.
NOWHERE = {f"{name}_PORT": str(port) for port, name in enumerate(("AUTH", "CHAT", "WEBSOCKET", "PAGES"), 1)}
SITE = "http://localhost:1"


@pytest.fixture
def open_project(file_database: Database) -> Iterator[Open]:
    """A project over a migrated database; `auth` fields are GoTrue's options, everything else SupabaseProject's."""
    yield from _open_projects(file_database)


@pytest.fixture
def open_own_project(database: Database) -> Iterator[Open]:
    """The same over a database that the test may change."""
    yield from _open_projects(database)


def _open_projects(database: Database) -> Iterator[Open]:
    with ExitStack() as stack:

        def make(auth: dict[str, Any] | None = None, **changed: Any) -> SupabaseProject:
            return stack.enter_context(SupabaseProject(database, auth={"site_url": SITE, **(auth or {})}, **changed))

        yield make


def ask(project: SupabaseProject | None, folder: Path, **changed: str) -> list[Line]:
    """The doctor's lines, with settings of the project; an empty one is left out. No line shows a secret."""
    settings = {**NOWHERE, **(project.settings if project else {}), **changed}
    setup = read_setup(settings, folder / ".env", folder)
    lines = list(examine(setup))
    shown = "\n".join(line.show(setup.secrets) for line in lines)
    for name, value in settings.items():
        if any(word in name for word in ("KEY", "SECRET", "TOKEN")) and value:
            assert value not in shown
    if project is not None and hasattr(project, "gotrue"):
        assert PROBE not in [user.email for user in project.gotrue._core.store.users.values()]
    return lines


def texts(lines: list[Line], kind: str) -> dict[str, str]:
    return {line.name: line.text for line in lines if line.kind == kind}
