"""The JavaScript of a view, as the build left it in nbviz/static."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_STATIC = Path(__file__).parents[2] / "static"


def load_bundle(cls: Any, base: type) -> None:
    """Give the class its JavaScript. The text, not the path: anywidget keeps every widget whose source is a
    path alive for ever, and with it the model. ``ANYWIDGET_HMR=1`` asks for the path (hot reload)."""
    if getattr(cls, "_esm", None) is not None:
        return
    # A user's subclass draws as the view it is made from.
    views = [c for c in cls.__mro__ if c.__module__.startswith("nbviz.views.") and c is not base]
    view = views[0] if views else cls
    path = _STATIC / f"{view.__module__.rsplit('.', 1)[-1]}.js"
    if not path.exists():
        raise RuntimeError(
            f"nbviz: the JavaScript of {view.__name__} is missing ({path.name}). "
            "Build it with `npm ci && npm run build` in js/, or install nbviz again."
        )
    if os.environ.get("ANYWIDGET_HMR") == "1":
        from anywidget._file_contents import FileContents

        view._esm = FileContents(path)
    else:
        view._esm = path.read_text(encoding="utf-8")
