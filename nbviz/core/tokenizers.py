"""From text to token ids: what a Network takes for a tokenizer, and what is said when it raises."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Tokenizer = Callable[..., Any] | Mapping[str, int]

_WANTED = "a tokenizer is a callable from a string to a list of ids, or a dict of characters to ids"
_TRIED = 500
"""Different characters that are tried alone, at most, to find the one that a tokenizer does not know."""


class UnknownCharacter(ValueError):
    """A text holds a character that has no id; the message names it and where it stands."""


class CharacterIds:
    """The id of each character, from a dict: what a Network makes of ``tokenizer={"a": 0, "b": 1}``.

    Parameters
    ----------
    ids : mapping of str to int
        Single characters. Names in angle or square brackets, such as ``"<pad>"`` or ``"[UNK]"``, may be
        among them; they stand for ids that no text is given.

    Raises
    ------
    TypeError
        If the keys are not characters or the values no ids: a dict the other way round, or of words.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        for key, value in ids.items():
            if not isinstance(key, str):
                raise TypeError(
                    f"tokenizer={{{key!r}: {value!r}, …}}: {_WANTED}. Turn it round: "
                    "{character: number for number, character in names.items()}"
                )
            if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 0:
                raise TypeError(
                    f"tokenizer={{{key!r}: {value!r}, …}}: an id is a whole number from 0 on. {_WANTED}"
                )
            if len(key) != 1 and not _is_special(key):
                raise TypeError(
                    f"tokenizer={{{key!r}: {value!r}, …}}: a dict is read character by character. For words "
                    "give a function: tokenizer=lambda text: [ids[word] for word in text.split()]"
                )
        if not any(len(key) == 1 for key in ids):
            raise TypeError(f"the dict that was given as tokenizer holds no character: {_WANTED}")
        self._ids = {key: int(value) for key, value in ids.items()}
        self._names = {value: key for key, value in reversed(self._ids.items())}

    def __call__(self, text: str) -> list[int]:
        """The id of each character of ``text``."""
        for position, character in enumerate(text):
            if character not in self._ids:
                raise UnknownCharacter(
                    f"unknown character {character!r} at position {position} of the text, in "
                    f"{_excerpt(text, position)}: the dict that was given as tokenizer has no id for it"
                )
        return [self._ids[character] for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        """The characters of ``ids``, one after another; of an id that has none its number."""
        return "".join(self._names.get(int(i), str(int(i))) for i in ids)

    def __repr__(self) -> str:
        return f"CharacterIds({len(self._ids)} characters)"


def tokenizer_of(given: Any) -> Any:
    """What a Network keeps of ``tokenizer=``: a callable as it is, a dict as :class:`CharacterIds`.

    Raises
    ------
    TypeError
        If it can be neither called nor read as a dict of characters, nor has a method ``encode``.
    """
    if isinstance(given, Mapping) and not callable(given):
        return CharacterIds(given)
    if given is None or callable(given) or (callable(getattr(given, "encode", None)) and not _is_text(given)):
        return given
    hint = ""
    if _is_text(given) or isinstance(given, list | tuple):
        hint = " Of an alphabet: tokenizer={character: number for number, character in enumerate(alphabet)}."
    raise TypeError(f"tokenizer={type(given).__name__} cannot be used: {_WANTED}.{hint}")


def token_ids(tokenizer: Any, text: str) -> Any:
    """What ``tokenizer`` makes of one text, as it gives it.

    Raises
    ------
    ValueError
        If it raises: with its own words, the text, and the character that it does not know, if it is one.
    """
    read = tokenizer if callable(tokenizer) else tokenizer.encode
    try:
        return read(text)
    except UnknownCharacter:
        raise
    except Exception as error:
        position = _unknown(read, text)
        why = "The text may hold a character that it does not know."
        if position is not None:
            why = f"It does not know the character {text[position]!r} at position {position}."
        raise ValueError(
            f"the tokenizer raised {type(error).__name__}: {error}. "
            f"It was given {_excerpt(text, position or 0)}. {why}"
        ) from error


def _unknown(read: Callable[[str], Any], text: str) -> int | None:
    """Where the first character stands that is refused alone while most are taken; None if none is."""
    refused: list[str] = []
    seen = list(dict.fromkeys(text))
    if len(seen) > _TRIED:
        return None
    for character in seen:
        try:
            read(character)
        except Exception:  # noqa: BLE001 whatever a tokenizer of the user's raises
            refused.append(character)
    # A tokenizer of words refuses most characters: nothing is known then.
    is_sure = len(text) == 1 or 2 * len(refused) < len(seen)
    return text.index(refused[0]) if refused and is_sure else None


def _excerpt(text: str, position: int, around: int = 20) -> str:
    """The text near a position, quoted, with dots where it goes on."""
    start, stop = max(0, position - around), position + around
    quoted = repr(text[start:stop])
    return f"{'… ' if start else ''}{quoted}{' …' if stop < len(text) else ''}"


def _is_special(name: str) -> bool:
    return len(name) > 2 and (name[0], name[-1]) in {("<", ">"), ("[", "]")}


def _is_text(given: Any) -> bool:
    return isinstance(given, str | bytes)
