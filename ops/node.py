"""Node and npm: which of those on the machine can build the frontend."""

import re
import shutil
import subprocess


def find_node_path(path: str) -> str | None:
    """The `node` on `path`, when it and an `npm` beside it can build the frontend."""
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        return None
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return node if shown.returncode == 0 and is_suitable(shown.stdout) else None


def is_suitable(version: str) -> bool:
    """What Vite 8 needs: ^20.19 || >=22.12."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.\S+", version.strip())
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major, minor) >= (22, 12) or (major == 20 and minor >= 19)
