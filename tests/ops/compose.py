"""docker-compose.yml as an engine would read it: YAML with merged keys, and `${…}` filled in."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from ops.places import ROOT

COMPOSE = ROOT / "docker-compose.yml"
HOSTED = ROOT / "deploy" / "hosted.yml"
EXAMPLE = ROOT / ".env.example"
OPENING = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)(:?[-?+])?|\$\$")


class Required(Exception):
    """A variable with `?` has no value; its name."""


@cache
def read_compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(COMPOSE.read_text())
    return found


def read_services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = read_compose()["services"]
    return services


class _Override:
    """What `!override` marks: it takes the base's place instead of being merged with it."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _read_override(constructor: Any, node: Any) -> _Override:
    if node.id == "mapping":
        return _Override(dict(constructor.construct_mapping(node, deep=True)))
    return _Override(list(constructor.construct_sequence(node, deep=True)))


@cache
def read_hosted() -> dict[str, Any]:
    """docker-compose.yml with deploy/hosted.yml over it, where the profile `never` switches services off."""
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor("!override", _read_override)
    merged: dict[str, Any] = _merge(read_compose(), yaml.load(HOSTED.read_text()))
    return merged


def _merge(base: Any, over: Any) -> Any:
    """As Compose does: mappings by their keys, lists one after the other, anything else is replaced."""
    if isinstance(over, _Override):
        return over.value
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {name: _merge(base.get(name), value) for name, value in over.items()}
    if isinstance(base, list) and isinstance(over, list):
        return [*base, *(item for item in over if item not in base)]
    if isinstance(over, dict):
        return {name: _merge(None, value) for name, value in over.items()}
    return over


def find_variables(text: str) -> Iterator[tuple[str, str]]:
    """Name and operator (`:?`, `:-`, `-`, or nothing) of each `${…}`, nested ones too."""
    for match in OPENING.finditer(text):
        if match[1]:
            yield match[1], match[2] or ""


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Raises Required."""
    result, rest = "", text
    while match := OPENING.search(rest):
        result += rest[: match.start()]
        if match[0] == "$$":
            result, rest = result + "$", rest[match.end() :]
            continue
        end = _find_end(rest, match.end())
        word, rest = rest[match.end() : end], rest[end + 1 :]
        result += _choose(match[1], match[2] or "", word, values)
    return result + rest


def _find_end(text: str, place: int) -> int:
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        place += 1
    return place - 1


def _choose(name: str, operator: str, word: str, values: Mapping[str, str]) -> str:
    value = values.get(name)
    given = bool(value) if operator.startswith(":") else value is not None
    if given:
        return value or ""
    if operator.endswith("?"):
        raise Required(name)
    return fill_in(word, values)


def read_environment(
    service: str, values: Mapping[str, str], services: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, str]:
    """What the service's container is given, as strings."""
    given = (services or read_services())[service].get("environment", {})
    return {name: fill_in(str(value), values) for name, value in given.items()}
