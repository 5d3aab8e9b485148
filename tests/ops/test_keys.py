"""`make keys`: every secret made once, kept for good, fitting together, and never shown."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from ops.errors import SetupError
from ops.keys import MAKERS, make_keys, read_values
from ops.places import ROOT

EXAMPLE = ROOT / ".env.example"


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def replace(env: Path, **values: str) -> None:
    """Other values for these names; lines are otherwise kept."""
    lines = env.read_text().splitlines()
    env.write_text("".join(f"{n}={values[n]}\n" if (n := s.partition("=")[0]) in values else f"{s}\n" for s in lines))


def test_every_secret_is_made_at_random(env: Path, tmp_path: Path) -> None:
    assert make_keys(EXAMPLE, env) == list(MAKERS)
    other = tmp_path / "other"
    make_keys(EXAMPLE, other)
    here, there = read_values(env.read_text()), read_values(other.read_text())
    assert [name for name in MAKERS if len(here[name]) < 32 or here[name] == there[name]] == []
    assert len({here[name] for name in MAKERS}) == len(MAKERS)


def test_only_its_owner_can_read_the_file(env: Path) -> None:
    make_keys(EXAMPLE, env)
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_closed(env: Path) -> None:
    make_keys(EXAMPLE, env)
    env.chmod(0o644)
    make_keys(EXAMPLE, env)
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_a_second_run_changes_nothing(env: Path) -> None:
    make_keys(EXAMPLE, env)
    before = env.read_text()
    assert make_keys(EXAMPLE, env) == []
    assert env.read_text() == before


def test_what_has_a_value_keeps_it(env: Path) -> None:
    env.write_text("PUBLIC_URL=https://chat.example.org # ours\nPOSTGRES_PASSWORD='OfMyOwn'\n# a note\n")
    made = make_keys(EXAMPLE, env)
    values = read_values(env.read_text())
    assert values["PUBLIC_URL"] == "https://chat.example.org"
    assert values["POSTGRES_PASSWORD"] == "OfMyOwn"
    assert "# a note" in env.read_text()
    assert made == [name for name in MAKERS if name != "POSTGRES_PASSWORD"]


def test_lines_of_a_newer_example_are_added_with_their_comment(env: Path, tmp_path: Path) -> None:
    make_keys(EXAMPLE, env)
    newer = tmp_path / "example"
    newer.write_text(EXAMPLE.read_text() + "# What it is for.\n# NEW_LIMIT=7\n")
    before = env.read_text()
    make_keys(newer, env)
    assert env.read_text().startswith(before.rstrip("\n"))
    assert env.read_text().endswith("\n# What it is for.\n# NEW_LIMIT=7\n")


def test_an_emptied_secret_is_made_anew(env: Path) -> None:
    make_keys(EXAMPLE, env)
    before = read_values(env.read_text())
    replace(env, REDIS_PASSWORD="")
    assert make_keys(EXAMPLE, env) == ["REDIS_PASSWORD"]
    after = read_values(env.read_text())
    assert after["REDIS_PASSWORD"] not in ("", before["REDIS_PASSWORD"])
    assert before | {"REDIS_PASSWORD": ""} == after | {"REDIS_PASSWORD": ""}


def test_a_removed_or_commented_secret_is_made_anew(env: Path) -> None:
    make_keys(EXAMPLE, env)
    kept = [line for line in env.read_text().splitlines() if not line.startswith("SERVICE_TOKEN=")]
    env.write_text("\n".join(kept).replace("AUTH_SECRET=", "# AUTH_SECRET="))
    assert make_keys(EXAMPLE, env) == ["SERVICE_TOKEN", "AUTH_SECRET"]


def test_the_project_keys_are_of_their_roles_and_signed_with_the_secret(env: Path) -> None:
    make_keys(EXAMPLE, env)
    values = read_values(env.read_text())
    for name, role in (("SUPABASE_PUBLISHABLE_KEY", "anon"), ("SUPABASE_SECRET_KEY", "service_role")):
        claims = jwt.decode(values[name], values["JWT_SECRET"], algorithms=["HS256"])
        assert (claims["role"], claims["iss"]) == (role, "supabase")
        assert "sub" not in claims
        assert claims["exp"] - claims["iat"] > 9 * 365 * 24 * 60 * 60


def test_a_token_signed_by_the_private_key_is_verified_by_the_public_one(env: Path) -> None:
    make_keys(EXAMPLE, env)
    values = read_values(env.read_text())
    own, shared = json.loads(values["JWT_KEYS"])
    public = jwt.PyJWKSet.from_json(values["JWT_PUBLIC_KEYS"])
    token = jwt.encode({"sub": "ann"}, jwt.PyJWK(own).key, algorithm="ES256", headers={"kid": own["kid"]})
    assert jwt.decode(token, public[own["kid"]], algorithms=["ES256"]) == {"sub": "ann"}
    assert jwt.decode(values["SUPABASE_SECRET_KEY"], public[shared["kid"]].key, algorithms=["HS256"])["role"]


def test_the_private_half_is_in_no_other_value(env: Path) -> None:
    make_keys(EXAMPLE, env)
    values = read_values(env.read_text())
    private = json.loads(values["JWT_KEYS"])[0]["d"]
    assert [name for name, value in values.items() if private in value] == ["JWT_KEYS"]


def test_exactly_one_key_signs(env: Path) -> None:
    make_keys(EXAMPLE, env)
    keys = json.loads(read_values(env.read_text())["JWT_KEYS"])
    assert [key["kty"] for key in keys if "sign" in key["key_ops"]] == ["EC"]


@pytest.mark.parametrize("name", ["JWT_SECRET", "SUPABASE_SECRET_KEY", "SUPABASE_PUBLISHABLE_KEY", "JWT_PUBLIC_KEYS"])
def test_a_half_replaced_set_is_refused_and_left_alone(name: str, env: Path, tmp_path: Path) -> None:
    make_keys(EXAMPLE, env)
    other = tmp_path / "other"
    make_keys(EXAMPLE, other)
    replace(env, **{name: f"'{read_values(other.read_text())[name]}'"})
    before = env.read_text()
    with pytest.raises(SetupError, match=r"empty it in \.env and run this again"):
        make_keys(EXAMPLE, env)
    assert env.read_text() == before


def test_keys_of_the_wrong_role_are_refused(env: Path) -> None:
    make_keys(EXAMPLE, env)
    replace(env, SUPABASE_PUBLISHABLE_KEY=read_values(env.read_text())["SUPABASE_SECRET_KEY"])
    with pytest.raises(SetupError, match="SUPABASE_PUBLISHABLE_KEY is not of role anon"):
        make_keys(EXAMPLE, env)


def test_broken_keys_are_named_without_being_shown(env: Path) -> None:
    make_keys(EXAMPLE, env)
    replace(env, JWT_KEYS="'[{'")
    with pytest.raises(SetupError, match="JWT_KEYS or JWT_PUBLIC_KEYS cannot be read"):
        make_keys(EXAMPLE, env)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PUBLIC_URL=https://chat.example.org/", "PUBLIC_URL must be like"),
        ("PUBLIC_URL=pulse.example.org", "PUBLIC_URL must be like"),
        ("JWT_SECRET=abc", "JWT_SECRET is shorter than 32"),
        ("PULSE_APP_PASSWORD=p@ss/word", "PULSE_APP_PASSWORD stands in an address"),
        ("POSTGRES_PASSWORD='p ss'", "POSTGRES_PASSWORD stands in an address"),
        ("REDIS_PASSWORD=p@ss", "REDIS_PASSWORD stands in an address"),
        ("REST_DATABASE_PASSWORD=p%40ss", "REST_DATABASE_PASSWORD stands in an address"),
    ],
)
def test_what_people_write_themselves_is_checked_before_anything_is_made(env: Path, line: str, said: str) -> None:
    env.write_text(line + "\n")
    with pytest.raises(SetupError, match=said) as refused:
        make_keys(EXAMPLE, env)
    assert line.partition("=")[2] not in str(refused.value)
    assert env.read_text() == line + "\n"


def test_an_env_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE.read_text())
    (tmp_path / ".env").write_bytes(b"ADMIN_EMAILS=j\xf6rg@example.org\n")
    done = run_in(tmp_path)
    assert (done.returncode, done.stderr) == (1, "pulse: .env is not UTF-8 text: save it as such\n")


def test_a_shell_reads_the_file_as_compose_does(env: Path) -> None:
    make_keys(EXAMPLE, env)
    script = f'. {env}; printf %s "$JWT_KEYS"'
    read = subprocess.run(["sh", "-ac", script], capture_output=True, text=True, check=True).stdout
    assert read == read_values(env.read_text())["JWT_KEYS"]


def run_in(folder: Path) -> subprocess.CompletedProcess[str]:
    script = "import pathlib, sys, ops.keys; sys.exit(ops.keys.main(pathlib.Path(sys.argv[1])))"
    words = [sys.executable, "-c", script, str(folder)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_prints_names_and_no_values(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE.read_text())
    done = run_in(tmp_path)
    assert done.returncode == 0, done.stderr
    values = read_values((tmp_path / ".env").read_text())
    assert done.stdout == f"made {', '.join(MAKERS)} in .env\n"
    assert [name for name in MAKERS if values[name] in done.stdout + done.stderr] == []


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    done = run_in(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("pulse: .env cannot be made: No such file or directory")
    assert done.stderr.count("\n") == 1
