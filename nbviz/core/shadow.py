"""A private twin of the user's module: it shares the weights and owns everything else.

Work runs on the twin, so that flags, hooks, buffers and gradients of the user's module stay as they are,
bit for bit, also while the user trains it in a cell. In-place weight updates are seen at once, because
the parameters are the same tensors.
"""

from __future__ import annotations

import contextlib
import copy
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

# A torch module is not thread-safe (hooks, buffers written in forward): one lock per user's module,
# shared by every Network that wraps it.
_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_locks_guard = threading.Lock()


def lock_of(module: nn.Module) -> threading.RLock:
    """The lock under which this module may be run."""
    with _locks_guard:
        return _locks.setdefault(module, threading.RLock())


def _structure(module: nn.Module) -> tuple[Any, ...]:
    """What must not change for a twin to stay valid: modules, tensors, hooks, plain settings."""
    parts: list[Any] = []
    for name, child in module.named_modules():
        state = child.__dict__
        parts.append((name, id(child), len(state["_forward_hooks"]), len(state["_forward_pre_hooks"])))
        parts.extend(id(t) for t in state["_parameters"].values())
        parts.extend(id(t) for t in state["_buffers"].values())
        parts.extend(
            (key, value)
            for key, value in state.items()
            if type(value) in (int, float, bool, str) and key != "training"
        )
    return tuple(parts)


class Shadow:
    """The twin of ``module``, in evaluation mode, re-made when the structure of ``module`` changes.

    Buffers (BatchNorm statistics, masks) are cloned and refreshed before each use, because a forward may
    write to them. The user's own forward hooks are kept: they can be part of what the model computes
    (weight normalisation is such a hook).

    A module that cannot be deep-copied is used in place, in evaluation mode, and put back afterwards;
    ``in_place`` is then True.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.in_place = False
        self.reason = ""
        self._twin: nn.Module | None = None
        self._built_for: tuple[Any, ...] | None = None
        self._buffers: list[tuple[torch.Tensor, torch.Tensor]] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[nn.Module]:
        """Give the module to run, holding its lock. Never ``yield`` to a scheduler inside."""
        with lock_of(self.module):
            structure = _structure(self.module)
            if structure != self._built_for:
                self._build()
                self._built_for = structure
            if self._twin is not None:
                with torch.no_grad():
                    for source, own in self._buffers:
                        own.copy_(source)
                yield self._twin
            else:
                with _borrowed(self.module):
                    yield self.module

    def _build(self) -> None:
        memo: dict[int, Any] = {}
        self._buffers = []
        for child in self.module.modules():
            for tensor in child.__dict__.values():
                if isinstance(tensor, torch.Tensor):
                    memo[id(tensor)] = tensor
            for parameter in child._parameters.values():
                if parameter is not None:
                    memo[id(parameter)] = parameter
            for buffer in child._buffers.values():
                if buffer is not None and id(buffer) not in memo:
                    memo[id(buffer)] = own = buffer.detach().clone()
                    self._buffers.append((buffer, own))
        try:
            self._twin = copy.deepcopy(self.module, memo).eval()
        except Exception as error:  # noqa: BLE001  (any class may refuse to be copied, in its own way)
            self._twin, self.in_place = None, True
            self.reason = f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _borrowed(module: nn.Module) -> Iterator[None]:
    """Evaluation mode on the user's own module, undone on the way out, also after an exception."""
    flags = [(child, child.training) for child in module.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    module.eval()
    try:
        yield
    finally:
        for child, training in flags:
            child.training = training
        with torch.no_grad():
            for buffer, saved in buffers:
                buffer.copy_(saved)
