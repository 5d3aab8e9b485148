"""How large a chaos run is: ``make chaos PEOPLE=… GROUPS=… MESSAGES=… SEED=… SECONDS=…``."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """``seconds``: how long people write while parts are killed and frozen. The same seed does the same, as far as
    processes and networks let it."""

    people: int = 200
    groups: int = 20
    messages: int = 10_000
    seed: int = 1
    seconds: int = 240

    @classmethod
    def read(cls) -> Options:
        """From CHAOS_PEOPLE and so on; what is unset or empty is as above."""
        given = {name: os.environ.get(f"CHAOS_{name.upper()}") for name in cls.__dataclass_fields__}
        return cls(**{name: int(value) for name, value in given.items() if value})
