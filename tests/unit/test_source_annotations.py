"""Annotations of source text: by hand on small texts, against tokenize on the standard library."""

from __future__ import annotations

import ast
import keyword
import tokenize

import numpy as np
import pytest

from nbviz.methods import source_annotations as module
from nbviz.methods.source_annotations import BOOLEAN, COUNTS, exact_tokens, lenient_tokens, source_annotations
from nbviz.zoo.python_source import load_python_source


def marked(text, name):
    """The annotation written under the text, as a person would."""
    return "".join("x" if value else "." for value in source_annotations(text)[name])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("in single quotes", "a = 'bc' + d", "....xxx....."),
        ("in single quotes", "a = rb'b' \"c'\"", "......xx......"),
        ("in double quotes", '\'"\' + "a\\"b"', "......xxxxx."),
        ("in triple quotes", "'''a'''", "xxxxxx."),
        ("in triple quotes", '"""a\nb"""+""', "xxxxxxxx...."),
        ("in string", "f('a', \"b\")", "..xx...xx.."),
        ("in docstring", '"a"\nx = "b"', "xx........."),
        ("in comment", "a # (b)\nc", "..xxxxx.."),
        ("in comment", "'#' # '", "....xxx"),
        ("in keyword", "if inside is None", "xx........xx.xxxx"),
        ("in number", "x1 = 1.5e-3 + 0xFF", ".....xxxxxx...xxxx"),
        ("inside parentheses", "f(a[b]) + c", ".xxxxx....."),
        ("inside parentheses", "f('(') # (", ".xxxx....."),
        ("inside brackets", "{a: [b]} + c", "xxxxxxx....."),
    ],
)
def test_by_hand(name, text, expected):
    assert marked(text, name) == expected


def test_depth_counts_what_is_open():
    found = source_annotations("f(a, (b, [c]), {d})")
    assert found["depth of parentheses"].tolist() == [0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0]
    assert found["depth of brackets"].tolist() == [0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 2, 1, 1, 1, 2, 2, 1, 0]


def test_lines():
    found = source_annotations("a\n  bc\n\n\td")
    assert found["position in line"].tolist() == [0, 1, 0, 1, 2, 3, 4, 0, 0, 1]
    assert found["indentation"].tolist() == [0, 0, 2, 2, 2, 2, 2, 0, 1, 1]


def test_every_annotation_covers_the_text():
    text = load_python_source(3000).text
    found = source_annotations(text)
    assert set(found) == {*BOOLEAN, *COUNTS}
    assert {value.shape for value in found.values()} == {(len(text),)}
    assert {found[name].dtype for name in BOOLEAN} == {np.dtype(bool)}
    assert {found[name].dtype for name in COUNTS} == {np.dtype(np.int32)}
    assert all(found[name].min() >= 0 for name in COUNTS)


def test_docstrings_are_those_that_the_parser_finds():
    text = load_python_source(20_000).files["multiprocessing/resource_tracker.py"]
    tree = ast.parse(text)
    starts = np.cumsum([0, *(len(line) for line in text.splitlines(keepends=True))])
    expected = np.zeros(len(text), bool)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            a = starts[node.lineno - 1] + node.col_offset
            expected[a : starts[node.end_lineno - 1] + node.end_col_offset - 1] = True
    assert expected.any()
    np.testing.assert_array_equal(source_annotations(text)["in docstring"], expected)


def test_a_string_that_continues_a_statement_is_no_docstring():
    assert "x" not in marked("x = \\\n'a'\n", "in docstring")
    assert "x" not in marked("f(\n'a'\n)", "in docstring")
    assert "x" not in marked("'a'.b()\n", "in docstring")
    assert marked("'a'  # b\n", "in docstring") == "xx......."


# Whole programs and fragments


def test_the_rule_for_fragments_agrees_with_tokenize_on_whole_programs():
    for name, text in load_python_source().files.items():
        assert list(lenient_tokens(text)) == list(exact_tokens(text)), name


@pytest.mark.parametrize("fragment", ["f(a", "a)", "if x:\n    b\n  c", "x = 'ab\ny", "'''a", "a $ b", "\\"])
def test_fragments_do_not_tokenise_but_are_annotated(fragment):
    with pytest.raises((tokenize.TokenError, SyntaxError)):
        _whole(fragment)
    assert len(source_annotations(fragment)["in string"]) == len(fragment)


def _whole(text):
    """As exact_tokens, and brackets must match: Python 3.11's tokenize lets a lone ``)`` pass."""
    list(exact_tokens(text))
    ast.parse(text)


def test_fragments_start_outside_and_strings_end_with_their_line():
    assert marked("(a'b\nc", "in single quotes") == "..xx.."
    assert marked('("""a\nb', "in triple quotes") == ".xxxxxx"
    assert marked("('a\\", "in single quotes") == ".xxx"
    assert marked("f(a", "inside parentheses") == ".xx"
    assert marked("a) + (b", "inside parentheses") == ".....xx"


def test_a_closing_bracket_of_another_kind_closes_nothing():
    assert source_annotations("(a]b")["depth of brackets"].tolist() == [1, 1, 1, 1]


def test_f_strings_count_as_a_whole_in_every_version(monkeypatch):
    text = "a = f'b{c(\"d\")}' + e"
    assert marked(text, "in single quotes") == ".....xxxxxxxxxx....."
    assert "x" not in marked(text, "inside parentheses") + marked(text, "in double quotes")
    # Python 3.12 and later give an f-string in parts, here as they do
    parts = [
        (tokenize.NAME, "a", (1, 0), (1, 1), text),
        (tokenize.OP, "=", (1, 2), (1, 3), text),
        (1001, "f'", (1, 4), (1, 6), text),
        (1002, "b", (1, 6), (1, 7), text),
        (tokenize.OP, "{", (1, 7), (1, 8), text),
        (tokenize.NAME, "c", (1, 8), (1, 9), text),
        (tokenize.OP, "(", (1, 9), (1, 10), text),
        (tokenize.STRING, '"d"', (1, 10), (1, 13), text),
        (tokenize.OP, ")", (1, 13), (1, 14), text),
        (tokenize.OP, "}", (1, 14), (1, 15), text),
        (1003, "'", (1, 15), (1, 16), text),
        (tokenize.OP, "+", (1, 17), (1, 18), text),
        (tokenize.NAME, "e", (1, 19), (1, 20), text),
    ]
    before = source_annotations(text)
    monkeypatch.setattr(module.tokenize, "generate_tokens", lambda readline: iter(parts))
    monkeypatch.setattr(module, "_F_STRING_STARTS", {1001})
    monkeypatch.setattr(module, "_F_STRING_ENDS", {1003})
    after = source_annotations(text)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_keywords_are_the_reserved_words():
    for word in keyword.kwlist:
        assert source_annotations(word)["in keyword"].all(), word
    assert not source_annotations("match")["in keyword"].any()


def test_characters_beyond_ascii_keep_their_places():
    assert marked("é = 'ü𝄞' # ñ\n'x'", "in single quotes") == "....xxx......xx."
    assert marked("é = 'ü𝄞' # ñ\n'x'", "in comment") == ".........xxx...."


@pytest.mark.parametrize(("text", "error"), [("", ValueError), (b"a", TypeError), (None, TypeError)])
def test_what_is_no_text(text, error):
    with pytest.raises(error, match="text"):
        source_annotations(text)
