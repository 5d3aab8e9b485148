"""``GET /auth/methods``: which ways in the pages may offer."""

from __future__ import annotations

from services.auth.parts import parts
from services.auth.schemas import SignInMethods
from shared.api import Answer, Api

api = Api("sign in")


@api.on("GET", "/auth/methods")
def show_methods() -> Answer[SignInMethods]:
    """What this installation offers to sign in with; asked before anybody is signed in."""
    provider = parts().provider
    return Answer(
        SignInMethods(
            password=provider.offers_password, google=provider.offers_google, code_digits=provider.code_digits
        )
    )
