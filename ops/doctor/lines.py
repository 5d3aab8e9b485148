"""One line for each finding: `ok` with what was found, or what is wrong and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["ok", "warn", "FAIL", "skip"]


@dataclass(frozen=True)
class Line:
    kind: Kind
    name: str
    text: str

    def show(self, secrets: Iterable[str] = ()) -> str:
        """Whatever else went wrong, no secret is shown."""
        said = " ".join(self.text.split())
        for secret in secrets:
            said = said.replace(secret, "…")
        return f"{self.kind:<4} {self.name}: {said}"


def ok(name: str, text: str) -> Line:
    return Line("ok", name, text)


def warn(name: str, text: str, remedy: str) -> Line:
    return Line("warn", name, f"{text}: {remedy}")


def fail(name: str, text: str, remedy: str) -> Line:
    return Line("FAIL", name, f"{text}: {remedy}")


def skip(name: str, why: str) -> Line:
    return Line("skip", name, why)
