"""Write down every operation that a model carries out on one input.

The model is run under a dispatch mode, so the tape holds ATen operations with their concrete arguments:
whatever Python the model is written in, functions and modules look alike, and branches on shapes are
settled. Modes belong to their thread, so a model that is trained in a cell meanwhile is not disturbed
(``torch.fx.symbolic_trace`` patches ``nn.Module.__call__`` for the whole process). A second run with a
batch of two shows which arguments follow the batch size.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from nbviz.core.errors import ModelError
from nbviz.core.layers import Layer, first_tensor
from nbviz.core.network import Network
from nbviz.methods.incremental.tape import PerBatch, Ref, Step, Tape, Untraceable, each_leaf

_Program = list[tuple[Any, Any]]
"""Operations and arguments, without tensors."""

_programs: weakref.WeakKeyDictionary[Network, dict[Any, _Program]] = weakref.WeakKeyDictionary()
"""What was found out by the second run, by network and input shape."""


def record(network: Network, inputs: torch.Tensor, layer: Layer | None = None) -> Tape:
    """Run ``network`` on one clean input, (1, ...), and write down what it does.

    Raises
    ------
    Untraceable
        If the operations cannot be replayed: random numbers, values read back into Python, changes in
        place of a part of a tensor, or a program that depends on the batch size.
    """
    kind = (tuple(inputs.shape), inputs.dtype)
    known = _programs.setdefault(network, {})
    with network.running() as module, torch.no_grad():
        one = _run(network, module, inputs, layer)
        if not _adopt(one, known.get(kind)):
            two = _run(network, module, torch.cat([inputs, inputs]), None)
            _compare(one, two)
            known[kind] = [(step.op, _bare((step.args, step.kwargs))) for step in one.steps]
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


@functools.cache
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


def _compare(one: Tape, two: Tape) -> None:
    """Find the arguments of ``one`` that follow the batch size."""
    if [step.op for step in one.steps] != [step.op for step in two.steps]:
        raise Untraceable("the operations depend on the batch size")
    for step, twin in zip(one.steps, two.steps, strict=True):
        step.args = _merge(step.args, twin.args)
        step.kwargs = _merge(step.kwargs, twin.kwargs)


def _adopt(one: Tape, program: _Program | None) -> bool:
    """Take the arguments that follow the batch size from an earlier run of the same operations."""
    if program is None or len(program) != len(one.steps):
        return False
    found = []
    for step, (op, pattern) in zip(one.steps, program, strict=True):
        if step.op is not op or _bare((step.args, step.kwargs)) != each_leaf(_first, pattern):
            return False
        found.append(_fill((step.args, step.kwargs), pattern))
    for step, (args, kwargs) in zip(one.steps, found, strict=True):
        step.args, step.kwargs = args, kwargs
    return True


def _bare(arguments: Any) -> Any:
    return each_leaf(lambda leaf: None if isinstance(leaf, torch.Tensor) else leaf, arguments)


def _first(leaf: Any) -> Any:
    return leaf.first if isinstance(leaf, PerBatch) else leaf


def _fill(arguments: Any, pattern: Any) -> Any:
    """``arguments`` with ``pattern``'s integers that follow the batch size."""
    if isinstance(pattern, PerBatch):
        return pattern
    if isinstance(arguments, dict):
        return {key: _fill(value, pattern[key]) for key, value in arguments.items()}
    if isinstance(arguments, tuple | list) and not isinstance(arguments, Ref):
        return type(arguments)(_fill(a, p) for a, p in zip(arguments, pattern, strict=True))
    return arguments


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
        leaves: list[Any] = []
        each_leaf(leaves.append, (step.args, step.kwargs))
        follows = [isinstance(leaf, PerBatch) for leaf in leaves]
        step.from_input = any(source.from_input for source in sources)
        step.per_batch = not step.from_input and (any(follows) or any(s.per_batch for s in sources))
