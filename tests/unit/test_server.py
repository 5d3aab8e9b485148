"""What gunicorn is told: a real process, of which no database is asked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from uuid import uuid4

import pytest
import requests

from ops.places import ROOT
from ops.ports import find_free_port


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "host", ["127.0.0.1", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))]
)
def test_it_listens_where_it_is_told_and_takes_200_ids_in_an_address(host: str) -> None:
    port = find_free_port()
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    settings = {
        "HOST": host,
        "PORT": str(port),
        "WORKERS": "1",
        "SERVICE_TOKEN": "s" * 32,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    }
    chat = subprocess.Popen(
        [sys.executable, "-m", "services.chat"],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert requests.get(url + "/healthz", timeout=5).status_code == 200
                break
            except requests.ConnectionError:
                assert chat.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        ids = "%2C".join(str(uuid4()) for _ in range(200))
        answer = requests.get(f"{url}/presence?ids={ids}", timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    finally:
        chat.terminate()
        chat.wait(20)
