"""A callback for fastai."""

from __future__ import annotations

from gradwidget.integrations.watching import Watching
from gradwidget.wording import not_installed

PACKAGE = "fastai"

try:
    from fastai.callback.core import Callback, CancelFitException
    from fastai.learner import Recorder
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error


class GradCallback(Watching, Callback):
    """Watches the model of a learner; a search for a learning rate is not watched.

    Arguments are those of ``Watching``.

    Example::

        callback = GradCallback()
        learner.fit(5, cbs=callback)
        print(callback.monitor.report())
    """

    # Gradients are clipped before it, as a step uses them.
    order = Recorder.order + 1
    run_valid = False
    _is_stepping = False

    def before_fit(self) -> None:
        """Training begins, or goes on."""
        self.run = not hasattr(self.learn, "lr_finder")
        if self.run:
            self.begin(self.model)

    def before_step(self) -> None:
        """The weights are about to be changed, by an optimizer that is not torch's."""
        if self.monitor is not None:
            self._is_stepping = True
            self.monitor.step_begins(lr=float(self.opt.hypers[-1]["lr"]))

    def after_step(self) -> None:
        """They have been, unless the step was left out."""
        if self.monitor is not None and self._is_stepping:
            self._is_stepping = False
            self.monitor.step_ended()

    def after_batch(self) -> None:
        """A batch is over."""
        if self.should_stop():
            raise CancelFitException

    def after_fit(self) -> None:
        """Training is over, or was stopped."""
        self.end()
