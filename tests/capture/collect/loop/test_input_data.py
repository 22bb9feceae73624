"""The figures of the input are those of the data itself, whatever way it takes into the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

Watch = Callable[..., Any]
NAMES = ("input_rms", "input_mean", "input_std", "input_max_abs")


def truth(*data: Tensor) -> dict[str, float]:
    x = torch.cat([one.detach().double().flatten() for one in data])
    return {
        "input_rms": float(x.square().mean().sqrt()),
        "input_mean": float(x.mean()),
        "input_std": float(x.std(correction=0)),
        "input_max_abs": float(x.abs().max()),
        "input_nonfinite": 0.0,
    }


def seen(capture: Any, frame: int = -1) -> dict[str, float]:
    scalars = capture.frames[frame].scalars
    named = {name: value for name, value in scalars.items() if name.startswith("input_")}
    for of_samples in ("input_variety", "input_feature_ratio", "input_samples"):
        named.pop(of_samples, None)
    return named


def step(model: nn.Module, *batches: Any) -> None:
    for batch in batches:
        model(batch).square().mean().backward()
    SGD([one for one in model.parameters() if one.requires_grad], lr=0.01).step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("mean", "size"), [(0.0, 1.0), (500.0, 1e-1), (-3.0, 1e3), (0.0, 1e-4)])
def test_of_an_ordinary_batch(watch: Watch, dtype: torch.dtype, mean: float, size: float) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).to(dtype)
    capture = watch(model)
    x = (mean + size * torch.randn(64, 6)).to(dtype)
    step(model, x)
    assert seen(capture) == pytest.approx(truth(x), rel=1e-5)
    assert capture.problems == []


def test_the_samples_of_a_batch_are_counted_where_all_data_has_as_many(watch: Watch) -> None:
    def samples(*data: Tensor) -> float | None:
        model = nn.ModuleList([nn.Linear(one.shape[1], 2) for one in data])
        capture = watch(model)
        sum(layer(x).sum() for layer, x in zip(model, data, strict=True)).backward()
        SGD(model.parameters(), lr=0.01).step()
        found: float | None = capture.frames[-1].scalars.get("input_samples")
        return found

    assert samples(torch.randn(1, 3)) == 1
    assert samples(torch.randn(7, 3), torch.randn(7, 4)) == 7
    assert samples(torch.randn(7, 3), torch.randn(5, 4)) is None
    assert samples(torch.randn(7, 3), torch.randn(1, 4)) == 7  # one for all samples


def test_of_images_that_were_bytes(watch: Watch) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    capture = watch(model)
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    step(model, images.float())
    assert seen(capture) == pytest.approx(truth(images), rel=1e-6)


def test_of_several_micro_batches_together(watch: Watch) -> None:
    model = nn.Linear(6, 1)
    capture = watch(model)
    batches = [torch.randn(4, 6) * scale for scale in (1.0, 10.0, 100.0)]
    step(model, *batches)
    assert seen(capture) == pytest.approx(truth(*batches), rel=1e-6)


def test_of_two_inputs_and_of_one_that_enters_twice(watch: Watch) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(2, 4)

        def forward(self, given: tuple[Tensor, Tensor]) -> Tensor:
            x, z = given
            mixed: Tensor = self.a(x) * self.b(input=x[:2]).sum() + self.c(input=z)
            return mixed

    model = Two()
    capture = watch(model)
    x, z = torch.randn(5, 3), 7 + torch.randn(5, 2)
    step(model, (x, z))
    assert seen(capture) == pytest.approx(truth(x, z), rel=1e-6)


def test_tokens_are_no_data_of_this_kind(watch: Watch) -> None:
    model = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 3))
    capture = watch(model)
    step(model, torch.randint(0, 9, (4, 5)))
    assert not seen(capture)


def test_what_frozen_layers_make_is_none_either(watch: Watch) -> None:
    model = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 3), nn.Linear(3, 3))
    model[0].requires_grad_(requires_grad=False)
    model[1].requires_grad_(requires_grad=False)
    capture = watch(model)
    step(model, torch.randint(0, 9, (4, 5)))
    assert not seen(capture)
    assert capture.problems == []


def test_frozen_first_layers_see_the_data(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(6, 50), nn.ReLU(), nn.Linear(50, 3))
    model[0].requires_grad_(requires_grad=False)
    capture = watch(model)
    batches = [torch.randn(4, 6), torch.randn(4, 6)]
    step(model, *batches)
    assert seen(capture) == pytest.approx(truth(*batches), rel=1e-6)


def test_an_evaluation_in_between_does_not_count(watch: Watch) -> None:
    model = nn.Linear(6, 1)
    capture = watch(model)
    with torch.no_grad():
        model(torch.full((4, 6), 1e6))
    x = torch.randn(4, 6)
    step(model, x)
    assert seen(capture) == pytest.approx(truth(x), rel=1e-6)


def test_a_mask_with_infinities_is_no_data(watch: Watch) -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
            self.embed, self.head = nn.Embedding(9, 4), nn.Linear(4, 1)

        def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
            weights = (self.embed(tokens).sum(-1) * self.scale + mask).softmax(-1)
            pooled: Tensor = self.head((weights[..., None] * self.embed(tokens)).sum(1))
            return pooled

    model = Masked()
    capture = watch(model)
    mask = torch.tensor([0.0, 0.0, -float("inf")])
    model(torch.randint(0, 9, (4, 3)), mask).square().mean().backward()
    SGD(model.parameters(), lr=0.01).step()
    assert not seen(capture)
    assert capture.frames[0].origin is None


def test_entries_that_are_not_finite_are_counted_and_left_out_of_the_rest(watch: Watch) -> None:
    model = nn.Linear(6, 1)
    capture = watch(model)
    x = torch.randn(4, 6)
    x[0, 0], x[1, 2], x[3, 5] = float("nan"), float("inf"), -float("inf")
    step(model, x)
    assert seen(capture) == pytest.approx(
        truth(x[x.isfinite()]) | {"input_nonfinite": 3.0}, rel=1e-6
    )


def test_it_needs_no_activations(watch: Watch) -> None:
    model = nn.Linear(6, 1)
    capture = watch(model, activations=False)
    x = torch.randn(4, 6)
    step(model, x)
    assert seen(capture) == pytest.approx(truth(x), rel=1e-6)


def test_a_recurrent_cell_is_given_the_first_view_of_the_sequence(watch: Watch) -> None:
    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRUCell(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            state = torch.zeros(len(x), 4)
            for moment in x.unbind(1):
                state = self.cell(moment, state)
            return state

    model = Steps()
    capture = watch(model)
    x = torch.randn(5, 7, 3)
    step(model, x)
    assert seen(capture) == pytest.approx(truth(x[:, 0]), rel=1e-6)


def test_how_much_samples_differ_is_what_their_mean_leaves(watch: Watch) -> None:
    model = nn.Linear(6, 1)
    capture = watch(model)
    mixed = 3 + torch.randn(16, 6)
    for batch in (mixed, mixed[:1].expand(16, 6).contiguous(), mixed[:2]):
        step(model, batch)
    rest = (mixed - mixed.mean(0)).norm() / mixed.norm()
    found = [one.scalars.get("input_variety") for one in capture.frames]
    assert found[0] == pytest.approx(float(rest), rel=1e-5)
    assert found[1] == pytest.approx(0, abs=1e-7)
    assert found[2:] == [None]  # of two samples nothing is said


def test_tokens_differ_from_sample_to_sample_or_not(watch: Watch) -> None:
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2))
    capture = watch(model)
    for tokens in (torch.randint(9, (8, 5)), torch.zeros(8, 5).long(), torch.randint(9, (8,))):
        step(model, tokens)
    found = [one.scalars.get("input_variety") for one in capture.frames]
    assert (found[0] or 0.0) > 0.1
    assert found[1:] == [pytest.approx(0, abs=1e-7), None]
    assert capture.problems == []


@pytest.mark.parametrize(("places", "is_known"), [(5, True), (8, False)])
def test_numbers_of_places_are_no_samples(watch: Watch, *, places: int, is_known: bool) -> None:
    class Placed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(9, 4), nn.Embedding(places, 4)

        def forward(self, tokens: Tensor) -> Tensor:
            found: Tensor = self.token(tokens).mean(1) + self.place(torch.arange(places)).mean(0)
            return found

    model = Placed()
    capture = watch(model)
    step(model, torch.zeros(8, 5).long())
    # As many numbers as samples may be one for each of them, such as its kind.
    assert ("input_variety" in capture.frames[-1].scalars) is is_known
    assert capture.problems == []


def test_the_largest_feature_of_a_table_is_held_against_the_middle_one(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(5, 1))
    capture = watch(model)
    table = torch.tensor([1.0, 2.0, 0.5, 300.0, 0.0]) * torch.randn(40, 5)
    step(model, table)
    step(model, torch.randn(2, 3, 5))
    sizes = sorted(table.norm(dim=0)[:4].tolist())
    found = [one.scalars.get("input_feature_ratio") for one in capture.frames]
    assert found == [pytest.approx(sizes[3] / sizes[2], rel=1e-5), None]
    assert capture.problems == []


@pytest.mark.parametrize("has_own", [False, True])
def test_of_numbers_that_enter_beside_an_embedding(watch: Watch, *, has_own: bool) -> None:
    class Tabular(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1)) if has_own else None
            self.kinds = nn.Embedding(5, 3)
            self.tower = nn.Linear(7, 1)

        def forward(self, numbers: Tensor, kinds: Tensor) -> Tensor:
            made: Tensor = self.tower(torch.cat([numbers, self.kinds(kinds)], 1))
            return made if self.scale is None else made * self.scale

    model = Tabular()
    capture = watch(model)
    numbers = 700 + 300 * torch.randn(16, 4)
    model(numbers, torch.randint(5, (16,))).square().mean().backward()
    SGD(model.parameters(), lr=1e-9).step()
    assert seen(capture) == pytest.approx(truth(numbers), rel=1e-6)


def test_a_table_with_a_column_that_an_embedding_is_given_says_nothing(watch: Watch) -> None:
    class Shop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.items = nn.Embedding(400, 3)
            self.tower = nn.Linear(7, 1)

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.tower(torch.cat([x[:, 1:], self.items(x[:, 0].long())], 1))
            return made

    model = Shop()
    capture = watch(model)
    step(model, torch.cat([torch.randint(400, (16, 1)).float(), torch.randn(16, 4)], 1))
    assert seen(capture) == {}
    assert capture.problems == []


def test_what_a_model_makes_of_its_argument_is_the_data_where_a_layer_is_given_that(
    watch: Watch,
) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            made: Tensor = self.layer(x / 255)
            return made

    model = Scaled()
    capture = watch(model)
    x = torch.rand(16, 4) * 255
    step(model, x)
    assert seen(capture) == pytest.approx(truth(x / 255), rel=1e-6)
