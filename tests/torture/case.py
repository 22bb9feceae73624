"""A case: plain data that says everything about one tortured run, so that it can be pasted."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, fields

from tests.torture.extra import EXTRAS, KINDS, Extra
from tests.torture.training.loops import LOOPS
from tests.torture.training.models import MODELS
from tests.torture.training.optimizers import OPTIMIZERS
from tests.torture.watch import WATCHES

OFTEN = 0.6
"""Share of the cases that are the plainest in one respect: what fails there is told at once."""


@dataclass(frozen=True)
class Case:
    """What is trained, how, what is unusual about it, and how it is watched."""

    seed: int = 0
    model: str = "mlp"
    loop: str = "plain"
    optimizer: str = "sgd"
    layers: int = 2
    width: int = 4
    batch: int = 3
    steps: int = 6
    extras: tuple[str, ...] = ()
    """Names from ``EXTRAS``, in alphabetical order."""
    watches: tuple[str, ...] = ("full", "default")
    """Names from ``WATCHES``: the same run is watched once by each."""

    def __str__(self) -> str:
        plain = Case()
        told = {
            name: value
            for name, value in asdict(self).items()
            if name == "seed" or value != getattr(plain, name)
        }
        return json.dumps(told)

    @staticmethod
    def parse(text: str) -> Case:
        """The case that ``str`` has written."""
        data = json.loads(text)
        known = {field.name for field in fields(Case)}
        if unknown := set(data) - known:
            message = f"a case has no {sorted(unknown)}; it has {sorted(known)}"
            raise ValueError(message)
        lists = {name: tuple(data[name]) for name in ("extras", "watches") if name in data}
        return Case(**{**data, **lists})

    @property
    def parts(self) -> list[type[Extra]]:
        """The classes of the extras."""
        return [EXTRAS[name] for name in self.extras]

    @property
    def is_done_by_hand(self) -> bool:
        """Whether what its remedies do can be done by hand."""
        return all(part.has_bits for part in self.parts)

    @property
    def is_sound(self) -> bool:
        """Whether its parts go together."""
        names = {self.model, self.loop, self.optimizer, *self.extras, *self.watches}
        kinds = {part.kind for part in self.parts}
        return (
            LOOPS[self.loop].suits(self.optimizer)
            and names.isdisjoint(MODELS[self.model].without)
            and all(part.suits(self, names - {part.name}, kinds) for part in self.parts)
        )


def draw(seed: int, number: int, only: str | None = None) -> Case:
    """Case ``number`` of a seed; kinds take turns, so that each has its share.

    Args:
        seed: the same seed draws the same cases.
        number: counted from 0.
        only: a kind, to have at least one extra of that kind in every case.
    """
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  # no secret, a case that can be drawn again
    kind = only or sorted(KINDS)[number % len(KINDS)]
    while True:
        case = _draw(chance, kind)
        if case.is_sound:
            return case


def each(only: str | None = None) -> list[Case]:
    """A plain case for each extra, with it alone; or for each of one kind."""
    names = KINDS[only] if only else sorted(EXTRAS)
    return [_alone(name) for name in names]


def _alone(name: str) -> Case:
    part = EXTRAS[name]
    model, loop = (one[0] if one and one[0] else "" for one in (part.models, part.loops))
    return Case(
        model=part.usual.get("model") or model or Case.model,
        loop=part.usual.get("loop") or loop or Case.loop,
        optimizer=part.usual.get("optimizer") or Case.optimizer,
        extras=(name,),
        steps=part.steps or Case.steps,
        watches=part.watches,
    )


def _draw(chance: random.Random, kind: str) -> Case:
    first = chance.choice(sorted(KINDS[kind]))
    others = chance.sample(sorted(EXTRAS), chance.choice((0, 0, 1, 2, 3)))
    if EXTRAS[first].alone:
        others = []
    extras = tuple(sorted({first, *(one for one in others if not EXTRAS[one].alone)}))
    parts = [EXTRAS[name] for name in extras]
    watches = max((part.watches for part in parts), key=len, default=("full", "default"))
    if watches == ("full", "default") and chance.random() < 0.3:
        watches = chance.choice((("full", "default", "parameters"), ("widget",)))
    usual = EXTRAS[first].usual
    return Case(
        seed=chance.randrange(1_000_000),
        model=usual.get("model") or _mostly(chance, "mlp", sorted(MODELS)),
        loop=usual.get("loop") or _mostly(chance, "plain", sorted(LOOPS)),
        optimizer=usual.get("optimizer") or _mostly(chance, "sgd", sorted(OPTIMIZERS)),
        layers=chance.choice((1, 2, 3, 5)),
        width=chance.choice((1, 4, 8)),
        batch=chance.choice((1, 2, 3, 8)),
        steps=max((part.steps for part in parts), default=0) or chance.choice((4, 6, 14)),
        extras=extras,
        watches=tuple(name for name in watches if name in WATCHES),
    )


def _mostly(chance: random.Random, plain: str, every: list[str]) -> str:
    return plain if chance.random() < OFTEN else chance.choice(every)
