"""The terminal: whole lines, each with the name of who wrote it."""

import os
import select
import sys
from collections.abc import Callable
from functools import wraps

COLOURS = ("36", "33", "35", "32", "34", "31")
LONGEST_LINE = 64 * 1024


class Output:
    """Writes `name | line`, names padded to one width and, on a terminal, in a colour each."""

    def __init__(self, width: int, file: int = 1, coloured: bool | None = None) -> None:
        self._width = width
        self._file = file
        self._is_terminal = os.isatty(file)
        self._coloured = self._is_terminal and "NO_COLOR" not in os.environ if coloured is None else coloured
        self._colours: dict[str, str] = {}

    def write(self, name: str, line: bytes | str) -> None:
        """Raises OSError when nobody can read it any more."""
        text = line.encode() if isinstance(line, str) else line
        left = memoryview(self._prefix(name) + text.rstrip(b"\r\n") + b"\n")
        while left:
            try:
                left = left[os.write(self._file, left) :]
            except BlockingIOError:
                # Somebody else at the same terminal asked for that.
                select.select([], [self._file], [])

    def is_gone(self) -> bool:
        """Whether this was a terminal that has been closed, of which its own signal does not always tell."""
        return self._is_terminal and not os.isatty(self._file)

    def _prefix(self, name: str) -> bytes:
        padded = f"{name:<{self._width}} | "
        if not self._coloured:
            return padded.encode()
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\x1b[{colour}m{padded}\x1b[0m".encode()


class Lines:
    """Cuts what arrives in pieces into whole lines; a line that never ends is cut at LONGEST_LINE bytes."""

    def __init__(self) -> None:
        self._started = b""

    def feed(self, piece: bytes) -> list[bytes]:
        *whole, self._started = (self._started + piece).split(b"\n")
        if len(self._started) > LONGEST_LINE:
            whole.append(self._started)
            self._started = b""
        return whole

    def finish(self) -> list[bytes]:
        rest, self._started = self._started, b""
        return [rest] if rest else []


def complain(text: object) -> None:
    print(f"pulse: {text}", file=sys.stderr, flush=True)


def ends_quietly(main: Callable[[], int]) -> Callable[[], int]:
    """For commands: no traceback on ^C (exit code 130), nor when nobody reads what they print any more (141)."""

    @wraps(main)
    def run() -> int:
        try:
            code = main()
            sys.stdout.flush()
            return code
        except KeyboardInterrupt:
            return 130
        except BrokenPipeError:
            # Python flushes once more on its way out.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141

    return run
