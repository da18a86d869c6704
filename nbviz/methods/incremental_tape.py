"""A tape of every operation that a model carries out on one input, to be run again in parts.

The model is run under a dispatch mode, so the tape holds ATen operations with their concrete arguments:
whatever Python the model is written in, functions and modules look alike, and branches on shapes are
settled. Modes belong to their thread, so a model that is trained in a cell meanwhile is not disturbed
(``torch.fx.symbolic_trace`` patches ``nn.Module.__call__`` for the whole process). A second run with a
batch of two shows which arguments follow the batch size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from nbviz.core.errors import ModelError
from nbviz.core.layers import Layer, first_tensor
from nbviz.core.network import Network


class Untraceable(RuntimeError):
    """The model cannot be taken apart into operations; it can still be run as a whole."""


class Ref(NamedTuple):
    """The result of a step: its tensor, or number ``item`` of several."""

    step: int
    item: int = -1


class PerBatch(NamedTuple):
    """An integer argument that grows with the batch: ``first + (batch - 1) * slope``."""

    first: int
    slope: int


@dataclass(eq=False)
class Step:
    """One operation. ``value`` is what it gives on the clean input; ``op`` is None for the input itself."""

    index: int
    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any
    from_input: bool = False
    """Whether the value depends on the model's input,"""
    per_batch: bool = False
    """and whether it depends on the batch size alone (a start state, an expanded token)."""
    pointwise: bool = False
    """Whether the operation works value by value."""

    def refs(self) -> list[Ref]:
        """Every reference among the arguments, in order."""
        found: list[Ref] = []
        _each(lambda leaf: found.append(leaf) if isinstance(leaf, Ref) else None, (self.args, self.kwargs))
        return found

    def run(self, lookup: Callable[[Ref], Any], batch: int) -> Any:
        """Carry the operation out on other values of its arguments."""

        def fill(leaf: Any) -> Any:
            if isinstance(leaf, Ref):
                return lookup(leaf)
            return leaf.first + (batch - 1) * leaf.slope if isinstance(leaf, PerBatch) else leaf

        return self.op(*_each(fill, self.args), **_each(fill, self.kwargs))


@dataclass(eq=False)
class Tape:
    """The steps in order; number 0 is the input. ``watched`` is the output of the layer asked for."""

    steps: list[Step]
    output: Ref
    watched: Ref | None = None
    outputs: int = 1
    """How many tensors the model returns; ``output`` is one of them."""

    def clean(self, ref: Ref) -> torch.Tensor:
        """Value of ``ref`` on the clean input."""
        value = self.steps[ref.step].value
        return value if ref.item < 0 else value[ref.item]

    def needed(self) -> list[Step]:
        """The steps that the output or the watched layer depends on, in order."""
        wanted = {ref.step for ref in (self.output, self.watched) if ref is not None}
        for step in reversed(self.steps):
            if step.index in wanted:
                wanted.update(ref.step for ref in step.refs())
        return [step for step in self.steps if step.index in wanted]

    def uses(self) -> dict[Ref, list[int]]:
        """For each value, the steps that read it. The output and the watched layer are read at the end."""
        uses: dict[Ref, list[int]] = {}
        for step in self.needed():
            for ref in step.refs():
                uses.setdefault(ref, []).append(step.index)
        for ref in (self.output, self.watched):
            if ref is not None:
                uses.setdefault(ref, []).append(len(self.steps))
        return uses


def record(network: Network, inputs: torch.Tensor, layer: Layer | None = None) -> Tape:
    """Run ``network`` on one clean input, (1, ...), and write down what it does.

    Raises
    ------
    Untraceable
        If the operations cannot be replayed: random numbers, values read back into Python, changes in
        place of a part of a tensor, or a program that depends on the batch size.
    """
    with network.running() as module, torch.no_grad():
        one = _run(network, module, inputs, layer)
        two = _run(network, module, torch.cat([inputs, inputs]), None)
    if [step.op for step in one.steps] != [step.op for step in two.steps]:
        raise Untraceable("the operations depend on the batch size")
    for step, twin in zip(one.steps, two.steps, strict=True):
        step.args = _merge(step.args, twin.args)
        step.kwargs = _merge(step.kwargs, twin.kwargs)
    _mark(one.steps)
    if not one.steps[one.output.step].from_input:
        raise Untraceable("the output does not depend on the input")
    if one.clean(one.output).shape[0] != 1:
        raise Untraceable("the output has no batch axis in front")
    return one


