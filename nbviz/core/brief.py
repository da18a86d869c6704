"""How a result prints: arrays by type and shape, so that it fits on a screen."""

from __future__ import annotations

import dataclasses
from typing import Any

LONGEST = 120
"""Characters of a value that are printed whole."""


class Brief:
    """Base of dataclasses that hold arrays (``repr=False``, or dataclass writes its own)."""

    def __repr__(self) -> str:
        names = [field.name for field in dataclasses.fields(self) if field.repr]  # type: ignore[arg-type]
        inside = ", ".join(f"{name}={_brief(getattr(self, name))}" for name in names)
        return f"{type(self).__name__}({inside})"


def _brief(value: Any) -> str:
    if hasattr(value, "dtype") and getattr(value, "shape", ()) != ():
        return f"<{str(value.dtype).removeprefix('torch.')} {' x '.join(map(str, value.shape))}>"
    if isinstance(value, Brief):
        return repr(value)
    if isinstance(value, dict | list | tuple):
        text = _inside(value)
        return text if len(text) <= LONGEST else f"<{type(value).__name__} of {len(value)}>"
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _inside(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_brief(one)}" for key, one in value.items()) + "}"
    text = ", ".join(map(_brief, value))
    if isinstance(value, list):
        return f"[{text}]"
    return f"({text},)" if len(value) == 1 else f"({text})"
