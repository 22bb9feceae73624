"""A cell that is run again and again ends where it began: nothing of the earlier runs is kept."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from weakref import WeakSet, ref

import pytest
import torch
from comm import get_comm_manager
from ipywidgets.widgets import widget as library
from torch import nn

from gradwidget import GradMonitor, GradWidget
from gradwidget.record.history import History
from gradwidget.session import Session

WIDTH = 500
MODEL_BYTES = 4 * 2 * WIDTH * (WIDTH + 1)

Make = Callable[[nn.Module], GradMonitor | GradWidget]


@pytest.fixture(autouse=True)
def quick_collections() -> Iterator[None]:
    """What was there before is passed over by the collections of a test."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def cell(make: Make, *, closes: bool, width: int = 4) -> GradMonitor | GradWidget:
    """Model, optimizer, widget and some steps, as a notebook has them in one cell."""
    model = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watching = make(model)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(8, width)).pow(2).mean().backward()
        optimizer.step()
    if closes:
        watching.close()
    return watching


def collect() -> None:
    """Frees what is in cycles; twice, since what a finalizer held is freed after it has run."""
    gc.collect()
    gc.collect()


def settle(watching: GradMonitor | GradWidget) -> None:
    """Waits for the thread that draws, which ends when the model does."""
    gc.collect()
    if isinstance(watching, GradWidget):
        assert watching._ticker is not None
        watching._ticker._thread.join()


def tensors() -> int:
    """Bytes of all tensors that exist."""
    gc.collect()
    found = [one for one in gc.get_objects() if issubclass(type(one), torch.Tensor)]
    return sum(one.untyped_storage().nbytes() for one in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "closes"), [(100, True), (30, False)], ids=["closed", "not closed"]
)
def test_however_often_it_is_run_nothing_stays(runs: int, *, closes: bool) -> None:
    settle(cell(GradWidget, closes=closes))
    gc.collect()
    registered, comms = len(library._instances), len(get_comm_manager().comms)
    made: WeakSet[object] = WeakSet()
    tracemalloc.start()
    before = 0
    for run in range(runs):
        watching: GradMonitor | GradWidget | None = cell(GradWidget, closes=closes)
        assert isinstance(watching, GradWidget)
        settle(watching)
        made.update([watching, watching._session, watching.history, watching._figure])
        watching = None
        if run == 9:
            collect()
            before = tracemalloc.get_traced_memory()[0]
    collect()
    kept = (tracemalloc.get_traced_memory()[0] - before) / (runs - 10)
    tracemalloc.stop()
    assert len(made) == 0
    assert len(library._instances) == registered
    assert len(get_comm_manager().comms) == comms
    assert kept < 3_000, kept


@pytest.mark.slow
@pytest.mark.parametrize("make", [GradMonitor, GradWidget])
@pytest.mark.parametrize("closes", [True, False], ids=["closed", "not closed"])
def test_one_that_is_still_held_keeps_its_history_but_nothing_of_the_models_size(
    make: Make, *, closes: bool
) -> None:
    settle(cell(make, closes=True, width=WIDTH))
    before = tensors()
    watching = cell(make, closes=closes, width=WIDTH)
    settle(watching)
    assert tensors() - before < MODEL_BYTES / 100
    assert watching.history.steps.tolist() == [0, 1, 2]


def test_before_that_it_does_keep_copies_of_weights() -> None:
    # The first of a process makes the scratch memory that all use.
    settle(cell(GradMonitor, closes=True, width=WIDTH))
    before = tensors()
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model):
        model(torch.ones(8, WIDTH)).pow(2).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        assert tensors() - before > 2 * MODEL_BYTES
    assert tensors() - before < 1.1 * MODEL_BYTES


def test_a_closed_widget_that_is_held_is_still_found_by_a_page() -> None:
    widget = cell(GradWidget, closes=True)
    assert isinstance(widget, GradWidget)
    states = GradWidget.get_manager_state()["state"]
    assert widget.model_id in states
    identifier, gone = widget.model_id, ref(widget)
    del widget
    gc.collect()
    assert gone() is None
    assert identifier not in GradWidget.get_manager_state()["state"]


def test_an_undone_change_of_a_closed_run_keeps_no_weights() -> None:
    model = nn.Linear(2, 2)
    with GradMonitor(model) as monitor:
        session = monitor._session
    assert isinstance(session, Session)
    assert isinstance(session.history, History)
    assert session.control._undo == {}
