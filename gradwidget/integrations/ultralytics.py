"""Callbacks for the models of Ultralytics."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching
from gradwidget.wording import not_installed

PACKAGE = "ultralytics"

try:
    from ultralytics.engine.model import Model
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error


def watch(model: Model, **options: Any) -> Watching:
    """Watches what ``model.train`` trains in this process, and hands the statistics to its loggers.

    Args:
        model: as ``YOLO("yolo11n.yaml")``.
        options: as for ``Watching``.

    Returns:
        What has the ``monitor``.

    Example::

        watching = watch(model)
        model.train(data="coco8.yaml")
        print(watching.monitor.report())
    """
    watching = Watching(**options)
    ours: set[str] = set()

    def begin(trainer: Any) -> None:
        watching.begin(trainer.model)

    def batch_ended(trainer: Any) -> None:
        if watching.should_stop():
            trainer.stop = True

    def tell(trainer: Any) -> None:
        # The loggers come after it.
        figures = watching.scalars()
        ours.update(figures)
        trainer.metrics.update(figures)

    def forget(trainer: Any) -> None:
        # Its own table of results has the columns of the first epoch.
        for name in ours & trainer.metrics.keys():
            del trainer.metrics[name]

    model.add_callback("on_train_start", begin)
    model.add_callback("on_train_epoch_start", forget)
    model.add_callback("on_train_batch_end", batch_ended)
    model.add_callback("on_fit_epoch_end", tell)
    model.add_callback("on_train_end", lambda _: watching.end())
    return watching
