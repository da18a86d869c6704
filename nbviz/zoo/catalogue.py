"""What is in the zoo: one card (JSON) per model, beside the folder that holds its weights."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from torch import nn

from nbviz.core.errors import unknown_name
from nbviz.core.network import Network
from nbviz.zoo.checkpoints import Checkpoints
from nbviz.zoo.reproducible import reproducible

WEIGHTS = Path(__file__).parent / "weights"

#: Models of one family share data and training. A family x is two files: ``models_x.py`` holds
#: ``ARCHITECTURES`` (name -> class) and ``wrap(module, card, checkpoints) -> Network``; ``train_x.py`` holds
#: ``RECIPES`` and ``train_into(folder, recipe) -> card`` (see ``train.py``).
FAMILIES = ("digits", "text", "dates", "captions", "speech")


class Listing(dict[str, str]):
    """Names of the models with one line on each; prints as a table."""

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:<{width}}  {line}" for name, line in self.items())


def models() -> Listing:
    """The models that ship with nbviz.

    Returns
    -------
    Listing
        A dict from name to a one-line description, in alphabetical order.
    """
    return Listing({file.stem: read_card(file)["description"] for file in sorted(WEIGHTS.glob("*.json"))})


def load(name: str, *, trained: bool = True) -> Network:
    """A trained model, with what is needed to show it.

    Parameters
    ----------
    name : str
        One of :func:`nbviz.zoo.list`, for example ``"mnist-cnn"``.
    trained : bool
        False gives the same network before its training, with its random initialisation: the baseline
        for what is said to have been learned.

    Returns
    -------
    Network
        ``.module`` is the ``nn.Module``, in evaluation mode, float32, on the CPU; ``.transform`` or
        ``.tokenizer`` and ``.class_names`` fit it; ``.checkpoints`` maps epochs (0 is the initialisation)
        to state dicts, read from disk when asked for; ``.samples(n)`` gives the first `n` fitting samples,
        which were held out of the training (of the digits, the first 2,000).

    Raises
    ------
    ValueError
        If there is no such model; the message names the nearest one.
    """
    known = models()
    if name not in known:
        raise unknown_name("model", name, known)
    return build(read_card(WEIGHTS / f"{name}.json"), WEIGHTS / name, trained=trained)


def build(card: dict[str, Any], folder: Path, *, trained: bool = True) -> Network:
    """The model that `card` describes, with the last or the first weights in `folder`."""
    checkpoints = Checkpoints(folder, lambda: fresh(card).state_dict())
    module = fresh(card)
    module.load_state_dict(checkpoints[checkpoints.last if trained else 0])
    return family_of(card).wrap(module.eval(), card, checkpoints)


def fresh(card: dict[str, Any]) -> nn.Module:
    """The model as it was before its training, made again from its seed."""
    with reproducible(card["seed"]):
        return family_of(card).ARCHITECTURES[card["architecture"]](**card["kwargs"])


def family_of(card: dict[str, Any]) -> Any:
    """The module that holds the networks of the card's family; imported only when one is asked for."""
    return importlib.import_module(f"nbviz.zoo.models_{card['family']}")


def read_card(file: Path) -> dict[str, Any]:
    """What a model is, how it was trained and how accurate it is; see ``nbviz/zoo/README.md``."""
    return json.loads(file.read_text(encoding="utf-8"))
