"""The RPC adapter as a process uses it: many threads, few connections, a fork, one key."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from shared.supabase_database import SupabaseDatabase
from tests.people import add_person, item
from tests.standins.project import SupabaseProject

THREADS, CALLS, CONNECTIONS = 16, 12, 4
AFTER_A_FORK = """
import os, sys
from shared.supabase_database import SupabaseDatabase

database = SupabaseDatabase(*sys.argv[1:])
children = []
for _ in range(2):
    child = os.fork()
    if child == 0:
        asked = [database.call("measure_outbox")["waiting"] for _ in range(3)]
        database.close()
        os._exit(0 if asked == [0, 0, 0] else 1)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
assert database.call("measure_outbox")["waiting"] == 0
database.close()
sys.exit(codes != [0, 0])
"""


def test_sixteen_threads_share_few_connections(project: SupabaseProject) -> None:
    port = SupabaseDatabase(project.url, project.secret_key, CONNECTIONS)
    ann, ben = add_person(port, "Ann"), add_person(port, "Ben")
    room = port.call("open_direct", caller=ann.id, recipient=str(ben.id))["conversation_id"]

    def send_some(_: int) -> list[int]:
        return [
            port.call("send_messages", messages=[item(ann, room)])["results"][0]["message"]["seq"] for _ in range(CALLS)
        ]

    with ThreadPoolExecutor(THREADS) as pool:
        seqs = [seq for sent in pool.map(send_some, range(THREADS)) for seq in sent]
    port.close()
    assert sorted(seqs) == list(range(2, THREADS * CALLS + 2))
    used = {request.connection for request in project.gateway.requests}
    assert 1 < len(used) <= CONNECTIONS


def test_every_call_is_the_service_s_own(project: SupabaseProject) -> None:
    port = SupabaseDatabase(project.url, project.secret_key)
    port.call("measure_outbox")
    port.close()
    [request] = project.gateway.requests
    assert (request.method, request.path, request.query) == ("POST", "/rest/v1/rpc/measure_outbox", "")
    assert request.headers["apikey"] == project.secret_key
    assert request.headers["authorization"] == f"Bearer {project.secret_key}"


def test_a_closed_adapter_opens_again(project: SupabaseProject) -> None:
    port = SupabaseDatabase(project.url, project.secret_key)
    for _ in range(2):
        assert port.call("measure_outbox")["waiting"] == 0
        port.close()
    assert len({request.connection for request in project.gateway.requests}) == 2


def test_children_of_a_fork_call_with_connections_of_their_own(project: SupabaseProject) -> None:
    words = [sys.executable, "-c", AFTER_A_FORK, project.url, project.secret_key]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert len({request.connection for request in project.gateway.requests}) == 3
