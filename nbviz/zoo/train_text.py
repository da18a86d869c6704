"""How the character-level language models are trained: on the source of the user's own standard library."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nbviz.zoo.characters import CharacterTokenizer
from nbviz.zoo.checkpoints import Checkpoints, save
from nbviz.zoo.models_text import ARCHITECTURES, CharacterRNN, CharacterTransformer
from nbviz.zoo.python_source import SourceText, load_python_source
from nbviz.zoo.reproducible import reproducible


@dataclass(frozen=True)
class Recipe:
    """How one model is trained: AdamW under a one-cycle learning rate, on passages of the source text."""

    description: str
    architecture: str
    kwargs: dict[str, Any]
    checkpoints: tuple[int, ...] = (0, 3)  # the last one is the number of times the text is read
    learning_rate: float = 5e-3  # the highest of the cycle
    weight_decay: float = 1e-2
    batch_size: int = 32
    window: int = 128  # characters through which the gradient flows back
    fresh_start: float = 1 / 16  # how often a recurrent network forgets its state between two windows
    repeats: float = 0.0  # fraction of a batch that is random symbols, repeated
    seed: int = 0


RECIPES = {
    "python-char-lstm": Recipe(
        "two LSTM layers of 128 cells on Python source, character by character",
        "CharacterRNN",
        {"cell": "lstm", "hidden": 128},
    ),
    # as many parameters as the LSTM
    "python-char-gru": Recipe(
        "two GRU layers of 148 cells on Python source, character by character",
        "CharacterRNN",
        {"cell": "gru", "hidden": 148},
        checkpoints=(0, 2),
    ),
    "python-char-transformer": Recipe(
        "two layers of 6 attention heads on Python source, character by character",
        "CharacterTransformer",
        {"width": 144, "heads": 6, "layers": 2, "max_length": 256},
        checkpoints=(0, 2),
        learning_rate=3e-3,
        batch_size=16,
        window=256,
        repeats=1 / 4,
    ),
}


def train(recipe: Recipe, source: SourceText, on_checkpoint: Callable[[int, nn.Module], None]) -> None:
    """Train a new model and show it to `on_checkpoint` after each reading of the text that is kept.

    Parameters
    ----------
    recipe : Recipe
    source : SourceText
        The training text; its files are shuffled before each reading.
    on_checkpoint : callable
        Gets the epoch, 0 before any training, and the module in evaluation mode.

    Notes
    -----
    The global random state and the number of threads are left as they were.
    """
    tokenizer = CharacterTokenizer()
    files = [torch.tensor(tokenizer(text), dtype=torch.int64) for text in source.files.values()]
    epochs = max(recipe.checkpoints)
    with reproducible(recipe.seed):
        module = ARCHITECTURES[recipe.architecture](**recipe.kwargs)
        optimizer = torch.optim.AdamW(
            module.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        steps = sum(map(len, files)) // (recipe.batch_size * recipe.window)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=max(1, epochs * steps), pct_start=0.1
        )
        for epoch in range(epochs + 1):
            if epoch > 0:
                module.train()
                read = reader(module, recipe)
                for ids in windows(files, recipe.batch_size, recipe.window):
                    loss = read(ids)
                    optimizer.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(module.parameters(), 1.0)
                    optimizer.step()
                    schedule.step()
            if epoch in recipe.checkpoints:
                on_checkpoint(epoch, module.eval())


def windows(files: list[Tensor], rows: int, length: int) -> Iterator[Tensor]:
    """The text in `rows` streams, read side by side: (rows, length + 1) ids, the last is the next's first."""
    text = torch.cat([files[i] for i in torch.randperm(len(files))])
    per_row = len(text) // (rows * length) * length
    streams = text[: rows * per_row].view(rows, per_row)
    following = torch.roll(text[: rows * per_row], -1).view(rows, per_row)
    for start in range(0, per_row, length):
        part = slice(start, start + length)
        yield torch.cat([streams[:, part], following[:, part][:, -1:]], dim=1)


