"""The attention weights of a model on one input, wherever in it they are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.events import Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.attention.arrays import PatchMaps, from_weights, patch_grid
from nbviz.methods.attention.groups import Labels, grouped
from nbviz.methods.attention.result import Attention, AttentionGroup
from nbviz.methods.attention.run import Record, WeightsOf, watched_run
from nbviz.methods.attention.target import Target, read_target
from nbviz.methods.attention.text import read_inputs
from nbviz.methods.attention.watch import Edit, Site
from nbviz.methods.seq2seq import StepDecoder, decode_steps

__all__ = [
    "Attention",
    "AttentionGroup",
    "PatchMaps",
    "attention",
    "attention_steps",
    "from_weights",
    "patch_grid",
]


def attention_steps(
    network: Network | nn.Module,
    inputs: Any,
    *,
    target: Any = None,
    layers: Sequence[str] | Mapping[str, str] | None = None,
    weights: WeightsOf | None = None,
    sample: int = 0,
    tokens: Sequence[str] | None = None,
    target_tokens: Sequence[str] | None = None,
    truncate: bool = False,
    max_steps: int = 64,
) -> Steps:
    """Run a model on an input and record what it attends to.

    Attention is found in ``nn.MultiheadAttention`` (also inside ``nn.Transformer`` and its layers), in
    ``F.scaled_dot_product_attention``, and in every softmax whose result a matrix product takes weighted
    sums with; so also in models of transformers, as they are loaded. A
    :class:`~nbviz.methods.seq2seq.StepDecoder` is decoded greedily
    (:func:`~nbviz.methods.seq2seq.decode` offers more). The model runs as it is: what it returns is
    what it returns without being watched (with PyTorch's fast path for encoders: to rounding).

    Parameters
    ----------
    network : Network or torch.nn.Module
    inputs : str, list of str, or a batch as the model takes it
        Text needs ``Network(model, tokenizer=...)``. Several inputs in a tuple, named ones in a dict. The ids
        of one sequence and one picture will do without the axis of the samples.
    target : str or tensor of int, optional
        Of an encoder-decoder of transformers: the text to be written, or its ids, (1, tokens). Default:
        what the model writes itself, greedily.
    layers : sequence of str, or mapping of name to str, optional
        Paths of submodules: only what these compute, or return, is kept. Needed for attention that is
        found by none of the ways above, such as weights that are multiplied and summed by hand.
    weights : callable, optional
        ``weights(module, output)`` gives the weights of a module in ``layers`` that returns them in its own
        way: (batch, heads, rows, columns), (batch, rows, columns), or (batch, columns) for one row.
    sample : int
        Which of the batch is shown.
    tokens, target_tokens : sequence of str, optional
        Names of the positions of the input and of the target, for inputs that are no text.
    truncate : bool
        Whether a text longer than the model's limit may be cut to it.
    max_steps : int
        Most tokens that a model is let write.

    Yields
    ------
    Progress while a step-by-step decoder writes; then a Result with the :class:`Attention`.

    Raises
    ------
    ValueError
        Empty text; text longer than the model's limit; ``sample`` out of range; a number of ``tokens`` that
        is not the input's.
    TypeError
        Text without a tokenizer.
    UnknownName
        A path in ``layers`` that does not exist.
    ModelError
        If the model raises, has no attention, or its weights are not numbers.
    """
    network = Network.of(network)
    if layers is None and isinstance(network.module, StepDecoder):
        if target is not None or weights is not None:
            raise TypeError(
                "a step-by-step decoder takes no target= or weights=; "
                "nbviz.methods.seq2seq.decode(..., force={step: token}) sets what it writes"
            )
        yield from decode_steps(
            network, inputs, max_steps=max_steps, sample=sample, tokens=tokens, truncate=truncate
        )
        return
    specimen = read_specimen(
        network,
        inputs,
        target=target,
        layers=layers,
        weights=weights,
        sample=sample,
        tokens=tokens,
        target_tokens=target_tokens,
        truncate=truncate,
        max_steps=max_steps,
    )
    yield Result(specimen.run()[0])


def attention(network: Network | nn.Module, inputs: Any, **parameters: Any) -> Attention:
    """What a model attends to: :func:`attention_steps`, run to the end."""
    return run_to_end(attention_steps(network, inputs, **parameters))


@dataclass(frozen=True)
class Specimen:
    """A network with a prepared input, to be run with or without an edit of its attention."""

    network: Network
    target: Target
    labels: Labels
    named: dict[str, str]
    weights_of: WeightsOf | None
    sample: int
    notes: tuple[str, ...]

    def run(self, edit: Edit | None = None) -> tuple[Attention, list[list[Site]]]:
        """The attention, and the sites of each layer of each group."""
        record = watched_run(
            self.network,
            self.target.inputs,
            sample=self.sample,
            named=self.named,
            weights_of=self.weights_of,
            edit=edit,
        )
        if not record.sites:
            raise ModelError(_no_attention(self.network))
        groups, sites = grouped(record.sites, self.labels)
        source = self.labels.source or groups[0].columns
        written = self.labels.written
        result = Attention(
            groups=groups,
            input_tokens=source,
            output_tokens=groups[0].rows if written is None else written,
            output_text=self.target.text,
            output=record.output,
            has_scores=record.has_scores,
            output_ids=self.target.ids,
            notes=self.notes + record.notes + _about(record, groups),
        )
        return result, sites


def read_specimen(
    network: Network,
    inputs: Any,
    *,
    target: Any = None,
    layers: Sequence[str] | Mapping[str, str] | None = None,
    weights: WeightsOf | None = None,
    sample: int = 0,
    tokens: Sequence[str] | None = None,
    target_tokens: Sequence[str] | None = None,
    truncate: bool = False,
    max_steps: int = 64,
) -> Specimen:
    """Make the input ready; parameters and errors as of :func:`attention_steps`."""
    if weights is not None and not layers:
        raise ValueError("weights= needs layers=: the submodules whose output it reads")
    prepared, found, notes = read_inputs(network, inputs, sample=sample, truncate=truncate)
    source = _labels("tokens", tokens, found)
    aim = read_target(network, prepared, target, sample=sample, max_steps=max_steps)
    labels = Labels(source, _labels("target_tokens", target_tokens, aim.given), aim.written)
    if isinstance(layers, str):
        layers = [layers]
    named = dict(layers) if isinstance(layers, Mapping) else {path: path for path in layers or ()}
    return Specimen(network, aim, labels, named, weights, sample, notes)


def _labels(what: str, given: Sequence[str] | None, found: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if given is None:
        return found
    if found is not None and len(given) != len(found):
        raise ValueError(f"{what} names {len(given)} positions, but there are {len(found)}")
    return tuple(str(token) for token in given)


def _about(record: Record, groups: tuple[AttentionGroup, ...]) -> tuple[str, ...]:
    notes = []
    windows = max(site.windows for site in record.sites)
    if windows > 1:
        notes.append(f"the model attends within {windows} windows; each head of each window stands as a head")
    if any(bool(group.masked.all(-1).any()) for group in groups):
        notes.append("rows of which every column is masked have no attention; they are shown as 0")
    return tuple(notes)


def _no_attention(network: Network) -> str:
    kinds = sorted({type(m).__name__ for m in network.module.modules() if not list(m.children())})
    text = f"no attention was found in {type(network.module).__name__}; it is made of {', '.join(kinds[:12])}"
    if any(isinstance(m, nn.RNNBase | nn.RNNCellBase) for m in network.module.modules()):
        text += ". A recurrent network without attention is shown by nbviz.HiddenStates"
    return (
        f"{text}. If a submodule computes attention in its own way, say layers={{'name': 'path.to.it'}}, "
        "and weights=lambda module, output: ... if it does not return the weights."
    )
