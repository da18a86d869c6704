"""One forward pass under watch: each attention with the module that computed it, and the model's output."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.layers import first_tensor
from nbviz.core.network import Network
from nbviz.methods.attention.positions import about_positions
from nbviz.methods.attention.watch import LARGEST, Edit, Site, Watch, inside, per_head

WeightsOf = Callable[[nn.Module, Any], Any]
# Arguments by which attention modules are handed the sequence to look at, when it is not their own.
_OTHER_SEQUENCE = ("key_value_states", "encoder_hidden_states", "memory", "cross_attention_states")
# Implementations whose weights can be seen; the others (flash, flex) are exchanged for the first.
_VISIBLE = ("sdpa", "eager", None)
# Modules of PyTorch that return hidden states.
_BARE = (
    nn.MultiheadAttention,
    nn.Transformer,
    nn.TransformerEncoder,
    nn.TransformerDecoder,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)


@dataclass(frozen=True)
class Record:
    """What a watched pass found: the attentions in the order of their computing, and the model's output."""

    sites: list[Site]
    output: NDArray[np.float32]
    has_scores: bool
    notes: tuple[str, ...]


def watched_run(
    network: Network,
    inputs: Any,
    *,
    sample: int = 0,
    named: Mapping[str, str] | None = None,
    weights_of: WeightsOf | None = None,
    edit: Edit | None = None,
) -> Record:
    """Run a prepared batch and record its attention.

    ``named`` maps a name to the path of a submodule: only what these compute or return is kept.
    """
    tensor = first_tensor(inputs)
    batch = 1 if tensor is None or tensor.ndim == 0 else len(tensor)
    if not 0 <= sample < batch:
        raise ValueError(f"sample={sample} is not in the batch of {batch}: 0 to {batch - 1}")
    with network.running() as module, torch.no_grad():
        watch = Watch(batch, sample, edit, tuple((named or {}).values()))
        returned = _Returned(watch, dict(named or {}), weights_of, batch, sample)
        with _hooks(module, watch, returned), visible_attention(module), watch:
            try:
                output = network.call(module, inputs)
            except ModelError as error:
                raise about_positions(error, module, inputs) from error.__cause__
        if watch.n_bytes > LARGEST:
            raise ValueError(
                f"the attention weights take {watch.n_bytes / 2**30:.1f} GB. "
                "Choose a few layers, layers=['path.of.one', ...], or a shorter input."
            )
        picked = network.pick(output).detach()
        picked = picked[sample] if picked.ndim and len(picked) == batch else picked
        sites = returned.kept() if named else [site for site in watch.sites if site.confirmed]
        return Record(
            sites,
            picked.to("cpu", torch.float32, copy=True).numpy(),
            _are_scores(network, module, output),
            tuple(sorted(watch.notes)),
        )


def _are_scores(network: Network, module: nn.Module, output: Any) -> bool:
    """Whether the output is scores of classes or tokens, as far as one can see."""
    if network.output is not None:
        return True
    if isinstance(output, torch.Tensor):
        return not isinstance(module, _BARE)
    return getattr(output, "logits", None) is not None or (isinstance(output, Mapping) and "logits" in output)


@contextlib.contextmanager
def visible_attention(module: nn.Module) -> Iterator[None]:
    """For models of transformers: attention in a form that can be watched, and the old one afterwards."""
    before = getattr(getattr(module, "config", None), "_attn_implementation", None)
    if before in _VISIBLE or not hasattr(module, "set_attn_implementation"):
        yield
        return
    module.set_attn_implementation("sdpa")  # type: ignore[operator]
    try:
        yield
    finally:
        module.set_attn_implementation(before)  # type: ignore[operator]


