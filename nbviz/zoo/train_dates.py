"""How the date translator is trained, and how its data are made: ``pip install nbviz[zoo]`` brings babel."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from nbviz.zoo.checkpoints import Checkpoints, save
from nbviz.zoo.dates import FILE, WrittenDate, is_held_out
from nbviz.zoo.dates_tokenizer import DateTokenizer
from nbviz.zoo.models_dates import ARCHITECTURES, TARGET_SYMBOLS, DateTranslator
from nbviz.zoo.reproducible import reproducible

# fmt: off
LOCALES = (
    "cs", "da", "de", "el", "en_GB", "en_US", "es", "fi", "fr", "hu",
    "it", "ja", "nb", "nl", "pl", "pt", "ro", "ru", "sv", "tr",
)
# fmt: on


@dataclass(frozen=True)
class Recipe:
    """How one model is trained: AdamW under a one-cycle learning rate, teacher forcing."""

    description: str
    architecture: str
    kwargs: dict[str, Any]
    pairs: int = 80_000  # training pairs, made anew for each epoch
    epochs: int = 8
    learning_rate: float = 4e-3  # the highest of the cycle
    weight_decay: float = 1e-4
    batch_size: int = 128
    clip: float = 1.0  # largest norm of the gradient
    seed: int = 0


RECIPES = {
    "date-attention": Recipe(
        "written dates in 20 locales to ISO 8601: GRUs with additive attention",
        "DateTranslator",
        {"embedding": 32, "hidden": 64},
    )
}


def patterns(locale_name: str) -> list[str]:
    """The CLDR patterns in which a locale writes a date with all four digits of its year, unambiguously.

    ``3/9/2021`` is left out: it is another day in another country. So are ``9-3-2021`` and two-digit years.
    """
    from babel import Locale
    from babel.dates import get_date_format

    locale = Locale.parse(locale_name)
    found = [get_date_format(length, locale).pattern for length in ("short", "medium", "long", "full")]
    skeletons = ("yMd", "yMMMd", "yMMMMd", "yMMMEd")
    found += [locale.datetime_skeletons[s].pattern for s in skeletons if s in locale.datetime_skeletons]
    kept = [p for p in dict.fromkeys([*found, "y-MM-dd"]) if _is_clear(p)]
    return sorted(kept)


def _is_clear(pattern: str) -> bool:
    numeric = re.fullmatch(r"[yMd]+([^\w\s])[yMd]+\1[yMd]+", pattern)
    ambiguous = numeric is not None and numeric[1] in "/-" and not pattern.startswith("y")
    return re.search(r"(?<!y)y(y{3})?(?!y)", pattern) is not None and not ambiguous


def written(days: Iterator[date], n: int, seed: int) -> list[WrittenDate]:
    """`n` different texts for days of `days`, each in a random locale and pattern.

    Raises
    ------
    RuntimeError
        If one text stands for two days: the model could not be right about both.
    """
    from babel.dates import format_date

    random_of = random.Random(seed)
    of_locale = {name: patterns(name) for name in LOCALES}
    found: dict[str, WrittenDate] = {}
    while len(found) < n:
        day, locale = next(days), random_of.choice(LOCALES)
        text = DateTokenizer.joined(format_date(day, random_of.choice(of_locale[locale]), locale))
        new = WrittenDate(text=text, iso=day.isoformat(), locale=locale)
        if found.setdefault(text, new)["iso"] != new["iso"]:
            raise RuntimeError(f"{text!r} is {new['iso']} in {locale} and {found[text]} elsewhere")
    return list(found.values())


def days(seed: int, part: str) -> Iterator[date]:
    """Random days of one part: ``"training"``, ``"development"`` or ``"held out"``; no day is in two parts.

    Half of them fall in 1900 to 2099, half in 1000 to 2999, so that years have to be read, not remembered.
    """
    random_of = random.Random(seed)
    spans = [(date(1900, 1, 1), date(2099, 12, 31)), (date(1000, 1, 1), date(2999, 12, 31))]
    while True:
        first, last = random_of.choice(spans)
        day = date.fromordinal(random_of.randint(first.toordinal(), last.toordinal()))
        if part_of(day) == part:
            yield day


def part_of(day: date) -> str:
    """In which part of the data a day is; the recipe was chosen on ``"development"``."""
    if is_held_out(day):
        return "held out"
    return "development" if day.toordinal() % 10 == 3 else "training"


def varied(text: str, locale: str, random_of: random.Random) -> str:
    """`text` as people write it: 9th in English, another case, no commas, 09 for 9, an odd character."""
    chance = random_of.random
    if locale.startswith("en") and chance() < 0.2:
        text = re.sub(r"(?<![\d-])\d\d?(?![\d-])", lambda day: ordinal(int(day[0])), text)
    if chance() < 0.25:
        text = random_of.choice([str.lower, str.upper])(text)
    if chance() < 0.1:
        text = text.replace(",", "")
    if chance() < 0.1:
        text = re.sub(r"(?<!\d)(\d)(?!\d)", r"0\1", text)
    if chance() < 0.05:
        letters = [i for i, c in enumerate(text) if c.isalpha()]
        if letters:
            i = random_of.choice(letters)
            text = text[:i] + "\N{REPLACEMENT CHARACTER}" + text[i + 1 :]  # becomes <unknown>
    return text


def ordinal(number: int) -> str:
    """``9th``, ``21st``: the English ordinal number."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number in (11, 12, 13) else endings.get(number % 10, 'th')}"


