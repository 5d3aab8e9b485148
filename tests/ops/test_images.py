"""Dockerfiles: each installs its own lock and holds exactly what its program imports, and works with nothing else."""

import ast
import fnmatch
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

from ops.places import ROOT


class Image(NamedTuple):
    dockerfile: str
    lock: str
    modules: tuple[str, ...]


IMAGES = [
    Image("services/auth/Dockerfile", "services/auth/requirements.txt", ("services.auth.app", "shared.server")),
    Image(
        "services/chat/Dockerfile",
        "services/chat/requirements.txt",
        ("services.chat.app", "services.chat.bridge.app", "shared.server"),
    ),
    Image(
        "services/websocket/Dockerfile",
        "services/websocket/requirements.txt",
        ("services.websocket.green", "services.websocket.server"),
    ),
    Image("frontend/Dockerfile", "frontend/server/requirements.txt", ("frontend.server.app", "shared.server")),
    Image("deploy/migrate/Dockerfile", "requirements/migrate.txt", ("ops.migrate",)),
]
OURS = {"frontend", "ops", "services", "shared"}
IDS = [image.dockerfile for image in IMAGES]
# Prints what of the working folder was imported.
REPORT = """
import importlib, json, pathlib, sys
sys.path[0] = here = str(pathlib.Path.cwd())
for name in sys.argv[1:]:
    importlib.import_module(name)
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
print(json.dumps(sorted(f.removeprefix(here + "/") for f in files if f.startswith(here + "/"))))
"""


def list_instructions(dockerfile: str) -> list[str]:
    text = (ROOT / dockerfile).read_text().replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def list_copies(dockerfile: str) -> list[tuple[list[str], str]]:
    """Sources and destination of each COPY from the checkout into the last stage."""
    last = list_instructions(dockerfile)
    last = last[max(index for index, line in enumerate(last) if line.startswith("FROM ")) :]
    words = [line.split()[1:] for line in last if line.startswith("COPY ") and "--from=" not in line]
    return [(sources, destination) for *sources, destination in words]


def copy_into(folder: Path, dockerfile: str) -> None:
    """What the COPY lines of the last stage bring, as the engine would lay it out."""
    for sources, destination in list_copies(dockerfile):
        for source in sources:
            target = folder / destination / Path(source).name if destination.endswith("/") else folder / destination
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, target)


@pytest.fixture(scope="module", params=IMAGES, ids=IDS)
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Image, list[str]]:
    """An image, and the files of ours that its program imports when there is nothing but them."""
    image: Image = request.param
    folder = tmp_path_factory.mktemp("image")
    copy_into(folder, image.dockerfile)
    # -E: no PYTHONPATH leads back to this checkout.
    words = [sys.executable, "-E", "-W", "ignore", "-c", REPORT, *image.modules]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return image, json.loads(done.stdout)


def test_what_is_copied_is_enough_and_none_of_it_for_nothing(imported: tuple[Image, list[str]]) -> None:
    image, files = imported
    for sources, _ in list_copies(image.dockerfile):
        for source in sources:
            if source.endswith(".py") and not source.endswith("__init__.py"):
                assert source in files
            elif not source.startswith("supabase/"):
                assert any(name.startswith(source.removesuffix("__init__.py")) for name in files), source


def test_everything_imported_is_in_its_own_lock(imported: tuple[Image, list[str]]) -> None:
    image, files = imported
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / image.lock).read_text(), re.MULTILINE))
    distributions = packages_distributions()
    missing = {}
    for name in set().union(*(list_imports(ROOT / file) for file in files)) - sys.stdlib_module_names - OURS:
        offered = {word.lower().replace("_", "-") for word in distributions[name]}
        if not offered & locked:
            missing[name] = sorted(offered)
    assert missing == {}


def list_imports(file: Path) -> set[str]:
    """First names of everything that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("image", IMAGES, ids=IDS)
def test_no_image_holds_another_service(image: Image) -> None:
    copied = [source for sources, _ in list_copies(image.dockerfile) for source in sources]
    services = {source for source in copied if source.startswith(("services/", "frontend/"))}
    assert len(services - {"services/__init__.py"}) == (0 if image.lock == "requirements/migrate.txt" else 1)


@pytest.mark.parametrize("image", IMAGES, ids=IDS)
def test_packages_are_installed_by_hash_and_built_by_nobody(image: Image) -> None:
    lines = list_instructions(image.dockerfile)
    assert f"COPY {image.lock} ." in lines
    install = next(line for line in lines if "pip " in line)
    assert "--require-hashes" in install
    assert "--only-binary=:all:" in install
    assert not [line for line in lines if "apt-get" in line or "apk " in line]


@pytest.mark.parametrize("image", IMAGES, ids=IDS)
def test_the_program_runs_as_nobody_in_particular_and_gets_its_signals(image: Image) -> None:
    lines = list_instructions(image.dockerfile)
    assert lines.index("USER pulse") > max(
        index for index, line in enumerate(lines) if line.startswith(("COPY", "RUN"))
    )
    command = next(line for line in lines if line.startswith("CMD "))
    assert json.loads(command.removeprefix("CMD "))[:2] == ["python", "-m"]


@pytest.mark.parametrize("image", IMAGES[:-1], ids=IDS[:-1])
def test_the_health_check_is_sound_python(image: Image) -> None:
    check = next(line for line in list_instructions(image.dockerfile) if line.startswith("HEALTHCHECK "))
    words = json.loads(check.partition(" CMD ")[2])
    assert words[:2] == ["python", "-c"]
    compile(words[2], "HEALTHCHECK", "exec")


@pytest.mark.parametrize("image", IMAGES, ids=IDS)
def test_what_is_copied_is_let_in_and_secrets_are_not(image: Image) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    lines = [line for line in list_instructions(image.dockerfile) if line.startswith("COPY ") and "--from" not in line]
    for line in lines:
        for source in line.split()[1:-1]:
            assert any(source == rule or source.startswith(f"{rule}/") for rule in let_in), source
    for secret in (".env", ".env.new", "var", ".git", "tests"):
        assert not any(fnmatch.fnmatch(secret, rule) for rule in let_in)
