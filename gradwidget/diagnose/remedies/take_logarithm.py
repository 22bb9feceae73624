"""Give a loss of log-probabilities what it expects."""

from __future__ import annotations

from gradwidget.diagnose.evidence.obstacle import OVER_SAMPLES
from gradwidget.diagnose.finding import Remedy
from gradwidget.frame import Wiring


def take_logarithm(wiring: Wiring) -> Remedy | None:
    """Puts log_softmax over the classes; None where the loss is given what it expects."""
    if "no logarithm" not in wiring.obstacles:
        return None
    loss, given = wiring.obstacles["no logarithm"]
    if given == "log_softmax":
        return _over_classes()
    if given == "linear":
        return Remedy(
            title="Give the loss log_softmax of the outputs",
            why=f"{loss} expects logarithms of probabilities. Where logits are given to it, "
            "use torch.nn.functional.cross_entropy(output, target), which takes log_softmax "
            "itself, or give it output.log_softmax(dim=1).",
            code="",
        )
    function, kind, *called = wiring.obstacles.get("squashed", ("", "", "", ""))
    if function == given and kind == "forward":
        of, line = called[0] or "the model", f" ({called[1]})" if called[1] else ""
        return Remedy(
            title=f"Use log_softmax in place of {given}",
            why=f"{loss} expects logarithms of probabilities: forward() of {of} calls {given} "
            f"itself{line}; write torch.nn.functional.log_softmax(x, dim=1) in its place. For "
            "predictions, take exp() of it outside of the model.",
            code="",
        )
    return _in_its_place(loss, given)


def _over_classes() -> Remedy:
    """For a log_softmax over the samples of the batch."""
    return Remedy(
        title=OVER_SAMPLES.title,
        why=OVER_SAMPLES.why,
        code="""\
for part in model.modules():
    if isinstance(part, torch.nn.LogSoftmax) and part.dim == 0:
        part.dim = 1
# Where forward() calls it itself: torch.nn.functional.log_softmax(x, dim=1) in its place.
""",
    )


def _in_its_place(loss: str, given: str) -> Remedy:
    """For a softmax or sigmoid that is a module."""
    return Remedy(
        title=f"Use log_softmax in place of {given}",
        why=f"{loss} expects logarithms of probabilities: log_softmax of the outputs from before "
        f"the {given}. For predictions, take exp() of it outside of the model.",
        code=f"""\
kind = torch.nn.{given.capitalize()}
found = [name for name, part in model.named_modules() if name and isinstance(part, kind)]
for name in found[-1:]:
    parent, _, child = name.rpartition(".")
    dim = getattr(model.get_submodule(name), "dim", 1)
    setattr(model.get_submodule(parent), child, torch.nn.LogSoftmax(dim))
if not found:
    print("{given} is called in forward() or in the loop: write log_softmax(x, dim=1) there.")
""",
    )
