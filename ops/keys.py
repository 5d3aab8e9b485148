"""`make keys`: makes .env from .env.example, with every secret that docker-compose.yml needs.

Safe to run again: what has a value keeps it, what is missing or empty is made, new lines of .env.example are added.
Prints names, never values.
"""

import json
import os
import re
import secrets
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from ops.errors import SetupError
from ops.output import complain
from ops.places import ROOT

ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$")
ORIGIN = re.compile(r"https?://[^/?#@\s]+")
IN_ADDRESSES = (
    *("PULSE_APP_PASSWORD", "AUTH_SERVER_DATABASE_PASSWORD", "REST_DATABASE_PASSWORD", "POSTGRES_PASSWORD"),
    "REDIS_PASSWORD",
)
YEARS = 10
YEAR_SECONDS = 365 * 24 * 60 * 60

Values = dict[str, str]


def make_keys(example: Path, env: Path) -> list[str]:
    """Brings `env` up to `example`; returns the names of what was made. Raises SetupError, and writes nothing, when
    what is there does not fit together."""
    text = env.read_text(encoding="utf-8") if env.exists() else example.read_text(encoding="utf-8")
    text = _with_new_lines(text, example.read_text(encoding="utf-8"))
    values = read_values(text)
    _check_given(values)
    made = []
    for name, make in MAKERS.items():
        if not values.get(name):
            values[name] = make(values)
            made.append(name)
            text = _fill_in(text, name, values[name])
    _check(values)
    if not env.exists() or text != env.read_text(encoding="utf-8"):
        _write(env, text)
    env.chmod(0o600)
    return made


def read_values(text: str) -> Values:
    """The assignments of a .env file, unquoted; of two with one name, the later."""
    found = (ASSIGNMENT.match(line) for line in text.splitlines())
    return {match[1]: _unquote(match[2]) for match in found if match}


def _unquote(value: str) -> str:
    if quoted := re.match(r"(['\"])(.*?)\1", value):
        return quoted[2]
    return re.split(r"(?:^|\s)#", value)[0].rstrip()


def _with_new_lines(text: str, example: str) -> str:
    """`text` and, at its end, what the example has and it lacks, each with the comment above it."""
    # A secret that is commented out is missing; anything else that is, is a default.
    known = set(read_values(text)) | (set(_names(text)) - MAKERS.keys())
    missing, comment = [], ""
    for line in example.splitlines(keepends=True):
        name = next(iter(_names(line)), None)
        if name is not None and name not in known:
            missing.append(comment + line)
        comment = comment + line if name is None and line.startswith("# ") and not line.startswith("# ---") else ""
    if not missing:
        return text
    return text.rstrip("\n") + "\n\n# --- New since this file was made ---\n\n" + "".join(missing)


def _names(text: str) -> list[str]:
    """Of assignments, and of those that are commented out (`# NAME=`)."""
    return [match[1] for line in text.splitlines() if (match := ASSIGNMENT.match(line.removeprefix("# ")))]


def _fill_in(text: str, name: str, value: str) -> str:
    """Single quotes: Compose and shells take everything between them as it is."""
    quoted = value if re.fullmatch(r"[\w.-]+", value) else f"'{value}'"
    lines = text.splitlines(keepends=True)
    place = max(index for index, line in enumerate(lines) if (match := ASSIGNMENT.match(line)) and match[1] == name)
    lines[place] = f"{name}={quoted}\n"
    return "".join(lines)


def _make_word(_values: Values) -> str:
    """256 bits in letters and digits, which need no quoting anywhere."""
    return secrets.token_hex(32)


def _make_signing_keys(values: Values) -> str:
    own = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1())))
    own |= {"kid": secrets.token_hex(8), "alg": "ES256", "use": "sig", "key_ops": ["sign", "verify"]}
    return _compact([own, _shared_key(values["JWT_SECRET"])])


def _make_public_keys(values: Values) -> str:
    keys = [
        {name: value for name, value in key.items() if name != "d"} | {"key_ops": ["verify"]}
        for key in json.loads(values["JWT_KEYS"])
    ]
    return _compact({"keys": keys})


