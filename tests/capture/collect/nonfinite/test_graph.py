"""Where outputs were not measured, the graph tells where a bad value arose: nothing runs again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.utils.checkpoint import checkpoint

from gradwidget.capture.collect.nonfinite.graph import origin_in_graph
from gradwidget.capture.model.layers import LayerTable
from gradwidget.frame import NonfiniteOrigin
from tests.capture.older_torch import reads_saved_tensors

Watch = Callable[..., Any]
SPOILED = 30
"""The step that goes wrong: none of those that are sampled."""


class Chain(nn.Module):
    """A model with buffers, an attribute that each call changes, a generator of its own, and a
    place that can be made to fail."""

    def __init__(self, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 1)
        self.dropout = nn.Dropout(dropout)
        self.place: str | None = None
        self.calls = 0
        self.seen: list[int] = []
        self.random = np.random.default_rng(1)

    def forward(self, x: Tensor, *, scale: float = 1.0) -> Tensor:
        self.calls += 1
        self.seen.append(self.calls)
        x = self.norm(self.dropout(torch.tanh(self.first(x))))
        if self.random.random() > 0.5:
            x = x + 1
        if self.place == "forward":
            x = x / 0.0
        return torch.as_tensor(self.last(x * scale))


def train(model: Chain, place: str | None, *, calls: int = 1) -> list[Tensor]:
    """A loop whose step number ``SPOILED`` goes wrong, and the last one."""
    optimizer = SGD(model.parameters(), lr=0.01)
    for step in range(SPOILED + 1):
        bad = step == SPOILED
        model.place = place if bad else None
        x = torch.randn(8, 4)
        if bad and place == "input":
            x[3, 2] = torch.nan
        if bad and place == "weights":
            model.last.weight.data[0, 0] = torch.inf
        optimizer.zero_grad()
        out = model(x, scale=2.0)
        for _ in range(calls - 1):
            out = out + model(x, scale=2.0)
        loss = out.square().mean()
        (loss * torch.inf if bad and place == "loss" else loss).backward()
        optimizer.step()
    drawn = torch.tensor(model.random.random())
    return [
        *model.parameters(),
        *model.buffers(),
        torch.get_rng_state(),
        torch.tensor(model.seen),
        drawn,
    ]


@reads_saved_tensors
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("input", NonfiniteOrigin("input")),
        ("weights", NonfiniteOrigin("weights", "last")),
        ("forward", NonfiniteOrigin("forward", "last", "div")),
        ("loss", NonfiniteOrigin("loss")),
    ],
)
def test_the_origin_is_named_though_the_step_was_not_sampled(
    watch: Watch, place: str, expected: NonfiniteOrigin, dropout: float, calls: int
) -> None:
    capture = watch(model := Chain(dropout=dropout), budget=1e-9)
    train(model, place, calls=calls)
    assert capture.problems == []
    assert capture.frames[-1].step == SPOILED
    assert SPOILED - 1 not in [frame.step for frame in capture.frames]
    assert not capture.frames[-1].is_measured("act_rms").any()
    assert capture.frames[-1].origin == expected


@pytest.mark.parametrize("place", ["input", "forward", "loss"])
def test_looking_for_it_changes_nothing_that_the_model_draws_counts_or_keeps(
    watch: Watch, place: str
) -> None:
    def run(*, watched: bool) -> list[Tensor]:
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002  # what users draw from
        model = Chain(dropout=0.3)
        if watched:
            watch(model, budget=1e-9)
        state = train(model, place)
        return [*state, torch.tensor(random.random()), torch.tensor(np.random.rand())]  # noqa: NPY002, S311  # see above

    plain, seen = run(watched=False), run(watched=True)
    assert all(
        torch.equal(one.nan_to_num(), other.nan_to_num())
        for one, other in zip(plain, seen, strict=True)
    )


def chain(*between: Callable[[Tensor], Tensor]) -> tuple[nn.Sequential, Callable[[], Tensor]]:
    """Three layers with something between each two and after the last, and its output."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 3))

    def output() -> Tensor:
        x = torch.randn(5, 4)
        for layer, operation in zip(model, between, strict=True):
            x = operation(layer(x))
        return x

    return model, output


def same(x: Tensor) -> Tensor:
    return x


def below_zero(x: Tensor) -> Tensor:
    return torch.sqrt(x - 100)


