"""What is asked of the large database: for each kind of question many different ones, the same each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from urllib.parse import urlencode
from uuid import UUID

from bench.client import Request, get
from bench.million import World
from bench.peers.seed import SeedNode
from bench.rows import SEED
from bench.words import Writer, make_word

Sign = Callable[[UUID], str]
"""An access token of somebody."""

DIFFERENT = 64  # questions of a kind
PAGE = 50
COMMON, RARE = range(10, 74), range(100_000, 200_000, 1_567)
"""Ranks of words: each of the common ones stands in 1 to 9% of all messages, the rare ones in some ten of a million."""


def history_questions(world: World, sign: Sign) -> dict[str, list[Request]]:
    random, large = Random(SEED), {"conversation_id": world.largest}  # noqa: S311 - to be repeated
    middle = range(world.largest_last_seq * 2 // 5, world.largest_last_seq * 3 // 5)
    token = {who: sign(UUID(who)) for who in (world.lone, world.busy)}

    def ask(path: str, who: str, **query: object) -> Request:
        return get(f"{path}?{urlencode(query)}", token[who])

    behind = [
        world.largest_last_seq - random.randrange(1, min(1_000, world.largest_last_seq)) for _ in range(DIFFERENT)
    ]
    return {
        "newest page": [ask("/chat/history", world.lone, **large, limit=PAGE)],
        "deep page": [
            ask("/chat/history", world.lone, **large, limit=PAGE, before=random.choice(middle))
            for _ in range(DIFFERENT)
        ],
        "changes": [ask("/chat/changes", world.lone, **large, limit=PAGE, after=after) for after in behind],
        "conversation list, 50 of 200": [ask("/conversations", world.busy, limit=PAGE)],
        "conversation list, all 200": [ask("/conversations", world.busy, limit=200)],
    }


def search_questions(world: World, sign: Sign) -> dict[str, list[Request]]:
    token = {who: sign(UUID(who)) for who in (world.lone, world.busy, world.quiet)}

    def ask(who: str, texts: Sequence[str], **query: object) -> list[Request]:
        return [get(f"/search?{urlencode({'q': text, **query})}", token[who]) for text in texts]

    common, rare = ([make_word(rank) for rank in ranks] for ranks in (COMMON, RARE))
    quoted = [f'"{word}"' for word in common]
    return {
        "search, rare word": ask(world.busy, rare),
        "search, beginning of a word": ask(world.busy, [word[:4] for word in rare]),
        "search, common word": ask(world.busy, quoted),
        "search, common word, by somebody with few messages": ask(world.quiet, quoted),
        "search, common word, in the largest conversation": ask(world.lone, quoted, conversation_id=world.largest),
        "search, common word, in a small conversation": ask(world.quiet, quoted, conversation_id=world.small),
        "search, common beginning": ask(world.busy, common),
        "search, phrase": ask(world.busy, phrases()),
        "search, two common words": ask(world.busy, [f"{a} {b}" for a, b in pairwise(quoted)]),
        "search, no match": ask(world.busy, [f"{word}qq" for word in rare]),
    }


def phrases() -> list[str]:
    """Three words in a row of messages that were sent."""
    writer = Writer(SEED)
    found: list[str] = []
    while len(found) < DIFFERENT:
        words = writer.write().rstrip(".").lower().split()
        if len(words) >= 5:
            found.append(f'"{" ".join(words[1:4])}"')
    return found


def seed_questions(world: World, seed: SeedNode) -> dict[str, list[Request]]:
    """The pages as the seeds read them: by OFFSET, which reads all that it skips."""
    random, token, half = Random(SEED), seed.token(world.lone), world.largest_last_seq // 2  # noqa: S311

    def page(offset: int) -> Request:
        return get(f"/chat/history?{urlencode({'group': world.largest, 'limit': PAGE, 'offset': offset})}", token)

    deep = [page(random.randrange(half * 4 // 5, half * 6 // 5)) for _ in range(DIFFERENT)]
    return {"newest page": [page(0)], "deep page": deep}
