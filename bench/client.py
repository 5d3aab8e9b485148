"""The load client (bench/load): compiled on first use, a process of its own, told what to do line by line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.cores import on_cores
from ops.building import digest, is_current
from ops.errors import SetupError
from ops.guard import Guard
from ops.places import find_var

SOURCES = Path(__file__).parent / "load"
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra")
MARKER = "<t=0000000000000000,n=00000000>"  # in what is sent: when it should have left, and which one it is
OWN_ID = "00000000-0000-4000-8000-000000000000"  # becomes a UUID of its own in each request

Answer = dict[str, Any]


def compile_load(program: Path | None = None) -> Path:
    """The program, made anew when its sources changed. Raises SetupError."""
    program = program or find_var() / "bench" / "load"
    files = sorted(SOURCES.glob("*.[ch]"))
    note, state = program.with_suffix(".made"), digest(files)
    if program.exists() and is_current(note, state):
        return program
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None:
        raise SetupError(
            "no C compiler here, and the load client is compiled on first use: install one "
            "(apt install gcc libc6-dev, dnf install gcc), or name one with CC=…"
        )
    program.parent.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    words = [compiler, *FLAGS, "-o", str(program), *(str(file) for file in files if file.suffix == ".c")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"the load client could not be compiled (it needs Linux):\n{done.stderr}")
    note.write_text(state)
    return program


@dataclass(frozen=True)
class Request:
    """One prepared HTTP request; ``groups`` has, for each MARKER in it, the group of sockets that will hear of it."""

    raw: bytes
    groups: tuple[int, ...] = ()


def post(path: str, body: Any, token: str, groups: Iterable[int] = ()) -> Request:
    """``body``: JSON, with MARKER in the texts that are delivered and OWN_ID for the ids."""
    data = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return Request(head.encode() + data, tuple(groups))


def get(path: str, token: str) -> Request:
    return Request(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())


class LoadFailed(Exception):
    """What was asked of the load client did not come about."""


class Load:
    """One load client: sockets, and senders beside them, in one thread on ``cores``. Use it as a context."""

    def __init__(self, folder: Path, guard: Guard, cores: set[int], program: Path | None = None) -> None:
        self._folder, self._guard = folder, guard
        self._files = 0
        with on_cores(cores):
            self._process = subprocess.Popen(
                [str(compile_load(program))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        guard.add(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._guard.remove(self._process.pid)
        self._process.stdin.close()
        self._process.stdout.close()

    def connect(
        self, port: int, frames: Sequence[str], *, size: int = 0, flight: int = 64, rate: int = 0, timeout: int = 90
    ) -> Answer:
        """A socket for each of ``frames``, the text of its CONNECT (``40{"token":…}``); ``size`` sockets a group.

        Groups are numbered on from those that are there. At most ``flight`` connect at once, no faster than ``rate`` a
        second. Raises LoadFailed unless all are let in.
        """
        path = self._keep("\n".join(frames).encode())
        count, size = len(frames), size or len(frames)
        answer = self._ask(
            f"sockets port={port} count={count} size={size} flight={flight} rate={rate} timeout={timeout} frames={path}"
        )
        return _all_let_in(answer)

    def reconnect(self, first: int, count: int, *, rate: int = 0, retry_ms: int = 0, timeout: int = 90) -> Answer:
        """All of them hang up at once and come back; who is not let in tries again after ``retry_ms`` (0: never)."""
        words = f"reopen first={first} count={count} flight={count} rate={rate} retry={retry_ms} timeout={timeout}"
        return _all_let_in(self._ask(words))

    def expect(self, events: int, groups: int = 0) -> int:
        """Begins to count up to ``events`` of them: the number of the first.

        ``groups``: others send them, the nth to group n modulo this. 0: this client's senders do.
        """
        return int(self._ask(f"expect events={events} groups={groups}")["first"])

    def send(
        self,
        port: int,
        requests: Sequence[Request],
        *,
        connections: int = 1,
        total: int = 1_000_000_000,
        rate: int = 0,
        seconds: int = 0,
    ) -> None:
        """Begins to send. Closed loop; with a ``rate`` (a second, over all connections) an open one.

        Each of ``connections`` goes through its own share of ``requests``, or shares one when there are fewer.
        """
        raw = b"".join(b"%d %s\n%s" % (len(r.raw), ",".join(map(str, r.groups)).encode(), r.raw) for r in requests)
        path = self._keep(raw)
        self._ask(
            f"senders port={port} connections={connections} total={total} rate={rate} seconds={seconds} requests={path}"
        )

    def finish(self, *, timeout: int = 60, linger_ms: int = 100, stop: bool = False) -> Answer:
        """Waits until all is sent, answered and received, and tells what arrived, how late, and what is wrong.

        ``stop``: nothing is sent any more but what is due by now.
        """
        return self._ask(f"finish timeout={timeout} linger={linger_ms} stop={int(stop)}")

    def _keep(self, data: bytes) -> Path:
        self._files += 1
        path = self._folder / f"load-{self._process.pid}-{self._files}"
        path.write_bytes(data)
        return path

    def _ask(self, command: str) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise LoadFailed(f"the load client ended ({self._process.wait()}) on: {command[:100]}")
        answer: Answer = json.loads(line)
        return answer


def _all_let_in(answer: Answer) -> Answer:
    if answer["connected"] != answer["asked"]:
        raise LoadFailed(
            f"{answer['connected']:,} of {answer['asked']:,} sockets were let in after {answer['seconds']:.0f} s: "
            f"{answer['refused']:,} refused, {answer['failed']:,} failed; {answer['refusal']}"
        )
    return answer


def find_problems(answer: Answer) -> list[str]:
    """Why what ``finish`` told is no valid measurement: not everything arrived exactly once."""
    words = {
        "missing": "deliveries missing",
        "doubled": "deliveries arrived twice",
        "strange": "deliveries for others, or from before",
        "lost_sockets": "sockets lost",
    }
    problems = [f"{answer[name]:,} {what}" for name, what in words.items() if answer[name]]
    http = answer["http"]
    if http["failed"] or http["answered"] != http["sent"]:
        problems.append(
            f"{http['failed']:,} of {http['sent']:,} requests failed, {http['answered']:,} were answered: "
            f"{http['first_failure'][:200]}"
        )
    return problems