@reads_saved_tensors
@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ((below_zero, same, same), NonfiniteOrigin("forward", "1", "sqrt")),
        ((same, below_zero, same), NonfiniteOrigin("forward", "2", "sqrt")),
        ((same, torch.tanh, below_zero), NonfiniteOrigin("loss", None, "sqrt")),
        ((lambda x: torch.relu(x) / 0.0, same, same), NonfiniteOrigin("forward", "1", "div")),
        ((same, same, lambda x: (x - x) / (x - x)), NonfiniteOrigin("loss", None, "div")),
        (
            (same, lambda x: x + torch.log(x - x), torch.tanh),
            NonfiniteOrigin("forward", "2", "log"),
        ),
        ((lambda x: x * torch.nan, same, same), NonfiniteOrigin("forward", "1")),
        ((same, lambda x: x * (1 / torch.zeros(())), torch.tanh), NonfiniteOrigin("forward", "2")),
    ],
)
def test_an_operation_between_two_layers_is_the_origin(
    between: tuple[Callable[[Tensor], Tensor], ...], expected: NonfiniteOrigin
) -> None:
    model, output = chain(*between)
    loss = cross_entropy(output(), torch.zeros(5, dtype=torch.long))
    assert not torch.isfinite(loss)
    assert origin_in_graph(loss, LayerTable(model, None)) == expected


@reads_saved_tensors
@pytest.mark.parametrize(("layer", "scale"), [("0", 1e38), ("0", 6e38), ("2", 3e38)])
def test_a_layer_whose_sums_leave_the_range_of_its_format_is_the_origin(
    layer: str, scale: float
) -> None:
    model, output = chain(same, same, same)
    bad: list[str] = []
    for name, module in model.named_children():
        module.register_forward_hook(
            lambda _module, _args, out, name=name: (
                None if out.isfinite().all() else bad.append(name)
            )
        )
    with torch.no_grad():
        weight = model.get_submodule(layer).get_parameter("weight")
        weight.copy_(weight.sign() * 0.5 * scale)
        model.get_submodule("1").get_parameter("weight").mul_(100)
    loss = output().square().mean()
    assert bad
    assert origin_in_graph(loss, LayerTable(model, None)) == NonfiniteOrigin("forward", bad[0])


@reads_saved_tensors
def test_a_mask_that_is_infinite_on_purpose_is_no_origin() -> None:
    model, output = chain(same, same, same)
    mask = torch.zeros(5, 3).masked_fill(torch.eye(5, 3).bool(), -torch.inf)
    scores = (output() + mask).softmax(-1)
    loss = torch.log(scores[:, :1].sum() - scores[:, :1].sum())
    origin = origin_in_graph(loss, LayerTable(model, None))
    assert origin == NonfiniteOrigin("loss", None, "log")


