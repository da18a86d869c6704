"""How a module is copied so that the copy shares the weights and nothing else."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable
from types import MethodType
from typing import Any

import torch
from torch import nn

from nbviz.core.version import HOOKS


class NotShared(Exception):
    """The copy has weights of its own, so it would not follow the user's training."""


def reachable(root: nn.Module) -> tuple[list[nn.Module], list[torch.Tensor]]:
    """Modules and tensors held by ``root``, also those in plain attributes, lists, tuples and dicts."""
    modules: list[nn.Module] = []
    tensors: list[torch.Tensor] = []
    seen: set[int] = set()
    todo: list[Any] = [root]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, torch.Tensor):
            tensors.append(item)
        elif isinstance(item, nn.Module):
            modules.append(item)
            todo.extend(item.__dict__.values())
        elif isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, list | tuple | set):
            todo.extend(item)
    return modules, tensors


def copy_module(root: nn.Module) -> tuple[nn.Module, list[tuple[torch.Tensor, torch.Tensor]]]:
    """A deep copy of ``root`` that shares its weights, and the (source, own) pairs of all other tensors.

    A parameter of the copy is another Parameter on the same memory: in-place updates are seen at once,
    while ``.grad`` and ``requires_grad`` are the copy's own, and an optimiser step in the user's thread
    does not invalidate a backward pass of ours. All other tensors (BatchNorm statistics, masks, hidden
    states) are cloned, since a forward pass may write to them.

    Raises
    ------
    NotShared
        If the module's own ``__deepcopy__`` copies the weights.
    Exception
        Whatever an attribute that cannot be copied raises.
    """
    modules, tensors = reachable(root)
    memo: dict[int, Any] = {}
    cloned: list[tuple[torch.Tensor, torch.Tensor]] = []
    for tensor in tensors:
        if type(tensor) is nn.Parameter:
            memo[id(tensor)] = shared = nn.Parameter(tensor.data, requires_grad=tensor.requires_grad)
            shared.__dict__.update(tensor.__dict__)
        elif isinstance(tensor, nn.Parameter):
            memo[id(tensor)] = tensor  # a special kind (quantised, sharded): not to be rebuilt
        else:
            memo[id(tensor)] = own = _clone(tensor)
            cloned.append((tensor, own))
    for child in modules:
        for key in HOOKS:
            memo[id(child.__dict__[key])] = OrderedDict()
    twin = copy.deepcopy(root, memo)
    for child in modules:
        for key in HOOKS:
            hooks: OrderedDict[int, Any] = child.__dict__[key]
            memo[id(hooks)].update((number, _rebound(hook, memo)) for number, hook in hooks.items())
    ours = {id(parameter) for parameter in twin.parameters()}
    if not ours <= {id(copied) for copied in memo.values()}:
        raise NotShared("its own __deepcopy__ copies the weights")
    return twin, cloned


def _clone(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers in memory of their own, with the class and the attributes of a tensor subclass."""
    own = tensor.detach().clone()
    if type(own) is not type(tensor):
        own = own.as_subclass(type(tensor))
    own.__dict__.update(tensor.__dict__)
    return own


def _rebound(hook: Any, memo: dict[int, Any]) -> Any:
    """Hooks are run as they are; a method of one of the model's modules becomes that of its copy."""
    owner = getattr(hook, "__self__", None)
    if isinstance(hook, MethodType) and isinstance(owner, nn.Module) and id(owner) in memo:
        return MethodType(hook.__func__, memo[id(owner)])
    return hook


class State:
    """Attributes of modules, and the lists, dicts and sets among them, to be put back after a run.

    So a counter does not count our runs, a list does not grow with them, and a hidden state that a forward
    pass leaves behind is neither kept in memory nor handed to the next run.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._kept: list[tuple[Any, Any]] = []
        for module in modules:
            for holder in (module.__dict__, *module.__dict__.values()):
                if type(holder) in (dict, OrderedDict, list, set):
                    self._kept.append((holder, copy.copy(holder)))

    def restore(self) -> None:
        for holder, saved in self._kept:
            if isinstance(holder, list):
                holder[:] = saved
            elif isinstance(holder, set):
                holder.intersection_update(saved)
                holder.update(saved)
            elif saved or holder:  # most dicts of a module are empty
                holder.update(saved)
                if len(holder) > len(saved):
                    for key in holder.keys() - saved.keys():
                        del holder[key]
