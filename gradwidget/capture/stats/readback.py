"""Brings statistics from the device to numpy without ever waiting for the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradwidget.capture import unmeasured
from gradwidget.capture.model.unreadable import UnreadableError

Values = NDArray[np.float64]
Fetch = Callable[[], Values]


def never_sent() -> Values:
    """The ``Fetch`` of values that are not on their way.

    Raises:
        LookupError: always.
    """
    message = "these values were never sent for"
    raise LookupError(message)


class Readback:
    """Collects small tensors of one step; their values can be fetched once ``ready``.

    On the CPU they are available immediately. On an accelerator all tensors of a device are packed
    into one and copied to pinned memory behind the work already queued, to be read at a later step.

    Example:
        >>> readback = Readback()
        >>> fetch = readback.add(torch.tensor([1.0, 2.0]))
        >>> readback.send()
        >>> readback.ready, fetch()
        (True, array([1., 2.]))
    """

    def __init__(self) -> None:
        self._queued: dict[torch.device, list[tuple[Tensor, list[Values]]]] = {}
        self._sent: list[tuple[torch.Event, Tensor, list[tuple[Tensor, list[Values]]]]] = []

    def add(self, values: Tensor) -> Fetch:
        """Queues a tensor.

        Returns:
            A function that gives the values as float64, in the shape of ``values``; only once
            ``ready``.

        Raises:
            UnreadableError: it is on the meta device.
        """
        values = values.detach()
        if values.is_cpu:
            arrived = as_numpy(values)
            return lambda: arrived
        if values.is_meta:
            raise UnreadableError(unmeasured.META)
        slot: list[Values] = []
        self._queued.setdefault(values.device, []).append((values, slot))
        return lambda: slot[0]

    def add_numbers(self, values: Sequence[Tensor]) -> Fetch:
        """The same for tensors of one element each, all on one device, as one array."""
        if not values[0].is_cpu:
            return self.add(torch.stack(list(values)))
        arrived = np.array([one.item() for one in values], np.float64)
        return lambda: arrived

    def add_number(self, value: Tensor) -> Callable[[], float]:
        """The same for a tensor of one element, as a number.

        It is called at every step: ``tolist`` is the cheapest way to read one, a single call of
        torch.
        """
        if value.dim():
            value = value.reshape(())
        if not value.is_cpu:
            fetch = self.add(value)
            return lambda: float(fetch())
        number: Any = value.tolist()  # a number, where there are no dimensions
        return lambda: float(number)

    def send(self) -> None:
        """Starts the copies of what was added; nothing can be added after it."""
        for device, entries in self._queued.items():
            dtype = torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64
            packed = torch.cat([values.reshape(-1).to(dtype) for values, _ in entries])
            host = torch.empty(
                packed.shape, dtype=packed.dtype, device="cpu", pin_memory=device.type == "cuda"
            )
            host.copy_(packed, non_blocking=True)
            event = torch.Event(device.type)
            event.record()
            self._sent.append((event, host, entries))
        self._queued = {}

    @property
    def ready(self) -> bool:
        """Whether every value has arrived; never waits."""
        if self._sent:
            self._sent = [parcel for parcel in self._sent if not self._arrived(parcel)]
        return not (self._sent or self._queued)

    def wait(self) -> None:
        """Waits until every value has arrived (only for closing)."""
        for event, _, _ in self._sent:
            event.synchronize()

    def _arrived(
        self, parcel: tuple[torch.Event, Tensor, list[tuple[Tensor, list[Values]]]]
    ) -> bool:
        event, host, entries = parcel
        if not event.query():
            return False
        everything = as_numpy(host)
        start = 0
        for values, slot in entries:
            slot.append(everything[start : start + values.numel()].reshape(values.shape))
            start += values.numel()
        return True


def as_numpy(values: Tensor) -> Values:
    """A float64 copy of a CPU tensor, read from its memory: nothing that waits is dispatched."""
    # numpy converts a handful of numbers ten times faster than torch does
    values = values.detach()
    if values.dtype is torch.bfloat16:
        values = values.float()  # numpy has no such type
    return np.array(values.numpy(), np.float64)
