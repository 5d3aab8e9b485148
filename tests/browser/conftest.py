"""The stack of each mode with the built pages, and a real Chromium to look at them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from ops.browser import find_browser
from ops.frontend import build_pages
from ops.places import PAGES
from tests.browser.profile import Profile
from tests.system.conftest import pytest_runtest_makereport, stack
from tests.system.stack import Stack, new_email
from tests.system.waiting import PATIENCE_SECONDS

__all__ = ["pytest_runtest_makereport", "stack"]

QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
]
Open = Callable[..., Profile]


@pytest.fixture(autouse=True)
def _pages(stack: Stack) -> None:
    if not PAGES.exists():
        build_pages()
    stack.serve_pages()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = Path(os.environ.get("PULSE_CHROMIUM") or find_browser())
    expect.set_options(timeout=PATIENCE_SECONDS * 1_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


@pytest.fixture
def open_profile(chromium: Browser, stack: Stack) -> Iterator[Open]:
    """Opens another browser profile; at the end none may have anything to complain about."""
    opened: list[Profile] = []

    def open_one(**options: Any) -> Profile:
        opened.append(Profile(chromium, stack, **options))
        return opened[-1]

    yield open_one
    complaints = [profile.complaints for profile in opened]
    for profile in opened:
        profile.close()
    assert complaints == [[] for _ in opened]


@pytest.fixture
def ann_email() -> str:
    return new_email("ann")


@pytest.fixture
def ben_email() -> str:
    return new_email("ben")


def name_of(email: str) -> str:
    """What a newcomer is called."""
    return " ".join(word.capitalize() for word in email.partition("@")[0].split("."))
