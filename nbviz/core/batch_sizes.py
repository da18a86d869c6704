"""How many samples go through the model at once."""

from __future__ import annotations

_FIRST = 32
_LARGEST = 256
_BYTES = 64 * 2**20


class BatchSizes:
    """Climbs from a small batch while samples come faster; steps back once they do not.

    Parameters
    ----------
    fixed : int, optional
        The user's choice: no probe, and no cap.
    known : int, optional
        What an earlier probe found.
    bytes_per_sample : int
        Size of the largest layer's output for one sample; a batch of it takes 64 MB at most.
    """

    def __init__(self, fixed: int | None, known: int | None, bytes_per_sample: int) -> None:
        if fixed is not None and fixed < 1:
            raise ValueError(f"batch_size must be at least 1, got {fixed}")
        self.limit = max(1, min(_LARGEST, _BYTES // max(1, bytes_per_sample)))
        self.current = fixed or min(known or _FIRST, self.limit)
        self.settled = fixed is not None or known is not None
        self._rate = 0.0

    def took(self, count: int, seconds: float) -> None:
        """Learn from one batch. A last, smaller one says nothing."""
        if self.settled or count < self.current:
            return
        rate = count / max(seconds, 1e-9)
        if rate < 1.1 * self._rate:
            self.current, self.settled = max(1, self.current // 2), True
        elif self.current * 2 > self.limit:
            self.settled = True
        else:
            self._rate = rate
            self.current *= 2

    def halve(self) -> bool:
        """Take half the batch from now on; False if one sample alone did not fit."""
        if self.current == 1:
            return False
        self.current, self.settled = self.current // 2, True
        return True
