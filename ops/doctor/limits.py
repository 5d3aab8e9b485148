"""No question takes longer than this, however slowly its answer drips."""

import threading
from collections.abc import Callable
from typing import TypeVar

SECONDS = 5.0

Result = TypeVar("Result")


def within(act: Callable[[], Result], seconds: float = SECONDS) -> Result:
    """What `act` returns or raises. Raises TimeoutError; what was begun then ends with this process."""
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(act())
        except BaseException as reason:
            failed.append(reason)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    return done[0]
