"""What the two sides of a map comparison are, and what they are called."""

from __future__ import annotations

from typing import Any

from nbviz.core.epoch_specimen import EpochSpecimens
from nbviz.core.errors import unknown_name
from nbviz.core.layers import INPUT
from nbviz.core.network import Network
from nbviz.core.recording import why_no_classes
from nbviz.core.specimen import Specimen

Pair = tuple[EpochSpecimens, EpochSpecimens]


def choose_sides(sides: Pair, traits: dict[str, Any]) -> None:
    """Fill in the layers and epochs of both sides that are not said in ``traits``.

    Raises
    ------
    UnknownName
        If there is no such layer or epoch; the message lists the near ones.
    """
    left, right = sides
    if left is right and not {"right_layer", "checkpoint", "right_checkpoint"} & set(traits):
        if left.epochs:
            traits["checkpoint"] = left.epochs[0]
        elif "layer" not in traits:
            traits["layer"], traits["right_layer"] = INPUT, left.now.default_layer()
    traits["layer"] = left.now.check(traits.get("layer") or left.now.default_layer())
    traits["right_layer"] = _right_layer(right, traits.get("right_layer", ""), traits["layer"])
    for name, side in (("checkpoint", left), ("right_checkpoint", right)):
        if traits.get(name) is not None and not side.epochs:
            raise ValueError(
                f"{name}={traits[name]!r}: there are no checkpoints. Give them with the model: "
                "checkpoints={epoch: weights, ...}, or Network(model, checkpoints=...)"
            )
        if traits.get(name) is not None and traits[name] not in side.epochs:
            raise unknown_name("epoch", traits[name], [str(epoch) for epoch in side.epochs])


def _right_layer(side: EpochSpecimens, wanted: str, left: str) -> str:
    """The layer asked for on the right; by default that of the left, where the right has it too."""
    if wanted:
        return side.now.check(wanted)
    known = [layer.name for layer in side.now.layers()]
    return left if left in known else side.now.default_layer()


def side_names(left: Network, right: Network) -> tuple[str, str]:
    """What tells two models apart; empty where there is only one."""
    if left is right:
        return "", ""
    names = type(left.module).__name__, type(right.module).__name__
    return names if names[0] != names[1] else ("left model", "right model")


def titles_of(
    names: tuple[str, str], layers: tuple[str, str], epochs: tuple[int | None, int | None], sides: Pair
) -> tuple[str, str]:
    """What stands over the two maps: model, layer and epoch, as far as they matter."""

    def title(i: int) -> str:
        parts = [names[i], layers[i]]
        if epochs[i] is not None:
            parts.append(f"epoch {epochs[i]}")
        elif epochs[1 - i] is not None and sides[i].network is not None:
            parts.append("as it is now")
        return ", ".join(part for part in parts if part)

    return title(0), title(1)


def notes_of(specimens: tuple[Specimen, Specimen], layers: tuple[str, str]) -> tuple[str, ...]:
    """What a reader should know about the two sides."""
    notes = tuple(dict.fromkeys(note for specimen in specimens for note in specimen.notes))
    notes += tuple(filter(None, (why_no_classes(specimens[0].samples),)))
    if specimens[0] is specimens[1] and layers[0] == layers[1]:
        notes += ("left and right are the same: choose another layer, epoch or model for one of them",)
    return notes


def described(side: EpochSpecimens) -> dict[str, Any]:
    """Layers and epochs to choose from."""
    layers = [{"name": x.name, "type": x.type, "shape": list(x.shape)} for x in side.now.layers()]
    return {"layers": layers, "epochs": side.epochs}
