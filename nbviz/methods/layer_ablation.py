"""What a recurrent language model loses without the state, or without the memory, of one of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nbviz.core.brief import Brief
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.recurrent.batch import BatchRunner, batches
from nbviz.methods.relative_distance import bootstrap_band
from nbviz.methods.typo import one_sequence

AT_ONCE = 32


@dataclass(frozen=True, eq=False, repr=False)
class LayerAblation(Brief):
    """The loss of a language model without the state of one of its layers.

    Attributes
    ----------
    layers : tuple of str
    removed : str
        ``"state"`` or ``"memory"``.
    bits : float
        Mean loss of the whole model, bits per token.
    without : (layers,) float64 array
        The same, with one layer's state removed.
    lower, upper : (layers,) float64 arrays
        95% bootstrap interval of the increase ``without - bits`` over the passages.
    passages, tokens : int
        How many passages, and tokens of each that count.
    """

    layers: tuple[str, ...]
    removed: str
    bits: float
    without: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    passages: int
    tokens: int


def layer_ablation_steps(
    model: Network | nn.Module,
    text: Any,
    *,
    removed: str = "state",
    n_passages: int = 64,
    length: int = 200,
    context: int = 100,
    layers: Sequence[str] | None = None,
    seed: int = 0,
) -> Steps:
    """Loss per token when the state of one layer is removed, layer by layer.

    Yields Progress, then Result(:class:`LayerAblation`).

    Parameters
    ----------
    model, text, context : as in :func:`~nbviz.methods.bracket_memory.bracket_memory_steps`
    removed : {"state", "memory"}
        ``"state"``: the layer's state is zero at every step, also for the layers above: nothing gets
        through it. ``"memory"``: it begins every step with a state of zero: it passes on what it reads at
        that step, and remembers nothing (of ``nn.LSTM``, ``GRU`` and ``RNN``).
    n_passages : int
        Passages drawn from the text, 2 or more.
    length : int
        Tokens of each that count.
    layers : sequence of str, optional
        Default: all.

    Raises
    ------
    ModelError, ValueError
        As :func:`~nbviz.methods.bracket_memory.bracket_memory_steps`.
    """
    if removed not in ("state", "memory"):
        raise ValueError(f"removed={removed!r}: 'state' or 'memory' is wanted")
    network = Network.of(model)
    values = one_sequence(network, text).values
    assert values is not None
    if n_passages < 2 or length < 1 or context < 0:
        raise ValueError("n_passages of 2, length of 1 and context of 0 tokens, or more, are wanted")
    length = min(length, max(1, len(values) // 2))
    context = min(context, len(values) - length - 1)
    starts = np.random.default_rng(seed).integers(context, len(values) - length, n_passages)
    rows = values[torch.from_numpy(starts)[:, None] + torch.arange(-context, length + 1)]
    first = BatchRunner(network)
    sizes = {name: h.shape[2] for name, h in first.run(rows[:1]).hidden.items()}
    names = tuple(sizes) if layers is None else tuple(layers)
    found = []
    for number, name in enumerate(("", *names)):
        clamp = {name: dict.fromkeys(range(sizes.get(name, 1)), 0.0)} if name and removed == "state" else None
        runner = BatchRunner(network, clamp, (name,) if name and removed == "memory" else ())
        found.append(np.concatenate([_bits(runner, rows[p], context) for p in batches(n_passages, AT_ONCE)]))
        yield Progress(number + 1, len(names) + 1, "layers")
    plain = found[0]
    bands = [bootstrap_band(one - plain, seed) for one in found[1:]]
    yield Result(
        LayerAblation(
            names,
            removed,
            float(plain.mean()),
            np.array([one.mean() for one in found[1:]]),
            np.array([float(low) for low, _ in bands]),
            np.array([float(high) for _, high in bands]),
            n_passages,
            length,
        )
    )


def layer_ablation(model: Network | nn.Module, text: Any, **options: Any) -> LayerAblation:
    """:func:`layer_ablation_steps`, run to the end."""
    return run_to_end(layer_ablation_steps(model, text, **options))


def _bits(runner: BatchRunner, rows: Tensor, context: int) -> NDArray[np.float64]:
    """Mean loss of each passage over the tokens after its context, bits."""
    logits = runner.run(rows[:, :-1]).logits
    if logits is None:
        raise ModelError(
            "the model predicts no next token: an output of one score for each token id is wanted"
        )
    scores = torch.from_numpy(logits[:, context:]).double().log_softmax(-1)
    given = scores.gather(2, rows[:, context + 1 :, None])[..., 0]
    return -(given.mean(1) / np.log(2)).numpy()
