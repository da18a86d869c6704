"""Warnings that point at the user's line, not at one of ours."""

from __future__ import annotations

import sys
import warnings

_BETWEEN = ("nbviz", "traitlets", "ipywidgets", "anywidget", "contextlib")
"""Packages whose lines tell the user nothing."""


def warn_user(text: str) -> None:
    """Warn at the line of the user's code that led here.

    On the worker of a view there is no such line, and nothing is warned: the view shows the note, and the
    call that opened it has warned already.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    if frame.f_globals.get("__name__") != "threading":
        warnings.warn(text, UserWarning, stacklevel=level)
