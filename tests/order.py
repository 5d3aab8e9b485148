"""Which worker runs what: files stay whole, and everything that uses one mode's stack is one piece, done first.

A stack is five processes and a project beside them: one for each mode is enough, and its tests mostly wait.
xdist takes the pieces with most tests next. A few tests that take long would come last, with a core idle beside them.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ON_A_STACK = re.compile(r"tests/(?:system|browser)/.*\[(embedded|supabase)\b")
FIRST = (
    "embedded",
    "supabase",
    # Of the others, those with few tests that start much and wait for much.
    "tests/system/test_many_nodes.py",
    "tests/websocket/test_nodes_behind_one_address.py",
    "tests/kafka/test_delivery.py",
    "tests/sql/test_same_tables.py",
    "tests/ops/test_whole.py",
    "tests/websocket/test_process.py",
    "tests/ops/test_whole_nodes.py",
    "tests/websocket/test_npm_client.py",
    "tests/auth/test_database_away.py",
    "tests/auth/test_process.py",
    "tests/websocket/test_slow.py",
    "tests/websocket/test_nodes_memory.py",
    "tests/websocket/test_nodes_without_redis.py",
    "tests/chat/test_groups_relay.py",
    "tests/chat/test_history_cache.py",
    "tests/ops/test_images.py",
)


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # published without types
    def _split_scope(self, nodeid: str) -> str:
        on_a_stack = ON_A_STACK.match(nodeid)
        return on_a_stack[1] if on_a_stack else nodeid.partition("::")[0]

    def _assign_work_unit(self, node: Any) -> None:
        for scope in reversed(FIRST):
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByStack:
    return ByStack(config, log)
