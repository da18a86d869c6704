"""Small recurrent networks on one thread: a step is too little work to be shared."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

from nbviz.core.network import Network

SMALL = 512
"""Cells in a layer up to which one thread is used."""

_guard = threading.Lock()
_entered = 0
_usual = 0


@contextlib.contextmanager
def one_thread(network: Network) -> Iterator[None]:
    """PyTorch on one thread in the thread that calls this, for one pass.

    For an LSTM of 128 cells the threads of two cores wait for each other at each of its steps. Where other
    programs used the cores too, that took 30 to 60 times as long. Not for layers of more than :data:`SMALL`
    cells, nor on a GPU. Never ``yield`` to a scheduler inside.
    """
    global _entered, _usual  # noqa: PLW0603  (the number of threads is one for the process, too)
    sizes = [size for m in network.module.modules() if isinstance(size := getattr(m, "hidden_size", 0), int)]
    if max(sizes, default=0) > SMALL or network.device.type != "cpu":
        yield
        return
    with _guard:  # a thread that is new to torch while another is in here would take its 1 for usual
        if _entered == 0:
            _usual = torch.get_num_threads()
        _entered += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(_usual)
        with _guard:
            _entered -= 1
