from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gradwidget import GradMonitor, Remedy

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
"""With a gradient, so that the backward pass needs the first layer's weight as it was."""
FRESH = {"kind": "reinitialize", "layers": {"0": "kaiming"}}


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2))


def in_thread(call: Callable[[], None]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_a_change_waits_for_the_whole_forward_where_each_step_has_a_thread_of_its_own() -> None:
    model = chain()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = GradMonitor(model, budget=None)
    failed: list[BaseException] = []
    over = threading.Event()

    def step() -> None:
        try:
            optimizer.zero_grad()
            model(X).square().mean().backward()
            optimizer.step()
        except RuntimeError as error:
            failed.append(error)

    answer = None
    for number in range(6):
        if number == 3:
            answer = monitor._session.control.submit(Remedy("Draw it afresh", "", "", FRESH))
        in_thread(step)
        # Takes the number of the thread that has ended, so that the next one has another.
        threading.Thread(target=over.wait).start()
    over.set()
    assert answer is not None
    assert answer.result(10).ok
    assert failed == []
    assert list(monitor.history.steps) == [0, 1, 2, 3, 4, 5]


def test_nothing_changes_in_the_middle_of_a_forward_that_was_not_known_to_be_the_trainings() -> (
    None
):
    """The thread that trained ends while another one is in the middle of the model."""
    first_is_through, old_has_ended = threading.Event(), threading.Event()

    class Waiting(nn.Module):
        waits = False

        def forward(self, x: Tensor) -> Tensor:
            if self.waits:
                first_is_through.set()
                old_has_ended.wait(10)
            return x

    waiting = Waiting()
    first = nn.Linear(6, 6)
    model = nn.Sequential(first, waiting, nn.Linear(6, 6), nn.Linear(6, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = GradMonitor(model, budget=None)
    seen: list[Tensor] = []

    def step() -> None:
        optimizer.zero_grad()
        before = first.weight.detach().clone()
        loss = model(X).square().mean()
        seen.append(before - first.weight.detach())
        loss.backward()
        optimizer.step()

    def old() -> None:
        step()
        model_is_free.set()
        first_is_through.wait(10)

    model_is_free = threading.Event()
    answer = monitor._session.control.submit(Remedy("Draw it afresh", "", "", FRESH))
    trains_first = threading.Thread(target=old)
    trains_first.start()
    model_is_free.wait(10)
    waiting.waits = True
    trains_next = threading.Thread(target=step)
    trains_next.start()
    trains_first.join()
    old_has_ended.set()
    trains_next.join()
    waiting.waits = False
    assert [one.count_nonzero().item() for one in seen] == [0, 0]
    in_thread(step)
    assert answer.result(10).ok


def test_the_loop_is_not_paused_inside_a_transform() -> None:
    model = chain()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = GradMonitor(model, budget=None)
    control = monitor._session.control
    frozen = {name: one.detach() for name, one in model.named_parameters()}

    def loss(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.as_tensor(
            torch.func.functional_call(model, weights, (x[None],)).square().sum()
        )

    answer = None
    for number in range(4):
        if number == 1:
            answer = control.submit(Remedy("Draw it afresh", "", "", FRESH))
        torch.func.vmap(torch.func.grad(loss), (None, 0))(frozen, X.detach())
        optimizer.zero_grad()
        model(X).square().mean().backward()
        optimizer.step()
    assert answer is not None
    assert answer.result(10).ok
    assert monitor.problems == []
