"""When recurrent layers are measured along time, which takes as long as the layers themselves."""

from __future__ import annotations

from gradwidget.capture.sampling.allowances import ALONG_TIME
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.token_bucket import TokenBucket


class RecurrentSchedule:
    """Decides in which of the sampled steps that is done; lives as long as the capture.

    In all that were requested; of the others, in one of 16 steps where they are close together,
    and in every second where they are far apart.

    Args:
        decision: tells which steps were requested.

    Example:
        >>> decision = SamplingDecision(None)
        >>> schedule = RecurrentSchedule(decision)
        >>> due = []
        >>> for step in range(50):
        ...     if schedule.take(step):
        ...         due.append(step)
        ...     decision.stepped(elapsed=0.1, ours=0.001)
        >>> due[-4:]
        [9, 10, 26, 42]
    """

    def __init__(self, decision: SamplingDecision) -> None:
        self._decision = decision
        self._bucket = TokenBucket(1)
        self._latest = 0

    def take(self, step: int) -> bool:
        """Whether this step is one of them; to be asked once in each that is sampled."""
        # Half of what it takes comes back between two samples at most.
        self._bucket.fill(min(ALONG_TIME * (step - self._latest), 1 / 2))
        self._latest = step
        if self._decision.is_requested:
            self._bucket.balance = 0.0
            return True
        return self._bucket.take()
