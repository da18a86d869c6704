"""What a person knows about the tokens of a text: arrays, or functions of the text, checked and named."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_ALL = "the callable for all annotations"
_KINDS = "yes or no, numbers or words are wanted, one for each step"


def annotation_names(given: Any, text: str) -> list[str]:
    """Names of the annotations; one callable for all is asked about ``text``.

    Raises
    ------
    ValueError, TypeError
        As :func:`annotations_of`.
    """
    return [str(name) for name in _mapping(given, text)]


def annotations_of(
    given: Any, tokens: list[str] | None, steps: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Annotations of a text, by name: one value per step; and what is left out, with the reason.

    Parameters
    ----------
    given : mapping, or callable
        A mapping of names to arrays (kept if they are as long as the text) or to callables from the text to
        an array; or one callable from the text to such a mapping.
    tokens : list of str or None
        The text, token by token; None if the tokens cannot be spelled. A callable gets them joined, and must
        answer for every character; where tokens are longer than one character, the value at a token's first
        character is taken.
    steps : int
        Tokens.

    Raises
    ------
    ValueError
        If a callable raises, or its array has another length than the text, or there is no text to give it;
        if values are not one of a kind for each step. The message names the annotation.
    TypeError
        If a callable gives no mapping of names to arrays, or values are neither yes or no, numbers nor
        words.
    """
    text = None if tokens is None else "".join(tokens)
    starts = np.cumsum([0, *(len(token) for token in tokens[:-1])]) if tokens else np.zeros(0, int)
    found, left_out = {}, []
    lengths = {steps} if text is None else {steps, len(text)}
    for name, annotation in _mapping(given, text).items():
        whose = f"annotation {name!r}"
        is_asked = callable(annotation)
        values = _values(whose, _asked(whose, annotation, text) if is_asked else annotation)
        if len(values) not in lengths:
            message = (
                f"{whose} has {len(values)} values; the text has {steps} tokens"
                f"{'' if text is None else f' and {len(text)} characters'}: one for each is wanted"
            )
            if is_asked:
                raise ValueError(message)
            left_out.append(message)
        else:
            found[str(name)] = values if len(values) == steps else values[starts]
    return found, left_out


def gaps(annotations: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The annotations, NaN for what is infinite, and a sentence about each that has no number somewhere."""
    found, told = dict(annotations), []
    for name, values in annotations.items():
        missing = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        if missing.any():
            found[name] = np.where(missing, np.nan, values)
            first = int(missing.argmax())
            told.append(
                f"annotation {name!r} is {values[first]} at {missing.sum()} of {len(values)} steps, first at "
                f"step {first}: these do not count"
            )
    return found, told


def _mapping(given: Any, text: str | None) -> Mapping[str, Any]:
    if given is None:
        return {}
    if callable(given):
        given = _asked(_ALL, given, text)
        if not isinstance(given, Mapping):
            raise TypeError(
                "a callable for all annotations gives a mapping of names to arrays, not "
                f"{type(given).__name__}. For one annotation: annotations={{'name': callable}}"
            )
    if not isinstance(given, Mapping):
        raise TypeError(
            f"annotations={type(given).__name__}: a mapping of names to arrays or callables is wanted, "
            "annotations={'name': values}, or one callable from a text to such a mapping"
        )
    return given


def _asked(whose: str, function: Callable[[str], Any], text: str | None) -> Any:
    if text is None:
        raise ValueError(
            f"{whose} is computed from the text, and these tokens cannot be spelled: give "
            "the network a tokenizer with decode(ids), or arrays of one value per token"
        )
    try:
        return function(text)
    except Exception as error:
        shown = f"{text[:40]!r}{' …' if len(text) > 40 else ''}"
        raise ValueError(
            f"{whose} raised {type(error).__name__}: {error}. It was given {shown}, {len(text)} characters."
        ) from error


def _values(whose: str, given: Any) -> np.ndarray:
    if given is None:
        raise TypeError(f"{whose} is None (is a return missing?): {_KINDS}")
    try:
        values = np.asarray(given)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{whose} cannot be made an array: {error}") from error
    if values.ndim != 1:
        shape = f"shape {values.shape}" if values.ndim else type(given).__name__
        raise ValueError(f"{whose} has {shape}: one value per step is wanted")
    if values.dtype.kind not in "biufUSO":
        raise TypeError(f"{whose} holds {values.dtype}: {_KINDS}")
    if values.dtype.kind == "O":
        for step, value in enumerate(values.tolist()):
            if not (value is None or isinstance(value, str | bytes | bool | numbers.Real)):
                raise TypeError(f"{whose} holds {type(value).__name__} at step {step}: {_KINDS}")
    return values
