"""What `supabase db push` needs of a migration, which it cuts into statements by rules simpler than SQL's.

Facts: supabase/cli, pkg/parser. A function body that begins with `begin atomic` ends for it at the first `end`, be it
that of a `case` or in the middle of a word; comments are skipped.
"""

import re
from pathlib import Path

import psycopg
import pytest

from ops.migrate import MIGRATIONS, migrate
from tests.conftest import Database

ATOMIC = re.compile(r"begin\s+atomic(.*?)^end;", re.IGNORECASE | re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"--[^\n]*")
OUTBOX = "20261122110000"


def find_early_ends(text: str) -> list[str]:
    return [body for body in ATOMIC.findall(text) if "end" in COMMENT.sub("", body).lower()]


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("*.sql")), ids=lambda path: path.stem)
def test_no_atomic_body_ends_early_for_the_cli(path: Path) -> None:
    assert find_early_ends(path.read_text()) == []


def test_an_early_end_is_found_and_one_in_a_comment_is_none() -> None:
    assert find_early_ends("begin atomic\n  select case when true then 1 end;\nend;")
    assert not find_early_ends("begin atomic\n  -- in the end\n  select 1;\nend;")


def test_a_database_with_the_former_text_of_a_mended_file_is_up_to_date(database: Database) -> None:
    path = next(MIGRATIONS.glob(f"{OUTBOX}_*.sql"))
    former = path.read_text().replace(
        "(select clock_timestamp() where o.refusals >= 4)", "case when o.refusals >= 4 then clock_timestamp() end"
    )
    assert former != path.read_text()
    with psycopg.connect(database.owner_url) as owner:
        owner.execute(
            "update supabase_migrations.schema_migrations set statements = %s where version = %s", [[former], OUTBOX]
        )
    assert migrate(database.owner_url) == []
