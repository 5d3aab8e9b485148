"""Making, renaming and deleting people: the ``users`` row is ours, the account is the provider's.

The two can't change in one transaction, so each step may be repeated, and what a broken attempt left is finished by
the next one: a creation is repeated with the same address, a removal by every auth process until it has worked.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any
from uuid import UUID

import structlog

from services.auth.addresses import present_name
from services.auth.parts import Parts
from services.auth.provider import AuthProvider
from services.auth.schemas import NewUser, UserChanges
from shared.database import Database
from shared.errors import AppError, Unavailable
from shared.logs import name_cause

REMOVE_SECONDS = 60.0
REMOVED_AT_ONCE = 100

log = structlog.get_logger()


def create_user(parts: Parts, caller: UUID, new: NewUser) -> dict[str, Any]:
    """An account, its person, and an invitation by mail. Raises DatabaseRefusal 403 and 409, or Unavailable."""
    parts.database.call("check_new_user", caller=caller, email=new.email)
    name = new.name or present_name(new.email)
    user = _make(parts, caller, new.email, name) or _make(parts, caller, new.email, name)
    if user is None:
        raise Unavailable("The account that had this address is still being removed. Try again in a moment.")
    log.info("user_created", account=user["id"])
    try:
        inviter = parts.database.call("get_user", caller=caller, user_id=caller)["name"]
        parts.provider.invite(new.email, parts.redirects.choose(None), inviter)
    except AppError as error:
        # The person is there and asks for a link on the sign-in page as everybody does.
        log.warning("invitation_not_mailed", account=user["id"], cause=name_cause(error))
    return user


def _make(parts: Parts, caller: UUID, email: str, name: str) -> dict[str, Any] | None:
    """None when the provider still had the account of somebody deleted, which has been removed now."""
    account = parts.provider.create_account(email, name)
    user: dict[str, Any] | None = parts.database.call(
        "create_user",
        caller=caller,
        user_id=account,
        email=email,
        name=name,
        is_admin=parts.settings.signup_policy.meet(email).is_admin,
    )
    if user is None:
        remove_account(parts.database, parts.provider, account)
    return user


def update_user(parts: Parts, caller: UUID, user_id: UUID, changes: UserChanges) -> dict[str, Any]:
    """Raises DatabaseRefusal 403, 404 and 409."""
    wanted = changes.model_dump(include=changes.model_fields_set)
    role = wanted.pop("role", None)
    user: dict[str, Any] = {}
    if role is not None:
        user = _set_role(parts, caller, user_id, role)
    if wanted or role is None:
        user = parts.database.call("update_user", caller=caller, user_id=user_id, changes=wanted)
    if "name" in wanted:
        parts.provider.rename_account(user_id, user["name"])
    return user


def _set_role(parts: Parts, caller: UUID, user_id: UUID, role: str) -> dict[str, Any]:
    named = list(parts.settings.admin_emails)
    answer = parts.database.call("set_role", caller=caller, user_id=user_id, role=role, named=named)
    user: dict[str, Any] = answer["user"]
    if answer["lost"]:
        log.info("role_lost", account=str(user_id), by=str(caller))
        parts.notices.disconnect(user_id=str(user_id))
    return user


def lock_out(parts: Parts, caller: UUID, user_id: UUID) -> None:
    """Deletes the person and ends their sessions. Raises DatabaseRefusal 403, 404 and 409.

    The account at the provider is still there: ``remove_account``.
    """
    if parts.database.call("delete_user", caller=caller, user_id=user_id)["deleted"]:
        log.info("user_deleted", account=str(user_id))
    parts.notices.disconnect(user_id=str(user_id))


def remove_account(database: Database, provider: AuthProvider, user_id: UUID) -> None:
    """Safe to repeat. Raises Unavailable."""
    provider.delete_account(user_id)
    database.call("finish_account_removal", user_id=user_id)


def remove_left_accounts(database: Database, provider: AuthProvider) -> int:
    """Removes the accounts a broken deletion left at the provider, and returns how many."""
    removed = 0
    for user_id in database.call("list_account_removals", page_limit=REMOVED_AT_ONCE)["user_ids"]:
        try:
            remove_account(database, provider, UUID(user_id))
            removed += 1
        except AppError as error:
            log.warning("account_not_removed", account=user_id, cause=name_cause(error))
    return removed


def start_removing(database: Database, provider: AuthProvider) -> None:
    """Goes on with broken deletions every minute, in each worker."""
    threading.Thread(target=_remove, args=[database, provider], name="removals", daemon=True).start()


def _remove(database: Database, provider: AuthProvider) -> None:
    while True:
        time.sleep(REMOVE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  # spreads processes, hides nothing
        try:
            remove_left_accounts(database, provider)
        except Unavailable as error:
            log.info("accounts_not_removed", cause=str(error))
        except Exception:
            log.exception("accounts_not_removed")
