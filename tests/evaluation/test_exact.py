"""Symptoms that are exact, on moments made by hand."""

from __future__ import annotations

import torch
from torch import nn

from evaluation.runs.catalog import all_runs
from evaluation.runs.loop import with_loop_bug
from evaluation.runs.run import Conditions, Run, Training
from evaluation.truth.exact import exact
from evaluation.truth.fact import Fact
from evaluation.truth.measured import Moment, Parameter

RUNS = all_runs()


def _facts(
    zeros: dict[str, float],
    losses: list[float],
    *,
    run: str = "mlp_plain",
    input_rms: float = 1.0,
    held: int = 4,
) -> dict[str, Fact]:
    """Of a model of two layers with constant shares of zeros in its gradients."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    optimizer = torch.optim.SGD(list(model.parameters())[:held], lr=0.1)
    training = Training(model, optimizer, lambda _: torch.zeros(()), lambda: torch.zeros(()))
    moments = [
        Moment(
            probe_loss=before,
            probe_after=after,
            input_rms=input_rms,
            parameters={
                name: Parameter(1.0, 0, gradient_zeros=share) for name, share in zeros.items()
            },
        )
        for before, after in zip([losses[0], *losses], losses, strict=False)
    ]
    return exact(RUNS[run], training, moments)


FLAT = [1.0] * 40
SOME, NONE = {"0.weight": 1.0, "1.weight": 0.0}, {"0.weight": 1.0, "1.weight": 1.0}


def test_gradients_are_zero_where_all_are_and_either_where_some_layers_are() -> None:
    assert _facts(NONE, FLAT)["zero_gradient"].answer == "yes"
    some = _facts(SOME, FLAT)["zero_gradient"]
    assert (some.answer, some.layers) == ("either", ("0",))
    assert _facts(SOME | {"0.weight": 0.9}, FLAT)["zero_gradient"].answer == "no"
    assert _facts(NONE, FLAT[:10])["zero_gradient"].answer == "no"


def test_a_loss_diverges_where_it_ends_far_above_its_best_level() -> None:
    assert _facts(SOME, FLAT)["loss_diverging"].answer == "no"
    falls = [1.0 - step / 50 for step in range(40)]
    assert _facts(SOME, falls)["loss_diverging"].answer == "no"
    grows = [1.2**step for step in range(60)]
    assert _facts(SOME, grows)["loss_diverging"].answer == "yes"
    assert _facts(SOME, [*FLAT, *[2.0] * 40])["loss_diverging"].answer == "either"


def test_layers_that_no_optimizer_holds_are_found() -> None:
    assert _facts(SOME, FLAT)["not_in_optimizer"].answer == "no"
    outside = _facts(SOME, FLAT, held=2)["not_in_optimizer"]
    assert (outside.answer, outside.layers) == ("yes", ("1",))


def test_what_is_built_in_is_true_and_may_be_said_of_odd_inputs() -> None:
    assert _facts(SOME, FLAT, run="mlp_huge_column")["bad_inputs"].answer == "yes"
    assert _facts(SOME, FLAT, input_rms=1000.0)["bad_inputs"].answer == "either"
    assert _facts(SOME, FLAT)["bad_inputs"].answer == "no"
    assert _facts(SOME, FLAT, run="cnn_bad_batch")["bad_inputs"].answer == "either"


def _started(run: Run) -> Training:
    return run.start(Conditions())


def test_a_loop_without_a_line_does_all_the_others() -> None:
    plain = RUNS["mlp_plain"]
    unstepped = with_loop_bug(_started(plain), step=False)
    before = [p.detach().clone() for p in unstepped.model.parameters()]
    unstepped.step(0)
    assert all(map(torch.equal, before, unstepped.model.parameters()))

    detached = with_loop_bug(_started(plain), attached=False)
    detached.step(0)
    assert all(p.grad is None for p in detached.model.parameters())

    kept = with_loop_bug(_started(plain), clear=False, step=False)
    kept.step(0)
    once = [p.grad.clone() for p in kept.model.parameters() if p.grad is not None]
    kept.step(0)
    twice = [p.grad for p in kept.model.parameters() if p.grad is not None]
    for one, two in zip(once, twice, strict=True):
        torch.testing.assert_close(2 * one, two)
