"""Look at where a NaN or Inf first arises, once."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def find_nonfinite(why: str) -> Remedy:
    """Prints what parameters are not finite, and turns on the check that raises where a NaN is
    made.
    """
    return Remedy(
        title="See which operation makes it",
        why=why,
        code="""\
for name, parameter in model.named_parameters():
    if not torch.isfinite(parameter).all():
        print(name, "has", int((~torch.isfinite(parameter)).sum()), "entries that are not finite")
# Slow: the next backward pass raises at the operation; then set it back to False.
torch.autograd.set_detect_anomaly(True)
""",
    )
