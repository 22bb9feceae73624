"""Memory that is used again and again belongs to one thread and one purpose."""

from __future__ import annotations

import threading

import numpy as np
import torch

from gradwidget.capture.stats.scratch import KEPT, nonzero, scratch


def test_what_was_written_for_one_purpose_is_not_touched_by_another() -> None:
    first = scratch("sizes", 3, torch.float32).fill_(1.0)
    scratch("difference", 3, torch.float32).fill_(2.0)
    scratch("sizes", 3, torch.float64).fill_(3.0)
    assert first.tolist() == [1.0] * 3


def test_each_thread_has_memory_of_its_own() -> None:
    first = scratch("sizes", 3, torch.float32).fill_(1.0)
    other = threading.Thread(target=lambda: scratch("sizes", 3, torch.float32).fill_(2.0))
    other.start()
    other.join()
    assert first.tolist() == [1.0] * 3


def test_what_is_larger_than_the_kept_memory_gets_its_own() -> None:
    assert scratch("sizes", KEPT + 1, torch.float32).numel() == KEPT + 1
    values = np.ones(KEPT + 1)
    values[-1] = 0
    assert np.array_equal(nonzero(values), values != 0)


def test_memory_made_in_inference_mode_can_be_written_outside_of_it() -> None:
    def both() -> None:
        with torch.inference_mode():
            scratch("sizes", 2, torch.float32)
        written.append(
            torch.abs(torch.tensor([-1.0, 2.0]), out=scratch("sizes", 2, torch.float32)).tolist()
        )

    written: list[list[float]] = []
    thread = threading.Thread(target=both)  # a fresh thread has no memory yet
    thread.start()
    thread.join()
    assert written == [[1.0, 2.0]]


def test_negative_zero_is_zero_and_nan_is_not() -> None:
    assert nonzero(np.array([-0.0, 0.0, np.nan, 1e-45], np.float32)).tolist() == [
        False,
        False,
        True,
        True,
    ]
