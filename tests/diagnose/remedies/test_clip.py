"""The bound to clip at comes from the run."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.remedies.clip import clip
from gradwidget.frame import Wiring
from tests.support.frames import chain, healthy, judge


def window_of(norms: list[float], **more: float) -> Window:
    def figures(step: int) -> dict[str, object]:
        return healthy(4, scalars={"total_grad_norm": norms[step], **more})

    return Window(judge(len(norms), chain(4), figures)[1])


NORMS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]


def test_it_is_the_90th_percentile_of_the_steps_before() -> None:
    remedy = clip(window_of([*NORMS, 30.0, 30.0]), before_step=11)
    assert remedy is not None
    assert remedy.action == {"kind": "clip", "max_norm": 10.0}
    assert "over steps 0 to 10:" in remedy.why
    assert "max_norm=10)" in remedy.code


def test_steps_of_the_explosion_itself_do_not_count() -> None:
    remedy = clip(window_of([*NORMS, 1e6, float("inf"), float("nan")]), before_step=0)
    assert remedy is not None
    assert remedy.action == {"kind": "clip", "max_norm": float(np.percentile(NORMS, 90))}


def test_norms_from_before_clipping_are_better() -> None:
    remedy = clip(window_of(NORMS, raw_total_grad_norm=7.0), before_step=11)
    assert remedy is not None
    assert remedy.action == {"kind": "clip", "max_norm": 7.0}


def test_there_is_none_where_what_is_usual_is_the_explosion_itself() -> None:
    assert clip(window_of([3e9] * 12), before_step=0) is None
    assert clip(window_of([3e5] * 12), before_step=0) is not None


def test_there_is_none_where_no_norm_is_known() -> None:
    assert clip(window_of([float("nan")] * 5), before_step=5) is None
    assert clip(window_of([0.0] * 5), before_step=5) is None


def test_there_is_none_under_an_optimizer_that_compares_the_gradients_of_a_closure() -> None:
    wiring = Wiring(optimizers=("LBFGS",))
    window = Window(judge(12, chain(4), healthy(4, wiring=wiring))[1])
    assert clip(window, before_step=11) is None
