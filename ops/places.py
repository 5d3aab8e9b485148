"""Where things are in a checkout."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "frontend" / "dist" / "index.html"


def find_var() -> Path:
    """The folder of everything kept between runs: PULSE_VAR, or `var` in the checkout."""
    return Path(os.environ.get("PULSE_VAR") or ROOT / "var").resolve()
