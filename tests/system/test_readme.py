"""The README's examples run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.system.conftest import EMBEDDED_ONLY
from tests.system.stack import Stack

README = Path(__file__).parent.parent.parent / "README.md"


@EMBEDDED_ONLY  # the examples read the development inbox
@pytest.mark.system
def test_every_command_of_api_by_example_succeeds(stack: Stack, tmp_path: Path) -> None:
    examples = README.read_text().split("## API by example")[1].split("\n## ")[0]
    script = "\n".join(["set -euo pipefail", *re.findall(r"```sh\n(.*?)```", examples, re.DOTALL)])
    for name, port in (("auth", 5001), ("chat", 5002), ("websocket", 5003)):
        script = script.replace(f"localhost:{port}", f"localhost:{urlsplit(stack.urls[name]).port}")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secrets.json").write_text(json.dumps({"service_token": stack.service_token}))
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"content":"Hello Ben"' in ended.stdout
