"""Starts children, passes on what they print, starts again those that die, and stops all of them together."""

import os
import selectors
import signal
import time
from collections.abc import Callable
from types import TracebackType

from ops.children import Child, Process
from ops.errors import SetupError
from ops.guard import Guard
from ops.output import Lines, Output
from ops.signals import Signals

START_SECONDS = 60.0
STABLE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 5.0
TICK_SECONDS = 0.1


class Stopped(Exception):
    """A signal asked for the end; `code` is the exit code that says so."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.code = 128 + number


class Watched:
    """A child, the process that now stands for it, and how it has fared."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: Process | None = None
        self.lines = Lines()
        self.exit: int | None = None
        self.was_ready = False
        self.deaths = 0
        self.started_at = 0.0
        self.start_again_at: float | None = None


class Supervisor:
    """Use as a context manager, in the main thread: leaving it stops every child, the last started first."""

    def __init__(self, output: Output, keep_open: tuple[int, ...] = ()) -> None:
        """`keep_open`: files the guardian holds too, so that a lock on one lasts until nothing is left running."""
        self._output = output
        self._keep_open = keep_open
        self._groups: list[list[Watched]] = []
        self._parent: int | None = None
        self._stopping = False

    def __enter__(self) -> "Supervisor":
        self._signals = Signals()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ)
        self._guard = Guard(self._keep_open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop()
        finally:
            self._guard.close()
            self._selector.close()
            self._signals.close()

    def say(self, text: str) -> None:
        self._write("pulse", [text])

    def stop_with_parent(self) -> None:
        """Treat the death of whoever started this process as a request to stop."""
        self._parent = os.getppid()

    def start(self, *children: Child) -> None:
        """Start `children`, which will be stopped together, and before those started earlier."""
        group = [Watched(child) for child in children]
        self._groups.append(group)
        for watched in group:
            self._start(watched)

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Until everything started answers. Raises SetupError when one ends first or takes too long."""
        self._wait(self._all_ready, seconds)

    def run_once(self, child: Child, seconds: float = START_SECONDS) -> None:
        """Run `child` to its end. Raises SetupError unless it exits with 0."""
        group = [Watched(child)]
        self._groups.append(group)
        self._start(group[0])
        self._wait(lambda: group[0].exit == 0, seconds)
        self._groups.remove(group)

    def watch(self) -> None:
        """For ever, until a signal raises Stopped."""
        while True:
            self._turn(1.0)

    def _wait(self, is_done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not is_done():
            for watched in self._all():
                if watched.exit is not None and not watched.was_ready:
                    how = _describe(watched.exit)
                    raise SetupError(f"{watched.child.name} ended too early ({how}): its own lines say why")
            if time.monotonic() > deadline:
                names = ", ".join(watched.child.name for watched in self._all() if not watched.was_ready)
                raise SetupError(f"not ready within {seconds:.0f} seconds: {names}")
            self._turn(TICK_SECONDS)

    def _all_ready(self) -> bool:
        for watched in self._all():
            watched.was_ready = watched.was_ready or watched.child.is_ready()
        return all(watched.was_ready for watched in self._all())

    def _all(self) -> list[Watched]:
        return [watched for group in self._groups for watched in group]

    def _turn(self, seconds: float) -> None:
        """Wait for something to happen, at most `seconds`, and see to it."""
        now = time.monotonic()
        due = [at - now for watched in self._all() if (at := watched.start_again_at) is not None]
        for key, _ in self._selector.select(max(0.0, min([seconds, *due]))):
            if key.data is None:
                self._signals.drain()
            else:
                self._pass_on(key.data)
        self._reap()
        if self._stopping:
            return
        self._guard.check()
        for watched in self._all():
            if watched.start_again_at is not None and watched.start_again_at <= time.monotonic():
                self._start(watched)
        if self._output.is_gone() or (self._parent is not None and os.getppid() != self._parent):
            raise Stopped(signal.SIGHUP)
        if self._signals.asked:
            raise Stopped(self._signals.asked.pop(0))

    def _start(self, watched: Watched) -> None:
        watched.exit = watched.start_again_at = None
        watched.started_at = time.monotonic()
        watched.process = process = Process(watched.child)
        self._guard.add(process.group, watched.child.stop_signal)
        self._selector.register(process.output, selectors.EVENT_READ, watched)
        process.go()

    def _pass_on(self, watched: Watched) -> bool:
        """Write what the child has printed; whether there may be more at once."""
        assert watched.process is not None
        try:
            piece = os.read(watched.process.output.fileno(), 64 * 1024)
        except BlockingIOError:
            return False
        if not piece:
            self._selector.unregister(watched.process.output)
        self._write(watched.child.name, watched.lines.feed(piece))
        return bool(piece)

    def _write(self, name: str, lines: list[bytes] | list[str]) -> None:
        try:
            for line in lines:
                self._output.write(name, line)
        except OSError:
            # The terminal is gone; the children must not outlive it.
            self._signals.asked.append(signal.SIGHUP)

    def _reap(self) -> None:
        for watched in self._all():
            process = watched.process
            if process is None or (code := process.find_exit()) is None:
                continue
            # What it started goes with it: the next one needs the port, and nobody else would ever end these.
            process.send(signal.SIGKILL)
            if process.output in self._selector.get_map():
                while self._pass_on(watched):
                    pass
            if process.output in self._selector.get_map():
                self._selector.unregister(process.output)
            process.output.close()
            self._write(watched.child.name, watched.lines.finish())
            self._guard.remove(process.group)
            watched.process, watched.exit = None, code
            if watched.was_ready and not self._stopping:
                self._plan_restart(watched)

    def _plan_restart(self, watched: Watched) -> None:
        now = time.monotonic()
        watched.deaths = 0 if now - watched.started_at > STABLE_SECONDS else watched.deaths + 1
        pause = min(LONGEST_PAUSE_SECONDS, TICK_SECONDS * 2**watched.deaths)
        watched.start_again_at = now + pause
        when = f" in {pause:.0f} s" if pause >= 1 else ""
        assert watched.exit is not None
        self.say(f"{watched.child.name} died ({_describe(watched.exit)}), starting it again{when}")

    def _stop(self) -> None:
        self._stopping = True
        self._signals.asked.clear()
        for group in reversed(self._groups):
            alive = [watched for watched in group if watched.process]
            for watched in alive:
                assert watched.process is not None
                watched.process.send(watched.child.stop_signal)
            deadline = time.monotonic() + max((watched.child.grace_seconds for watched in alive), default=0.0)
            # A second ^C is impatience.
            while any(watched.process for watched in group) and time.monotonic() < deadline and not self._signals.asked:
                self._turn(TICK_SECONDS)
            for watched in group:
                if watched.process:
                    self.say(f"{watched.child.name} does not stop, killing it")
                    watched.process.send(signal.SIGKILL)
            while any(watched.process for watched in group):
                self._turn(TICK_SECONDS)


def _describe(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
