"""What stands at each character of a Python source text: quotes, comments, brackets, columns."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Token = tuple[str, int, int]  # kind, start, end

QUOTED, COMMENT, NAME, NUMBER, BRACKET = "string", "comment", "name", "number", "bracket"

#: The names of the annotations, boolean first, then counts.
BOOLEAN = (
    "in single quotes",
    "in double quotes",
    "in triple quotes",
    "in string",
    "in docstring",
    "in comment",
    "in keyword",
    "in number",
    "inside parentheses",
    "inside brackets",
)
COUNTS = ("depth of parentheses", "depth of brackets", "indentation", "position in line")


def source_annotations(text: str) -> dict[str, NDArray]:
    """Annotate every character of a Python source text, as it stands after that character has been read.

    So an opening quote or bracket is inside already and the closing one no longer is, which is what the
    state of a network that has read the character could know. Brackets within strings and comments do not
    count.

    Parameters
    ----------
    text : str
        Python source, lines ended by ``"\\n"``.

    Returns
    -------
    dict of str to (characters,) array
        Boolean arrays:

        ``"in single quotes"``, ``"in double quotes"``
            In a string opened by one ``'`` or one ``"``; its prefix (``r``, ``b``, ``f``, ...) is outside.
        ``"in triple quotes"``
            In a string opened by three quotes of either kind.
        ``"in string"``
            In any of these. An f-string counts as a whole, with the expressions in it.
        ``"in docstring"``
            In a string that is a statement of its own.
        ``"in comment"``
            From ``#`` to the end of the line.
        ``"in keyword"``, ``"in number"``
            A character of a reserved word (:mod:`keyword`; ``match``, ``case``, ``type`` and ``_`` are
            none) or of a number.
        ``"inside parentheses"``, ``"inside brackets"``
            Inside at least one ``(``, or one of ``(``, ``[``, ``{``.

        Arrays of int32:

        ``"depth of parentheses"``, ``"depth of brackets"``
            How many are open, 0 or more.
        ``"indentation"``
            Blanks at the start of the character's line; a tab counts as one.
        ``"position in line"``
            Characters before this one in its line.

    Raises
    ------
    TypeError
        If `text` is no string.
    ValueError
        If it is empty.

    Notes
    -----
    The tokens are those of :mod:`tokenize`. Text that is not a whole Python program (a fragment, a sample
    drawn from a network) is read by a simpler rule: it is taken to start outside of any string and bracket,
    a string in one kind of quotes ends at the end of its line at the latest, one in triple quotes at the
    end of the text, and a closing bracket without an opening one is passed over. On whole programs both
    give the same.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {type(text).__name__}")
    if not text:
        raise ValueError("text is empty: there is nothing to annotate")
    try:
        tokens = list(exact_tokens(text))
    except (tokenize.TokenError, SyntaxError):
        tokens = list(lenient_tokens(text))
    return _annotated(text, tokens)


def exact_tokens(text: str) -> Iterator[Token]:
    """The tokens that matter here, from :mod:`tokenize`.

    Raises
    ------
    tokenize.TokenError, SyntaxError
        If `text` is not a whole Python program.
    """
    lines = np.cumsum([0, *map(len, text.split("\n"))]) + np.arange(text.count("\n") + 2)
    nested, start = 0, 0  # Python 3.12 gives the parts of an f-string one by one
    for kind, string, (row, column), (last_row, last_column), _ in tokenize.generate_tokens(
        io.StringIO(text).readline
    ):
        begin, end = int(lines[row - 1]) + column, int(lines[last_row - 1]) + last_column
        if kind in _F_STRING_STARTS:
            start = start if nested else begin
            nested += 1
        elif kind in _F_STRING_ENDS:
            nested -= 1
            if not nested:
                yield QUOTED, start, end
        elif nested:
            continue
        elif kind == tokenize.ERRORTOKEN and not string.isspace():
            raise tokenize.TokenError(f"{string!r} is no token of Python", (row, column))
        elif kind == tokenize.OP and string in _BRACKETS:
            yield BRACKET, begin, end
        elif kind in _KINDS:
            yield _KINDS[kind], begin, end


_BRACKETS = frozenset("()[]{}")
_KINDS = {
    tokenize.STRING: QUOTED,
    tokenize.COMMENT: COMMENT,
    tokenize.NAME: NAME,
    tokenize.NUMBER: NUMBER,
}
_F_STRING_STARTS = {getattr(tokenize, name, None) for name in ("FSTRING_START", "TSTRING_START")} - {None}
_F_STRING_ENDS = {getattr(tokenize, name, None) for name in ("FSTRING_END", "TSTRING_END")} - {None}


def lenient_tokens(text: str) -> Iterator[Token]:
    """The same tokens, from any text; see the notes of :func:`source_annotations`."""
    for match in _LENIENT.finditer(text):
        yield str(match.lastgroup), match.start(), match.end()


_LENIENT = re.compile(
    r"""
      (?P<comment> \#[^\n]*)
    | (?P<string> (?i:[bf]r|r[bf]|[rbuf])?
        (?: '{3} (?:\\.|\\\Z|[^\\])*? (?:'{3}|\Z)
          | "{3} (?:\\.|\\\Z|[^\\])*? (?:"{3}|\Z)
          | ' (?:\\.|\\\Z|[^\\'\n])* '?
          | " (?:\\.|\\\Z|[^\\"\n])* "? ))
    | (?P<name> [^\W\d]\w*)
    | (?P<number> 0[xX][\da-fA-F_]+ | 0[bB][01_]+ | 0[oO][0-7_]+
        | (?: \d[\d_]*\.?[\d_]* | \.\d[\d_]*) (?:[eE][+-]?\d[\d_]*)? [jJ]?)
    | (?P<bracket> [()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)


def _annotated(text: str, tokens: Iterable[Token]) -> dict[str, NDArray]:
    found: dict[str, NDArray] = {name: np.zeros(len(text), bool) for name in BOOLEAN}
    changes = {opening: np.zeros(len(text), np.int32) for opening in "([{"}
    depth = dict.fromkeys("([{", 0)
    for kind, start, end in tokens:
        if kind == BRACKET:
            sign = text[start]
            opening = {")": "(", "]": "[", "}": "{"}.get(sign, sign)
            change = 1 if sign == opening else -min(1, depth[opening])
            depth[opening] += change
            changes[opening][start] = change
        elif kind == QUOTED:
            _mark_string(found, text, start, end, bracketed=any(depth.values()))
        elif kind == COMMENT:
            found["in comment"][start:end] = True
        elif kind == NUMBER:
            found["in number"][start:end] = True
        elif keyword.iskeyword(text[start:end]):
            found["in keyword"][start:end] = True
    depths = {opening: np.cumsum(change, dtype=np.int32) for opening, change in changes.items()}
    found["depth of parentheses"] = depths["("]
    found["depth of brackets"] = depths["("] + depths["["] + depths["{"]
    found["inside parentheses"] = found["depth of parentheses"] > 0
    found["inside brackets"] = found["depth of brackets"] > 0
    return found | _lines(text)


def _mark_string(found: dict[str, NDArray], text: str, start: int, end: int, *, bracketed: bool) -> None:
    """From the opening quotes on, up to the last of the closing ones, which is outside."""
    quote = start
    while text[quote] not in "'\"":
        quote += 1
    triple = text[quote : quote + 3] in ("'''", '"""')
    which = "triple" if triple else "single" if text[quote] == "'" else "double"
    inside = slice(quote, end - 1 if _is_closed(text[quote:end], 3 if triple else 1) else end)
    found["in string"][inside] = found[f"in {which} quotes"][inside] = True
    line = text.rfind("\n", 0, start) + 1
    alone = not text[line:start].strip() and text[max(0, line - 2) : line] != "\\\n"
    after = text[end : end + 200].split("\n", 1)[0].strip()
    if alone and not bracketed and (not after or after.startswith("#")):
        found["in docstring"][inside] = True


def _is_closed(string: str, quotes: int) -> bool:
    """Whether a string, without its prefix, ends in its closing quotes (a fragment's may not)."""
    if len(string) < 2 * quotes or not string.endswith(string[:quotes]):
        return False
    body = string[quotes:-quotes]
    return (len(body) - len(body.rstrip("\\"))) % 2 == 0


def _lines(text: str) -> dict[str, NDArray]:
    lines = text.split("\n")
    lengths = np.array([len(line) + 1 for line in lines])
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)[: len(text)]
    blanks = [len(line) - len(line.lstrip(" \t")) for line in lines]
    return {
        "indentation": np.repeat(np.array(blanks, np.int32), lengths)[: len(text)],
        "position in line": (np.arange(len(text)) - starts).astype(np.int32),
    }
