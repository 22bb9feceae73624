"""GradMonitor: watches a model in a plain script. A widget is a monitor with its picture."""

from __future__ import annotations

import os
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

from gradwidget.control.reaction import OnFinding
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.session import LayerFilter, Session
from gradwidget.view.export.write import write_page, write_png, write_svg

if TYPE_CHECKING:
    from types import TracebackType

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from gradwidget.capture.steps.pause_point import Batch
    from gradwidget.diagnose.finding import Finding
    from gradwidget.frame import Inspection, Layer
    from gradwidget.problem import Problem
    from gradwidget.record.history import History
    from gradwidget.record.rank_log import Rank
    from gradwidget.report.sending import Logger

PATIENCE = 2.0
"""Seconds that a call waits for a paused loop to inspect a layer, which takes milliseconds."""


class GradMonitor:
    """Watches how gradients flow through a model while it trains, and says what is wrong.

    Nothing in the training loop changes: optimizer, loss and layer order are detected
    automatically. The monitor holds the model weakly. A second monitor on the same model replaces
    the first. A monitor that is dropped without ``close()`` stops listening; one that acts on
    findings lives as long as its model.

    Args:
        model: any ``nn.Module`` with at least one parameter.
        optimizer: only where one optimizer of several is meant; otherwise every optimizer that
            steps this model's parameters is seen.
        layers: which layers to watch: None for all, one or several globs on their names
            (``"encoder.*"``; of weights that are no modules, on those: ``"weights.3"``), or a
            callable ``(name, module) -> bool``.
        budget: share of a step's time that gradwidget may cost; None samples every step.
        activations: also measure activations and activation gradients.
        on_finding: what to do when a finding opens: None, ``"breakpoint"`` (a debugger in your
            frame, on the line after the step), ``"raise"`` (a ``GradientError`` in the loop), a
            function that gets the finding, or a mapping from ``"warning"`` and ``"critical"`` to
            one of these. A word alone is for critical findings. On an accelerator each sampled step
            then waits for its values.
        start_step: number of the first step seen, for a resumed run.
        thresholds: bounds to judge by instead of the default ones, such as
            ``Thresholds(vanishing_ratio=1e-6)``.
        run_file: where to record the run, such as ``"run.gw"``, for ``open_run``, a ``GradWidget``
            or ``gradwidget report``. Where there is a file already, this is a later part of that
            run, in a file beside it, and replaces what it has from ``start_step`` on. A file that
            cannot be written is a problem (``problems``), and training goes on.

    Raises:
        TypeError: ``model`` is not an ``nn.Module``, ``optimizer`` not an ``Optimizer``, or
            ``start_step`` not a whole number.
        ValueError: the model has no parameters, no layer matches ``layers``, the optimizer holds
            none of the model's parameters, ``start_step`` is below 0 or above 2⁵², or
            ``on_finding`` is ``"pause"``, which only a ``GradWidget`` could end.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with GradMonitor(model) as monitor:
        ...     model(torch.ones(4, 2)).mean().backward()
        ...     optimizer.step()
        >>> monitor.history["grad_norm"].shape
        (1, 1)
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None = None,
        *,
        layers: LayerFilter = None,
        budget: float | None = 0.01,
        activations: bool = True,
        on_finding: OnFinding = None,
        start_step: int = 0,
        thresholds: Thresholds = DEFAULT,
        run_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self._session = Session(
            model,
            optimizer,
            layers=layers,
            budget=budget,
            activations=activations,
            on_finding=on_finding,
            start_step=start_step,
            thresholds=thresholds,
            run_file=run_file,
        )

    @property
    def history(self) -> History:
        """Everything measured so far."""
        return self._session.history

    @property
    def findings(self) -> list[Finding]:
        """What is wrong.

        Active findings come first, the most severe and earliest leading; resolved ones after.
        """
        return self._session.findings

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers watched, input first."""
        return self._session.layers

    @property
    def problems(self) -> list[Problem]:
        """Failures inside gradwidget that were contained, in the order in which they happened."""
        return self._session.problems

    @property
    def overhead(self) -> float:
        """Share of the step time that gradwidget has lately cost; NaN before it is known."""
        return self._session.overhead

    @property
    def sampling_interval(self) -> float:
        """Steps per sampled step, lately: 1.0 is every step, 4.0 one in four."""
        return self._session.sampling_interval

    @property
    def ranks(self) -> list[Rank]:
        """The processes that watch the same model, on the rank that judges; else empty.

        Each with its loss, how long others wait for it, whether something of its own was the first
        that was not finite, and since when its copy of the weights differs.
        """
        return list(self._session.processes.ranks)

    @property
    def closed(self) -> bool:
        """True once nothing is watched any more."""
        return self._session.closed

    @property
    def batch(self) -> Batch | None:
        """What the model was called with in the last step, while the loop is paused.

        ``batch.args`` and ``batch.kwargs``; None where that was not seen.
        """
        return self._session.batch

    def inspect(self, layer: str) -> Inspection | None:
        """Histograms of a layer's gradient, weights and output.

        On the training thread they are made immediately, of what there is at that moment; the
        output comes with the next step that begins. On another thread everything comes with that
        step, ask again after it; or immediately, while the loop is paused.

        Args:
            layer: its name.

        Returns:
            The newest inspection; None where there is none yet.

        Raises:
            ValueError: there is no such layer, or nothing is watched any more.

        Example:
            >>> import torch
            >>> model = torch.nn.Sequential(torch.nn.Linear(2, 1))
            >>> GradMonitor(model).inspect("0").weight.total
            3
        """
        answer = self._session.inspect(layer)
        is_seen = self._session.inspect_idle(layer)
        if isinstance(answer, Future) and not is_seen:
            wait([answer], PATIENCE)  # the loop is paused, so its thread can answer
        return self._session.inspection(layer)

    def log(self, **scalars: object) -> None:
        """Adds scalars of your own to the current step, such as ``log(val_loss=0.3)``.

        A name that gradwidget detects automatically (``loss``) is overridden. Tensors are not
        synchronized. NaN and infinities are recorded as such, a number too large for a float as
        an infinity; a tensor without a readable value (on the meta device) is left out. The first
        64 different names are recorded. ``problems`` says what could not be.

        Args:
            scalars: real numbers or one-element tensors by name.

        Raises:
            TypeError: a value is neither a real number nor a tensor of one.
        """
        self._session.log(**scalars)

    def step_begins(self, lr: float | Tensor | None = None) -> None:
        """Announces that something other than an optimizer of torch's will now change the weights.

        Call it after the backward pass, and after clipping, so that the gradients are those that
        the step uses; then change the weights, then call ``step_ended``. Torch's own optimizers
        need no such call. A call in the wrong order changes nothing; ``problems`` says so.

        Args:
            lr: the learning rate, where it is known.

        Raises:
            TypeError: ``lr`` is neither a real number nor a tensor of one.

        Example:
            >>> import torch
            >>> model = torch.nn.Linear(2, 1)
            >>> monitor = GradMonitor(model)
            >>> model(torch.ones(4, 2)).mean().backward()
            >>> monitor.step_begins(lr=0.1)
            >>> for parameter in model.parameters():
            ...     parameter.data -= 0.1 * parameter.grad
            >>> monitor.step_ended()
            >>> float(monitor.history.scalars["lr"][0])
            0.1
        """
        self._session.step_begins(lr)

    def step_ended(self) -> None:
        """Announces that the weights have been changed: the step is over."""
        self._session.step_ended()

    def scalars(self, *, layers: bool = False) -> dict[str, float]:
        """The newest statistics and what is wrong, as plain numbers for any logger.

        ``gradwidget/state`` is 0 where nothing is wrong, 1 for a warning and 2 for a critical
        finding, ``gradwidget/findings/<symptom>`` the same for each active finding. The rest are
        the scalars of the newest frame, such as ``gradwidget/total_grad_norm``.

        Args:
            layers: also give ``grad_rms``, ``act_grad_rms`` and ``update_ratio`` of each layer, as
                ``gradwidget/grad_rms/<layer>``.

        Example:
            >>> import torch
            >>> GradMonitor(torch.nn.Linear(2, 1)).scalars()
            {'gradwidget/state': 0.0}
        """
        return self._session.scalars(layers=layers)

    def send_to(self, logger: Logger, *, layers: bool = False) -> None:
        """Hands the statistics of every sampled step, and what is found, to a logger.

        ``gradwidget.loggers`` has one for TensorBoard, W&B, MLflow, trackio and Python's
        ``logging``; anything with the methods ``log_figures`` and ``log_finding`` will do. What it
        costs counts toward the ``budget``. One that fails does not disturb the training:
        ``problems`` says so, and after the third time it is not called any more.

        Args:
            logger: gets them from now on, on the training thread.
            layers: also give the statistics of each layer, as in ``scalars``.

        Example:
            >>> import torch
            >>> from gradwidget.loggers.stdlib import StdlibLogger
            >>> GradMonitor(torch.nn.Linear(2, 1)).send_to(StdlibLogger("train"))
        """
        self._session.send_to(logger, layers=layers)

    def report(self, *, full: bool = False) -> str:
        """What is wrong and what helps, as text that fits on a screen, in at most 100 columns.

        Args:
            full: all layers, every finding with its evidence, the code of every remedy.
        """
        return self._session.report(full=full)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Writes the run so far as one page for any browser: the picture, and all earlier steps.

        It needs no network and reaches none. Numbers are within 0.4 % of what was measured; the
        file has at most 0.95 MB up to 100 layers.

        Args:
            path: of the file; one that exists is replaced.

        Raises:
            OSError: it cannot be written.
            FileNotFoundError: gradwidget was installed without its front end.
        """
        session = self._session
        write_page(path, session, session.model_class, session.control.changes)

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Writes the last state as an image: names, states, bars, heatmap and the loss.

        At most 60 layers, those that something is wrong with first; 912 pixels wide, on white.

        Args:
            path: of the file; one that exists is replaced.

        Raises:
            OSError: it cannot be written.
            ValueError: nothing was measured yet.
        """
        write_svg(path, self._session, self._session.model_class)

    def to_png(self, path: str | os.PathLike[str]) -> None:
        """Writes the same image as PNG, 1,824 pixels wide; needs the package ``resvg-py``.

        Args:
            path: of the file; one that exists is replaced.

        Raises:
            ImportError: that package is not installed.
            OSError: it cannot be written.
            ValueError: nothing was measured yet.
        """
        write_png(path, self._session, self._session.model_class)

    def close(self) -> None:
        """Removes every hook, resumes a paused loop, and ends what was applied.

        What was recorded stays. Closing twice does nothing.
        """
        self._session.close()

    def __enter__(self) -> GradMonitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        fault = self._session.control.gate.take_fault()
        if error is None and fault is not None:
            raise fault
