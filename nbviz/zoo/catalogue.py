"""What is in the zoo: one card (JSON) per model, beside the folder that holds its weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbviz.core.errors import unknown_name
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.core.transforms import PixelTransform
from nbviz.zoo.checkpoints import Checkpoints
from nbviz.zoo.datasets import load_mnist
from nbviz.zoo.models import ARCHITECTURES

WEIGHTS = Path(__file__).parent / "weights"

SAMPLES: dict[str, Callable[[int], Samples]] = {"mnist": load_mnist}


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


def load(name: str) -> Network:
    """A trained model, with what is needed to show it.

    Parameters
    ----------
    name : str
        One of :func:`nbviz.zoo.list`, for example ``"mnist-cnn"``.

    Returns
    -------
    Network
        ``.module`` is the ``nn.Module``, trained, in evaluation mode, float32, on the CPU; ``.transform``
        and ``.class_names`` fit it; ``.checkpoints`` maps epochs (0 is the initialisation) to state dicts,
        read from disk when asked for; ``.samples(n)`` gives the first `n` fitting samples, of which the
        first 2,000 were held out of the training.

    Raises
    ------
    ValueError
        If there is no such model; the message names the nearest one.
    """
    card_file = WEIGHTS / f"{name}.json"
    known = models()
    if name not in known:
        raise unknown_name("model", name, known)
    return build(read_card(card_file), WEIGHTS / name)


def build(card: dict[str, Any], folder: Path) -> Network:
    """The model that `card` describes, with the last weights in `folder`."""
    checkpoints = Checkpoints(folder)
    module = ARCHITECTURES[card["architecture"]](**card["kwargs"])
    module.load_state_dict(checkpoints[checkpoints.last])
    return Network(
        module.eval(),
        transform=PixelTransform(card["transform"]["mean"], card["transform"]["std"]),
        class_names=card["class_names"],
        checkpoints=checkpoints,
        samples=SAMPLES[card["samples"]],
    )


def read_card(file: Path) -> dict[str, Any]:
    """What a model is, how it was trained and how accurate it is; see ``nbviz/zoo/README.md``."""
    return json.loads(file.read_text(encoding="utf-8"))