def _shared_key(secret: str) -> dict[str, object]:
    encoded = urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
    return {"kty": "oct", "k": encoded, "kid": "shared", "alg": "HS256", "key_ops": ["verify"]}


def _make_role_key(role: str) -> Callable[[Values], str]:
    def make(values: Values) -> str:
        now = int(time.time())
        claims = {"iss": "supabase", "role": role, "iat": now, "exp": now + YEARS * YEAR_SECONDS}
        return jwt.encode(claims, values["JWT_SECRET"], algorithm="HS256")

    return make


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# In this order: later ones are made from earlier ones.
MAKERS: dict[str, Callable[[Values], str]] = {
    "SERVICE_TOKEN": _make_word,
    "AUTH_SECRET": _make_word,
    "POSTGRES_PASSWORD": _make_word,
    "PULSE_APP_PASSWORD": _make_word,
    "AUTH_SERVER_DATABASE_PASSWORD": _make_word,
    "REST_DATABASE_PASSWORD": _make_word,
    "REDIS_PASSWORD": _make_word,
    "JWT_SECRET": _make_word,
    "JWT_KEYS": _make_signing_keys,
    "JWT_PUBLIC_KEYS": _make_public_keys,
    "SUPABASE_PUBLISHABLE_KEY": _make_role_key("anon"),
    "SUPABASE_SECRET_KEY": _make_role_key("service_role"),
}


def _check_given(values: Values) -> None:
    """What people write themselves, before anything is made of it; empty ones are made. Shows no secret."""
    url = values.get("PUBLIC_URL", "")
    if url and not ORIGIN.fullmatch(url):
        raise SetupError("PUBLIC_URL must be like https://chat.example.org, without a path or a slash at the end")
    secret = values.get("JWT_SECRET", "")
    if secret and len(secret) < 32:
        raise SetupError("JWT_SECRET is shorter than 32 characters: empty it in .env, and the keys made of it")
    for name in IN_ADDRESSES:
        if not re.fullmatch(r"[A-Za-z0-9]*", values.get(name, "")):
            raise SetupError(f"{name} stands in an address: letters and digits only")


def _check(values: Values) -> None:
    """A file half of which was replaced would start, and refuse everybody."""
    again = "empty it in .env and run this again"
    try:
        keys = json.loads(values["JWT_KEYS"])
        public = {key["kid"]: key for key in json.loads(values["JWT_PUBLIC_KEYS"])["keys"]}
        signing = next(key for key in keys if "sign" in key["key_ops"])
        shared = next(key for key in keys if key["kty"] == "oct")
        fits = public[signing["kid"]]["x"] == signing["x"] and public[shared["kid"]]["k"] == shared["k"]
        secret = urlsafe_b64decode(shared["k"] + "=" * (-len(shared["k"]) % 4)).decode()
    except (ValueError, KeyError, TypeError, StopIteration):
        raise SetupError(f"JWT_KEYS or JWT_PUBLIC_KEYS cannot be read: {again}, both") from None
    if secret != values["JWT_SECRET"]:
        raise SetupError(f"JWT_KEYS does not hold JWT_SECRET: {again}, JWT_PUBLIC_KEYS too")
    if not fits:
        raise SetupError(f"JWT_PUBLIC_KEYS does not belong to JWT_KEYS: {again}")
    for name, role in (("SUPABASE_PUBLISHABLE_KEY", "anon"), ("SUPABASE_SECRET_KEY", "service_role")):
        try:
            claims = jwt.decode(values[name], secret, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            raise SetupError(f"{name} is not signed with JWT_SECRET, or has expired: {again}") from None
        if claims.get("role") != role:
            raise SetupError(f"{name} is not of role {role}: {again}")


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def main(folder: Path = ROOT) -> int:
    try:
        made = make_keys(folder / ".env.example", folder / ".env")
    except SetupError as error:
        complain(error)
        return 1
    except UnicodeDecodeError:
        complain(".env is not UTF-8 text: save it as such")
        return 1
    except OSError as error:
        complain(f".env cannot be made: {error.strerror}: {error.filename}")
        return 1
    print(f"made {', '.join(made)} in .env" if made else ".env has everything already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
