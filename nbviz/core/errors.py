"""Errors that say what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ModelError(RuntimeError):
    """The model itself raised while it was run; its own message is part of this one."""


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


def unknown_keyword(owner: str, keyword: str, known: Iterable[str]) -> TypeError:
    """Say that ``owner`` takes no such keyword, and which one is nearest."""
    names = sorted(known)
    near = difflib.get_close_matches(keyword, names, n=1, cutoff=0.5)
    text = f"{owner} got an unexpected keyword {keyword!r}."
    if near:
        return TypeError(f"{text} Did you mean {near[0]!r}?")
    return TypeError(f"{text} It takes: {', '.join(names)}")
