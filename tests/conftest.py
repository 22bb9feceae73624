"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from tests.support.rotation import todays

with suppress(ImportError):  # `make integrations` does without it
    from hypothesis import settings

    # How long an example takes depends on what else the machine does.
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--loops",
        type=int,
        metavar="N",
        help="of the tests of every awkward loop, run those of N loops: other ones every day",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests of awkward loops that are not today's."""
    count: int | None = config.getoption("--loops")
    if count is None:
        return
    loops = {item: name for item in items if (name := _loop_of(item))}
    chosen = todays(sorted(set(loops.values())), count)
    left_out = {item for item, name in loops.items() if name not in chosen}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _loop_of(item: pytest.Item) -> str | None:
    given = getattr(item, "callspec", None)
    return None if given is None else getattr(given.params.get("case"), "name", None)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """One thread in torch: small tensors gain nothing from more.

    Tests that run side by side would fight over the cores besides.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent
