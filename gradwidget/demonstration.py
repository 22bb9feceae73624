"""Ten seconds that show what gradwidget is for: a network that does not learn, then cured."""

from __future__ import annotations

import sys
from itertools import pairwise
from time import sleep
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from gradwidget.monitor import GradMonitor

if TYPE_CHECKING:
    from gradwidget.widget import GradWidget

LAYERS = 10
WIDTH = 128
BATCH = 256
STEPS = 300
PAUSE = 0.01
"""Seconds after each step in a notebook, so that the picture can be watched."""


def demo() -> None:
    """Trains a network that does not learn, then the same one with the first remedy carried out.

    In a notebook both runs are shown live; elsewhere their reports are printed. It takes about ten
    seconds, needs no data, and leaves torch's random numbers as they were.

    Example:
        >>> import gradwidget
        >>> gradwidget.demo()  # doctest: +SKIP
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _show(is_notebook=_in_notebook())


def _show(*, is_notebook: bool) -> None:
    data = _clusters()
    print(f"A network of {LAYERS} layers with a sigmoid after each, trained for {STEPS} steps:\n")
    model, optimizer = _network()
    monitor = _watched(model, is_notebook=is_notebook)
    with monitor:
        sick = _train(model, optimizer, data, is_notebook=is_notebook)
    _print_outcome(monitor, sick, is_notebook=is_notebook)
    if not (monitor.findings and monitor.findings[0].remedies):
        return
    remedy = monitor.findings[0].remedies[0]
    print(f"\nThe same network again, after the first remedy: {remedy.title}.\n")
    model, optimizer = _network()
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102  # our own code, as a user would paste it
    monitor = _watched(model, is_notebook=is_notebook)
    with monitor:
        cured = _train(model, optimizer, data, is_notebook=is_notebook)
    _print_outcome(monitor, cured, is_notebook=is_notebook)
    print(f"\nThe loss after {STEPS} steps: {sick:.2g} before, {cured:.2g} now.")


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _watched(model: nn.Module, *, is_notebook: bool) -> GradMonitor | GradWidget:
    """Watches the model, with a picture where there is a page to show it."""
    if not is_notebook:
        return GradMonitor(model)
    from IPython.display import display  # noqa: PLC0415  # a script needs no widget library

    from gradwidget.widget import GradWidget  # noqa: PLC0415  # see above

    widget = GradWidget(model)
    display(widget)  # type: ignore[no-untyped-call]  # IPython has no types
    return widget


def _clusters() -> tuple[Tensor, Tensor]:
    """2,048 points of 16 dimensions around four centers, and which of them is whose."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (2048,), generator=generator)
    centers = 1.5 * torch.randn(4, 16, generator=generator)
    return centers[labels] + torch.randn(2048, 16, generator=generator), labels


def _network() -> tuple[nn.Module, Optimizer]:
    sizes = [16, *[WIDTH] * (LAYERS - 1)]
    hidden = [
        part for given, made in pairwise(sizes) for part in (nn.Linear(given, made), nn.Sigmoid())
    ]
    model = nn.Sequential(*hidden, nn.Linear(sizes[-1], 4))
    return model, SGD(model.parameters(), lr=0.1)


def _train(
    model: nn.Module, optimizer: Optimizer, data: tuple[Tensor, Tensor], *, is_notebook: bool
) -> float:
    """An ordinary loop; gives the last loss."""
    generator = torch.Generator().manual_seed(0)
    loss = torch.tensor(torch.nan)
    for _ in range(STEPS):
        batch = torch.randint(len(data[0]), (BATCH,), generator=generator)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data[0][batch]), data[1][batch])
        loss.backward()
        optimizer.step()
        if is_notebook:
            sleep(PAUSE)
    return float(loss.detach())


def _print_outcome(monitor: GradMonitor | GradWidget, loss: float, *, is_notebook: bool) -> None:
    if is_notebook:
        print(f"The loss ends at {loss:.2g}.")
    else:
        print(monitor.report())
