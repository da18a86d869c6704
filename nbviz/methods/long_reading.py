"""A long text, read piece by piece, of whose states only a part is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result, Steps
from nbviz.core.network import Network
from nbviz.methods.recurrent import states_chunks, states_steps
from nbviz.methods.recurrent.states import States


def read_steps(network: Network, given: Any, keep: Callable[[States], Any], what: str) -> Steps:
    """Run a recurrent model over a text and keep of each piece of its states what is wanted.

    A model whose state cannot be carried from piece to piece (two directions, a custom module) reads the
    text in one pass.

    Parameters
    ----------
    given : str, ids, or a list of these
        As in :func:`~nbviz.methods.recurrent.states_steps`.
    keep : callable
        From the :class:`~nbviz.methods.recurrent.states.States` of a piece to what is kept of it.
    what : str
        What is done, for the progress.

    Yields
    ------
    Progress, then Result(list of what was kept)

    Raises
    ------
    ModelError, TypeError, ValueError
        As :func:`~nbviz.methods.recurrent.states_steps`.
    """
    total = sum(map(len, given)) if _is_many(given) else len(given)
    kept: list[Any] = []
    try:
        for part in states_chunks(network, given):
            kept.append(keep(part))
            done = part.start + len(part)
            yield Progress(done, max(done, total), what)
    except ModelError:
        if kept:
            raise
        for event in states_steps(network, given):
            if isinstance(event, Progress):
                yield event
            elif isinstance(event, Result):
                kept.append(keep(event.value))
    yield Result(kept)


def _is_many(given: Any) -> bool:
    return isinstance(given, list) and len(given) > 0 and hasattr(given[0], "__len__")