def reader(module: nn.Module, recipe: Recipe) -> Callable[[Tensor], Tensor]:
    """A function from the ids of a window to the mean loss, in nats per character."""
    if isinstance(module, CharacterTransformer):
        return lambda ids: cross_entropy(*_with_repeats(module, ids, recipe.repeats))
    if not isinstance(module, CharacterRNN):
        raise TypeError(f"no way is known to train a {type(module).__name__} on text")
    state: Any = None

    def loss(ids: Tensor) -> Tensor:
        nonlocal state
        scores, after = module.read(ids[:, :-1], state)
        # now and then what was read is forgotten, so that a text may begin anywhere
        kept = (torch.rand(1, len(ids), 1) >= recipe.fresh_start).float()
        state = (
            tuple(part.detach() * kept for part in after)
            if isinstance(after, tuple)
            else after.detach() * kept
        )
        return cross_entropy(scores, ids[:, 1:])

    return loss


def _with_repeats(module: CharacterTransformer, ids: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Scores and targets of a window, some of whose rows are replaced by repeated random symbols."""
    n = round(fraction * len(ids))
    symbols = module.embedding.num_embeddings
    random, first = repeated(n, ids.shape[1], symbols)
    inputs = torch.cat([random, ids[n:]])
    targets = inputs[:, 1:].clone()
    targets[:n][first[:, 1:]] = IGNORED
    return module(inputs[:, :-1]), targets


IGNORED = -100  # PyTorch's mark for targets that do not count


def cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def repeated(n: int, length: int, symbols: int) -> tuple[Tensor, Tensor]:
    """Random symbols that repeat with a period of 16 to ``length / 2``, and where they stand first."""
    period = torch.randint(16, length // 2 + 1, (n, 1))
    place = torch.arange(length).expand(n, length)
    return torch.randint(symbols, (n, length)).gather(1, place % period), place < period


def bits_per_character(module: nn.Module, source: SourceText) -> float:
    """Mean over all characters but the first of each file; a transformer sees at least half its context."""
    tokenizer = CharacterTokenizer()
    nats, count = 0.0, 0
    with torch.inference_mode():
        for text in source.files.values():
            ids = torch.tensor([tokenizer(text)])
            for inputs, targets, scored in _pieces(module, ids):
                scores = module(inputs)[:, scored]
                nats += functional.cross_entropy(scores[0], targets[0, scored], reduction="sum").item()
                count += scores.shape[1]
    return nats / count / math.log(2)


def _pieces(module: nn.Module, ids: Tensor) -> Iterator[tuple[Tensor, Tensor, slice]]:
    """Inputs, targets and which steps count: each character counts once."""
    last = ids.shape[1] - 1
    if not isinstance(module, CharacterTransformer):
        yield ids[:, :-1], ids[:, 1:], slice(0, last)
        return
    half = module.max_length // 2
    for start in range(0, last, half):
        begin, end = max(0, start - half), min(start + half, last)
        yield ids[:, begin:end], ids[:, begin + 1 : end + 1], slice(start - begin, end - begin)


def train_into(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Train on the training files, write the last weights into `folder` and return the card.

    The weights before training are not written: the seed gives them again.
    """
    source, held_out = load_python_source(held_out=False), load_python_source()
    bits: dict[str, float] = {}
    started = time.process_time()

    def on_checkpoint(epoch: int, module: nn.Module) -> None:
        shipped = module
        if epoch > 0:
            save(folder, epoch, module.state_dict())
            # what is measured is what ships: the weights as read back, rounded to float16
            shipped = ARCHITECTURES[recipe.architecture](**recipe.kwargs).eval()
            shipped.load_state_dict(Checkpoints(folder)[epoch])
        bits[str(epoch)] = round(bits_per_character(shipped, held_out), 4)
        spent = time.process_time() - started
        reached = f"{bits[str(epoch)]:.3f} bits per character"
        print(f"{folder.name}  epoch {epoch}  {reached}  {spent:.0f} s", flush=True)

    train(recipe, source, on_checkpoint)
    return {
        **asdict(recipe),
        "symbols": "".join(CharacterTokenizer().symbols),
        "training_data": f"load_python_source(held_out=False): {source!r}",
        "held_out_data": f"load_python_source(): {held_out!r}",
        "held_out_bits_per_character": bits,
        "seconds": round(time.process_time() - started),
        "torch": torch.__version__,
    }
