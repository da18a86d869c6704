"""Attention weights of one forward pass, caught where PyTorch computes them, and changed there if wanted.

A ``TorchFunctionMode`` sees each torch function that this thread calls. So it finds attention that no hook
can see: inside ``F.scaled_dot_product_attention``, which returns no weights, inside
``nn.MultiheadAttention`` called with ``need_weights=False`` (its fast path steps aside for the mode), and
in a softmax whose result a matrix product uses, as in models that write attention out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch.overrides import TorchFunctionMode

from nbviz.methods.attention.follow import Followed
from nbviz.methods.attention.math import DotProduct, MultiHead, masked_in, to_weights

Edit = Callable[["Site", torch.Tensor], "torch.Tensor | None"]
"""``edit(site, logits)`` gives other weights, both (batch, heads, rows, columns), or None: leave it."""

LARGEST = 2 * 2**30
"""Bytes of weights that are kept at most."""
_SOFTMAX = (torch.softmax, F.softmax, torch.Tensor.softmax, torch.special.softmax)


@dataclass
class Site:
    """One computation of attention in a forward pass: which it is, and the weights of one sample."""

    index: int
    path: str
    kind: str
    weights: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 0), np.float32))
    masked: NDArray[np.bool_] = field(default_factory=lambda: np.empty((0, 0, 0), bool))
    extra: tuple[str, ...] = ()
    windows: int = 1
    confirmed: bool = True
    steps: tuple[int, ...] = ()

    def holds(self, weights: torch.Tensor) -> bool:
        """Whether these are the weights recorded here, in whatever shape."""
        values = weights.detach().to("cpu", torch.float32).numpy()
        return self.weights.size == values.size and np.array_equal(self.weights.ravel(), values.ravel())


class Watch(TorchFunctionMode):
    """Records every attention inside it, and puts edited weights in the place of the model's own.

    Parameters
    ----------
    batch : int
        Samples in the batch.
    sample : int
        The one whose weights are kept.
    edit : callable, optional
        See :data:`Edit`.
    only : tuple of str
        Modules (by path, with all in them) whose weights are kept; all if empty.
    """

    def __init__(
        self, batch: int, sample: int = 0, edit: Edit | None = None, only: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.n_bytes = 0
        self.sites: list[Site] = []
        self.calling: list[tuple[str, bool]] = [("", False)]
        self.notes: set[str] = set()
        self.followed = Followed()
        self._batch = batch
        self._sample = sample
        self._edit = edit
        self._only = only

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self._dot_product(func, args, kwargs)
        if func is F.multi_head_attention_forward:
            return self._multi_head(func, args, kwargs)
        if func in _SOFTMAX:
            return self._softmax(func, args, kwargs)
        returned = func(*args, **kwargs)
        for site in self.followed.through(func, args, returned):
            site.confirmed = True
        return returned

    def _dot_product(self, func: Any, args: Any, kwargs: Any) -> Any:
        if args and getattr(args[0], "is_nested", False):
            self.notes.add("attention over nested tensors is not shown")
            return func(*args, **kwargs)
        if kwargs.get("dropout_p") or (len(args) > 4 and args[4]):
            self.notes.add(
                "the model drops attention weights at random although it is in evaluation mode; "
                "they are shown, and it was run, without that dropout"
            )
            args, kwargs = (*args[:4], 0.0, *args[5:]) if len(args) > 4 else args, {**kwargs}
            kwargs.pop("dropout_p", None)
        parts = DotProduct.of_call(*args, **kwargs)
        site = self._new("cross" if self._is_cross(parts.logits) else "self")
        edited = self._record(site, parts.logits, 1 if parts.logits.ndim == 2 else self._batch)
        return func(*args, **kwargs) if edited is None else parts.output(edited)

    def _multi_head(self, func: Any, args: Any, kwargs: Any) -> Any:
        parts = MultiHead.of_call(*args, **kwargs)
        site = self._new("self" if parts.is_self else "cross")
        site.extra = parts.extra
        edited = self._record(site, parts.logits, len(parts.logits))
        return func(*args, **kwargs) if edited is None else parts.output(edited)

    def _softmax(self, func: Any, args: Any, kwargs: Any) -> Any:
        returned = func(*args, **kwargs)
        logits = args[0] if args else kwargs["input"]
        axis = args[1] if len(args) > 1 else kwargs.get("dim")
        if axis not in (-1, logits.ndim - 1) or logits.ndim < 2:
            return returned
        site = self._new("cross" if logits.ndim == 2 or self._is_cross(logits) else "self")
        site.confirmed = False  # until a matrix product uses it, or a named module returns it
        edited = self._record(site, logits, self._batch)
        if edited is not None:
            returned = edited.to(returned.dtype)
        self.followed.begin(returned, site)
        return returned

    def _new(self, kind: str) -> Site:
        site = Site(len(self.sites), self.calling[-1][0], kind)
        self.sites.append(site)
        return site

    def _is_cross(self, logits: torch.Tensor) -> bool:
        """Rows and columns of different length, or a module that was handed a second sequence."""
        return logits.shape[-1] != logits.shape[-2] or self.calling[-1][1]

    def _record(self, site: Site, logits: torch.Tensor, batch: int) -> torch.Tensor | None:
        """Keep the weights; give edited ones, in the shape of ``logits``, where there is an edit."""
        grid, site.windows = per_head(logits.detach(), batch)
        edited = None if self._edit is None else self._edit(site, grid)
        if self._only and not any(inside(site.path, path) for path in self._only):
            return None if edited is None else edited.reshape(logits.shape)
        self.n_bytes += 4 * grid[0].numel()
        if self.n_bytes > LARGEST:
            return None  # said after the run, since the model might catch an error raised here
        chosen = min(self._sample, len(grid) - 1)
        weights = to_weights(grid[chosen]) if edited is None else edited[chosen]
        site.masked = masked_in(grid[chosen]).cpu().numpy()
        site.weights = weights.to("cpu", torch.float32, copy=True).numpy()
        return None if edited is None else edited.reshape(logits.shape)


def inside(path: str, module: str) -> bool:
    """Whether the module at ``path`` is the one at ``module``, or in it."""
    return module in ("", path) or path.startswith(f"{module}.")


def per_head(values: torch.Tensor, batch: int) -> tuple[torch.Tensor, int]:
    """Attention of any usual shape as (batch, heads, rows, columns), and how many windows a sample has.

    A model that attends within windows folds them into the batch axis; they are then counted as heads.
    """
    *lead, rows, columns = values.shape
    if not lead:  # (batch, columns): one row for each sample
        return (values.reshape(batch, 1, 1, columns) if rows == batch else values[None, None]), 1
    if lead[0] == batch:
        return values.reshape(batch, -1, rows, columns), 1
    if lead[0] % batch == 0:
        return values.reshape(batch, -1, rows, columns), (lead[0] // batch if len(lead) > 1 else 1)
    return values.reshape(lead[0], -1, rows, columns), 1
