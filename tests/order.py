"""Which worker runs what: files stay whole, and everything that uses one mode's stack is one piece, done first.

A stack is five processes and a project beside them: one for each mode is enough, and its tests mostly wait.
"""

from __future__ import annotations

import re

import pytest
from xdist.scheduler import LoadScopeScheduling

ON_A_STACK = re.compile(r"tests/(?:system|browser)/.*\[(embedded|supabase)\b")


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # published without types
    def _split_scope(self, nodeid: str) -> str:
        on_a_stack = ON_A_STACK.match(nodeid)
        return on_a_stack[1] if on_a_stack else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByStack:
    return ByStack(config, log)
