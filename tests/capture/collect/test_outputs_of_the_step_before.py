"""Outputs that a backward pass reaches in the step after the one that they ran in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD

Watch = Callable[..., Any]

LAYERS = ("generator.0", "generator.2", "judge.0", "judge.2")


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 4))
        self.judge = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))


def rms(tensor: Tensor) -> float:
    return float(tensor.detach().double().square().mean().sqrt())


def play(model: Pair, rounds: int) -> list[dict[str, float]]:
    """Trains both as the tutorial of DCGAN does: what is made is made once for the two of them.

    Returns:
        Of each round, the sizes of what the generator's layers gave, and of the gradient there.
    """
    judges = SGD(model.judge.parameters(), lr=0.05)
    makers = SGD(model.generator.parameters(), lr=0.05)
    found = []
    for number in range(rounds):
        torch.manual_seed(number)
        noise, real = torch.randn(8, 3), torch.randn(8, 4) + 2
        hidden = model.generator[1](model.generator[0](noise))
        made = model.generator[2](hidden)
        for one in (hidden, made):
            one.retain_grad()
        judges.zero_grad()
        loss = functional.softplus(-model.judge(real)).mean()
        (loss + functional.softplus(model.judge(made.detach())).mean()).backward()
        judges.step()
        makers.zero_grad()
        functional.softplus(-model.judge(made)).mean().backward()
        makers.step()
        assert made.grad is not None
        found.append({"hidden": rms(hidden), "made": rms(made), "gradient": rms(made.grad)})
    return found


def test_a_generator_that_ran_before_its_judge_was_trained_has_its_gradient(watch: Watch) -> None:
    model = Pair()
    capture = watch(model)
    true = play(model, 6)
    # That there are two optimizers is known from the second round on.
    for number in (3, 4, 5):
        frame = 2 * number + 1
        assert capture.of("act_grad_rms", "generator.2", frame) == pytest.approx(
            true[number]["gradient"], rel=1e-5
        )
        assert capture.of("act_rms", "generator.2", frame) == pytest.approx(
            true[number]["made"], rel=1e-5
        )
        assert capture.of("act_rms", "generator.0", frame) == pytest.approx(
            true[number]["hidden"], rel=1e-5
        )
        of_judge = capture.frames[2 * number]
        rows = [layer.name for layer in of_judge.layers]
        assert not of_judge.is_measured("act_grad_rms")[rows.index("generator.2")]
    assert capture.problems == []


def test_outputs_that_nothing_comes_back_to_do_not_stay(watch: Watch) -> None:
    model = Pair()
    capture = watch(model)
    play(model, 3)
    kept = model.generator(torch.randn(8, 3))
    play(model, 3)
    frame = capture.frames[-1]
    outputs = capture.cycle.builder.activations.outputs
    assert kept.requires_grad
    assert outputs == []
    assert [layer.name for layer in frame.layers if layer.name in LAYERS] == list(LAYERS)


def test_weights_are_the_same_with_and_without(watch: Watch) -> None:
    torch.manual_seed(0)
    plain = Pair()
    watched = Pair()
    watched.load_state_dict(plain.state_dict())
    play(plain, 5)
    watch(watched)
    play(watched, 5)
    for name, weights in plain.state_dict().items():
        assert torch.equal(weights, watched.state_dict()[name])
