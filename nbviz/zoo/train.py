"""Train the models of the zoo again: ``python -m nbviz.zoo.train [name ...]``.

Everything that is needed ships in the wheel or lies on the user's machine. How the models of a family are
trained stands in ``train_<family>.py``, which holds

- ``RECIPES``: name of a model -> recipe, a dataclass with at least ``description``, ``architecture``,
  ``kwargs`` and ``seed``;
- ``train_into(folder, recipe)``: trains, writes checkpoints into `folder` and returns the card.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from nbviz.zoo.catalogue import FAMILIES, WEIGHTS


def families() -> dict[str, str]:
    """The family of each model that can be trained, by the model's name."""
    return {name: family for family in FAMILIES for name in trainer(family).RECIPES}


def trainer(family: str) -> Any:
    """The module that trains the models of `family`."""
    return importlib.import_module(f"nbviz.zoo.train_{family}")


def write(name: str, folder: Path = WEIGHTS) -> dict[str, Any]:
    """Train `name` on the training data, write its checkpoints and its card, and return the card.

    What was there before is replaced only when training has ended, so an interrupted run spoils nothing.
    """
    family = families()[name]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        weights = Path(scratch) / name
        module = trainer(family)
        card = {"family": family, **module.train_into(weights, module.RECIPES[name])}
        if (folder / name).exists():
            shutil.rmtree(folder / name)
        weights.rename(folder / name)
    (folder / f"{name}.json").write_text(
        json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return card


def main(arguments: list[str] | None = None) -> None:
    known = families()
    parser = argparse.ArgumentParser(
        prog="python -m nbviz.zoo.train", description="Train the models of the zoo."
    )
    parser.add_argument("names", nargs="*", metavar="name", help=f"default: all of {', '.join(known)}")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where to write (default: the package)")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in known:
            parser.error(f"no recipe for {name!r}; there are {', '.join(known)}")
    for name in options.names or known:
        card = write(name, options.folder)
        print(f"{name}  {card['seconds']} s, written to {options.folder / name}")


if __name__ == "__main__":
    main()