def _run(network: Network, module: nn.Module, inputs: torch.Tensor, layer: Layer | None) -> Tape:
    recorder = _Recorder(inputs.detach().clone())
    watched: list[Ref] = []
    calls = 0

    def watch(_module: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal calls
        tensor = first_tensor(output)
        if layer is not None and calls == layer.call and tensor is not None:
            watched.append(recorder.ref(tensor))
        calls += 1

    handle = module.get_submodule(layer.module).register_forward_hook(watch) if layer is not None else None
    try:
        with recorder:
            returned = network.call(module, recorder.steps[0].value)
            output = network.pick(returned)
    except ModelError as error:
        raise error.__cause__ if isinstance(error.__cause__, Untraceable) else error from None
    finally:
        if handle is not None:
            handle.remove()
    watched_ref = watched[0] if watched else None
    return Tape(recorder.steps, recorder.ref(output), watched_ref, count_tensors(returned))


def count_tensors(returned: Any) -> int:
    """How many tensors a model returned; 1 for the named outputs of transformers, whose logits are meant."""
    if isinstance(returned, Mapping) and "logits" in returned:
        return 1
    return sum(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(returned))


class _Recorder(TorchDispatchMode):
    def __init__(self, inputs: torch.Tensor) -> None:
        super().__init__()
        self.steps = [Step(0, None, (), {}, inputs, from_input=True)]
        self._refs: dict[int, Ref] = {}
        self._alive: list[torch.Tensor] = []  # an id is unique only while its tensor lives
        self._sharing: dict[int, list[torch.Tensor]] = {}
        self._stale: set[int] = set()
        self._remember(inputs, Ref(0))

    def ref(self, tensor: torch.Tensor) -> Ref:
        if id(tensor) in self._stale:
            raise Untraceable("a tensor is read after another view of its memory was changed in place")
        if id(tensor) not in self._refs:
            raise Untraceable("a result was not computed by operations that can be watched")
        return self._refs[id(tensor)]

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if op._schema.name == "aten::as_strided":
            raise Untraceable("the model reads a tensor's memory by its strides")
        if torch.Tag.nondeterministic_seeded in op.tags and "scaled_dot_product" not in str(op):
            raise Untraceable(f"the model draws random numbers ({op})")
        known = tree_map_only(torch.Tensor, self._known, (args, kwargs))
        if op._schema.is_mutable:
            self._before_writing(op, args)
        out = op(*args, **kwargs)
        index = len(self.steps)
        tensors = [(out, Ref(index))] if isinstance(out, torch.Tensor) else []
        if isinstance(out, tuple | list):
            tensors = [(x, Ref(index, i)) for i, x in enumerate(out) if isinstance(x, torch.Tensor)]
        step = Step(index, _functional(op), known[0], known[1], out)
        step.pointwise = torch.Tag.pointwise in getattr(step.op, "tags", ())
        if not tensors:
            if step.refs():
                raise Untraceable(f"a value is read back into Python ({op})")
            return out
        self.steps.append(step)
        for tensor, ref in tensors:
            self._remember(tensor, ref)
        return out

    def _known(self, tensor: torch.Tensor) -> Any:
        return self.ref(tensor) if id(tensor) in self._refs else tensor

    def _remember(self, tensor: torch.Tensor, ref: Ref) -> None:
        self._refs[id(tensor)] = ref
        self._alive.append(tensor)
        if tensor.layout is torch.strided:
            self._sharing.setdefault(tensor.untyped_storage()._cdata, []).append(tensor)

    def _before_writing(self, op: Any, args: tuple[Any, ...]) -> None:
        """Save the clean values that an operation in place is about to overwrite."""
        written = [s.name for s in op._schema.arguments if s.alias_info is not None and s.alias_info.is_write]
        if len(written) != 1 or op._schema.arguments[0].name != written[0] or id(args[0]) not in self._refs:
            raise Untraceable(f"{op} changes a tensor that is not the model's own")
        for other in self._sharing.get(args[0].untyped_storage()._cdata, []):
            ref = self._refs[id(other)]
            step = self.steps[ref.step]
            if ref.item >= 0:
                values = list(step.value)
                values[ref.item] = values[ref.item].clone()
                step.value = tuple(values)
            else:
                step.value = step.value.clone() if step.value is other else step.value
            if other is not args[0] and _overlap(other, args[0]):
                self._stale.add(id(other))


def _overlap(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Whether two views of one block of memory have a value in common (chunks of a tensor have none)."""
    if one.dtype != two.dtype:
        return True
    mark = torch.zeros(one.untyped_storage().nbytes() // one.element_size(), dtype=torch.bool)
    mark.as_strided(one.shape, one.stride(), one.storage_offset()).fill_(True)
    return bool(mark.as_strided(two.shape, two.stride(), two.storage_offset()).any())


def _functional(op: Any) -> Any:
    """The variant that leaves its argument alone, and takes it in any memory layout."""
    if op in (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default):
        return torch.ops.aten.reshape.default
    if not op._schema.is_mutable:
        return op
    name = op._schema.name.split("::")[1]
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    if name.endswith("_") and packet is not None and op._overloadname in packet.overloads():
        return getattr(packet, op._overloadname)
    return lambda first, *args, **kwargs: op(first.clone(), *args, **kwargs)


def _each(change: Callable[[Any], Any], tree: Any) -> Any:
    """``tree`` with every leaf changed; references count as leaves."""
    if isinstance(tree, Ref | PerBatch):
        return change(tree)
    if isinstance(tree, dict):
        return {key: _each(change, value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(_each(change, value) for value in tree)
    return change(tree)


def _merge(one: Any, two: Any) -> Any:
    """Arguments seen with a batch of one and of two, as one description."""
    different = Untraceable("the operations depend on the batch size in a way that is not linear")
    if type(one) is not type(two):
        raise different
    if isinstance(one, torch.Tensor):
        if one is two or (one.shape == two.shape and torch.equal(one, two)):
            return one
        raise different
    if isinstance(one, Ref):
        if one == two:
            return one
        raise different
    if isinstance(one, dict):
        return {key: _merge(value, two[key]) for key, value in one.items()}
    if isinstance(one, tuple | list):
        if len(one) != len(two):
            raise different
        return type(one)(_merge(a, b) for a, b in zip(one, two, strict=True))
    if one == two:
        return one
    if isinstance(one, int) and not isinstance(one, bool):
        return PerBatch(one, two - one)
    raise different


def _mark(steps: list[Step]) -> None:
    for step in steps[1:]:
        sources = [steps[ref.step] for ref in step.refs()]
        follows: list[bool] = []
        _each(
            lambda leaf, follows=follows: follows.append(isinstance(leaf, PerBatch)), (step.args, step.kwargs)
        )
        step.from_input = any(source.from_input for source in sources)
        step.per_batch = not step.from_input and (any(follows) or any(s.per_batch for s in sources))
