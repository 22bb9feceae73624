"""Every awkward model and loop: figures as the slow way gives them, and training bit for bit the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import LBFGS, SGD, Adam, AdamW

from gradwidget.capture.layers import ROOT, _outer, _owned
from tests.capture.reference import Reference, Seen, norm
from tests.capture.zoo import ZOO, Case, MakeOptimizer, sgd

Watch = Callable[..., Any]

STEPS = 4

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*lazy modules.*"),
    pytest.mark.filterwarnings("ignore:.*use_reentrant.*"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor"),
]


def built(name: str, make: MakeOptimizer = sgd) -> Case:
    torch.manual_seed(5)
    case = ZOO[name](make)
    torch.manual_seed(6)
    return case


def own_parameters(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    found: dict[str, list[nn.Parameter]] = {}
    for name, module in _owned(model):
        found.setdefault(_outer(name), []).extend(module.parameters(recurse=False))
    return found


def states(case: Case) -> list[Tensor]:
    tensors = [one.detach().clone() for one in case.model.state_dict().values() if isinstance(one, Tensor)]
    for optimizer in case.optimizers:
        for state in optimizer.state.values():
            tensors += [one.clone() for one in state.values() if isinstance(one, Tensor)]
    return [*tensors, torch.get_rng_state()]


@pytest.mark.parametrize("name", ZOO)
def test_every_figure_is_that_of_slow_autograd(watch: Watch, name: str) -> None:
    reference = Reference(built(name)).run(STEPS)
    shadow = built(name)  # its parameters stand in the same order
    capture = watch(shadow.model)
    for number in range(STEPS):
        shadow.step(number)
    capture.close()
    assert capture.problems == []
    case = built(name)
    for number in range(STEPS):  # the model as it is at the end, to map parameters by name
        case.step(number)
    assert len(capture.frames) == len(reference) == STEPS * case.frames
    assert [frame.step for frame in capture.frames] == list(range(STEPS * case.frames))
    for frame, seen in zip(capture.frames, reference, strict=True):
        if name == "replaced_weights" and frame.step >= 2:
            assert "grad_norm" not in frame.metrics or not frame.is_measured("grad_norm").any()
            continue
        check(frame, seen, case)


def check(frame: Any, seen: Seen, case: Case) -> None:
    sizes = sorted(len(one) for one in seen.gradients.values())
    total = norm(*seen.gradients.values())
    assert frame.scalars["total_grad_norm"] == pytest.approx(total, rel=1e-3), sizes
    flows = {name: [one for one in parts.values() if len(one)] for name, parts in seen.flows.items()}
    for row, layer in enumerate(frame.layers):
        if not case.same_activations:
            break
        if flows.get(layer.name):
            parts = flows[layer.name]
            size = sum(len(part) for part in parts)
            assert frame.is_measured("act_grad_norm")[row], layer.name
            assert frame.metrics["act_grad_norm"][row] == pytest.approx(norm(*parts), rel=1e-3)
            assert frame.metrics["act_grad_rms"][row] == pytest.approx(norm(*parts) / size**0.5, rel=1e-3)
            zeros = sum(int((part == 0).sum()) for part in parts) / size
            assert frame.metrics["act_grad_zero_fraction"][row] == pytest.approx(zeros, abs=1e-6)
        elif "act_grad_norm" in frame.metrics:
            assert not frame.is_measured("act_grad_norm")[row], layer.name


@pytest.mark.parametrize("name", ZOO)
def test_every_layer_has_the_figures_of_its_parameters(watch: Watch, name: str) -> None:
    """The reference and the capture look at the same run here, so that parameters can be told apart."""
    case = built(name)
    reference = Reference(case)
    capture = watch(case.model)
    seen = reference.run(STEPS)[-1]
    capture.close()
    assert capture.problems == []
    compare(capture.frames[-1], seen, own_parameters(case.model))


def compare(frame: Any, seen: Seen, owners: dict[str, list[nn.Parameter]]) -> None:
    for row, layer in enumerate(frame.layers):
        own = owners[layer.name if layer.name in owners else ROOT]
        gradients = [seen.gradients[id(one)] for one in own if id(one) in seen.gradients]
        held = [one for one in own if id(one) in seen.weights]
        if not gradients:
            assert "grad_norm" not in frame.metrics or not frame.is_measured("grad_norm")[row]
            if held:
                assert frame.metrics["grad_is_none"][row] == 1
            continue
        everything = np.concatenate(gradients)
        value = {name: float(values[row]) for name, values in frame.metrics.items()}
        size = max(1, len(everything))
        assert value["grad_is_none"] == 0
        assert value["grad_norm"] == pytest.approx(norm(everything), rel=1e-3)
        assert value["grad_rms"] == pytest.approx(norm(everything) / size**0.5, rel=1e-3)
        assert value["grad_mean_abs"] == pytest.approx(np.abs(everything).sum() / size, rel=1e-3)
        assert value["grad_max_abs"] == pytest.approx(np.abs(everything).max(initial=0), rel=1e-3)
        assert value["grad_zero_fraction"] == pytest.approx((everything == 0).sum() / size, abs=1e-6)
        weights = [seen.weights[id(one)] for one in held]
        assert value["weight_norm"] == pytest.approx(norm(*weights), rel=1e-3)
        assert value["weight_max_abs"] == pytest.approx(max(np.abs(one).max(initial=0) for one in weights), rel=1e-3)
        moved = [seen.after[id(one)] - seen.weights[id(one)] for one in held]
        assert frame.is_measured("update_ratio")[row]
        assert value["update_ratio"] == pytest.approx(norm(*moved) / norm(*weights), rel=1e-3, abs=1e-30)


OPTIMIZERS: dict[str, MakeOptimizer] = {
    "sgd": lambda parameters: SGD(parameters, lr=0.05, momentum=0.9),
    "adam": lambda parameters: Adam(parameters, lr=0.01),
    "adamw-foreach": lambda parameters: AdamW(parameters, lr=0.01, foreach=True),
    "adamw-fused": lambda parameters: AdamW(parameters, lr=0.01, fused=True),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", ZOO)
def test_training_is_bit_for_bit_the_same(watch: Watch, name: str, optimizer: str) -> None:
    def run(*, watched: bool) -> list[Tensor]:
        case = built(name, OPTIMIZERS[optimizer])
        capture = watch(case.model) if watched else None
        for number in range(STEPS):
            case.step(number)
        if capture is not None:
            capture.close()
        return states(case)

    plain, seen = run(watched=False), run(watched=True)
    assert len(plain) == len(seen)
    assert all(same(one, other) for one, other in zip(plain, seen, strict=True))


def same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.to_dense() if one.is_sparse else one, other.to_dense() if other.is_sparse else other)


def test_lbfgs_is_bit_for_bit_the_same(watch: Watch) -> None:
    def run(*, watched: bool) -> list[Tensor]:
        case = built("closure", lambda parameters: LBFGS(parameters, max_iter=4, line_search_fn="strong_wolfe"))
        if watched:
            watch(case.model)
        for number in range(STEPS):
            case.step(number)
        return [one.detach().clone() for one in case.model.parameters()]

    plain, seen = run(watched=False), run(watched=True)
    assert all(torch.equal(one, other) for one, other in zip(plain, seen, strict=True))


def test_every_case_says_what_is_awkward_about_it() -> None:
    assert len(ZOO) >= 40
    assert all(make.__doc__ and "\n" not in make.__doc__ for make in ZOO.values())
