from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks
from torch.optim import LBFGS, SGD, Adam, AdamW, Optimizer
from torch.optim import optimizer as optimizer_hooks

from gradwidget.capture.capture import Capture

Watch = Callable[..., Any]


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(6, 8),
        nn.ReLU(inplace=True),
        nn.Linear(8, 8),
        nn.BatchNorm1d(8),
        nn.Tanh(),
        nn.Linear(8, 3),
    )


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(16, 6), torch.randint(0, 3, (16,))


def train(model: nn.Module, optimizer: Optimizer, steps: int = 1) -> None:
    for _ in range(steps):
        closure = partial(evaluate, model, optimizer, *batch())
        if isinstance(optimizer, LBFGS):
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()


def evaluate(model: nn.Module, optimizer: Optimizer, x: Tensor, y: Tensor) -> Tensor:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    return loss


def gradients_of(module: nn.Module) -> Tensor:
    return torch.cat(
        [one.grad.double().flatten() for one in module.parameters() if one.grad is not None]
    )


def test_a_step_gives_one_frame_with_a_row_a_layer(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    train(model, SGD(model.parameters(), lr=0.1), 3)
    assert [frame.step for frame in capture.frames] == [0, 1, 2]
    assert [layer.name for layer in capture.frames[0].layers] == ["0", "2", "3", "5"]
    assert capture.frames[0].layers is capture.frames[2].layers
    assert capture.problems == []


def test_gradient_statistics_are_those_of_plain_autograd(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    x, y = batch()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    expected = {name: gradients_of(model[int(name)]) for name in "0235"}
    weights = {
        name: torch.cat([one.double().flatten() for one in model[int(name)].parameters()])
        for name in "0235"
    }
    optimizer.step()
    for name, g in expected.items():
        assert capture.of("grad_norm", name) == pytest.approx(float(g.norm()), rel=1e-5)
        assert capture.of("grad_rms", name) == pytest.approx(
            float(g.square().mean().sqrt()), rel=1e-5
        )
        assert capture.of("grad_mean_abs", name) == pytest.approx(float(g.abs().mean()), rel=1e-5)
        assert capture.of("grad_max_abs", name) == pytest.approx(float(g.abs().max()), rel=1e-5)
        assert capture.of("grad_zero_fraction", name) == pytest.approx(
            float((g == 0).double().mean()), abs=1e-7
        )
        assert capture.of("grad_nonfinite", name) == 0
        assert capture.of("grad_is_none", name) == 0
        assert capture.of("weight_norm", name) == pytest.approx(
            float(weights[name].detach().norm()), rel=1e-5
        )
        assert capture.of("weight_max_abs", name) == pytest.approx(
            float(weights[name].detach().abs().max()), rel=1e-5
        )
    scalars = capture.frames[0].scalars
    assert scalars["loss"] == pytest.approx(float(loss.detach()))
    assert scalars["lr"] == 0.1
    assert scalars["total_grad_norm"] == pytest.approx(
        float(torch.cat(list(expected.values())).norm()), rel=1e-5
    )


def test_activation_gradients_are_those_that_retain_grad_keeps(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    capture = watch(model)
    x, y = batch()
    hidden = model[0](x)
    hidden.retain_grad()
    nn.functional.cross_entropy(model[2](model[1](hidden)), y).backward()
    SGD(model.parameters(), lr=0.1).step()
    assert capture.of("act_grad_norm", "0") == pytest.approx(float(hidden.grad.norm()), rel=1e-5)
    assert capture.of("act_grad_rms", "0") == pytest.approx(
        float(hidden.grad.square().mean().sqrt()), rel=1e-5
    )
    zeros = float((hidden.grad == 0).float().mean())
    assert capture.of("act_grad_zero_fraction", "0") == pytest.approx(zeros)


@pytest.mark.parametrize("size", [1e-30, 1e-24, 1e-12, 1.0, 1e15, 1e25])
@pytest.mark.parametrize("width", [4, 2000])
def test_norms_are_right_from_1e_minus_30_to_1e_plus_25(
    watch: Watch, size: float, width: int
) -> None:
    model = nn.Linear(width, 1, bias=False)
    capture = watch(model)
    model(torch.ones(1, width)).sum().backward()
    assert model.weight.grad is not None
    model.weight.grad.fill_(size)
    SGD(model.parameters(), lr=0.0).step()
    assert capture.of("grad_rms", "(root)") == pytest.approx(size, rel=1e-3)
    assert capture.of("grad_norm", "(root)") == pytest.approx(size * width**0.5, rel=1e-3)
    assert capture.of("grad_max_abs", "(root)") == pytest.approx(size, rel=1e-3)
    assert capture.of("grad_mean_abs", "(root)") == pytest.approx(size, rel=1e-3)


def test_a_gradient_is_what_the_optimizer_uses_and_raw_is_what_clipping_met(watch: Watch) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    (100 * model(torch.randn(16, 6)).square().sum()).backward()
    raw = float(nn.utils.clip_grad_norm_(model.parameters(), 1.0))
    optimizer.step()
    assert capture.of("grad_norm", "(root)") == pytest.approx(1.0, rel=1e-3)
    assert capture.of("raw_grad_norm", "(root)") == pytest.approx(raw, rel=1e-3)
    assert capture.frames[0].scalars["raw_total_grad_norm"] == pytest.approx(raw, rel=1e-3)


def test_accumulated_passes_are_one_step(watch: Watch) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(3):
        loss = model(torch.randn(4, 6)).square().mean()
        loss.backward()
        losses.append(float(loss.detach()))
    norm = float(gradients_of(model).norm())
    optimizer.step()
    assert len(capture.frames) == 1
    assert capture.of("grad_norm", "(root)") == pytest.approx(norm, rel=1e-4)
    assert capture.frames[0].scalars["loss"] == pytest.approx(sum(losses))


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
        lambda parameters: Adam(parameters, lr=0.01),
        lambda parameters: AdamW(parameters, lr=0.01, foreach=True),
        lambda parameters: AdamW(parameters, lr=0.01, fused=True),
        lambda parameters: LBFGS(parameters, max_iter=3),
    ],
    ids=["sgd", "adam", "adamw-foreach", "adamw-fused", "lbfgs"],
)
@pytest.mark.parametrize("budget", [None, 0.01])
def test_weights_after_50_steps_are_bit_identical_with_and_without(
    watch: Watch, make: Callable[[Any], Optimizer], budget: float | None
) -> None:
    def run(*, watched: bool) -> tuple[dict[str, Any], Tensor]:
        torch.manual_seed(1)
        model = network()
        optimizer = make(model.parameters())
        capture = watch(model, budget=budget) if watched else None
        train(model, optimizer, 50)
        if capture is not None:
            assert capture.step == 50
            assert capture.problems == []
            capture.close()
        return model.state_dict(), torch.get_rng_state()

    plain, plain_rng = run(watched=False)
    seen, seen_rng = run(watched=True)
    assert all(torch.equal(plain[name], seen[name]) for name in plain)
    assert torch.equal(plain_rng, seen_rng)


def test_nothing_is_left_on_model_optimizer_or_torch_after_close(watch: Watch) -> None:
    before = (
        torch.Tensor.backward,
        torch.autograd.backward,
        torch.amp.GradScaler.scale,
        torch.amp.GradScaler.step,
    )
    model = network()
    optimizer = SGD(model.parameters(), lr=0.1)
    keys = {name: set(vars(module)) for name, module in model.named_modules()}
    first, second = watch(model), watch(model)
    train(model, optimizer, 2)
    first.close()
    assert torch.autograd.backward is not before[1]
    second.close()
    second.close()
    after = (
        torch.Tensor.backward,
        torch.autograd.backward,
        torch.amp.GradScaler.scale,
        torch.amp.GradScaler.step,
    )
    assert after == before
    assert not module_hooks._global_forward_hooks
    assert not module_hooks._global_forward_pre_hooks
    assert not optimizer_hooks._global_optimizer_pre_hooks
    assert not optimizer_hooks._global_optimizer_post_hooks
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    for name, module in model.named_modules():
        assert set(vars(module)) == keys[name]
        assert not module._forward_hooks
        assert not module._backward_hooks
    for parameter in model.parameters():
        assert not parameter._backward_hooks
        assert not parameter._post_accumulate_grad_hooks
    train(model, optimizer, 1)
    assert len(first.frames) == 2


def test_a_watched_model_copies_and_pickles_as_if_nobody_watched(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    train(model, SGD(model.parameters(), lr=0.1))
    twin = copy.deepcopy(model)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  # made one call earlier
    train(twin, SGD(twin.parameters(), lr=0.1))
    train(again, SGD(again.parameters(), lr=0.1))
    assert len(capture.frames) == 1
    assert capture.problems == []


def test_it_closes_itself_when_the_model_is_gone(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    train(model, SGD(model.parameters(), lr=0.1))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert capture.closed
    assert not optimizer_hooks._global_optimizer_pre_hooks


def test_it_can_be_attached_in_the_middle_of_a_step(watch: Watch) -> None:
    model = network()
    optimizer = SGD(model.parameters(), lr=0.1)
    x, y = batch()
    loss = nn.functional.cross_entropy(model(x), y)
    capture = watch(model, start_step=100)
    loss.backward()
    optimizer.step()
    train(model, optimizer)
    assert [frame.step for frame in capture.frames] == [100, 101]
    assert capture.problems == []
    assert "act_grad_rms" not in capture.frames[0].metrics
    assert capture.frames[1].is_measured("act_grad_rms").all()


def test_training_in_a_thread_is_seen(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    thread = threading.Thread(target=train, args=(model, SGD(model.parameters(), lr=0.1), 3))
    thread.start()
    thread.join()
    assert len(capture.frames) == 3


def test_other_models_and_their_losses_are_no_business_of_ours(watch: Watch) -> None:
    model, other = network(), network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    train(other, SGD(other.parameters(), lr=0.1), 3)
    assert capture.frames == []
    x, y = batch()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    (1000 * other(x).sum()).backward()
    optimizer.step()
    assert capture.frames[0].scalars["loss"] == pytest.approx(float(loss.detach()))


def test_layers_can_be_chosen_by_glob_or_by_callable(watch: Watch) -> None:
    model = nn.ModuleDict({"encoder": network(), "head": nn.Linear(3, 2)})
    assert [layer.name for layer in watch(model, layers="encoder.*").layers] == [
        "encoder.0",
        "encoder.2",
        "encoder.3",
        "encoder.5",
    ]
    assert [layer.name for layer in watch(model, layers=["head", "encoder.0"]).layers] == [
        "encoder.0",
        "head",
    ]
    only_norms = watch(model, layers=lambda _, module: isinstance(module, nn.BatchNorm1d))
    assert [layer.name for layer in only_norms.layers] == ["encoder.3"]


def test_logged_figures_and_overriding_the_loss(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    capture.log(val_loss=0.25, loss=torch.tensor([7.0]), epoch=np.int64(3))
    train(model, SGD(model.parameters(), lr=0.1), 2)
    assert capture.frames[0].scalars["val_loss"] == 0.25
    assert capture.frames[0].scalars["loss"] == 7.0
    assert capture.frames[0].scalars["epoch"] == 3
    assert "val_loss" not in capture.frames[1].scalars
    with pytest.raises(
        TypeError, match="val_loss must be a number or a tensor of one element, not str"
    ):
        capture.log(val_loss="0.25")


def test_what_another_thread_logs_while_a_frame_is_made_costs_no_frame(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    builder = capture.cycle.builder

    def read() -> np.ndarray[Any, Any]:
        builder.log("late", 1.0)  # as a thread would that had this step in hand
        return np.array(0.25)

    builder.logged["val_loss"] = read
    train(model, SGD(model.parameters(), lr=0.1), 2)
    assert [frame.step for frame in capture.frames] == [0, 1]
    assert capture.frames[0].scalars["val_loss"] == 0.25


def test_bad_input_gets_an_error_that_says_what_to_do() -> None:
    def attach(model: Any, *args: Any, **options: Any) -> None:
        Capture(model, *args, emit=lambda _: None, **options)

    model = network()
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, not int"):
        attach(3)
    with pytest.raises(TypeError, match=r"optimizer must be a torch\.optim\.Optimizer, not float"):
        attach(model, 0.1)
    with pytest.raises(
        ValueError, match=r"ReLU has no parameters.*Pass the module that is being trained"
    ):
        attach(nn.ReLU())
    with pytest.raises(
        ValueError, match=r"no layer matches layers='decoder\.\*'.*begin with: 0, 2, 3, 5"
    ):
        attach(model, layers="decoder.*")
    with pytest.raises(
        ValueError, match=r"holds none of the parameters of this Sequential; pass the one"
    ):
        attach(model, SGD(network().parameters(), lr=0.1))
    assert not optimizer_hooks._global_optimizer_pre_hooks


def test_a_failing_recorder_is_reported_once_and_training_goes_on() -> None:
    def fail(_: object) -> None:
        raise OSError(28, "disk full")

    model = network()
    capture = Capture(model, emit=fail, budget=None)
    train(model, SGD(model.parameters(), lr=0.1), 5)
    capture.close()
    assert [problem.where for problem in capture.problems] == [
        "recording a frame",
        "recording a frame",
    ]
    assert "disk full" in capture.problems[0].traceback
    assert "switched off" in capture.problems[1].message
    assert capture.step == 5


def test_the_budget_thins_the_samples_out(watch: Watch) -> None:
    model = network()
    capture = watch(model, budget=0.01)
    train(model, SGD(model.parameters(), lr=0.1), 300)
    assert [frame.step for frame in capture.frames[:10]] == list(range(10))
    assert 2 <= len(capture.frames) - 10 < 150
    assert capture.sampling_interval > 2
    gaps = np.diff([frame.step for frame in capture.frames])
    assert gaps.max() <= 100


def test_of_two_optimizers_that_take_turns_none_is_left_out(watch: Watch) -> None:
    model: Any = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3))
    first, second = SGD(model[0].parameters(), lr=0.01), SGD(model[1].parameters(), lr=0.01)
    capture = watch(model, budget=1e-9)  # a sample now and then, an even number of steps apart
    for _ in range(300):
        model.zero_grad()
        nn.functional.cross_entropy(model(batch()[0]), batch()[1]).backward()
        first.step()
        model.zero_grad()
        nn.functional.cross_entropy(model(batch()[0]), batch()[1]).backward()
        second.step()
    late = [frame for frame in capture.frames if frame.step > 50]
    assert late
    assert {bool(frame.step % 2) for frame in late} == {False, True}
    assert all(frame.is_measured("act_rms").all() for frame in late)
    follows = [two for one, two in pairwise(late) if two.step % 2 and two.step == one.step + 1]
    assert follows
    assert all(frame.is_measured("raw_grad_norm").any() for frame in follows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("rows", [100, 2000, 10_000])
def test_outputs_of_every_format_and_size_and_their_gradients_are_right(
    watch: Watch, dtype: torch.dtype, rows: int
) -> None:
    model = nn.Sequential(nn.Linear(6, 40), nn.Linear(40, 3)).to(dtype)
    capture = watch(model)
    hidden = model[0](torch.randn(rows, 6, dtype=dtype))
    hidden.retain_grad()
    loss = model[1](hidden).float().square().sum()
    loss.backward()
    SGD(model.parameters(), lr=0.0).step()
    assert capture.problems == []
    assert capture.of("act_rms", "0") == pytest.approx(
        float(hidden.detach().double().square().mean().sqrt()), rel=1e-3
    )
    assert capture.of("act_grad_norm", "0") == pytest.approx(
        float(hidden.grad.double().norm()), rel=1e-3
    )
    assert capture.of("act_grad_zero_fraction", "0") == pytest.approx(
        float((hidden.grad == 0).double().mean())
    )
