"""The same network before its training: what a layer tells without having learned anything."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from nbviz.core.brief import Brief
from nbviz.core.network import Network

# A module's own way to draw its weights anew; attention and whole transformers have the second name.
_RESETS = ("reset_parameters", "_reset_parameters")
# fmt: off
_RANDOM = frozenset((
    "rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "uniform_", "normal_",
    "bernoulli_", "random_", "exponential_", "log_normal_", "cauchy_", "geometric_",
))
# fmt: on
_NAMED = 6  # parameters that a note lists


@dataclass(frozen=True, eq=False, repr=False)
class Untrained(Brief):
    """A network before its training.

    Attributes
    ----------
    network : Network
    kept : tuple of str
        Parameters that could not be drawn anew and still have their trained values.
    notes : tuple of str
        How it was made, in words.
    """

    network: Network
    kept: tuple[str, ...]
    notes: tuple[str, ...]


def can_be_untrained(model: Network | nn.Module) -> bool:
    """Whether there may be an :func:`untrained` one: a checkpoint 0, or modules that reset themselves."""
    network = Network.of(model)
    return 0 in network.checkpoints or any(
        _reset_of(child) is not None and any(True for _ in child.parameters())
        for child in network.module.modules()
    )


def untrained(model: Network | nn.Module, seed: int = 0) -> Untrained:
    """The network as it was, or as it could have been, before its training.

    With a checkpoint of epoch 0 it is that one. Otherwise a deep copy in which every module that can
    (``reset_parameters``, as all layers of PyTorch with weights have it) draws its parameters anew;
    running statistics start anew too. Parameters that no module resets keep their trained values and are
    named. Nothing is drawn from the global random state, also while another thread uses it.

    Parameters
    ----------
    model : Network or torch.nn.Module
        It is not changed.
    seed : int
        Of the weights that are drawn.

    Raises
    ------
    ValueError
        If there is no checkpoint 0 and no parameter that a module can reset.
    Exception
        What the model's own deep copy raises.
    """
    network = Network.of(model)
    if 0 in network.checkpoints:
        return Untrained(network.at_epoch(0), (), ("the untrained network is checkpoint 0",))
    module = copy.deepcopy(network.module)
    trained = {name: p.detach().clone() for name, p in module.named_parameters() if p.is_floating_point()}
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name in trained:
                parameter.fill_(torch.nan)  # what is still NaN afterwards was not reset
        refused = _reset_all(module, seed)
        kept = []
        for name, parameter in module.named_parameters():
            if name not in trained:
                kept.append(name)
            elif parameter.isnan().any():
                parameter.copy_(trained[name])
                kept.append(name)
    if len(kept) == len(list(module.parameters())):
        why = f" ({refused})" if refused else ""
        raise ValueError(
            f"no parameter of {type(network.module).__name__} can be drawn anew: no module has "
            f"reset_parameters{why}. Keep the weights from before the training: Network(model, "
            "checkpoints={0: state_dict}), or pass the untrained network itself, baseline=..."
        )
    notes = [f"the untrained network: every layer's parameters drawn anew (reset_parameters, seed {seed})"]
    if kept:
        more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
        notes.append(
            "in the untrained network these keep their trained values, since no module resets them: "
            + ", ".join(kept[:_NAMED])
            + more
        )
    return Untrained(network.around(module), tuple(kept), tuple(notes))


def _reset_of(module: nn.Module) -> Any:
    return next((reset for name in _RESETS if callable(reset := getattr(module, name, None))), None)


def _reset_all(module: nn.Module, seed: int) -> str:
    """Reset every module, parts before wholes, as they are built; what the last one that cannot said."""
    refused = ""
    with _OwnRandomNumbers(seed):
        for child in _parts_first(module, set()):
            reset = _reset_of(child)
            if reset is None:
                continue
            try:
                reset()
            except Exception as error:  # noqa: BLE001  (its parameters stay NaN: they are put back and named)
                refused = f"{type(child).__name__}: {type(error).__name__}: {error}"
    return refused


def _parts_first(module: nn.Module, seen: set[nn.Module]) -> list[nn.Module]:
    if module in seen:
        return []
    seen.add(module)
    return [part for child in module.children() for part in _parts_first(child, seen)] + [module]


class _OwnRandomNumbers(TorchFunctionMode):
    """Random numbers of a generator of its own, for this thread only: the global ones stay as they are."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        wants = "generator" in kwargs or getattr(func, "__name__", "") in _RANDOM
        if wants and kwargs.get("generator") is None:
            first = next((x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor)), None)
            device = torch.device(kwargs.get("device") or "cpu") if first is None else first.device
            kwargs["generator"] = self._generator(device)
        return func(*args, **kwargs)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]
