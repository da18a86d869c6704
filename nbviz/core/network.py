"""The specimen: a PyTorch module whose layers can be named, listed and watched, and is never changed."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from nbviz.core.activations import ActivationCache
from nbviz.core.advice import advice
from nbviz.core.errors import ModelError, TransformError, UnknownName, unknown_name
from nbviz.core.inputs import copies, describe, first_of, prepare
from nbviz.core.layers import OUTPUT, Layer, first_tensor, other_scores
from nbviz.core.reading import names_mismatch, names_of
from nbviz.core.shadow import Shadow
from nbviz.core.tokenizers import Tokenizer, tokenizer_of
from nbviz.core.trace import Trace, trace
from nbviz.core.user_warning import warn_user
from nbviz.core.version import changes, fingerprint, structure


class Network:
    """A PyTorch module, with what is needed to show what it does.

    Work runs on a private twin that shares the weights, in evaluation mode: the module's ``training``
    flags, hooks, ``requires_grad``, ``.grad`` and buffers stay bit for bit as they are, also after an
    error, and also while it is being trained in a cell. Hooks of the module's own are run, since they can
    be part of what it computes: one that only records is called for our passes too, with the twin's layer
    as its module.

    Parameters
    ----------
    module : torch.nn.Module
        The model. ``DataParallel`` and ``torch.compile`` are unwrapped. A ``ScriptModule`` is refused: it
        takes no hooks.
    transform : callable, optional
        Maps one raw sample (a ``PIL.Image`` for uint8 pictures, else what the samples hold) to the model's
        input tensor, without the batch axis. A callable with the attribute ``batched = True`` gets a whole
        batch of raw samples and returns the batch. Inputs that are floating-point already are taken as the
        model's own and are not transformed.
    class_names : sequence of str, or mapping of int to str, optional
        Names of the classes, in the order of the model's outputs.
    tokenizer : callable, or mapping of str to int, optional
        For text: as in transformers, any callable from one string to a list of token ids, or a dict of
        characters to ids. Texts of different lengths are one batch only if it pads them (transformers does).
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
        If ``module`` is not a ``torch.nn.Module``, or is a ``ScriptModule``; if ``tokenizer`` is none.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        transform: Callable[[Any], Any] | None = None,
        class_names: Sequence[str] | Mapping[int, str] | None = None,
        tokenizer: Tokenizer | None = None,
        output: int | str | Callable[[Any], torch.Tensor] | None = None,
        forward: Callable[[nn.Module, Any], Any] | None = None,
        checkpoints: Mapping[int, Mapping[str, torch.Tensor]] | None = None,
        samples: Callable[[int], Any] | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"a torch.nn.Module is wanted, got {type(module).__name__}. "
                "Pass the model itself; for arrays computed elsewhere there are "
                "LayerExplorer.from_activations, HiddenStates.from_states, AttentionHeatmap.from_weights."
            )
        module = _unwrapped(module)
        if isinstance(module, torch.jit.ScriptModule):
            raise TypeError(
                "a ScriptModule takes no hooks, so its layers cannot be watched. "
                "Pass the nn.Module it was made from."
            )
        self.module = module
        self.transform = transform
        self._are_names_given = class_names is not None  # a config has names also where there is no head
        if class_names is None:
            class_names = getattr(getattr(module, "config", None), "id2label", None)
        self.class_names = names_of(class_names)
        self._about_names = self._about_output = ""
        self.tokenizer: Any = tokenizer_of(tokenizer)
        self.output = output
        self.checkpoints: Mapping[int, Mapping[str, torch.Tensor]] = (
            {} if checkpoints is None else checkpoints
        )
        self.samples = samples
        self.cache = ActivationCache()
        self._call = forward
        self._shadow = Shadow(module)
        self._traces: dict[Any, Trace] = {}
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
        found = [about for about in (self._about_names, self._about_output) if about]
        if self._shadow.in_place:
            reason = self._shadow.reason
            found.append(f"the model cannot be copied ({reason}); it is run in place, under a lock")
        return tuple(found)

    def compare_names(self, shape: tuple[int, ...]) -> None:
        """Warn, and add to :attr:`notes`, if ``class_names`` are not as many as the outputs.

        Parameters
        ----------
        shape : tuple of int
            Of the model's output for one sample, or for one step of a sequence.
        """
        if self._are_names_given and not self._about_names:
            self._about_names = names_mismatch(len(self.class_names), shape)
            if self._about_names:
                warn_user(self._about_names)

    @property
    def version(self) -> tuple[int, ...]:
        """Changes whenever a weight, a buffer or a setting changes, so that what was computed is stale.

        Writes through ``parameter.data`` bump no counter, so a few numbers of each tensor are compared too.
        """
        tensors = [*self.module.parameters(), *self.module.buffers()]
        return (changes(tensors), hash(structure(self.module)), fingerprint(tensors))

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
            return module(*inputs) if isinstance(inputs, tuple) else module(inputs)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            what = advice(module, inputs, error, self._call)
            raise ModelError(f"the model raised {type(error).__name__}: {error}\n{what}") from error

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
        elif not self._about_output:
            self._about_output = other_scores(output)
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
        return self._trace(sample).offered

    def layer(self, name: str, sample: Any) -> Layer:
        """The layer called ``name``.

        Raises
        ------
        UnknownName
            If there is none; the message lists the near names.
        """
        found = self._trace(sample)
        if name in found.every:
            return found.every[name]
        offered = [layer.name for layer in found.offered]
        modules = dict(self.module.named_modules(remove_duplicate=False))
        if name not in modules:
            raise unknown_name("layer", name, offered)
        for layer in found.every.values():
            if layer.module and layer.call == 0 and modules[layer.module] is modules[name]:
                return layer  # a shared module, by its other name
        raise UnknownName(
            f"the layer {name!r} ({type(modules[name]).__name__}) exists, but a forward pass does not call "
            f"it, or it returns no tensor with one row per sample. There are: {', '.join(offered)}"
        )

    def hidden_layer(self, sample: Any) -> str:
        """Name of the last hidden layer: the one whose output the last layer with weights reads."""
        offered = self.layers(sample)
        modules = dict(self.module.named_modules())
        weighted = [
            i for i, layer in enumerate(offered) if layer.module and _has_weights(modules[layer.module])
        ]
        if not weighted or weighted[-1] <= 1:
            return offered[-1].name
        return offered[weighted[-1] - 1].name

    def ends_in_sigmoid(self, sample: Any) -> bool:
        """Whether the model's output is that of a sigmoid: probabilities that need not add up to 1."""
        return self._trace(sample).ends_in_sigmoid

    def _trace(self, sample: Any) -> Trace:
        try:
            one = self.prepare(first_of(sample))
        except TransformError as error:
            raise error.at([0]) from error.__cause__
        tensor = first_tensor(one)
        if tensor is None:
            raise TypeError(f"the model's input holds no tensor: {describe(one)}")
        key = (describe(one), structure(self.module))
        found = self._traces.get(key)
        if found is None:
            if len(self._traces) > 16:
                self._traces.clear()
            found = self._traces[key] = self._new_trace(one, tuple(tensor.shape[1:]))
        return found

    def _new_trace(self, one: Any, shape: tuple[int, ...]) -> Trace:
        try:
            found = trace(self.running, lambda m, n: self.pick(self.call(m, copies(one, n))), shape)
        except ModelError:
            with self.running() as module, torch.no_grad():
                self.call(module, copies(one, 1))  # an error here names the shape that the user gave
            raise
        watched = any(layer.module for layer in found.every.values())
        if self._call is not None and not watched and list(self.module.children()):
            raise ModelError(
                "forward= ran no layer of the module it was given. Use its first argument, "
                "not the model itself: forward=lambda module, inputs: module.encoder(inputs)."
            )
        self.compare_names(found.every[OUTPUT].shape)
        return found

    def at_epoch(self, epoch: int) -> Network:
        """A Network of its own with the weights of one of the :attr:`checkpoints`.

        Raises
        ------
        UnknownName
            If there is no checkpoint of that epoch; the message lists those there are.
        """
        if epoch not in self.checkpoints:
            raise unknown_name("epoch", epoch, [str(e) for e in sorted(self.checkpoints)])
        module = copy.deepcopy(self.module)
        module.load_state_dict(self.checkpoints[epoch])
        return self.around(module)

    def around(self, module: nn.Module) -> Network:
        """A Network around another module of the same kind, with this one's transform, names and so on."""
        return Network(
            module,
            transform=self.transform,
            class_names=self.class_names if self._are_names_given else None,
            tokenizer=self.tokenizer,
            output=self.output,
            forward=self._call,
            checkpoints=self.checkpoints,
            samples=self.samples,
        )

    def predict(self, samples: Any) -> np.ndarray:
        """Class probabilities, (n, classes) float32; see :func:`nbviz.core.capture.probabilities`.

        Raises
        ------
        ModelError
            If the model gives no vector per sample: a picture, or a vector for each step of a sequence.
        """
        from nbviz.core.capture import capture, probabilities
        from nbviz.core.samples import Samples

        samples = Samples.of(samples)
        shape = self.layer(OUTPUT, samples).shape
        if sum(size > 1 for size in shape) > 1:
            raise ModelError(
                f"the model returns {shape} values per sample, not one for each class. "
                "Say which are the classes: Network(model, output=lambda out: ...)."
            )
        inside = self.ends_in_sigmoid(samples)
        return probabilities(capture(self, samples, [OUTPUT])[OUTPUT], sigmoid=inside)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that a batch did not fit."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, ModelError) or not isinstance(error, RuntimeError):
        return False  # a ModelError quotes another error's words
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text


def _unwrapped(module: nn.Module) -> nn.Module:
    """The model inside ``DataParallel`` and ``torch.compile``, which hide its layers."""
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(getattr(module, "_orig_mod", None), nn.Module):
            module = module._orig_mod  # type: ignore[assignment]
        else:
            return module


def _has_weights(module: nn.Module) -> bool:
    """Whether the module holds weights itself, not only in its parts."""
    own = any(parameter is not None for parameter in module._parameters.values())
    return own or "parametrizations" in module._modules
