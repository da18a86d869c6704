"""Checkpoints as people have them, as state dicts that fit a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from nbviz.core.network import Network

_INSIDE = ("state_dict", "model_state_dict", "model")
"""Names under which trainers put the weights beside the state of an optimiser."""
_LISTED = 3


def with_checkpoints(network: Network, checkpoints: Any) -> Network:
    """``network`` with these checkpoints, in any form that :func:`read_checkpoints` takes.

    It is handed back itself if they are its own and need no change.
    """
    found = read_checkpoints(checkpoints, network.module)
    if checkpoints is network.checkpoints and all(
        isinstance(checkpoints[epoch], Mapping) and set(checkpoints[epoch]) == set(weights)
        for epoch, weights in found.items()
    ):
        return network
    return Network(
        network.module,
        transform=network.transform,
        class_names=network.class_names,
        tokenizer=network.tokenizer,
        output=network.output,
        forward=network._call,
        checkpoints=found,
        samples=network.samples,
    )


def with_checked_checkpoints(network: Network) -> Network:
    """``network`` with the checkpoints that it has, read as :func:`with_checkpoints` reads them.

    Those that are not at hand in a dict, but are loaded when asked for, are left as they are.
    """
    given = network.checkpoints
    return with_checkpoints(network, given) if given and isinstance(given, dict) else network


def read_checkpoints(checkpoints: Any, module: nn.Module) -> dict[int, dict[str, torch.Tensor]]:
    """Weights by epoch, named as the parameters and buffers of ``module`` are.

    Parameters
    ----------
    checkpoints : mapping of int to state dict or module
        Also what a trainer saved, with the weights under ``"state_dict"``, ``"model_state_dict"`` or
        ``"model"``; and names that all begin with something more, such as ``"module."`` (DataParallel),
        ``"_orig_mod."`` (torch.compile) or ``"model."`` (Lightning).
    module : torch.nn.Module
        The model that they are of. It is not changed.

    Raises
    ------
    TypeError
        If they are not a mapping of whole numbers to models or state dicts.
    ValueError
        If a checkpoint's names or shapes are not those of the module, or all are the same tensors.
    """
    if not isinstance(checkpoints, Mapping):
        raise TypeError(
            f"checkpoints is a mapping of epoch to state dict or model, got {type(checkpoints).__name__}. "
            "Of a list: checkpoints=dict(enumerate(list_of_state_dicts))"
        )
    wanted = module.state_dict()
    found = {}
    for epoch, value in checkpoints.items():
        if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer):
            raise TypeError(f"an epoch is a whole number, got {epoch!r}")
        found[int(epoch)] = _fitting(int(epoch), _weights(int(epoch), value), wanted)
    tensors = [tuple(v.data_ptr() for v in weights.values()) for weights in found.values()]
    if len(found) > 1 and len(set(tensors)) == 1:
        raise ValueError(
            "all checkpoints are the same tensors: model.state_dict() gives references, which training goes "
            "on changing. Keep copies: copy.deepcopy(model.state_dict())"
        )
    return found


def _weights(epoch: int, value: Any) -> Mapping[str, torch.Tensor]:
    """The state dict in a model, a state dict, or what a trainer saved."""
    if isinstance(value, Mapping):
        inside = next((value[name] for name in _INSIDE if _holds_weights(value.get(name))), value)
    else:
        inside = value
    weights = inside.state_dict() if isinstance(inside, nn.Module) else inside
    if not isinstance(weights, Mapping) or not all(isinstance(v, torch.Tensor) for v in weights.values()):
        held = f" with {_listed(weights)}" if isinstance(weights, Mapping) else ""
        raise TypeError(
            f"checkpoint {epoch} is {type(value).__name__}{held}; a model or a state dict (names to tensors) "
            "is wanted. Of a file: torch.load(path), and of what a trainer saved its 'state_dict' entry."
        )
    return weights


def _holds_weights(value: Any) -> bool:
    return isinstance(value, nn.Module | Mapping)


def _fitting(
    epoch: int, weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The weights under the model's own names; one prefix that all of them have is taken off if that fits."""
    prefix = _prefix(weights, wanted)
    named = {name.removeprefix(prefix): value for name, value in weights.items()}
    # Counters of BatchNorm that old checkpoints lack; torch begins them at 0.
    missing = [name for name in wanted if name not in named and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in named if name not in wanted]
    if missing or unexpected:
        parts = [("missing", missing), ("unexpected", unexpected)]
        said = "; ".join(f"{what}: {_listed(names)}" for what, names in parts if names)
        raise ValueError(
            f"checkpoint {epoch} does not fit the model, which has {len(wanted)} weights by name. {said}. "
            "Are they of another model, or of a part of this one?"
        )
    for name, value in named.items():
        if value.shape != wanted[name].shape:
            raise ValueError(
                f"checkpoint {epoch} does not fit the model: {name!r} has shape {tuple(value.shape)}, in the "
                f"model {tuple(wanted[name].shape)}"
            )
    return named


def _prefix(weights: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """What all names of ``weights`` begin with, if without it they are those of ``wanted``; else empty."""
    if not wanted or set(weights) == set(wanted):
        return ""
    first = next(iter(wanted))
    prefixes = (name.removesuffix(first) for name in weights if name.endswith(f".{first}"))
    return next((p for p in prefixes if {p + name for name in wanted} == set(weights)), "")


def _listed(names: Iterable[Any]) -> str:
    names = [str(name) for name in names]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(repr(name) for name in names[:_LISTED]) + more if names else "nothing in it"
