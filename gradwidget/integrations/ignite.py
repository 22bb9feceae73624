"""Handlers for an engine of PyTorch-Ignite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradwidget.integrations.watching import Watching
from gradwidget.wording import not_installed

PACKAGE = "pytorch-ignite"

try:
    from ignite.engine import Engine, Events
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error

if TYPE_CHECKING:
    from torch import nn


def watch(engine: Engine, model: nn.Module, **options: Any) -> Watching:
    """Watches a model while an engine trains it, and puts the statistics into its metrics.

    Attach it before a logger, which then finds them in ``engine.state.metrics``.

    Args:
        engine: the trainer.
        model: what it trains.
        options: as for ``Watching``.

    Returns:
        What has the ``monitor``.
    """
    watching = Watching(**options)

    def begin() -> None:
        watching.begin(model, engine.state.iteration)

    def tell() -> None:
        engine.state.metrics.update(watching.scalars())
        if watching.should_stop():
            engine.terminate()

    def fail(error: BaseException) -> None:
        watching.end()
        raise error

    engine.add_event_handler(Events.STARTED, begin)
    engine.add_event_handler(Events.ITERATION_COMPLETED, tell)
    engine.add_event_handler(Events.COMPLETED, watching.end)
    engine.add_event_handler(Events.TERMINATE, watching.end)
    engine.add_event_handler(Events.EXCEPTION_RAISED, fail)
    return watching
