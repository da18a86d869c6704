"""How long recurrent layers remember: the mean effect of many replaced tokens, with its band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.recurrent.batch import BatchRunner, batches
from nbviz.methods.relative_distance import Normalise, bootstrap_means, relative_to, time_constant
from nbviz.methods.typo import Source, Typo, check_options, one_sequence, typo, typo_steps

__all__ = ["TimeScales", "Typo", "time_scales", "time_scales_steps", "typo", "typo_steps"]

LEVEL = 95
"""Per cent of the bootstrap's means that lie inside a band."""

RESAMPLES = 1000
TRIALS_AT_ONCE = 25

FEWEST = 5
"""Positions of the text that a mean is over, at least."""

FEW = 20
"""With fewer positions a mean says little about the rest of the text, however many typos there are."""


@dataclass(frozen=True, eq=False, repr=False)
class TimeScales(Brief):
    """The mean over many replacements.

    Attributes
    ----------
    layers, source, normalise : as in :class:`~nbviz.methods.typo.Typo`
    trials : int
    context : int
        Tokens read before each replaced one.
    positions : (trials,) int64 array
        Steps of the text at which a token was replaced.
    distance : (trials, layers, steps) float32 array
    relative : (layers, steps) float64 array
        Mean distance over the trials, divided by its own value at t = 0 or by its largest.
    lower, upper : (layers, steps) float64 arrays
        95% bootstrap interval of ``relative`` over the trials (1,000 resamples, percentiles).
    tau : (layers,) float64 array
        Time constant of ``relative``, in tokens.
    tau_interval : (layers, 2) float64 array
        Its 95% bootstrap interval.
    """

    layers: tuple[str, ...]
    source: str
    normalise: str
    trials: int
    context: int
    positions: NDArray[np.int64]
    distance: NDArray[np.float32]
    relative: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    tau: NDArray[np.float64]
    tau_interval: NDArray[np.float64]

    @property
    def n_positions(self) -> int:
        """How many different steps of the text had a token replaced."""
        return len(np.unique(self.positions))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the mean should be told."""
        count = self.n_positions
        if count >= min(FEW, self.trials):
            return ()
        return (
            f"the {self.trials} typos are at only {count} positions of the text: the band does not tell how "
            "much other positions differ. Give a longer text (TimeScales takes one as corpus=)",
        )


def time_scales_steps(
    model: Network | nn.Module,
    text: Any,
    n_trials: int = 200,
    horizon: int = 300,
    *,
    context: int = 100,
    source: Source = "hidden",
    normalise: Normalise = "start",
    seed: int = 0,
) -> Steps:
    """The mean distance over many random replacements of one token, with its confidence band.

    Each trial cuts a passage out of the text, at random, and replaces one of its tokens by another one that
    occurs in the text, each as likely (of a signal: by another step of it). Passages run in batches where
    the model gives the same in a batch as alone, else one by one. The distances are averaged over the trials
    first and the mean is normalised then, so that trials that change a layer little count little.

    Yields Progress and, after every batch, Preview; then Result(:class:`TimeScales`).

    Parameters
    ----------
    model, text, source, normalise : as in :func:`~nbviz.methods.typo.typo_steps`
    n_trials : int
        2 or more.
    horizon : int
        Steps after the replaced token; of a short text at most half of its length.
    context : int
        Tokens read before it, at most; the network begins them with its initial state. Of a short text at
        most a quarter of its length.
    seed : int

    Raises
    ------
    As :func:`~nbviz.methods.typo.typo_steps`; ValueError also for a text whose tokens are all the same, or
    that has room for a typo at fewer than 5 positions.
    """
    network = Network.of(model)
    check_options(source, normalise, horizon)
    if n_trials < 2:
        raise ValueError(f"n_trials={n_trials}: 2 or more are wanted, for a mean with a band")
    given = one_sequence(network, text)
    assert given.values is not None
    known, numbers = torch.unique(given.values, dim=0, return_inverse=True)
    if len(known) < 2:
        raise ValueError("all tokens of the text are the same: there is nothing to replace one by")
    rng = np.random.default_rng(seed)
    length = len(given.values)
    steps, lead = min(horizon, length // 2), min(context, length // 4)
    room = length - steps - lead
    if room < FEWEST:
        raise ValueError(
            f"the text has {length} tokens: with {lead} tokens before a typo and {steps} after it there is "
            f"room at {room} positions, and {FEWEST} or more are wanted for a mean. Give a longer text "
            "(TimeScales takes one as corpus=)."
        )
    positions = rng.integers(lead, lead + room, n_trials)
    drawn = rng.integers(0, len(known) - 1, n_trials)
    here = numbers[torch.from_numpy(positions)].numpy()
    others = known[torch.from_numpy(drawn + (drawn >= here))]  # another one, each as likely
    runner = BatchRunner(network, cells=source == "cell")
    found: list[NDArray[np.float32]] = []
    for part in batches(n_trials, TRIALS_AT_ONCE):
        here = torch.from_numpy(positions[part])
        rows = given.values[here[:, None] + torch.arange(-lead, steps + 1)]
        changed = rows.clone()
        changed[:, lead] = others[part]
        batch = runner.run(torch.cat([rows, changed]))
        both = [batch.source(source, name)[:, lead:] for name in batch.layers]
        half = len(rows)
        found.append(np.stack([np.linalg.norm(x[:half] - x[half:], axis=2) for x in both], axis=1))
        layers = batch.layers
        done = sum(map(len, found))
        yield Progress(done, n_trials, "typos")
        value = _mean(
            layers,
            np.concatenate(found),
            positions[:done],
            lead=lead,
            source=source,
            normalise=normalise,
            seed=seed,
            resamples=RESAMPLES if done == n_trials else RESAMPLES // 5,
        )
        yield Preview(value) if done < n_trials else Result(value)


def time_scales(
    model: Network | nn.Module, text: Any, n_trials: int = 200, horizon: int = 300, **options: Any
) -> TimeScales:
    """:func:`time_scales_steps`, run to the end."""
    return run_to_end(time_scales_steps(model, text, n_trials, horizon, **options))


def _mean(
    layers: tuple[str, ...],
    found: NDArray[np.float32],
    positions: NDArray[np.int64],
    *,
    lead: int,
    source: str,
    normalise: Normalise,
    seed: int,
    resamples: int,
) -> TimeScales:
    relative = relative_to(found.mean(0, dtype=np.float64), normalise)
    resampled = relative_to(bootstrap_means(found, resamples, seed), normalise)
    tails = ((100 - LEVEL) / 2, (100 + LEVEL) / 2)
    lower, upper = np.percentile(resampled, tails, axis=0)
    spread = np.percentile(time_constant(resampled), tails, axis=0, method="nearest")
    return TimeScales(
        layers,
        source,
        normalise,
        len(found),
        lead,
        positions,
        found,
        relative,
        lower,
        upper,
        time_constant(relative),
        spread.T,
    )
