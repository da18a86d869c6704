"""A private twin of the user's module: it shares the weights and owns everything else.

Work runs on the twin, so that flags, hooks, buffers and gradients of the user's module stay as they are,
bit for bit, also while the user trains it in a cell. In-place weight updates are seen at once, because
the weights lie in the same memory.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.twin import State, copy_module, reachable
from nbviz.core.version import structure

# A torch module is not thread-safe (hooks, buffers written in forward): one lock per user's module,
# shared by every Network that wraps it.
_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_locks_guard = threading.Lock()


def lock_of(module: nn.Module) -> threading.RLock:
    """The lock under which this module may be run."""
    with _locks_guard:
        return _locks.setdefault(module, threading.RLock())


class Shadow:
    """The twin of ``module``, in evaluation mode, re-made when the structure of ``module`` changes.

    Buffers are refreshed before each use and attributes put back after it, so each use begins as the user's
    module stands. The user's own hooks are run, as they are, since they can be part of what the model
    computes (weight normalisation, pruning and ablation are such hooks); one that records is called for our
    passes too, with a module that is not the user's.

    A module that cannot be deep-copied is used in place, in evaluation mode, and its flags and buffers are
    put back afterwards; ``in_place`` is then True and ``reason`` says why.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.in_place = False
        self.reason = ""
        self._twin: nn.Module | None = None
        self._built_for: tuple[Any, ...] | None = None
        self._buffers: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._state = State(())
        self._depth = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[nn.Module]:
        """Give the module to run, holding its lock. Never ``yield`` to a scheduler inside.

        Raises
        ------
        ModelError
            If the module has parameters of unknown shape still.
        """
        with lock_of(self.module):
            outermost = self._depth == 0
            if outermost:
                self._refresh()
            self._depth += 1
            try:
                if self._twin is None and outermost:
                    with _borrowed(self.module):
                        yield self.module
                else:
                    yield self.module if self._twin is None else self._twin
            finally:
                self._depth -= 1
                if outermost:
                    self._state.restore()

    def _refresh(self) -> None:
        now = structure(self.module)
        # Tensors made in inference mode could not be used in a backward pass later.
        with torch.inference_mode(False), torch.no_grad():
            if now != self._built_for:
                self._build()
                self._built_for = now
            if self._buffers:
                sources, owned = zip(*self._buffers, strict=True)
                torch._foreach_copy_(owned, sources)

    def _build(self) -> None:
        lazy = [name for name, p in self.module.named_parameters() if nn.parameter.is_lazy(p)]
        if lazy:
            raise ModelError(
                f"the parameters {', '.join(lazy[:3])} have no shape yet (a lazy module). "
                "Run the model once on a batch before it is shown."
            )
        self._twin, self._buffers, self._state, self.reason = None, [], State(()), ""
        try:
            twin, self._buffers = _copied(self.module)
            for child in twin.modules():
                child.training = False  # not .eval(): an overridden one may write to the shared weights
            self._twin, self._state = twin, State(reachable(twin)[0])
        except Exception as error:  # noqa: BLE001  (any class may refuse to be copied, in its own way)
            self.reason = f"{type(error).__name__}: {error}"
        self.in_place = self._twin is None


def _copied(module: nn.Module) -> tuple[nn.Module, list[tuple[torch.Tensor, torch.Tensor]]]:
    """``copy_module``, again where the user's thread set an attribute in the middle of it."""
    for _ in range(5):
        try:
            return copy_module(module)
        except RuntimeError as error:
            if "changed size during iteration" not in str(error):
                raise
    return copy_module(module)


@contextlib.contextmanager
def _borrowed(module: nn.Module) -> Iterator[None]:
    """Evaluation mode on the user's own module, undone on the way out, also after an exception."""
    was_training = [child for child in module.modules() if child.training]
    buffers = [(b, b._version, b.detach().clone()) for b in module.buffers() if not b.is_inference()]
    for child in was_training:
        child.training = False
    try:
        yield
    finally:
        for child in was_training:
            child.training = True
        with torch.no_grad():
            for buffer, version, saved in buffers:
                if buffer._version != version:
                    buffer.copy_(saved)
