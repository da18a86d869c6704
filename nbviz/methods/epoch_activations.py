"""Activations of the same samples at every epoch of a training, or in every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.errors import unknown_name
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.core.recording import Predictions, Recording, class_labels, spread, why_no_classes
from nbviz.core.samples import Samples
from nbviz.core.specimen import ModelSpecimen, Specimen, samples_token
from nbviz.core.version import fingerprint, structure
from nbviz.methods.answer_classes import answer_classes
from nbviz.methods.layer_map import NO_COMMON_CLASS, accuracy_of, match_outputs


@dataclass(frozen=True, eq=False, repr=False)
class FrameAnswers(Brief):
    """What the network of one frame says of the samples.

    Attributes
    ----------
    predictions : Predictions
        Of the samples shown.
    truth : ndarray of int64, shape (n_samples,), or None
        Their labels, numbered as the network's outputs are; None where they cannot be compared.
    classes : dict of int to str
        What the outputs are called, by number.
    """

    predictions: Predictions
    truth: NDArray[np.int64] | None
    classes: dict[int, str]


@dataclass(frozen=True, eq=False, repr=False)
class FrameActivations(Brief):
    """What :func:`~nbviz.methods.evolution.evolution` compares: one array per epoch or layer.

    Attributes
    ----------
    names : tuple of int, or of str
        Epochs, or layers.
    activations : tuple of ndarray of float32, each of shape (n_samples, n_features)
        The same arrays for the same question while the network keeps them, so that a
        :class:`~nbviz.methods.neighbour_cache.NeighbourCache` knows them again.
    rows : ndarray of int, shape (n_samples,)
        Which samples.
    accuracy : ndarray of float64, shape (frames,), or None
        Share of these samples that the network classifies as labelled (AC of Rauber et al. 2017), in
        [0, 1]; the same for all layers. None without labels or classes.
    notes : tuple of str
        Why there is no accuracy although there are labels, in plain words.
    answers : tuple of FrameAnswers or None, one for each frame
        None where nothing is predicted.
    """

    names: tuple[Any, ...]
    activations: tuple[NDArray[np.float32], ...]
    rows: NDArray[np.int64]
    accuracy: NDArray[np.float64] | None
    notes: tuple[str, ...] = ()
    answers: tuple[FrameAnswers | None, ...] = ()


def checkpoint_activations_steps(
    network: Network | nn.Module,
    samples: Any,
    layer: str = "",
    epochs: Sequence[int] | None = None,
    *,
    reduce: str = "flatten",
    n_samples: int = 0,
) -> Steps:
    """Run the samples to one layer with the weights of each checkpoint.

    Yields ``Progress``, then a ``Result`` with :class:`FrameActivations`. What a checkpoint gave is kept in
    ``network.cache`` until its weights change.

    Parameters
    ----------
    network : Network
        With ``checkpoints``.
    samples : Samples, or what they are made from
    layer : str
        Default: the last hidden layer.
    epochs : sequence of int, optional
        Default: all checkpoints, in order.
    reduce : {"flatten", "max", "mean"}
        How a feature map becomes a vector.
    n_samples : int
        How many samples, evenly spread over all; 0 for all.

    Raises
    ------
    UnknownName
        No such layer or epoch.
    ValueError
        The network has no checkpoints, or ``epochs`` is empty.
    ModelError
        If the model raises.
    """
    network, samples = Network.of(network), Samples.of(samples)
    if not network.checkpoints:
        raise ValueError(
            "the network has no checkpoints: Network(model, checkpoints={epoch: state_dict, ...})"
        )
    epochs = sorted(network.checkpoints) if epochs is None else list(epochs)
    if not epochs:
        raise ValueError("epochs must name one checkpoint or more, got none")
    for epoch in epochs:
        if epoch not in network.checkpoints:
            raise unknown_name("epoch", epoch, [str(e) for e in sorted(network.checkpoints)])
    specimen = ModelSpecimen(network, samples)
    layer = specimen.check(layer or specimen.default_layer())
    rows = spread(len(samples), n_samples or len(samples))
    truth, why_not = match_outputs(specimen)
    arrays: list[NDArray[np.float32]] = []
    answers: list[FrameAnswers | None] = []
    for done, epoch in enumerate(epochs):
        yield Progress(done, len(epochs), "checkpoints")
        weights = fingerprint(list(network.checkpoints[epoch].values()))
        settings = hash(structure(network.module))
        key = ("epoch", epoch, weights, settings, samples_token(samples), layer, reduce, rows.tobytes())
        array, classes, confidence = (
            network.cache.get((*key, what)) for what in ("activations", "classes", "confidence")
        )
        if array is None or classes is None or confidence is None:
            then = network.at_epoch(epoch)
            then.batch_size = network.batch_size
            recording = None
            for event in ModelSpecimen(then, samples).record_steps(layer, reduce, rows):
                if isinstance(event, Progress):
                    yield Progress(event.done, event.total, f"samples through the model of epoch {epoch}")
                elif isinstance(event, Result):
                    recording = event.value
            assert isinstance(recording, Recording)
            array = recording.activations
            said = recording.predictions
            classes = np.zeros(0, np.int64) if said is None else said.classes
            confidence = np.zeros(0, np.float32) if said is None else said.confidence
            network.cache.put((*key, "activations"), array)
            network.cache.put((*key, "classes"), classes)
            network.cache.put((*key, "confidence"), confidence)
        arrays.append(array)
        if len(classes):
            shown = None if truth is None else truth[rows]
            said = Predictions(classes, confidence)
            answers.append(FrameAnswers(said, shown, answer_classes(specimen, truth, said)))
        else:
            answers.append(None)
    accuracy = None
    if truth is not None and None not in answers:
        accuracy = np.array([(one.predictions.classes == one.truth).mean() for one in answers if one])
    notes = () if accuracy is not None else _why_unknown(samples, why_not)
    yield Result(FrameActivations(tuple(epochs), tuple(arrays), rows, accuracy, notes, tuple(answers)))


def checkpoint_activations(
    network: Network | nn.Module, samples: Any, *arguments: Any, **options: Any
) -> Any:
    """:func:`checkpoint_activations_steps`, run to the end: a :class:`FrameActivations`."""
    return run_to_end(checkpoint_activations_steps(network, samples, *arguments, **options))


def layer_activations_steps(
    network: Network | nn.Module,
    samples: Any,
    layers: Sequence[str] | None = None,
    *,
    reduce: str = "flatten",
    n_samples: int = 0,
) -> Steps:
    """Run the samples to several layers.

    Yields ``Progress``, then a ``Result`` with :class:`FrameActivations`.

    Parameters
    ----------
    network : Network or torch.nn.Module
    samples : Samples, or what they are made from
    layers : sequence of str, optional
        In the order in which they are compared. Default: all, from ``"input"`` on.
    reduce, n_samples
        As in :func:`checkpoint_activations_steps`.

    Raises
    ------
    UnknownName
        No such layer.
    ValueError
        ``layers`` is empty, or a single str.
    ModelError
        If the model raises.
    """
    network, samples = Network.of(network), Samples.of(samples)
    specimen = ModelSpecimen(network, samples)
    wanted = [layer.name for layer in specimen.layers()] if layers is None else list(layers)
    if not wanted or isinstance(layers, str):
        raise ValueError(f"layers must be a list of one layer or more, got {layers!r}")
    wanted = [specimen.check(name) for name in wanted]
    frames = [(name, specimen, name) for name in wanted]
    yield from frames_of_steps(frames, reduce=reduce, n_samples=n_samples)


def frames_of_steps(
    frames: Sequence[tuple[Any, Specimen, str]], *, reduce: str = "flatten", n_samples: int = 0
) -> Steps:
    """One array per frame, from wherever it comes.

    Yields ``Progress``, then a ``Result`` with :class:`FrameActivations`.

    Parameters
    ----------
    frames : sequence of (name, specimen, layer)
        The name of the frame, and where its activations are. All specimens are of the same samples.
    reduce, n_samples
        As in :func:`checkpoint_activations_steps`.
    """
    samples = frames[0][1].samples
    rows = spread(len(samples), n_samples or len(samples))
    arrays, accuracies, reasons = [], [], []
    answers: list[FrameAnswers | None] = []
    for done, (name, specimen, layer) in enumerate(frames):
        yield Progress(done, len(frames), "frames")
        truth, why_not = match_outputs(specimen)
        for event in specimen.record_steps(layer, reduce, rows):
            if isinstance(event, Progress):
                yield Progress(event.done, event.total, f"samples through the model to {name}")
            elif isinstance(event, Result):
                arrays.append(event.value.activations)
                predictions = event.value.predictions
                shown = None if truth is None else truth[rows]
                if shown is not None and predictions is not None:
                    accuracies.append(accuracy_of(specimen, predictions, shown))
                    reasons += [NO_COMMON_CLASS] * (accuracies[-1] is None)
                    shown = None if accuracies[-1] is None else shown
                elif predictions is not None or isinstance(specimen, ModelSpecimen):
                    reasons.append(why_not)
                if predictions is None:
                    answers.append(None)
                else:
                    classes = answer_classes(specimen, None if shown is None else truth, predictions)
                    answers.append(FrameAnswers(predictions, shown, classes))
    accuracy: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()
    if len(accuracies) == len(frames) and None not in accuracies:
        accuracy = np.array(accuracies)
    elif reasons or class_labels(samples) is None:
        notes = _why_unknown(samples, reasons[0] if reasons else "")
    names = tuple(name for name, _, _ in frames)
    yield Result(FrameActivations(names, tuple(arrays), rows, accuracy, notes, tuple(answers)))


def _why_unknown(samples: Samples, why_not: str) -> tuple[str, ...]:
    """A note on an accuracy that there is not, if there are labels."""
    if class_labels(samples) is None:
        return tuple(filter(None, (why_no_classes(samples),)))
    return (f"accuracy unknown: {why_not or 'the model gives no score per class'}",)


def layer_activations(network: Network | nn.Module, samples: Any, *arguments: Any, **options: Any) -> Any:
    """:func:`layer_activations_steps`, run to the end: a :class:`FrameActivations`."""
    return run_to_end(layer_activations_steps(network, samples, *arguments, **options))
