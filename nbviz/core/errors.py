"""Errors that say what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class ModelError(RuntimeError):
    """The model itself raised while it was run; its own message is part of this one."""


class TransformError(ModelError):
    """The transform of a Network raised, or gave no tensor.

    Parameters
    ----------
    what : str
        What went wrong.
    given : str
        What the transform was given, in words.
    position : int or None
        Of the sample in the batch; None if the transform takes whole batches.
    sample : int, optional
        Its row number among all samples, where that is known.
    """

    def __init__(self, what: str, given: str, position: int | None, sample: int | None = None) -> None:
        self.what, self.given, self.position = what, given, position
        of = "" if sample is None else f" for sample {sample}"
        super().__init__(
            f"the transform {what}\nIt was given {given}{of}. Try it alone: network.transform(...)."
        )

    def at(self, rows: Any) -> TransformError:
        """The same, naming the sample: ``rows`` are the row numbers of the batch."""
        if self.position is None:
            return self
        return TransformError(self.what, self.given, self.position, int(rows[self.position]))


class UnknownName(ValueError):
    """A name that does not exist; the message lists the near ones."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownName:
    """Say that ``name`` is no ``kind``, and which names are near or exist."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    text = f"unknown {kind} {name!r}."
    if near:
        text += " Did you mean " + " or ".join(repr(n) for n in near) + "?"
    shown = ", ".join(names[:24]) + (", …" if len(names) > 24 else "")
    return UnknownName(f"{text} There are: {shown}" if names else text)


def unknown_keyword(owner: str, keyword: str, known: Iterable[str], *, meant: str | None = None) -> TypeError:
    """Say that ``owner`` takes no such keyword, and which one is ``meant``, or nearest."""
    names = sorted(known)
    near = difflib.get_close_matches(keyword, names, n=1, cutoff=0.5)
    text = f"{owner} got an unexpected keyword {keyword!r}."
    if meant is not None:
        return TypeError(f"{text} Here that is {meant}")
    if near:
        return TypeError(f"{text} Did you mean {near[0]!r}?")
    return TypeError(f"{text} It takes: {', '.join(names)}")
