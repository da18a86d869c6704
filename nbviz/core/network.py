"""The specimen: a PyTorch module whose layers can be named, listed and watched, and is never changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from nbviz.core.activations import ActivationCache
from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.inputs import describe, prepare, wanted_input
from nbviz.core.layers import INPUT, OUTPUT, Layer, channel_axis, first_tensor, trace
from nbviz.core.shadow import Shadow


class Network:
    """A PyTorch module, with what is needed to show what it does.

    Work runs on a private twin that shares the weights, in evaluation mode: the module's ``training``
    flags, hooks, ``requires_grad``, ``.grad`` and buffers stay bit for bit as they are, also after an
    error, and also while it is being trained in a cell. Forward hooks of the module's own are run, since
    they can be part of what it computes.

    Parameters
    ----------
    module : torch.nn.Module
        The model. ``DataParallel`` is unwrapped. A ``ScriptModule`` is refused: it takes no hooks.
    transform : callable, optional
        Maps one raw sample (a ``PIL.Image`` for uint8 pictures, else what the samples hold) to the model's
        input tensor, without the batch axis. A callable with the attribute ``batched = True`` gets a whole
        batch of raw samples and returns the batch. Inputs that are floating-point already are taken as the
        model's own and are not transformed.
    class_names : sequence of str, or mapping of int to str, optional
        Names of the classes, in the order of the model's outputs.
    tokenizer : callable, optional
        For text: as in transformers, or any callable from one string to a list of token ids.
    output : int, str or callable, optional
        Which output to take where the model has several. Default: the first tensor, or ``logits``.
    forward : callable, optional
        ``forward(module, inputs)`` for models whose call is unusual.
    checkpoints : mapping of int to state dict, optional
        Weights by epoch.
    samples : callable, optional
        ``samples(n)`` gives ``n`` fitting samples.

    Raises
    ------
    TypeError
        If ``module`` is not a ``torch.nn.Module``, or is a ``ScriptModule``.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        transform: Callable[[Any], Any] | None = None,
        class_names: Sequence[str] | Mapping[int, str] | None = None,
        tokenizer: Callable[..., Any] | None = None,
        output: int | str | Callable[[Any], torch.Tensor] | None = None,
        forward: Callable[[nn.Module, Any], Any] | None = None,
        checkpoints: Mapping[int, Mapping[str, torch.Tensor]] | None = None,
        samples: Callable[[int], Any] | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"a torch.nn.Module is wanted, got {type(module).__name__}. "
                "Pass the model itself; for arrays computed elsewhere use from_activations(...)."
            )
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        if isinstance(module, torch.jit.ScriptModule):
            raise TypeError(
                "a ScriptModule takes no hooks, so its layers cannot be watched. "
                "Pass the nn.Module it was made from."
            )
        self.module = module
        self.transform = transform
        self.class_names = _names(class_names, module)
        self.tokenizer = tokenizer
        self.output = output
        self.checkpoints: Mapping[int, Mapping[str, torch.Tensor]] = (
            {} if checkpoints is None else checkpoints
        )
        self.samples = samples
        self.cache = ActivationCache()
        self._call = forward
        self._shadow = Shadow(module)
        self._traces: dict[Any, tuple[list[Layer], dict[str, Layer]]] = {}
        self.batch_size: int | None = None

    @classmethod
    def of(cls, model: Network | nn.Module) -> Network:
        """``model`` itself if it is a Network, else a Network around it."""
        return model if isinstance(model, Network) else cls(model)

    def __repr__(self) -> str:
        count = sum(p.numel() for p in self.module.parameters())
        return f"Network({type(self.module).__name__}, {count:,} parameters, {self.device})"

    @property
    def device(self) -> torch.device:
        """Device of the first parameter or buffer; the CPU if there is none."""
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            return tensor.device
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the parameters."""
        for parameter in self.module.parameters():
            if parameter.is_floating_point():
                return parameter.dtype
        return torch.float32

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about how the model is run; empty if all is as usual."""
        if not self._shadow.in_place:
            return ()
        return (f"the model cannot be copied ({self._shadow.reason}); it is run in place, under a lock",)

    @property
    def version(self) -> tuple[int, ...]:
        """Changes whenever a weight or buffer is changed in place or replaced."""
        tensors = (*self.module.parameters(), *self.module.buffers())
        return (sum(t._version for t in tensors if not t.is_inference()), hash(tuple(id(t) for t in tensors)))

    @contextlib.contextmanager
    def running(self) -> Iterator[nn.Module]:
        """Give the twin to run, in evaluation mode, under the model's lock. Meant for one batch."""
        with self._shadow.running() as module:
            yield module

    def prepare(self, raw: Any) -> Any:
        """The model's input for a batch of raw samples: transformed, on its device and of its type."""
        return prepare(self, raw)

    def call(self, module: nn.Module, inputs: Any) -> Any:
        """What the model returns for a prepared batch.

        Raises
        ------
        ModelError
            With the model's own message, what it got and what it wants.
        """
        try:
            if self._call is not None:
                return self._call(module, inputs)
            if isinstance(inputs, Mapping):
                return module(**inputs)
            return module(inputs)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            wanted = wanted_input(module)
            raise ModelError(
                f"the model raised {type(error).__name__}: {error}\n"
                f"It was given {describe(inputs)}.{' ' + wanted if wanted else ''}"
            ) from error

    def pick(self, output: Any) -> torch.Tensor:
        """The tensor to use from what the model returned."""
        if callable(self.output):
            output = self.output(output)
        elif self.output is not None:
            try:
                output = output[self.output]
            except (KeyError, IndexError, TypeError) as error:
                raise ModelError(
                    f"output={self.output!r} is not in what the model returned "
                    f"({type(output).__name__}): {error}"
                ) from error
        tensor = first_tensor(output)
        if tensor is None:
            raise ModelError(
                f"the model returned {type(output).__name__}, which holds no tensor. "
                "Say which output to take: Network(model, output=...)."
            )
        return tensor

    def layers(self, sample: Any) -> list[Layer]:
        """The layers in the order in which one forward pass reaches them, ``"input"`` first.

        Parameters
        ----------
        sample : Samples, or a batch of raw samples
            One sample is enough; only the first is used.

        Returns
        -------
        list of Layer
            A module that is called several times stands there once for each call.
        """
        return self._trace(sample)[0]

    def layer(self, name: str, sample: Any) -> Layer:
        """The layer called ``name``.

        Raises
        ------
        UnknownName
            If there is none; the message lists the near names.
        """
        offered, every = self._trace(sample)
        if name in every:
            return every[name]
        for other, module in self.module.named_modules(remove_duplicate=False):
            if other == name:
                same = [n for n, m in self.module.named_modules() if m is module and n in every]
                if same:
                    return every[same[0]]
                raise unknown_name("layer", name, [x.name for x in offered]) from ValueError(
                    f"the module {name!r} exists, but this forward pass does not call it "
                    "or it returns no tensor with a batch axis"
                )
        raise unknown_name("layer", name, [x.name for x in offered])

    def hidden_layer(self, sample: Any) -> str:
        """Name of the last hidden layer: the one whose output the last layer with weights reads."""
        offered = self.layers(sample)
        weighted = [i for i, layer in enumerate(offered) if layer.parameters]
        if not weighted or weighted[-1] <= 1:
            return offered[-1].name
        return offered[weighted[-1] - 1].name

    def _trace(self, sample: Any) -> tuple[list[Layer], dict[str, Layer]]:
        one = _first(sample)
        inputs = self.prepare(one)
        tensor = first_tensor(inputs)
        if tensor is None:
            raise TypeError(f"the model's input holds no tensor: {describe(inputs)}")
        with self.running() as module:
            key = (describe(inputs), tuple(name for name, _ in module.named_modules()))
            if key not in self._traces:
                with torch.no_grad():
                    self.call(module, inputs)  # an error here names the shape that the user gave
                # Two copies of one sample: so the batch axis can be told from an axis of size one.
                both = _twice(inputs)
                offered, every = trace(module, lambda m: self.pick(self.call(m, both)), batch=2)
                own = tuple(tensor.shape[1:])
                first = Layer(INPUT, "input", own, 0, "", 0, channel_axis(None, own))
                self._traces[key] = ([first, *offered], {INPUT: first, **every})
            return self._traces[key]

    def predict(self, samples: Any) -> np.ndarray:
        """Class probabilities, (n, classes) float32; see :func:`nbviz.core.capture.probabilities`."""
        from nbviz.core.capture import capture, probabilities

        return probabilities(capture(self, samples, [OUTPUT])[OUTPUT])


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that a batch did not fit."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def _names(names: Sequence[str] | Mapping[int, str] | None, module: nn.Module) -> tuple[str, ...]:
    if names is None:
        names = getattr(getattr(module, "config", None), "id2label", None)
    if names is None:
        return ()
    if isinstance(names, Mapping):
        table: Mapping[Any, Any] = names
        if isinstance(table.get("categories"), Sequence):  # torchvision's weights.meta
            return tuple(str(name) for name in table["categories"])
        return tuple(str(table[key]) for key in sorted(table))
    return tuple(str(name) for name in names)


def _first(sample: Any) -> Any:
    """A batch of one raw sample, from Samples or from a batch."""
    if hasattr(sample, "batch"):
        if len(sample) == 0:
            raise ValueError("there are no samples: at least one is needed to trace the model")
        return sample.batch(np.array([0]))
    if isinstance(sample, Mapping):
        return {key: value[:1] for key, value in sample.items()}
    return sample[:1]


def _twice(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {key: _twice(value) for key, value in inputs.items()}
    if isinstance(inputs, tuple | list):
        return type(inputs)(_twice(value) for value in inputs)
    return torch.cat([inputs, inputs]) if isinstance(inputs, torch.Tensor) else inputs
