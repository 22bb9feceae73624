"""A function right under the loss is taken out where it is a module, and pointed at elsewhere."""

from __future__ import annotations

import torch

from gradwidget.diagnose.remedies.remove_relu import remove_relu
from gradwidget.diagnose.remedies.remove_softmax import remove_softmax
from gradwidget.diagnose.remedies.take_logarithm import take_logarithm
from gradwidget.frame import Wiring


def called(*words: str) -> Wiring:
    obstacles = {"squashed": words, "no logarithm": ("nll_loss", words[0])}
    return Wiring(obstacles=obstacles)  # type: ignore[arg-type]  # literals as the keys


def test_the_very_module_is_taken_out_and_no_other_of_its_kind() -> None:
    model = torch.nn.Sequential(torch.nn.Sigmoid(), torch.nn.Linear(2, 2), torch.nn.Sigmoid())
    code = remove_softmax(called("sigmoid", "module", "0", "")).code
    exec(code, {"model": model, "torch": torch})  # noqa: S102  # our own code
    assert [type(one).__name__ for one in model] == ["Identity", "Linear", "Sigmoid"]


def test_what_forward_calls_itself_is_pointed_at_and_no_code_pretends_to_change_it() -> None:
    words = ("sigmoid", "forward", "head", "line 7 of net.py")
    for remedy in (remove_softmax(called(*words)), take_logarithm(called(*words))):
        assert remedy is not None
        assert remedy.code == ""
        assert "forward() of head" in remedy.why
        assert "(line 7 of net.py)" in remedy.why
    assert "forward() of the model calls relu" in remove_relu(called("relu", "forward", "", "")).why


def test_what_the_loop_calls_is_looked_for_there() -> None:
    remedy = remove_softmax(called("softmax", "", "", ""))
    assert (remedy.title, remedy.code) == ("Remove the last softmax", "")
    assert "between the model and the loss" in remedy.why