@contextlib.contextmanager
def _hooks(module: nn.Module, watch: Watch, returned: _Returned) -> Iterator[None]:
    """Tell the watch which module is calling."""

    def enter(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: Any, kwargs: dict[str, Any]) -> None:
            watch.calling.append((path, any(kwargs.get(name) is not None for name in _OTHER_SEQUENCE)))

        return hook

    def leave(path: str) -> Callable[..., None]:
        def hook(child: nn.Module, _args: Any, output: Any) -> None:
            watch.calling.pop()
            if path in returned.wanted:
                returned.take(path, child, output)

        return hook

    handles: list[Any] = []
    try:
        for path, child in module.named_modules():
            handles.append(child.register_forward_pre_hook(enter(path), with_kwargs=True))
            handles.append(child.register_forward_hook(leave(path)))
        missing = next((path for path in returned.wanted if path not in dict(module.named_modules())), None)
        if missing is not None:
            raise unknown_name("submodule", missing, [p for p, _ in module.named_modules() if p])
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Returned:
    """Weights that modules chosen by the user return, or compute inside."""

    def __init__(
        self, watch: Watch, named: dict[str, str], weights_of: WeightsOf | None, batch: int, sample: int
    ) -> None:
        self.wanted = {path: name for name, path in named.items()}
        self._watch = watch
        self._weights_of = weights_of
        self._batch = batch
        self._sample = sample
        self._found: dict[str, list[Site]] = {}
        self._shapes: dict[str, str] = {}

    def take(self, path: str, child: nn.Module, output: Any) -> None:
        if self._weights_of is not None:
            weights = torch.as_tensor(self._weights_of(child, output))
        elif isinstance(child, nn.MultiheadAttention):
            return  # what it returns is a mean over heads; what it computes has been seen
        else:
            found = next((x for x in _tensors(output) if _sums_to_one(x)), None)
            self._shapes[path] = ", ".join(str(tuple(x.shape)) for x in _tensors(output))
            if found is None:
                return
            weights = found
        site = self._watch.followed.site_of(weights) or self._same_values(path, weights)
        if (
            site is None or site.weights.size == 0
        ):  # computed without a softmax: it can be shown, and not be edited
            grid, windows = per_head(weights.detach(), self._batch)
            values = grid[min(self._sample, len(grid) - 1)].to("cpu", torch.float32, copy=True).numpy()
            kind = "self" if values.shape[-1] == values.shape[-2] else "cross"
            site = Site(-1, path, kind, values, np.zeros(values.shape, bool), windows=windows)
        site.path = path
        site.confirmed = True
        self._found.setdefault(path, []).append(site)

    def _same_values(self, path: str, weights: torch.Tensor) -> Site | None:
        """The softmax inside this module that gave these weights, where they came out as a copy."""
        grid = per_head(weights.detach(), self._batch)[0]
        values = grid[min(self._sample, len(grid) - 1)]
        found = (site for site in reversed(self._watch.sites) if inside(site.path, path))
        return next((site for site in found if site.holds(values)), None)

    def kept(self) -> list[Site]:
        """The weights returned, else those computed inside, of each module that was named."""
        sites: list[Site] = []
        for path, name in self.wanted.items():
            computed = [s for s in self._watch.sites if s.confirmed and inside(s.path, path)]
            found = self._found.get(path) or computed
            if not found:
                shapes = self._shapes.get(path)
                raise ModelError(
                    f"{name!r} (the submodule {path!r}) "
                    + (f"returned {shapes}: none has rows that add up to 1" if shapes else "was not called")
                    + ". Say where its weights are: weights=lambda module, output: ..."
                )
            sites.extend(found)
        return sites


def _tensors(output: Any) -> list[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        return [output]
    parts = output.values() if isinstance(output, Mapping) else output
    return [x for part in parts for x in _tensors(part)] if isinstance(output, Mapping | tuple | list) else []


def _sums_to_one(tensor: torch.Tensor) -> bool:
    if not tensor.is_floating_point() or tensor.ndim < 2 or tensor.numel() == 0:
        return False
    sums = tensor.float().sum(-1)
    return bool((tensor >= 0).all() and ((sums - 1).abs() < 1e-3).all())
