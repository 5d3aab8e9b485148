"""The secrets of one checkout: made once, at random, and kept in a file that only its owner can read."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ops.errors import SetupError


@dataclass(frozen=True)
class LocalSecrets:
    """Each is 43 characters of base64: 32 random bytes."""

    postgres_password: str
    app_password: str
    service_token: str
    auth_secret: str
    redis_password: str


# Redis keeps nothing, so a file from before it was asked for one is completed.
ADDED = ("redis_password",)


def load_secrets(var: Path) -> LocalSecrets:
    """What `var/secrets.json` holds; made when there is none yet. Raises SetupError for one that does not fit."""
    path = var / "secrets.json"
    if not path.exists():
        if (var / "postgres" / "data").exists():
            raise SetupError(f"{path} is missing, and {var / 'postgres'} cannot be opened without it: restore it")
        _write(path, LocalSecrets(*(secrets.token_urlsafe(32) for _ in fields(LocalSecrets))))
    try:
        kept = json.loads(path.read_text())
        if missing := [name for name in ADDED if name not in kept]:
            kept |= {name: secrets.token_urlsafe(32) for name in missing}
            _write(path, LocalSecrets(**kept))
        return LocalSecrets(**{field.name: str(kept[field.name]) for field in fields(LocalSecrets)})
    except OSError as reason:
        raise SetupError(f"{path} cannot be read: {reason.strerror}") from reason
    except (ValueError, KeyError, TypeError) as reason:
        raise SetupError(f"{path} is damaged: restore it") from reason


def _write(path: Path, made: LocalSecrets) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with unfinished.open("w") as file:
        json.dump(asdict(made), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
