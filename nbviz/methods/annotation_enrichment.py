"""Does an annotation come more often inside the matches than elsewhere, and than for other cells?

LSTMVis (Strobelt et al. 2018, section 5.2) shows annotations as heat maps beside the matches and leaves the
comparison to the eye. Here the share inside is compared with the share over the whole corpus (the base
rate), and with the matches of sets of cells drawn at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.methods.activation_checks import check_choice
from nbviz.methods.state_matching import Matches, match_states
from nbviz.methods.state_store import StateStore

Kind = Literal["categorical", "scalar"]
MOST_CATEGORIES = 20
"""Integers with more values than this are taken for a scalar, unless the kind is given."""
DRAWS = 100
"""Steps tried for one random set of cells."""


@dataclass(frozen=True, eq=False, repr=False)
class Enrichment(Brief):
    """One annotation inside the matches, in the corpus, and in the matches of random cells.

    A step inside several matches counts once; steps without a value (NaN, None) do not count.

    Attributes
    ----------
    kind : {"categorical", "scalar"}
    labels : tuple of str
        The categories, sorted; ``("mean",)`` for a scalar. The arrays below have one entry for each.
    inside : (labels,) float64 array
        Share of the steps inside the matches that are of the category, 0 to 1; for a scalar their mean, in
        its units. NaN if no step inside has a value.
    base : (labels,) float64 array
        The same over all steps of the corpus.
    ratio : (labels,) float64 array
        ``inside / base``; NaN where the base is 0.
    random : (sets, labels) float64 array
        ``inside`` for the random sets of cells; fewer than asked for if sets had no match.
    p_value : (labels,) float64 array
        Two-sided: of random sets at least as high, or at least as low, as ``inside``, the smaller share,
        doubled, at most 1; the matches themselves count as one set more. At best 2 / (sets + 1). Not
        corrected for the number of categories. NaN without random sets.
    n_inside, n_corpus : int
        Steps with a value inside the matches and in all.
    """

    kind: Kind
    labels: tuple[str, ...]
    inside: NDArray[np.float64]
    base: NDArray[np.float64]
    ratio: NDArray[np.float64]
    random: NDArray[np.float64]
    p_value: NDArray[np.float64]
    n_inside: int
    n_corpus: int


def enrichment_steps(
    matches: Matches,
    annotations: Mapping[str, ArrayLike],
    store: StateStore,
    n_random: int = 200,
    seed: int = 0,
    *,
    kinds: Mapping[str, str] | None = None,
) -> Steps:
    """Compare annotations inside the matches with the corpus and with random cells.

    The random sets are drawn once for all annotations. A set is drawn as a person would select it: a step
    of the corpus at random, and cells at random among those on there, as many of each sign as the matches
    have. (Cells drawn without regard to a step are often nowhere on together.) Its matches are found with
    the threshold, margins and limits of `matches`; if those left out the span they were selected from, the
    random set's step is left out too.

    Parameters
    ----------
    matches : Matches
        From :func:`~nbviz.methods.state_matching.match_states` on `store`.
    annotations : dict from name to (n_steps,) array
        One value per step: strings or booleans (categories), floats (a scalar), integers (categories if
        there are at most 20 values).
    store : StateStore
    n_random : int
        Random sets; 0 for none. Each takes as long as the query did.
    seed : int
    kinds : dict from name to {"categorical", "scalar"}, optional
        Where the kind is not to be guessed.

    Yields
    ------
    ``Progress``, then the ``Result``: a dict from name to :class:`Enrichment`.

    Raises
    ------
    TypeError, ValueError
        At the first ``next``: an annotation of another length than the store, or not of its kind; matches
        of another store.
    """
    if n_random < 0:
        raise ValueError(f"n_random={n_random} must be 0 or more")
    if len(matches.count) != store.n_steps or matches.cells.max() >= store.n_cells:
        raise ValueError("the matches are not of this store: they have other steps or cells")
    tracks = {
        name: _Track.of(name, given, store.n_steps, (kinds or {}).get(name))
        for name, given in annotations.items()
    }
    steps = matches.steps()
    drawn = []
    generator = np.random.default_rng(seed)
    for done in range(n_random):
        found = _random_steps(matches, store, generator)
        if found is not None:
            drawn.append({name: track.inside(found) for name, track in tracks.items()})
        yield Progress(done + 1, n_random, "random cells")
    yield Result(
        {name: track.compare(steps, [each[name] for each in drawn]) for name, track in tracks.items()}
    )


def enrichment(
    matches: Matches,
    annotation: ArrayLike,
    store: StateStore,
    n_random: int = 200,
    seed: int = 0,
    *,
    kind: str | None = None,
) -> Enrichment:
    """One annotation inside the matches: :func:`enrichment_steps`, run to the end."""
    kinds = None if kind is None else {"annotation": kind}
    steps = enrichment_steps(matches, {"annotation": annotation}, store, n_random, seed, kinds=kinds)
    return run_to_end(steps)["annotation"]


def _random_steps(
    matches: Matches, store: StateStore, generator: np.random.Generator
) -> NDArray[np.int64] | None:
    """The steps inside the matches of one random set of cells; None if there is no such set."""
    cuts = store.cuts(matches.threshold)
    n_positive = int((matches.signs > 0).sum())
    n_negative = len(matches.signs) - n_positive
    for step in generator.integers(store.n_steps, size=DRAWS).tolist():
        levels = store.by_step[step]
        above, below = np.flatnonzero(levels > cuts.above), np.flatnonzero(levels < cuts.below)
        if len(above) < n_positive or len(below) < n_negative:
            continue
        cells = np.concatenate(
            [
                generator.choice(above, n_positive, replace=False),
                generator.choice(below, n_negative, replace=False),
            ]
        )
        found = match_states(
            store,
            cells,
            np.repeat([1, -1], [n_positive, n_negative]),
            matches.threshold,
            margins=matches.margins,
            most=matches.most,
            length=matches.length,
            limit=matches.limit,
            exclude=None if matches.exclude is None else (step, step + 1),
            sign=matches.sign,
        )
        if len(found):
            return found.steps()
    return None


@dataclass(frozen=True, eq=False, repr=False)
class _Track(Brief):
    """An annotation, ready to be averaged: category numbers (-1: none) or values (NaN: none)."""

    kind: Kind
    labels: tuple[str, ...]
    values: NDArray

    @classmethod
    def of(cls, name: str, given: ArrayLike, n_steps: int, kind: str | None) -> _Track:
        array = np.asarray(given)
        if array.shape != (n_steps,):
            raise ValueError(f"annotation {name!r} has the shape {array.shape}; ({n_steps},) is needed")
        if kind is None:
            few = array.dtype.kind in "iu" and len(np.unique(array)) <= MOST_CATEGORIES
            kind = "scalar" if array.dtype.kind in "fiu" and not few else "categorical"
        if check_choice("kind", kind, ("categorical", "scalar")) == "scalar":
            if array.dtype.kind not in "fiub":
                raise TypeError(f"annotation {name!r} is no scalar: its values are of {array.dtype}")
            return cls("scalar", ("mean",), array.astype(np.float64))
        known = np.ones(n_steps, dtype=bool)
        if array.dtype.kind == "O":
            known = np.array([value is not None and value == value for value in array])  # noqa: PLR0124 NaN
            array = array.astype(str)
        elif array.dtype.kind == "f":
            known = ~np.isnan(array)
        categories, numbers = np.unique(array[known], return_inverse=True)
        codes = np.full(n_steps, -1, dtype=np.int64)
        codes[known] = numbers
        return cls("categorical", tuple(str(one) for one in categories), codes)

    def inside(self, steps: NDArray[np.int64] | slice) -> NDArray[np.float64]:
        """Share of each category, or the mean, over these steps."""
        values = self.known(steps)
        if not len(values):
            return np.full(len(self.labels), np.nan)
        if self.kind == "scalar":
            return np.array([values.mean()])
        return np.bincount(values, minlength=len(self.labels)) / len(values)

    def known(self, steps: NDArray[np.int64] | slice) -> NDArray:
        values = self.values[steps]
        return values[~np.isnan(values) if self.kind == "scalar" else values >= 0]

    def compare(self, steps: NDArray[np.int64], drawn: list[NDArray[np.float64]]) -> Enrichment:
        inside, base = self.inside(steps), self.inside(slice(None))
        random = np.array([each for each in drawn if not np.isnan(each).any()]).reshape(-1, len(self.labels))
        ratio = np.divide(inside, base, out=np.full(len(base), np.nan), where=base != 0)
        high = (random >= inside).sum(axis=0) + 1
        low = (random <= inside).sum(axis=0) + 1
        p_value = np.minimum(1.0, 2 * np.minimum(high, low) / (len(random) + 1))
        undefined = np.isnan(inside) | (len(random) == 0)
        return Enrichment(
            kind=self.kind,
            labels=self.labels,
            inside=inside,
            base=base,
            ratio=ratio,
            random=random,
            p_value=np.where(undefined, np.nan, p_value),
            n_inside=len(self.known(steps)),
            n_corpus=len(self.known(slice(None))),
        )
