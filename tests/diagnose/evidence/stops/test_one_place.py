"""A gradient that is lost between two neighbors and nowhere else, and what only looks like it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gradwidget import GradMonitor
from gradwidget.diagnose.evidence.stops.one_place import OnePlace, one_place, where_it_ends
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.remedies.look_between import look_between
from gradwidget.frame import LOSS, Layer, Wiring
from tests.support.frames import chain, healthy, judge

DEPTH = 6
IN_A_ROW = {f"fc{i}": (f"fc{i + 1}",) for i in range(DEPTH - 1)} | {f"fc{DEPTH - 1}": (LOSS,)}


def window(
    gradients: list[float],
    layers: tuple[Layer, ...] = chain(DEPTH),
    feeds: dict[str, tuple[str, ...]] | None = None,
    **more: Any,
) -> Window:
    level = np.array(gradients)
    wiring = Wiring(feeds=IN_A_ROW if feeds is None else feeds)
    figures = healthy(DEPTH, act_grad_rms=level, act_grad_norm=30 * level, wiring=wiring, **more)
    return Window(judge(30, layers, figures)[1])


AT_ONCE = [2e-7, 3e-7, 2e-7, 2e-2, 3e-2, 2e-2]


def names(place: OnePlace | None) -> tuple[str, str] | None:
    return None if place is None else (place.near.name, place.far.name)


def test_it_is_between_the_two_neighbors_and_as_large_as_measured() -> None:
    place = one_place(window(AT_ONCE), "fc0", falls=True)
    assert names(place) == ("fc2", "fc3")
    assert place is not None
    assert place.factor == pytest.approx(1e5, rel=1e-3)


def test_a_gradient_that_grows_there_is_found_as_well() -> None:
    place = one_place(window([1 / one for one in AT_ONCE]), "fc0", falls=False)
    assert names(place) == ("fc2", "fc3")


def test_what_each_layer_takes_a_part_of_is_in_no_single_place() -> None:
    assert one_place(window([10.0 ** (i - DEPTH) for i in range(DEPTH)]), "fc0", falls=True) is None


def test_without_the_graph_neighbors_are_not_known() -> None:
    assert one_place(window(AT_ONCE, feeds={}), "fc0", falls=True) is None


def test_weights_that_are_that_small_take_it_themselves() -> None:
    norms = np.array([4.0, 4.0, 4.0, 4e-5, 4.0, 4.0])
    assert one_place(window(AT_ONCE, matrix_norm=norms), "fc0", falls=True) is None


def test_a_norm_layer_takes_it_where_what_it_is_given_is_that_large() -> None:
    layers = list(chain(DEPTH))
    layers[3] = replace(layers[3], kind="LayerNorm", shapes={"weight": (16,), "bias": (16,)})
    large = np.array([1.0, 1.0, 1e5, 1.0, 1.0, 1.0])
    assert one_place(window(AT_ONCE, tuple(layers), act_rms=large), "fc0", falls=True) is None
    assert names(one_place(window(AT_ONCE, tuple(layers)), "fc0", falls=True)) == ("fc2", "fc3")


def test_units_at_the_ends_of_their_range_say_more() -> None:
    share = np.array([0.0, 0.0, 0.9, 0.0, 0.0, 0.0])
    of_tanh = window(AT_ONCE, chain(DEPTH, "tanh"), act_saturated_fraction=share)
    assert one_place(of_tanh, "fc0", falls=True) is None


def test_where_a_gradient_ends_is_behind_the_last_layer_without_any() -> None:
    share = np.array([1.0, 1.0, 1.0, 0.2, 0.0, 0.0])
    gradients = [0.0, 0.0, 0.0, 1e-2, 1e-2, 1e-2]
    now = window(gradients, act_grad_zero_fraction=share)
    assert names(where_it_ends(now, ("fc0", "fc1", "fc2"))) == ("fc2", "fc3")
    nowhere = window([0.0] * DEPTH, act_grad_zero_fraction=np.ones(DEPTH))
    assert where_it_ends(nowhere, ("fc0", "fc1", "fc2", "fc3", "fc4", "fc5")) is None


class Between(nn.Module):
    """Two sound networks with one operation between them."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.encoder = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32))
        self.decoder = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = self.encoder(x)
        if self.kind == "factor":
            made = made * 1e-5
        elif self.kind == "gumbel":
            made = nn.functional.gumbel_softmax(made, tau=1e-3)
        elif self.kind == "clamp":
            made = made.clamp(5, 6)
        elif self.kind == "relu":
            made = made.relu()
        found: torch.Tensor = self.decoder(made)
        return found