def target_of(iso: str) -> list[int]:
    return [TARGET_SYMBOLS.index(c) for c in iso] + [DateTranslator.end_id]


def train(recipe: Recipe, tokenizer: DateTokenizer, on_epoch: Any = lambda epoch, module: None) -> None:
    """Train a new model and show it to ``on_epoch(epoch, module)`` after each epoch, in evaluation mode."""
    kwargs = {**recipe.kwargs, "n_symbols": len(tokenizer)}
    with reproducible(recipe.seed):
        module = ARCHITECTURES[recipe.architecture](**kwargs)
        optimizer = torch.optim.AdamW(
            module.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        steps = recipe.epochs * -(-recipe.pairs // recipe.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps)
        for epoch in range(1, recipe.epochs + 1):
            module.train()
            for ids, target in batches(recipe, tokenizer, seed=1000 * recipe.seed + epoch):
                scores = module(ids, target)
                optimizer.zero_grad()
                functional.cross_entropy(scores.flatten(0, 1), target.flatten()).backward()
                nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
                optimizer.step()
                schedule.step()
            on_epoch(epoch, module.eval())


def batches(
    recipe: Recipe, tokenizer: DateTokenizer, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The pairs of one epoch; texts in a batch are of nearly the same length, the batches in random order."""
    random_of = random.Random(seed)
    rows = [
        (varied(row["text"], row["locale"], random_of), row["iso"])
        for row in written(days(seed, "training"), recipe.pairs, seed)
    ]
    rows.sort(key=lambda row: len(row[0]))
    starts = list(range(0, len(rows), recipe.batch_size))
    random_of.shuffle(starts)
    for start in starts:
        some = rows[start : start + recipe.batch_size]
        batch = tokenizer([text for text, _ in some], return_tensors="pt")
        yield batch["input_ids"], torch.tensor([target_of(iso) for _, iso in some])


def exact(module: nn.Module, tokenizer: DateTokenizer, rows: list[WrittenDate]) -> float:
    """Fraction of the texts that are translated without any error, 0 to 1."""
    right = 0
    with torch.inference_mode():
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            batch = tokenizer([row["text"] for row in some], return_tensors="pt")
            found = module(batch["input_ids"]).argmax(2)
            wanted = torch.tensor([target_of(row["iso"]) for row in some])
            right += int((found == wanted).all(1).sum())
    return right / len(rows)


def year_attention(module: Any, tokenizer: DateTokenizer, rows: list[WrittenDate]) -> float:
    """Mean share of the attention that lies on the year's characters while the year is written, 0 to 1."""
    total = 0.0
    with torch.inference_mode():
        for row in rows:
            memory = module.encode(torch.tensor([tokenizer.encode(row["text"])]))
            state, token = module.start(memory), torch.tensor([module.start_id])
            first = row["text"].index(row["iso"][:4])
            for symbol in target_of(row["iso"])[:4]:
                _, state, weights = module.step(token, state, memory)
                token = torch.tensor([symbol])
                total += float(weights[0, first : first + 4].sum())
    return total / (4 * len(rows))


def train_into(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Train, write the weights into `folder`, and give the card; see ``train.py``."""
    seen = written(days(recipe.seed, "training"), 20_000, recipe.seed)
    tokenizer = DateTokenizer(sorted({c for row in seen for c in row["text"]}))
    development = written(days(1, "development"), 1000, 1)
    started = time.perf_counter()

    def on_epoch(epoch: int, module: nn.Module) -> None:
        share = exact(module, tokenizer, development)
        print(f"{folder.name}  epoch {epoch:2d}  exact on days for development {share:.2%}", flush=True)
        if epoch == recipe.epochs:
            save(folder, epoch, module.state_dict())

    train(recipe, tokenizer, on_epoch)
    shipped = ARCHITECTURES[recipe.architecture](**recipe.kwargs, n_symbols=len(tokenizer)).eval()
    shipped.load_state_dict(Checkpoints(folder)[recipe.epochs])  # rounded to float16
    held_out = written(days(2, "held out"), 5000, 2)
    return {
        **asdict(recipe),
        "kwargs": {**recipe.kwargs, "n_symbols": len(tokenizer)},
        "symbols": tokenizer.symbols[2:],
        "locales": LOCALES,
        "training_data": "babel's CLDR patterns for days that are not held out, see train_dates.py",
        "held_out_data": "5,000 texts for held-out days; the first 300 are data/dates.json",
        "held_out_exact": exact(shipped, tokenizer, held_out),
        "held_out_year_attention": round(year_attention(shipped, tokenizer, held_out[:300]), 4),
        "seconds": round(time.perf_counter() - started),
        "torch": torch.__version__,
    }


def write_held_out(file: Path = FILE, n: int = 300) -> None:
    """Write the held-out dates that ship: the first `n` of those on which the card's figures are measured."""
    rows = written(days(2, "held out"), n, 2)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    file.write_text(f'{{"dates": [\n{lines}\n]}}\n', encoding="utf-8")
