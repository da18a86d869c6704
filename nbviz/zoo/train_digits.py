"""How the networks on handwritten digits are trained: AdamW under a one-cycle learning rate."""

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

from nbviz.core.transforms import PixelTransform
from nbviz.zoo.checkpoints import Checkpoints, save
from nbviz.zoo.datasets import DIGIT_NAMES, HELD_OUT, mnist_arrays
from nbviz.zoo.models_digits import ARCHITECTURES
from nbviz.zoo.reproducible import reproducible

#: Mean and standard deviation of the pixels of the 8,000 training images, in units of 0 ... 1.
TRANSFORM = {"mean": 0.1313, "std": 0.3089}


@dataclass(frozen=True)
class Recipe:
    """How one model is trained: AdamW under a one-cycle learning rate, images shifted at random."""

    description: str
    architecture: str
    kwargs: dict[str, Any]
    checkpoints: tuple[int, ...] = (0, 1, 2, 4, 8, 32)  # the last one is the number of epochs
    learning_rate: float = 3e-3  # the highest of the cycle
    weight_decay: float = 1e-2
    batch_size: int = 64
    shift: int = 2  # pixels, at most, in each direction
    seed: int = 0


RECIPES = {
    "mnist-cnn": Recipe(
        "three convolutions and a dense layer on MNIST, 28 x 28",
        "DigitCNN",
        {"channels": (24, 48, 64), "hidden": 128, "dropout": 0.4},
    ),
    "mnist-mlp": Recipe(
        "four dense ReLU layers with dropout on MNIST, 28 x 28",
        "DigitMLP",
        {"width": 192, "dropout": 0.2},
        checkpoints=(0, 1, 2, 8, 40),
        learning_rate=2e-3,
    ),
}


def train(
    recipe: Recipe,
    images: np.ndarray,
    labels: np.ndarray,
    on_checkpoint: Callable[[int, nn.Module], None],
) -> None:
    """Train a new model and show it to `on_checkpoint` after each epoch that the recipe keeps.

    Parameters
    ----------
    recipe : Recipe
    images : array, uint8 (n, H, W)
    labels : array, int64 (n,)
    on_checkpoint : callable
        Gets the epoch, 0 before any training, and the module in evaluation mode.

    Notes
    -----
    The global random state and the number of threads are left as they were.
    """
    pixels, targets = torch.from_numpy(images.copy()), torch.from_numpy(labels.copy())
    transform = PixelTransform(**TRANSFORM)
    epochs = max(recipe.checkpoints)
    with reproducible(recipe.seed):
        module = ARCHITECTURES[recipe.architecture](**recipe.kwargs)
        optimizer = torch.optim.AdamW(
            module.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        batches = -(-len(pixels) // recipe.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=max(1, epochs * batches), pct_start=0.15
        )
        for epoch in range(epochs + 1):
            if epoch > 0:
                module.train()
                for rows in torch.randperm(len(pixels)).split(recipe.batch_size):
                    scores = module(transform(shifted(pixels[rows], recipe.shift)))
                    optimizer.zero_grad()
                    functional.cross_entropy(scores, targets[rows]).backward()
                    optimizer.step()
                    schedule.step()
            if epoch in recipe.checkpoints:
                on_checkpoint(epoch, module.eval())


def shifted(pixels: torch.Tensor, most: int) -> torch.Tensor:
    """Each image moved by its own random whole number of pixels, up to `most` each way; zeros come in."""
    n, height, width = pixels.shape
    padded = functional.pad(pixels, (most, most, most, most))
    down, right = torch.randint(0, 2 * most + 1, (2, n, 1))
    y, x = down + torch.arange(height), right + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], y[:, :, None], x[:, None, :]]


def accuracy(module: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of the images whose highest score is that of their label, 0 to 1."""
    with torch.inference_mode():
        scores = torch.cat([module(PixelTransform(**TRANSFORM)(part)) for part in np.array_split(images, 10)])
    return float((scores.argmax(1).numpy() == labels).mean())


def train_into(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Train on the training images, write the checkpoints into `folder` and return the card."""
    images, labels = mnist_arrays()
    held_out: dict[str, float] = {}
    started = time.perf_counter()

    def on_checkpoint(epoch: int, module: nn.Module) -> None:
        shipped = module
        if epoch > 0:  # the weights before training are not written: the seed gives them again
            save(folder, epoch, module.state_dict())
            # what is measured is what ships: the weights as read back, rounded to float16
            shipped = ARCHITECTURES[recipe.architecture](**recipe.kwargs).eval()
            shipped.load_state_dict(Checkpoints(folder)[epoch])
        held_out[str(epoch)] = accuracy(shipped, images[:HELD_OUT], labels[:HELD_OUT])
        print(f"{folder.name}  epoch {epoch:3d}  held-out accuracy {held_out[str(epoch)]:.2%}", flush=True)

    train(recipe, images[HELD_OUT:], labels[HELD_OUT:], on_checkpoint)
    return {
        **asdict(recipe),
        "transform": TRANSFORM,
        "class_names": DIGIT_NAMES,
        "training_data": f"rows {HELD_OUT} to {len(images) - 1} of data/mnist.npz",
        "held_out_data": f"rows 0 to {HELD_OUT - 1} of data/mnist.npz",
        "held_out_accuracy": held_out,
        "seconds": round(time.perf_counter() - started),
        "torch": torch.__version__,
    }