def trained(kind: str, steps: int = 60) -> tuple[Between, GradMonitor]:
    torch.manual_seed(0)
    model = Between(kind)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    answers = torch.randn(20, 5)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(steps):
            x = torch.randn(64, 20)
            loss = nn.functional.cross_entropy(model(x), (x @ answers).argmax(1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model, monitor


@pytest.mark.parametrize(
    ("kind", "symptom"),
    [
        ("factor", Symptom.VANISHING_GRADIENTS),
        ("gumbel", Symptom.VANISHING_GRADIENTS),
        ("clamp", Symptom.ZERO_GRADIENT),
    ],
)
def test_one_is_sent_to_look_at_that_place_and_shown_what_passes_it(
    kind: str, symptom: Symptom, capsys: pytest.CaptureFixture[str]
) -> None:
    model, monitor = trained(kind)
    finding = monitor.findings[0]
    assert finding.symptom is symptom
    assert [one.title for one in finding.remedies] == [
        "Look at what happens between encoder.2 and decoder.0"
    ]
    assert "encoder.2" in finding.message
    assert "decoder.0" in finding.message
    exec(finding.remedies[0].code, {"model": model, "torch": torch})  # noqa: S102  # our own code
    for _ in range(2):
        model(torch.randn(4, 20))
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in printed] == [
        "encoder.2 gives (4, 32)",
        "decoder.0 gets (4, 32)",
    ]


def test_a_sound_operation_between_them_is_no_finding() -> None:
    assert trained("relu")[1].findings == []


class Pooled(nn.Module):
    """Convolutions with a norm behind the last one, and the mean over positions of that."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3), norm
        )
        self.head = nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.body(x).mean((2, 3)))
        return found


def pooled(norm: nn.Module, samples: int) -> GradMonitor:
    torch.manual_seed(0)
    model = Pooled(norm)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(40):
            x, y = torch.randn(samples, 1, 10, 10), torch.randint(3, (samples,))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    return monitor


def test_a_batch_norm_of_a_single_sample_is_named_itself() -> None:
    (remedy,) = pooled(nn.BatchNorm2d(12), 1).findings[0].remedies
    assert remedy.title == "Use larger batches, or a group norm in the place of body.4"
    assert "through body.4, a BatchNorm2d" in remedy.why
    assert "torch.nn.GroupNorm(4, 12)" in remedy.why


@pytest.mark.parametrize(("norm", "samples"), [(nn.GroupNorm(4, 12), 1), (nn.BatchNorm2d(12), 8)])
def test_what_is_advised_in_its_place_lets_the_gradient_through(
    norm: nn.Module, samples: int
) -> None:
    symptoms = {finding.symptom for finding in pooled(norm, samples).findings}
    assert Symptom.VANISHING_GRADIENTS not in symptoms


def test_another_norm_is_named_with_what_it_runs_over() -> None:
    layers = list(chain(DEPTH))
    layers[3] = replace(layers[3], kind="LayerNorm", shapes={"weight": (16,), "bias": (16,)})
    now = window(AT_ONCE, tuple(layers))
    place = one_place(now, "fc0", falls=True)
    assert place is not None
    remedy = look_between(place, now)
    assert remedy.title == "Look at fc3, at what it is given and what follows it"
    assert "the values of a sample" in remedy.why


def test_a_module_of_ones_own_may_do_it_itself() -> None:
    layers = list(chain(DEPTH))
    now = window(AT_ONCE, tuple(layers))
    place = one_place(now, "fc0", falls=True)
    assert place is not None
    assert "itself does" not in look_between(place, now).why
    own = replace(place, far=replace(place.far, kind="Gate"))
    assert "and at what fc3 itself does" in look_between(own, now).why
