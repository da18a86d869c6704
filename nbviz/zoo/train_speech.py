"""How the network that hears phones is trained; its training speech is made anew, which needs espeak-ng."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nbviz.core.samples import Samples
from nbviz.core.transforms import PixelTransform
from nbviz.methods.neighbours import neighbourhood_hit
from nbviz.zoo.checkpoints import Checkpoints, save
from nbviz.zoo.make_speech import record_training
from nbviz.zoo.models_speech import ARCHITECTURES
from nbviz.zoo.reproducible import reproducible
from nbviz.zoo.speech import PHONES, Speech, load_speech

#: Where neighbours are compared: the input, the hidden units and the scores.
LAYERS = ("input", "sigmoid1", "sigmoid2", "sigmoid3", "sigmoid4", "fc5")


@dataclass(frozen=True)
class Recipe:
    """How one model is trained: AdamW under a one-cycle learning rate."""

    description: str
    architecture: str
    kwargs: dict[str, Any]
    checkpoints: tuple[int, ...] = (0, 1, 10)  # the last one is the number of epochs
    learning_rate: float = 5e-3  # the highest of the cycle
    weight_decay: float = 1e-2
    batch_size: int = 256
    seed: int = 0


RECIPES = {
    "speech-mlp": Recipe(
        "four layers of sigmoid units that hear phones in synthetic speech", "SpeechMLP", {"width": 160}
    )
}


def training_frames(speech: Speech) -> tuple[np.ndarray, np.ndarray]:
    """The numbers and phones, both (n,), of the frames in the inner 60 % of each phone.

    At its edges a phone sounds like its neighbours; frames without any sound are left out.
    """
    length = speech.end - speech.start
    cut = length // 5
    count = length - 2 * cut
    phone = np.repeat(np.arange(len(length)), count)
    centres = np.arange(len(phone)) - np.repeat(np.cumsum(count) - count, count) + (speech.start + cut)[phone]
    audible = speech.frames[centres].any(axis=1)
    return centres[audible], speech.phone[phone[audible]].astype(np.int64)


def train(
    recipe: Recipe,
    speech: Speech,
    transform: PixelTransform,
    on_checkpoint: Callable[[int, nn.Module], None],
) -> None:
    """Train a new model and show it to `on_checkpoint` after each epoch that the recipe keeps.

    Parameters
    ----------
    recipe : Recipe
    speech : Speech
        What it hears.
    transform : PixelTransform
        How the frames are scaled.
    on_checkpoint : callable
        Gets the epoch, 0 before any training, and the module in evaluation mode.

    Notes
    -----
    The global random state and the number of threads are left as they were.
    """
    centres, labels = training_frames(speech)
    targets = torch.from_numpy(labels)
    epochs = max(recipe.checkpoints)
    with reproducible(recipe.seed):
        module = ARCHITECTURES[recipe.architecture](**recipe.kwargs)
        optimizer = torch.optim.AdamW(
            module.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        batches = -(-len(centres) // recipe.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=max(1, epochs * batches), pct_start=0.15
        )
        for epoch in range(epochs + 1):
            if epoch > 0:
                module.train()
                for rows in torch.randperm(len(centres)).split(recipe.batch_size):
                    scores = module(transform(speech.windows(centres[rows.numpy()])))
                    optimizer.zero_grad()
                    functional.cross_entropy(scores, targets[rows]).backward()
                    optimizer.step()
                    schedule.step()
            if epoch in recipe.checkpoints:
                on_checkpoint(epoch, module.eval())


def activations(module: nn.Module, inputs: torch.Tensor) -> dict[str, np.ndarray]:
    """The input and what the hidden and the last layer make of it, each (n, units), by :data:`LAYERS`."""
    found, x = {"input": inputs.flatten(1).numpy()}, inputs
    with torch.inference_mode():
        for name, layer in module.named_children():
            x = layer(x)
            if name in LAYERS:
                found[name] = x.numpy()
    return found


def neighbourhood_hits(module: nn.Module, inputs: torch.Tensor, samples: Samples) -> dict[str, Any]:
    """Fraction of the six nearest neighbours with the same phone, and with the same speaker, by layer."""
    return {
        layer: {
            column: round(neighbourhood_hit(values, samples.metadata[column]), 4)
            for column in ("phone", "speaker")
        }
        for layer, values in activations(module, inputs).items()
    }


def accuracies(module: nn.Module, inputs: torch.Tensor, samples: Samples) -> dict[str, float]:
    """Fraction of the frames whose highest score is that of their phone, by what the speaker was."""
    with torch.inference_mode():
        right = module(inputs).argmax(1).numpy() == samples.labels
    was = samples.metadata["speaker was"]
    return {str(kind): round(float(right[was == kind].mean()), 4) for kind in np.unique(was)[::-1]}


def train_into(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Make the training speech, train, write the checkpoints into `folder` and return the card."""
    started = time.process_time()
    speech, samples = record_training(), load_speech()
    pixels = speech.windows(training_frames(speech)[0][::10]) / 255
    scale = {"mean": round(float(pixels.mean()), 4), "std": round(float(pixels.std()), 4)}
    transform = PixelTransform(**scale)
    inputs = transform(samples.inputs)
    accuracy: dict[str, Any] = {}
    hits: dict[str, Any] = {}

    def on_checkpoint(epoch: int, module: nn.Module) -> None:
        shipped = module
        if epoch > 0:  # the seed gives the weights before training again
            save(folder, epoch, module.state_dict())
            # what is measured is what ships: the weights as read back, rounded to float16
            shipped = ARCHITECTURES[recipe.architecture](**recipe.kwargs).eval()
            shipped.load_state_dict(Checkpoints(folder)[epoch])
        accuracy[str(epoch)] = accuracies(shipped, inputs, samples)
        hits[str(epoch)] = neighbourhood_hits(shipped, inputs, samples)
        reached = ", ".join(f"{value:.1%} {kind}" for kind, value in accuracy[str(epoch)].items())
        spent = time.process_time() - started
        print(f"{folder.name}  epoch {epoch:2d}  {reached}  {spent:.0f} s", flush=True)

    train(recipe, speech, transform, on_checkpoint)
    return {
        **asdict(recipe),
        "transform": scale,
        "class_names": PHONES,
        "training_data": f"make_speech.record_training(): {len(training_frames(speech)[0])} frames, "
        f"{len(speech.speakers)} voices of espeak-ng",
        "held_out_data": f"load_speech({len(samples)})",
        "held_out_accuracy": accuracy,
        "neighbourhood_hit": hits,
        "seconds": round(time.process_time() - started),
        "torch": torch.__version__,
    }
