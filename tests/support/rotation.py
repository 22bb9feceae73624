"""A sample that is another one every day, so that a quick round comes to everything in time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TypeVar

Item = TypeVar("Item")


def todays(items: Sequence[Item], count: int) -> list[Item]:
    """Some of the items, in their order: the same for the whole day (UTC).

    Over ``len(items) / count`` days every item has its turn.
    """
    day = datetime.now(timezone.utc).date().toordinal()
    rounds = max(1, -(-len(items) // count))
    shuffled = list(range(len(items)))
    random.Random(day // rounds).shuffle(shuffled)  # noqa: S311  # chooses tests, keeps no secret
    chosen = shuffled[day % rounds :: rounds]
    return [items[number] for number in sorted(chosen)]
