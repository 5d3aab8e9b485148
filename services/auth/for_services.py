"""What the other services read: public keys, and sessions that ended before their tokens did."""

from __future__ import annotations

from services.auth.parts import parts
from services.auth.schemas import Jwks, RevocationPage, RevocationQuery
from shared.api import Answer, Api

api = Api("for services")


@api.on("GET", "/.well-known/jwks.json")
def show_keys() -> Answer[Jwks]:
    """The public keys that access tokens are verified with."""
    return Answer({"keys": parts().provider.public_keys()}, headers={"Cache-Control": "public, max-age=300"})


@api.on("GET", "/revocations", for_services=True)
def list_revocations(query: RevocationQuery) -> Answer[RevocationPage]:
    """Sessions and users whose tokens no longer count, above a position; ask again from the position it answers."""
    return Answer(parts().database.call("list_revocations", after_position=query.after))
