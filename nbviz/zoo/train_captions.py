"""How the digit captioner is trained: on new scenes at every step, made from the training digits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nbviz.core.transforms import PixelTransform
from nbviz.zoo.captions import DIGITS, PLURALS, SIDE, TILES, Scenes, load_scenes, scenes
from nbviz.zoo.checkpoints import Checkpoints, save
from nbviz.zoo.datasets import HELD_OUT, mnist_arrays
from nbviz.zoo.models_captions import ARCHITECTURES, LONGEST, WORDS, DigitCaptioner
from nbviz.zoo.reproducible import reproducible

#: Mean and standard deviation of the pixels of scenes made from training digits, in units of 0 ... 1.
TRANSFORM = {"mean": 0.046, "std": 0.189}

#: Names of the encoder's layers begin with one of these.
ENCODER = ("conv", "norm")

_NUMBER = {word: number for number, word in enumerate(WORDS)}
_IGNORED = -100  # cross_entropy leaves it out: words after the end


@dataclass(frozen=True)
class Recipe:
    """How one model is trained: AdamW under a one-cycle learning rate in each of three stages.

    First the convolutions learn single digits, then the decoder learns to describe what they see, with
    teacher forcing, then both are trained together. Xu et al. took an encoder that was trained before; here
    the first stage takes its place, and the second costs a third of the third.
    """

    description: str
    architecture: str
    kwargs: dict[str, Any]
    encoder_epochs: int = 14
    decoder_steps: int = 2500
    steps: int = 1500  # together
    encoder_learning_rate: float = 4e-3  # the highest of the cycle, here and below
    decoder_learning_rate: float = 4e-3
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    batch_size: int = 64
    doubly_stochastic: float = 0.01  # λ of Xu et al., equation 14
    clip: float = 1.0  # largest norm of the gradient
    seed: int = 0


RECIPES = {
    "digit-captioner": Recipe(
        "scenes of MNIST digits to sentences: soft attention, 64 x 64",
        "DigitCaptioner",
        {"channels": (16, 32, 64, 64), "embedding": 32, "hidden": 128, "attention": 64},
    )
}


def train_encoder(module: DigitCaptioner, rows: range, epochs: int, learning_rate: float) -> None:
    """Train the convolutions to tell single digits apart, as the encoder of Xu et al. was trained before.

    Each digit is a scaled one as in a scene, somewhere on 32 x 32 pixels; the mean of the last map goes to a
    linear layer, which is thrown away.
    """
    images, labels = (torch.from_numpy(a[rows.start : rows.stop].copy()) for a in mnist_arrays())
    head = nn.Linear(module.conv4.out_channels, 10)
    weights = [p for name, p in module.named_parameters() if name.startswith(ENCODER)]
    batches = -(-len(images) // 64)
    optimizer = torch.optim.AdamW([*weights, *head.parameters()], learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=epochs * batches)
    for _ in range(epochs):
        for some in torch.randperm(len(images)).split(64):
            side = TILES[int(torch.randint(len(TILES), ()))]
            digits = functional.interpolate(images[some, None].float(), size=(side, side), mode="area")
            top, left = torch.randint(32 - side + 1, (2,)).tolist()
            patch = functional.pad(digits, (left, 32 - side - left, top, 32 - side - top))
            scores = head(module.features((patch / 255 - TRANSFORM["mean"]) / TRANSFORM["std"]).mean((2, 3)))
            optimizer.zero_grad()
            functional.cross_entropy(scores, labels[some]).backward()
            optimizer.step()
            schedule.step()


def targets_of(sentences: list[str]) -> Tensor:
    """(n, 7) int64: the words, the end, and ``-100`` after it."""
    rows = torch.full((len(sentences), LONGEST), _IGNORED)
    for row, sentence in zip(rows, sentences, strict=True):
        numbers = [*(_NUMBER[word] for word in sentence.split()), DigitCaptioner.end_id]
        row[: len(numbers)] = torch.tensor(numbers)
    return rows


def loss_of(module: DigitCaptioner, some: Scenes, doubly_stochastic: float) -> Tensor:
    """Mean over the scenes of ``- log p(sentence) + λ Σ_i (1 - Σ_t α_ti)²``, Xu et al., equation 14."""
    targets = targets_of(some.sentences)
    is_word = targets != _IGNORED
    scores, attention = module.write(
        PixelTransform(**TRANSFORM)(some.inputs).to(memory_format=torch.channels_last), targets.clamp(min=0)
    )
    words = functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="sum") / len(some)
    looked = (attention * is_word[..., None]).sum(1)
    return words + doubly_stochastic * ((1 - looked) ** 2).sum(1).mean()


def train(
    recipe: Recipe, rows: range, on_step: Callable[[int, nn.Module], None] = lambda step, module: None
) -> nn.Module:
    """Train a new model on scenes of the MNIST images `rows`; gives it in evaluation mode.

    ``on_step(step, module)`` is called every 250 steps, with the module in evaluation mode.
    """
    random = np.random.default_rng(recipe.seed)
    with reproducible(recipe.seed):
        module = ARCHITECTURES[recipe.architecture](**recipe.kwargs)
        assert isinstance(module, DigitCaptioner)
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # half the time on a CPU
        train_encoder(module, rows, recipe.encoder_epochs, recipe.encoder_learning_rate)
        stages = ((recipe.decoder_steps, recipe.decoder_learning_rate), (recipe.steps, recipe.learning_rate))
        for stage, (steps, learning_rate) in enumerate(stages):
            is_frozen = stage == 0
            for name, parameter in module.named_parameters():
                parameter.requires_grad_(not (is_frozen and name.startswith(ENCODER)))
            weights = [p for p in module.parameters() if p.requires_grad]
            optimizer = torch.optim.AdamW(weights, learning_rate, weight_decay=recipe.weight_decay)
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, learning_rate, total_steps=max(1, steps), pct_start=0.15
            )
            for step in range(1, steps + 1):
                for name, part in module.named_children():
                    part.train(not (is_frozen and name.startswith(ENCODER)))
                loss = loss_of(module, scenes(recipe.batch_size, random, rows), recipe.doubly_stochastic)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(weights, recipe.clip)
                optimizer.step()
                schedule.step()
                if step % 250 == 0:
                    on_step(step + stage * recipe.decoder_steps, module.eval())
    return module.eval().requires_grad_(True)


def described(module: nn.Module, pictures: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The model's own sentences, and its attention, (n, 7, positions) float32."""
    assert isinstance(module, DigitCaptioner)
    sentences, attention = [], []
    with torch.inference_mode():
        for part in np.array_split(pictures, -(-len(pictures) // 250)):
            scores, weights = module.write(PixelTransform(**TRANSFORM)(part))
            for numbers in scores.argmax(2).tolist():
                words = [WORDS[number] for number in numbers]
                sentences.append(" ".join(words[: words.index("<end>")] if "<end>" in words else words))
            attention.append(weights.numpy())
    return sentences, np.concatenate(attention)


def exact(module: nn.Module, some: Scenes) -> float:
    """Fraction of the scenes whose sentence is right in every word, 0 to 1."""
    found, _ = described(module, some.inputs)
    return float(np.mean([a == b for a, b in zip(found, some.sentences, strict=True)]))


def attention_on_digits(module: nn.Module, some: Scenes) -> dict[str, float]:
    """How much of the attention lies on the named digits when their word is written.

    Returns
    -------
    dict
        Means over the words of rightly described scenes. ``"in_boxes"``: share of the attention inside the
        boxes of the named digits, each of the 8 x 8 positions spread evenly over its 8 x 8 pixels;
        ``"boxes"``: share of these boxes in the picture, which is what attention without aim would give.
        ``"at_positions"`` and ``"positions"``: the same for the positions whose pixels touch a box.
    """
    sentences, attention = described(module, some.inputs)
    found: list[tuple[float, float, float, float]] = []
    for row, boxes in enumerate(some.boxes):
        if sentences[row] != some.sentences[row]:
            continue
        for step, digit in digit_words(some.sentences[row]):
            weights = attention[row, step].reshape(8, 8)
            inside = np.zeros((SIDE, SIDE), bool)
            for box in (box for box in boxes if box.digit == digit):
                inside[box.top : box.bottom, box.left : box.right] = True
            covered = inside.reshape(8, SIDE // 8, 8, SIDE // 8).mean(
                (1, 3)
            )  # share of each position's pixels
            touched = covered > 0
            found.append(((weights * covered).sum(), covered.mean(), weights[touched].sum(), touched.mean()))
    means = np.mean(found, axis=0) if found else np.full(4, np.nan)
    names = ("in_boxes", "boxes", "at_positions", "positions")
    return {name: round(float(mean), 4) for name, mean in zip(names, means, strict=True)}


def digit_words(sentence: str) -> list[tuple[int, int]]:
    """(step, digit) for each word that names a digit: in "two threes", only the second word."""
    words = sentence.split()
    nouns = [i for i in range(1, len(words)) if words[i - 1] in ("a", "an", "two", "three")]
    names = {word: digit for kind in (DIGITS, PLURALS) for digit, word in enumerate(kind)}
    return [(i, names[words[i]]) for i in nouns if words[i] in names]


def train_into(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Train, write the weights into `folder`, and give the card; see ``train.py``."""
    started = time.perf_counter()
    total = len(mnist_arrays()[0])
    some = load_scenes(500, seed=1, held_out=False)

    def on_step(step: int, module: nn.Module) -> None:
        share, looked = exact(module, some), attention_on_digits(module, some)
        print(f"{folder.name}  step {step:5d}  exact on training digits {share:.1%}, {looked}", flush=True)

    module = train(recipe, range(HELD_OUT, total), on_step)
    # the count of batches is not needed, and a number of another type
    state = {k: v for k, v in module.state_dict().items() if not k.endswith("num_batches_tracked")}
    save(folder, 1, state)
    shipped = ARCHITECTURES[recipe.architecture](**recipe.kwargs).eval()
    shipped.load_state_dict(Checkpoints(folder)[1])  # rounded to float16
    held_out = load_scenes(2000)
    return {
        **asdict(recipe),
        "transform": TRANSFORM,
        "training_data": f"new scenes for each step from rows {HELD_OUT} to {total - 1} of data/mnist.npz",
        "held_out_data": "load_scenes(2000): digits of rows 0 to 1999",
        "held_out_exact": exact(shipped, held_out),
        "held_out_attention": attention_on_digits(shipped, held_out),
        "seconds": round(time.perf_counter() - started),
        "torch": torch.__version__,
    }
