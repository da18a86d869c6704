"""Handing the state of one pass to the next, and asking a model whether that is all it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.recurrent.calls import State
from nbviz.methods.recurrent.extract import custom_extractor, recurrent_modules
from nbviz.methods.recurrent.gather import logits_of
from nbviz.methods.recurrent.layer import tolerance
from nbviz.methods.recurrent.run import Layout, run
from nbviz.methods.recurrent.tokens import Given

_ASKED = 24  # steps of the corpus on which a model is asked


@dataclass
class Carry:
    """The state that each recurrent module ended with, by path and chain; empty before the first pass."""

    states: dict[str, list[State]] = field(default_factory=dict)


def check_carries(network: Network, given: Given, layout: Layout) -> None:
    """Make sure that two passes, the second with the state of the first, are one pass.

    Raises
    ------
    ModelError
        If they are not; the message says why.
    """
    _refuse(recurrent_modules(network.module))
    steps = min(given.steps or 0, _ASKED)
    whole = run(network, given.part(0, steps), layout, keep=False)
    if steps < 2:
        return
    half = steps // 2
    first = run(network, given.part(0, half), layout, keep=False)
    second = run(network, given.part(half, steps), layout, keep=False, carried=first.watch.ends())
    pairs = [
        (f"the state of {path or 'the model'}", one, other)
        for path, ends in whole.watch.ends().items()
        for state, carried in zip(ends, second.watch.ends().get(path, []), strict=False)
        for one, other in zip(state, carried, strict=True)
    ]
    once, parts = (
        logits_of(whole, steps),
        [logits_of(first, half), logits_of(second, steps - half)],
    )
    if once is not None and parts[0] is not None and parts[1] is not None:
        end = torch.from_numpy(parts[1]).to(network.dtype)
        pairs.append(("the output", torch.from_numpy(once[half:]).to(network.dtype), end))
    for what, one, other in pairs:
        if one.shape != other.shape or not _near(one, other):
            raise ModelError(
                f"{what} after {steps} steps is another one when the model is run in two halves with the "
                "state of its recurrent layers carried on: it looks at other steps in another way too "
                "(a convolution, attention, a change of the state between steps). Run it in one pass, "
                "without chunks, or cut the corpus into sequences: a list."
            )


def _near(one: torch.Tensor, other: torch.Tensor) -> bool:
    finite = one.isfinite() & other.isfinite()
    if (one.isfinite() != other.isfinite()).any():
        return False
    if not finite.any():
        return True
    size = max(1.0, float(one[finite].abs().max()))
    return float((one - other)[finite].abs().max()) <= 10 * tolerance(one) * size


def _refuse(modules: dict[str, nn.Module]) -> None:
    for path, module in modules.items():
        name = f"{path or 'the model'} ({type(module).__name__})"
        if getattr(module, "bidirectional", False):
            raise ModelError(
                f"{name} is bidirectional: its backward half reads from the end of the text, so a chunk "
                "of it cannot be told without all that follows. Run it in one pass, or cut the "
                "corpus into sequences: a list."
            )
        if custom_extractor(module) is not None:
            raise ModelError(
                f"the state of {name}, a custom module, cannot be handed from chunk to chunk: run it in one "
                "pass, without chunks"
            )
