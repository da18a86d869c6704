"""One token replaced: how far the states of every layer are from what they would have been."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.errors import unknown_name
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.recurrent import states_steps
from nbviz.methods.recurrent.states import States
from nbviz.methods.recurrent.tokens import Given, sequences, spell
from nbviz.methods.relative_distance import Normalise, relative_to, time_constant

Source = Literal["hidden", "cell"]


@dataclass(frozen=True, eq=False, repr=False)
class Typo(Brief):
    """What replacing one token does to the states, from that token on.

    Attributes
    ----------
    position : int
        Step of the token that was replaced.
    original, replacement : str
        The two tokens as they are displayed; empty for a signal.
    source : str
        ``"hidden"`` or ``"cell"`` (of a layer without c its h).
    normalise : str
        ``"start"`` or ``"maximum"``: what the relative distance is relative to.
    layers : tuple of str
    distance : (layers, steps) float64 array
        Euclidean distance of the two states; column t is t steps after the replaced token.
    relative : (layers, steps) float64 array
        Divided by the value at t = 0 or by the largest; zeros where nothing has changed.
    tau : (layers,) float64 array
        Time constant, in tokens: see :func:`~nbviz.methods.relative_distance.time_constant`.
    """

    position: int
    original: str
    replacement: str
    source: str
    normalise: str
    layers: tuple[str, ...]
    distance: NDArray[np.float64]
    relative: NDArray[np.float64]
    tau: NDArray[np.float64]


def distances(one: States, other: States, source: Source = "hidden", start: int = 0) -> NDArray[np.float64]:
    """Euclidean distance of two runs, (layers, steps from ``start``)."""
    return np.stack(
        [
            np.linalg.norm(
                _of(one, source, name)[start:].astype(np.float64) - _of(other, source, name)[start:], axis=1
            )
            for name in one.layers
        ]
    )


def typo_of(
    plain: States,
    changed: States,
    position: int,
    *,
    source: Source,
    normalise: Normalise,
    horizon: int | None,
) -> Typo:
    """The comparison of two runs that are at hand; see :func:`typo_steps`."""
    found = distances(plain, changed, source, position)
    found = found if horizon is None else found[:, : horizon + 1]
    relative = relative_to(found, normalise)
    return Typo(
        position,
        "" if plain.tokens is None else plain.tokens[position],
        "" if changed.tokens is None else changed.tokens[position],
        source,
        normalise,
        plain.layers,
        found,
        relative,
        time_constant(relative),
    )


def typo_steps(
    model: Network | nn.Module,
    text: Any,
    position: int,
    replacement: Any,
    *,
    horizon: int | None = None,
    source: Source = "hidden",
    normalise: Normalise = "start",
) -> Steps:
    """Run a text, and the same text with one token replaced, and compare the states of every layer.

    Yields Progress, then Result(:class:`Typo`).

    Parameters
    ----------
    model : Network or torch.nn.Module
        With recurrent layers: see :func:`~nbviz.methods.recurrent.states_steps`.
    text : str, token ids (time,), or a signal (time, features)
    position : int
        Step of the token to replace, from 0.
    replacement : str, int, or (features,) array
        A token as the tokenizer reads it, an id, or one step of a signal.
    horizon : int, optional
        Steps after the replaced token that are looked at; default: to the end of the text.
    source : {"hidden", "cell"}
        h, or c of an LSTM.
    normalise : {"start", "maximum"}

    Raises
    ------
    ModelError
        If the model has no recurrent layer.
    TypeError, ValueError
        If the text is none of these, the position is outside it, or the replacement is not one token.

    References
    ----------
    Hermans and Schrauwen, "Training and Analysing Deep Recurrent Neural Networks", NIPS 2013, section 3.3.
    """
    network = Network.of(model)
    check_options(source, normalise, horizon)
    given = one_sequence(network, text)
    changed = replaced(network, given, position, replacement)
    found: list[States] = []
    for part in (given, changed):
        for event in states_steps(network, _again(part)):
            if isinstance(event, Progress):
                yield Progress(event.done + len(found) * event.total, 2 * event.total, "steps")
            elif isinstance(event, Result):
                found.append(event.value)
    result = typo_of(found[0], found[1], position, source=source, normalise=normalise, horizon=horizon)
    names = ["" if part.tokens is None else part.tokens[position] for part in (given, changed)]
    yield Result(replace(result, original=names[0], replacement=names[1]))


def typo(model: Network | nn.Module, text: Any, position: int, replacement: Any, **options: Any) -> Typo:
    """:func:`typo_steps`, run to the end."""
    return run_to_end(typo_steps(model, text, position, replacement, **options))


# What was given


def one_sequence(network: Network, text: Any) -> Given:
    """The one sequence of ids or of a signal that ``text`` is."""
    parts = sequences(network, text)
    if len(parts) > 1:
        raise ValueError(f"one text is wanted, got a list of {len(parts)}")
    if parts[0].values is None:
        raise TypeError("text, token ids or a signal is wanted, not a model's own inputs")
    if parts[0].steps == 1:
        raise ValueError("the text has one token: two or more are wanted, to replace one and look on")
    return parts[0]


def replaced(network: Network, given: Given, position: int, replacement: Any) -> Given:
    """The sequence with another token at ``position``."""
    values = given.values
    assert values is not None
    if not 0 <= position < len(values):
        raise ValueError(f"position {position} is outside the text: it has steps 0 to {len(values) - 1}")
    changed = values.clone()
    if values.is_floating_point():
        step = np.asarray(replacement, np.float32).reshape(-1)
        if step.shape != tuple(values.shape[1:]):
            raise ValueError(f"one step of the signal has {values.shape[1]} numbers, got {step.size}")
        changed[position] = torch.from_numpy(step).to(values.dtype)
        return Given(changed)
    one = sequences(network, replacement if isinstance(replacement, str) else [int(replacement)])
    if len(one) != 1 or one[0].steps != 1 or one[0].values is None:
        raise ValueError(f"the replacement {replacement!r} is not one token")
    changed[position] = one[0].values[0]
    if given.tokens is None:
        return Given(changed)
    spelled = replacement if isinstance(replacement, str) else spell(network, [int(changed[position])])[0]
    tokens = [*given.tokens[:position], spelled, *given.tokens[position + 1 :]]
    return Given(changed, tokens=tokens)


def shown_tokens(given: Given) -> list[str]:
    """The tokens as they are displayed; ids as numbers where they cannot be spelled."""
    assert given.values is not None
    return given.tokens or [str(int(i)) for i in given.values]


def other_token(given: Given, position: int) -> str:
    """The most frequent letter, or else token, of the text that does not stand at ``position``."""
    tokens = shown_tokens(given)
    here = tokens[position] if position < len(tokens) else ""
    counts = Counter(token for token in tokens if token != here)
    words = Counter({token: n for token, n in counts.items() if token.strip().isalnum()})
    return (words or counts or Counter([here])).most_common(1)[0][0]


def retyped(network: Network, given: Given, position: int, token: str) -> Given:
    """As :func:`replaced`, by a token as it is displayed.

    Raises
    ------
    ValueError
        Also if the model has no tokenizer and the token is no number.
    """
    if network.tokenizer is not None:
        return replaced(network, given, position, token)
    try:
        known = int(token)
    except ValueError:
        raise ValueError(
            f"the model has no tokenizer: {token!r} is no token id, a whole number is wanted"
        ) from None
    return replaced(network, given, position, known)


def check_options(source: str, normalise: str, horizon: int | None) -> None:
    """Refuse what no run can answer."""
    if source not in ("hidden", "cell"):
        raise unknown_name("state", source, ("hidden", "cell"))
    if normalise not in ("start", "maximum"):
        raise unknown_name("normalisation", normalise, ("start", "maximum"))
    if horizon is not None and horizon < 1:
        raise ValueError(f"horizon={horizon}: 1 step or more is wanted")


def _again(given: Given) -> Any:
    """What :func:`states_steps` reads as this very sequence."""
    assert given.values is not None
    return given.values.numpy()


def _of(states: States, source: str, name: str) -> NDArray[np.float32]:
    return states.cell[name] if source == "cell" and name in states.cell else states.hidden[name]
