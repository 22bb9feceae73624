"""Find where a NaN or Inf first arises."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def find_nonfinite(why: str) -> Remedy:
    """Prints which parameters are not finite, and turns on the check that raises at a new NaN."""
    return Remedy(
        title="Find the operation that produces it",
        why=why,
        code="""\
for name, parameter in model.named_parameters():
    if not torch.isfinite(parameter).all():
        print(name, "has", int((~torch.isfinite(parameter)).sum()), "entries that are not finite")
# Slow. The next backward pass raises at the operation; set it back to False afterward.
torch.autograd.set_detect_anomaly(True)
""",
    )
