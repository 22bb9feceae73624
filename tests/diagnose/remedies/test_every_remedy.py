"""Every remedy has a file of its own name, is offered for a symptom, and its code can be run."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest

from gradwidget.action import parse_action
from gradwidget.diagnose import remedies
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Origin, Remedy, Symptom
from gradwidget.diagnose.remedies import ranking
from gradwidget.diagnose.remedies.ranking import by_symptom
from gradwidget.frame import Layer, Obstacle, Wiring
from tests.support.frames import healthy, judge, moving

RANKINGS = [
    import_module(f"{ranking.__name__}.{one.name}") for one in iter_modules(ranking.__path__)
]
NAMES = sorted(one.name for one in iter_modules(remedies.__path__) if not one.ispkg)

LAYERS = (
    *(Layer(f"fc{i}", "Linear", {"weight": (16, 16)}, activation="sigmoid") for i in range(5)),
    Layer("rnn", "RNN", {"weight_ih_l0": (16, 16), "weight_hh_l0": (16, 16)}),
    Layer("lstm", "LSTM", {"weight_ih_l0": (64, 16), "weight_hh_l0": (64, 16)}),
    Layer("head", "Linear", {"weight": (3, 16)}),
)


ORIGINS: tuple[Origin | None, ...] = (None, "input", "update", "loss", "forward")


def offered(symptom: Symptom) -> list[Remedy]:
    """What is offered where the symptom concerns every layer of a model with all kinds of them.

    Of all origins of a NaN, in both formats, with inputs that vary and inputs that do not.
    """
    found: dict[str, Remedy] = {}
    for origin in ORIGINS:
        for deviation in (64.0, 0.0):
            data = {"input_mean": 128.0, "input_std": deviation}
            norms = np.array([0.0 if deviation else 4.0, *[4.0] * 7])
            precision = "float16" if origin == "forward" else "float32"
            wiring = Wiring(
                precision=precision, obstacles={"squashed": ("softmax", "module", "1", "")}
            )
            figures = healthy(len(LAYERS), scalars=data, matrix_norm=norms, wiring=wiring)
            window = Window(judge(30, LAYERS, figures)[1])
            evidence = {"value": 0.3, "bound": 0.1, "window": 9.0}
            names = tuple(layer.name for layer in LAYERS)
            detection = Detection("warning", "", names, 20, evidence, "", origin)
            remedies = by_symptom.remedies_for(symptom, detection, window)
            assert remedies or symptom is Symptom.PLATEAU
            assert len({remedy.title for remedy in remedies}) == len(remedies)
            found |= {remedy.title: remedy for remedy in remedies}
    specials: tuple[tuple[Callable[[int], dict[str, Any]], dict[str, float]], ...] = (
        (after_a_leap, {"spent": 20.0}),
        (after_a_large_step, {"spent": 20.0}),
        (warming_up, {"label": 1.0}),
        (in_turns, {}),
        (at_rest, {"value": 0.0}),
        (at_rest, {"constant": 0.0, "derivatives": 1.0}),
        (of_pairs, {"drawn": 1.0, "broke": 20.0}),
        (of_triplets, {"drawn": 1.0}),
        (scaled_and_clipped, {}),
        (summed, {"times": 16.0}),
        (built_wrongly, {"barred": 1.0, "emptied": 1.0, "dropped": 0.98, "growth": 0.03}),
        *((partial(mismatch, wiring), {"constant": 1.0}) for wiring in MISMATCHES),
        (partial(mismatch, ROUNDED), {"rounded": 1.0}),
        (partial(mismatch, MISMATCHES[0]), {"samples": 1.0}),
        (partial(mismatch, RECURRENT), {"recurrent": 1.0}),
    )
    for special, more in specials:
        window = Window(judge(30, LAYERS, special)[1])
        if symptom is Symptom.DOUBLE_SOFTMAX and OF_LOSS.isdisjoint(window.wiring.obstacles):
            continue
        names = tuple(layer.name for layer in LAYERS[:4])
        evidence = {"value": 0.3, "bound": 0.1, **more}
        detection = Detection("warning", "", names, 20, evidence, "", "loss")
        found |= {one.title: one for one in by_symptom.remedies_for(symptom, detection, window)}
    return list(found.values())


def after_a_leap(step: int) -> dict[str, Any]:
    """Weights that are ten times as large since step 20, and early layers of another rate."""
    changes = np.repeat([1e-6, 1e-2], 4)
    norms = np.full(8, 4.0 if step < 20 else 40.0)
    return healthy(8, matrix_norm=norms, matrix_change=changes)


def after_a_large_step(step: int) -> dict[str, Any]:
    """Weights that moved by a third of their size in step 19."""
    return moving(8, 0.3 if step == 19 else 1e-3)


def warming_up(step: int) -> dict[str, Any]:
    """A rate that rises at every step."""
    return healthy(8, scalars={"lr": 1e-3 * (step + 1)})


def in_turns(_: int) -> dict[str, Any]:
    """Two players, of whom the other has its turn; layers that never run."""
    return healthy(
        8,
        has_run=np.zeros(8),
        wiring=Wiring(optimizers=("Adam", "Adam")),
        measured={"grad_norm": np.arange(8) < 4},
    )


def at_rest(_: int) -> dict[str, Any]:
    """A rate of 0 under an optimizer that maximizes, layers that run and are not used."""
    unused = tuple(f"fc{number}.weight" for number in range(4))
    scalars = {"lr": 0.0, "maximize": 1.0}
    return healthy(8, has_run=np.ones(8), wiring=Wiring(unused=unused), scalars=scalars)


def built_wrongly(_: int) -> dict[str, Any]:
    """A loss of every pair, nothing but linear operations, and a clipping at next to nothing."""
    obstacles: tuple[Obstacle, ...] = ("every pair", "over samples", "flat slopes", "no bend")
    attribute: dict[Obstacle, tuple[str, ...]] = {"only an attribute": ("",)}
    norms = {"raw_total_grad_norm": 1.0, "total_grad_norm": 1e-6}
    wiring = Wiring(obstacles={**dict.fromkeys(obstacles, ()), **attribute})
    return healthy(8, wiring=wiring, scalars=norms)


MISMATCHES = (
    Wiring(obstacles={"no logarithm": ("kl_div", "softmax"), "one entry": ("softmax", "fc0")}),
    Wiring(obstacles={"no logarithm": ("nll_loss", "linear"), "one entry": ("softmax", "fc0")}),
    Wiring(
        obstacles={"no logarithm": ("nll_loss", "log_softmax"), "one entry": ("softmax", "fc0")}
    ),
    Wiring(obstacles={"unlike shapes": ("[6, 1]", "[6, 6]"), "one entry": ("softmax", "fc0")}),
    Wiring(
        obstacles={
            "bounded": ("mse_loss", "sigmoid", "1", "0", "1"),
            "one entry": ("softmax", "fc0"),
        }
    ),
    Wiring(obstacles={"one entry": ("group_norm", "fc0")}, loss_path=("ctc_loss",)),
)

RECURRENT = Wiring(
    obstacles={
        "recurs over samples": ("8", "[8, 5, 3]", "0", "fc0"),
        "no logarithm": ("nll_loss", "linear"),
    }
)

OF_LOSS = frozenset({"no logarithm", "unlike shapes", "bounded", "squashed"})
"""Obstacles without which outputs are not known to fit their loss badly."""

ROUNDED = Wiring(obstacles={"rounded": ("round", "fc0")})


def mismatch(wiring: Wiring, step: int) -> dict[str, Any]:
    """A loss that is given what it does not expect, and infinite in the end."""
    return healthy(8, wiring=wiring, scalars={"loss": 1.2 if step < 29 else math.inf})


def of_pairs(_: int) -> dict[str, Any]:
    """A loss of one minus a product of embeddings."""
    return healthy(8, wiring=Wiring(loss_path=("rsub", "mean", "sum", "mul")))


def of_triplets(_: int) -> dict[str, Any]:
    """A hinge on differences of distances."""
    return healthy(8, wiring=Wiring(loss_path=("mean", "clamp_min", "sub", "cdist")))


def scaled_and_clipped(_: int) -> dict[str, Any]:
    """Gradients that are clipped to next to nothing before a scaler unscales them."""
    norms = {"raw_total_grad_norm": 1.0, "total_grad_norm": 1e-6}
    return healthy(8, scalars={**norms, "loss_scale": 65536.0, "unscaled_late": 1.0})


def summed(_: int) -> dict[str, Any]:
    """Large steps by a loss that adds up what it is made of."""
    obstacles: dict[Obstacle, tuple[str, ...]] = {"added up": ("mse_loss", "16", "16")}
    wiring = Wiring(optimizers=("SGD",), obstacles=obstacles)
    return {**moving(8, 0.3), "wiring": wiring}


@pytest.mark.parametrize("name", NAMES)
def test_a_remedy_is_a_function_of_the_name_of_its_file(name: str) -> None:
    module = import_module(f"gradwidget.diagnose.remedies.{name}")
    public = [
        one
        for one, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and one[0] != "_"
    ]
    assert public == [name]
    ranked = [getattr(one, name) for one in RANKINGS if hasattr(one, name)]
    assert getattr(module, name) in ranked, "it is offered for no symptom"
    assert module.__doc__
    assert getattr(module, name).__doc__


def is_for_a_person(remedy: Remedy) -> bool:
    """Whether it says where to look, and does not pretend to be code."""
    return remedy.code == "" and (
        "Look" in remedy.why or "look" in remedy.why or "Where" in remedy.why
    )


@pytest.mark.slow
@pytest.mark.parametrize("symptom", [symptom for symptom in Symptom if symptom != "plateau"])
def test_every_symptom_has_remedies_whose_code_is_python(symptom: Symptom) -> None:
    for remedy in offered(symptom):
        assert ast.parse(remedy.code).body or is_for_a_person(remedy)
        assert remedy.why.endswith(".")
        assert remedy.title[0].isupper()
        assert remedy.action is None or parse_action(remedy.action).text


@pytest.mark.slow
def test_every_remedy_is_reached_by_some_symptom() -> None:
    titles = {remedy.title for symptom in Symptom for remedy in offered(symptom)}
    # Growing and shrinking weights get opposite ones of the same file.
    assert len(titles) > len(NAMES)
    for words in ("ReLU instead of sigmoid", "fewer layers: 5 instead of 8", "gated cell"):
        assert any(words in title for title in titles), words


def test_a_plateau_has_the_remedies_of_its_cause() -> None:
    def figures(step: int) -> dict[str, Any]:
        del step
        return healthy(8, act_dead_fraction=np.ones(8), scalars={"loss": 2.0})

    engine, _ = judge(150, LAYERS, figures)
    by = {finding.symptom: finding for finding in engine.findings}
    assert by[Symptom.PLATEAU].remedies == by[Symptom.DEAD_RELU].remedies != ()
