"""Who may come in: ``SIGNUP=open|domains:a.org,b.org|invited`` and ADMIN_EMAILS."""

from __future__ import annotations

from dataclasses import dataclass

from services.auth.addresses import domain_of, present_name


@dataclass(frozen=True)
class Newcomer:
    """How an address without an account is met; one with an account ignores ``may_join`` and the rest."""

    may_join: bool
    is_admin: bool
    first_is_admin: bool
    name: str

    def as_json(self) -> dict[str, object]:
        return {
            "may_join": self.may_join,
            "is_admin": self.is_admin,
            "first_is_admin": self.first_is_admin,
            "name": self.name,
        }


@dataclass(frozen=True)
class SignupPolicy:
    """``domains`` is None when every domain may join, and empty when only the invited may."""

    domains: frozenset[str] | None
    admin_emails: frozenset[str]
    first_is_admin: bool

    @property
    def lets_anybody_join(self) -> bool:
        return self.domains is None or bool(self.domains | self.admin_emails)

    def meet(self, email: str) -> Newcomer:
        is_admin = email in self.admin_emails
        return Newcomer(
            may_join=is_admin or self.domains is None or domain_of(email) in self.domains,
            is_admin=is_admin,
            first_is_admin=self.first_is_admin,
            name=present_name(email),
        )


def parse_signup(value: str) -> frozenset[str] | None:
    """The domains that may join: None for "open", empty for "invited". Raises ValueError."""
    if value == "open":
        return None
    if value == "invited":
        return frozenset()
    kind, _, domains = value.partition(":")
    names = frozenset(name.strip().lower() for name in domains.split(",") if name.strip())
    if kind != "domains" or not names:
        raise ValueError("must be open, invited, or domains:example.org,example.com")
    return names
