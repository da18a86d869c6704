"""Written dates that the date translator has not seen, with what they mean."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import TypedDict

import numpy as np

from nbviz.core.samples import Samples

FILE = Path(__file__).parent / "data" / "dates.json"


class WrittenDate(TypedDict):
    """``text`` is the date ``iso`` as it is written in ``locale``, a language with or without a country."""

    text: str
    iso: str
    locale: str


def is_held_out(day: date) -> bool:
    """Whether no way of writing this day may be used in training: every tenth day is kept for testing.

    Ten has no factor in common with the seven days of the week, so all weekdays are among the held-out days.
    """
    return day.toordinal() % 10 == 7


@cache
def held_out_dates() -> tuple[WrittenDate, ...]:
    """All that ship, in random order; see :func:`load_dates`."""
    return tuple(json.loads(FILE.read_text(encoding="utf-8"))["dates"])


def load_dates(n: int = 300) -> Samples:
    """Written dates in 20 locales, none of which was used to train ``"date-attention"``.

    No day among them occurs in the training data in any locale or form; see :func:`is_held_out`.

    Parameters
    ----------
    n : int
        How many, 1 to 300.

    Returns
    -------
    Samples
        Inputs: n strings. Metadata: ``iso``, what is meant (``"2021-03-09"``), and ``locale``
        (``"de"``), which also gives the labels.

    Raises
    ------
    ValueError
        If there are not that many.

    Notes
    -----
    Month and weekday names and patterns: Unicode CLDR, as carried by babel; licence in
    ``nbviz/zoo/data/LICENSE-cldr.txt``.
    """
    every = held_out_dates()
    if not 1 <= n <= len(every):
        raise ValueError(f"n={n} is out of range: there are 1 to {len(every)} written dates to load")
    rows = every[:n]
    locales = sorted({row["locale"] for row in every})
    return Samples(
        [row["text"] for row in rows],
        np.array([locales.index(row["locale"]) for row in rows]),
        class_names=locales,
        metadata={key: [row[key] for row in rows] for key in ("iso", "locale")},
    )
