"""The source text: which files, where each starts, and which no model has seen; characters and their ids."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from nbviz import zoo
from nbviz.zoo.characters import ASCII_SYMBOLS, CharacterTokenizer
from nbviz.zoo.python_source import HELD_OUT_FILES, SourceText

STDLIB = Path(sysconfig.get_paths()["stdlib"])


@pytest.fixture(scope="module")
def held_out():
    return zoo.load_python_source()


@pytest.fixture(scope="module")
def training():
    return zoo.load_python_source(held_out=False)


def test_held_out_files_are_all_there_and_none_is_trained_on(held_out, training):
    assert held_out.names == HELD_OUT_FILES
    assert len(set(HELD_OUT_FILES)) == 25
    assert not set(held_out.names) & set(training.names)
    assert len(held_out.text) > 500_000
    assert len(training.text) > 4_000_000
    assert {"ast.py", "json/encoder.py", "asyncio/base_events.py"} <= set(training.names)


def test_hardly_a_passage_of_the_held_out_files_stands_in_the_training_text(held_out, training):
    """Passages of 100 characters from the start of a line; bz2.py and lzma.py have a third in common."""

    def passages(text):
        starts = [i + 1 for i, character in enumerate(text) if character == "\n"]
        return [text[i : i + 100] for i in starts if len(text) - i >= 100]

    known = set(passages(training.text))
    shared = {name: [p in known for p in passages(text)] for name, text in held_out.files.items()}
    assert sum(map(sum, shared.values())) < 0.03 * sum(map(len, shared.values()))
    for name, found in shared.items():
        assert sum(found) < (0.5 if name == "bz2.py" else 0.15) * len(found), name


def test_neither_tests_nor_tables_are_used(training):
    for name in training.names:
        assert not {"test", "tests", "idle_test", "site-packages", "encodings", "pydoc_data"} & set(
            name.split("/")
        )
        assert not name.startswith(("_sysconfigdata", "config-"))


def test_files_start_where_it_says(held_out):
    assert held_out.starts[0] == 0
    assert held_out.starts[-1] == len(held_out.text)
    assert "".join(held_out.files.values()) == held_out.text
    name = "json/decoder.py"
    i = held_out.names.index(name)
    text = (STDLIB / name).read_text(encoding="utf-8")
    assert held_out.text[held_out.starts[i] : held_out.starts[i + 1]] == text == held_out.files[name]


def test_fewer_characters_end_in_the_middle_of_a_file(held_out):
    for n in (1, 5000, int(held_out.starts[1]), int(held_out.starts[1]) + 1):
        some = zoo.load_python_source(n)
        assert some.text == held_out.text[:n]
        assert some.names == held_out.names[: len(some.names)]
        assert some.starts[-1] == n
    assert len(zoo.load_python_source(int(held_out.starts[1])).names) == 1


@pytest.mark.parametrize("n", [0, -1])
def test_less_than_one_character(n):
    with pytest.raises(ValueError, match=f"at least 1, got {n}"):
        zoo.load_python_source(n)


def test_another_python(tmp_path, monkeypatch):
    """Files that are missing are skipped, encodings honoured, ends of lines brought to one form."""
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)})
    with pytest.raises(FileNotFoundError, match="without the source of its standard library"):
        zoo.load_python_source()
    (tmp_path / "copy.py").write_bytes(b"# -*- coding: latin-1 -*-\r\n# \xe9\r\n")
    (tmp_path / "bdb.py").write_bytes(b"")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "test").mkdir()
    for name in ("new.py", "b/c.py", "b/test/d.py", "b/e.txt"):
        (tmp_path / name).write_text(f"{name}\n")
    assert zoo.load_python_source().files == {"copy.py": "# -*- coding: latin-1 -*-\n# é\n"}
    assert zoo.load_python_source(held_out=False).files == {"b/c.py": "b/c.py\n", "new.py": "new.py\n"}


def test_a_text_of_no_files_is_empty():
    assert SourceText.joined((), []).files == {}
    assert repr(SourceText.joined(("a",), ["bc"])) == "SourceText(2 characters of 1 files)"


# Characters


def test_ids_and_back(held_out):
    tokenizer = CharacterTokenizer()
    assert len(tokenizer.symbols) == 97
    text = held_out.text[:5000]
    ids = tokenizer(text)
    assert len(ids) == len(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer(tokenizer.decode(range(97))) == list(range(97))


def test_unknown_characters_are_replaced_and_listed():
    tokenizer = CharacterTokenizer()
    text = "a\té𝄞\té"
    ids = tokenizer(text)
    assert len(ids) == len(text)  # one id per character, so that positions stay
    assert tokenizer.decode(ids) == "a\N{REPLACEMENT CHARACTER}" + 4 * tokenizer.substitute
    assert tokenizer.unknown(text) == {"\t": [1, 4], "é": [2, 5], "𝄞": [3]}
    assert tokenizer.unknown("all is well") == {}
    assert tokenizer("") == []


def test_few_of_the_characters_of_the_library_are_unknown(held_out):
    found = CharacterTokenizer().unknown(held_out.text)
    assert sum(map(len, found.values())) < len(held_out.text) / 10_000


@pytest.mark.parametrize("symbols", [("ab", "c"), ("a", "a"), ("", "a")])
def test_symbols_that_are_no_single_characters(symbols):
    with pytest.raises(ValueError, match="single characters, all different"):
        CharacterTokenizer(symbols)


def test_no_symbols_and_no_such_id():
    with pytest.raises(ValueError, match="at least one symbol"):
        CharacterTokenizer("")
    for i in (-1, 97):
        with pytest.raises(IndexError, match=f"id {i} is out of range: there are 97"):
            CharacterTokenizer().decode([i])


def test_repeated_text():
    text = zoo.repeated_text(20, 3)
    assert text == text[:20] * 3
    assert len(set(text)) == 20
    assert set(text) <= set(ASCII_SYMBOLS[1:-1])
    assert zoo.repeated_text(20, 3) == text
    assert zoo.repeated_text(20, 3, seed=1) != text
    with pytest.raises(ValueError, match="2 to 95"):
        zoo.repeated_text(96)
    with pytest.raises(ValueError, match="at least 1"):
        zoo.repeated_text(9, 0)