class Attention(nn.Module):
    """What each sample is looked up in is hidden by a mask, added or filled in."""

    def __init__(self, fill: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.q, self.k, self.v, self.last = (nn.Linear(4, 4) for _ in range(4))
        self.fill = fill

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        scores = self.fill(self.q(x) @ self.k(x).transpose(1, 2) / 2, hidden[:, None, :])
        return torch.as_tensor(self.last(x + scores.softmax(-1) @ self.v(x)))


@reads_saved_tensors
@pytest.mark.parametrize(
    "fill",
    [
        lambda scores, hidden: scores.masked_fill(hidden, -torch.inf),
        lambda scores, hidden: scores + torch.where(hidden, -torch.inf, 0.0),
    ],
    ids=["filled", "added"],
)
@pytest.mark.parametrize("budget", [None, 1e-9])
def test_a_row_that_a_mask_hides_is_named_by_the_softmax_and_not_by_the_values(
    watch: Watch, fill: Callable[[Tensor, Tensor], Tensor], budget: float | None
) -> None:
    capture = watch(model := Attention(fill), budget=budget)
    optimizer = SGD(model.parameters(), lr=0.01)
    for step in range(SPOILED + 1):
        hidden = torch.zeros(3, 5, dtype=torch.bool)
        hidden[0, 2:] = True
        hidden[1, :] = step == SPOILED
        optimizer.zero_grad()
        model(torch.randn(3, 5, 4), hidden).square().mean().backward()
        optimizer.step()
    assert capture.frames[-1].origin == NonfiniteOrigin("forward", "last", "softmax")


@reads_saved_tensors
def test_scores_that_overflow_are_no_work_of_the_softmax() -> None:
    model = Attention(lambda scores, _: scores)
    with torch.no_grad():
        model.q.weight.mul_(1e20)
        model.k.weight.mul_(1e20)
    loss = model(torch.randn(3, 5, 4), torch.zeros(3, 5, dtype=torch.bool)).square().mean()
    assert torch.isnan(loss)
    origin = origin_in_graph(loss, LayerTable(model, None))
    assert origin is not None
    assert origin.operation == ""


MASK = torch.tensor([True, False, False])


@reads_saved_tensors
@pytest.mark.parametrize(
    ("loss_of", "operation"),
    [
        # Actions that are masked: their logarithms are -inf on purpose, as long as they stay alone.
        (
            lambda x: (
                torch.log_softmax(x.masked_fill(MASK, -torch.inf), -1)[:, 1].mean()
                + (p := x.masked_fill(MASK, -torch.inf).softmax(-1)).mul(p.log()).sum()
            ),
            "log",
        ),
        (
            lambda x: (
                cross_entropy(x.masked_fill(MASK, -torch.inf), torch.ones(5, dtype=torch.long))
                + (x - x[:, :1]).rsqrt().sum()
            ),
            "rsqrt",
        ),
        (lambda x: x.square().mean() + x[x > 100].mean(), "mean"),
        (lambda x: x[x > 100].square().mean(), "mean"),
        (lambda x: cross_entropy(x, torch.full((5,), -100)), "nll_loss"),
        (lambda x: (x * 1000).exp().sum(), "exp"),
        (lambda x: (x - x).pow(-0.5).sum(), "pow"),
        (lambda x: (x / x.sum().detach().mul(0)).sum(), "div"),
        (lambda x: (x - x + 2).acos().sum(), "acos"),
        (lambda x: x.mean() * torch.inf, ""),
        (lambda x: (x * 1e30).square().mean().sqrt(), ""),
    ],
)
def test_the_operation_of_a_loss_is_named(
    loss_of: Callable[[Tensor], Tensor], operation: str
) -> None:
    model, output = chain(same, same, same)
    loss = loss_of(output())
    assert not torch.isfinite(loss)
    origin = origin_in_graph(loss, LayerTable(model, None))
    assert origin == NonfiniteOrigin("loss", None, operation)


def test_a_recomputed_part_is_not_run_again_for_it() -> None:
    model, _ = chain(same, same, same)
    runs: list[int] = []

    def part(x: Tensor) -> Tensor:
        runs.append(1)
        return torch.tanh(model[1](x))

    x = checkpoint(part, model[0](torch.randn(5, 4)), use_reentrant=False)
    loss = model[2](x).mean() * torch.inf
    origin_in_graph(loss, LayerTable(model, None))
    assert runs == [1]


@reads_saved_tensors
def test_what_a_recomputed_part_was_given_and_gave_is_not_known() -> None:
    model, _ = chain(same, same, same)
    spoiled = torch.randn(5, 4)
    spoiled[1, 2] = torch.nan
    x = checkpoint(model[:2], spoiled, use_reentrant=False)
    loss = model[2](x).mean()
    assert origin_in_graph(loss, LayerTable(model, None)) == NonfiniteOrigin("unknown")
    # Behind it the values are at hand.
    x = torch.log(checkpoint(model[:2], torch.randn(5, 4), use_reentrant=False).abs() * -1)
    loss = model[2](x).mean()
    origin = origin_in_graph(loss, LayerTable(model, None))
    assert origin == NonfiniteOrigin("forward", "2", "log")


@reads_saved_tensors
@pytest.mark.parametrize(
    ("join", "width"),
    [
        (lambda h, x: h * x, 4),
        (lambda h, x: h + x, 4),
        (lambda h, x: torch.cat([h, x], 1), 8),
    ],
    ids=["times", "plus", "beside"],
)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_data_that_joins_behind_the_first_layer_is_the_input(
    join: Callable[[Tensor, Tensor], Tensor], width: int, bad: float
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(width, 3))
    x = torch.randn(5, 4)
    x[2, 1] = bad
    hidden = torch.tanh(model[0](torch.ones(5, 4)))
    loss = model[1](join(hidden, x)).square().mean()
    assert origin_in_graph(loss, LayerTable(model, None)) == NonfiniteOrigin("input")


@reads_saved_tensors
def test_a_bad_target_is_the_loss() -> None:
    model = nn.Linear(4, 1)
    target = torch.full((5, 1), torch.nan)
    loss = nn.functional.mse_loss(model(torch.randn(5, 4)), target)
    assert origin_in_graph(loss, LayerTable(model, None)) == NonfiniteOrigin("loss")
