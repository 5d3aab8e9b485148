"""Whether the pages may show Google, where it is a Supabase project that decides."""

from __future__ import annotations

import time

import pytest

from services.auth.supabase.offered import Offered
from tests.auth.supabase_world import open_world
from tests.conftest import Database


@pytest.mark.parametrize("switched_on", [True, False])
def test_google_is_offered_where_the_project_has_it(database: Database, switched_on: bool) -> None:
    with open_world(database, auth={"google": switched_on}) as world:
        assert world.person("ann").call("GET", "/auth/methods").get_json()["google"] is switched_on
        with world.project.gateway.faults.inject("bad gateway before", "/auth/v1/settings") as fault:
            assert world.provider.offers_google is switched_on  # asked at most once a minute
            assert fault.met == 0
        begun = world.person("ann").call("GET", "/auth/google")
        assert begun.status_code == (302 if switched_on else 404)


def test_a_project_that_hangs_or_talks_nonsense_holds_nobody_up(database: Database) -> None:
    with open_world(database) as world:
        with world.project.gateway.faults.inject("hang before", "/auth/v1/settings"):
            began = time.monotonic()
            assert world.person("ann").call("GET", "/auth/methods").get_json()["google"] is False
            assert time.monotonic() - began < 20  # it hangs until the block ends
        offered = Offered(world.provider.gotrue)
        with world.project.gateway.faults.inject("bad gateway before", "/auth/v1/settings"):
            assert not offered.has("google")
        assert not offered.has("saml")
