"""The same seed gives the same weights, and the user's own random state stays as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed PyTorch and use one thread, until the end of the ``with`` block.

    On one thread sums are taken in one order, which makes weights the same bit for bit on the same kind of
    processor and the same version of PyTorch. The global random state and the number of threads are put
    back.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
