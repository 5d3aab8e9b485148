"""Passwords chosen at Supabase Auth before anybody noted who has one."""

from __future__ import annotations

from ops.migrate import MIGRATIONS
from tests.auth.conftest import MakeApp, Owner
from tests.auth.providers import Provider
from tests.auth.visitor import Visitor

GOOD, OTHER = "seven purple otters knit", "another turnip knits otters"
MIGRATION = MIGRATIONS / "20261122152000_passwords_of_before.sql"


def test_a_session_alone_does_not_replace_a_password_of_before(
    make_app: MakeApp, owner: Owner, provider: Provider
) -> None:
    ann, ben = (Visitor(make_app(), f"{name}@example.org") for name in ("ann", "ben"))
    ann.keep(ann.confirm(**ann.sign_up(GOOD).query))
    ben.sign_in()
    owner("delete from public.supabase_password_owners")  # as it was before 20261122145100
    owner(MIGRATION.read_text())
    noted = owner("select count(*) from public.supabase_password_owners")
    assert noted == [(0,) if provider == "builtin" else (2,)]
    refused = ann.change_password(OTHER)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "wrong_password")
    assert ann.change_password(OTHER, GOOD).status_code == 204
    # Who came by link alone may have one too: with Supabase Auth a mail decides.
    assert ben.change_password(GOOD).status_code == (204 if provider == "builtin" else 403)
    assert ben.reset(ben.ask_for_reset(), OTHER).status_code == 200
    owner(MIGRATION.read_text())  # safe to repeat
