"""Where a browser may be sent after signing in: this installation's pages, and nowhere else."""

from __future__ import annotations

import re

# Backslashes, spaces and control characters are read differently by different parsers: none of them is let through.
PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,2000}")


class Redirects:
    """``origins`` as a browser writes them; ``default`` where everything else leads."""

    def __init__(self, origins: tuple[str, ...], default: str) -> None:
        self._origins = origins
        self.default = default

    def choose(self, wanted: str | None) -> str:
        """``wanted`` if it begins with one of the origins, character by character; else the default."""
        if wanted and PLAIN.fullmatch(wanted):
            for origin in self._origins:
                if wanted == origin or wanted.startswith((origin + "/", origin + "?", origin + "#")):
                    return wanted
        return self.default
