"""What is taken for a tokenizer, and what is said when one is none, or raises."""

import numpy as np
import pytest
import torch
from recurrent_models import Lm
from torch import nn

from nbviz.core.network import Network
from nbviz.core.tokenizers import CharacterIds, UnknownCharacter, token_ids
from nbviz.methods.recurrent import states
from nbviz.views.hidden_states import HiddenStates

LETTERS = "abcdefg"
IDS = {"<pad>": 0, **{letter: i + 1 for i, letter in enumerate(LETTERS)}}


def by_index(text):
    return [LETTERS.index(c) for c in text]


def test_a_dict_of_characters_is_read_character_by_character():
    network = Network(Lm(), tokenizer=IDS)
    found = states(network, "gab")
    assert found.ids.tolist() == [7, 1, 2]
    assert found.tokens == ["g", "a", "b"]
    assert states(network, np.array([7, 0, 10])).tokens == ["g", "<pad>", "10"]
    assert network.prepare(["ab", "cd"]).tolist() == [[1, 2], [3, 4]]
    assert Network(Lm(), tokenizer={"a": 0}, checkpoints={0: Lm().state_dict()}).at_epoch(0).tokenizer(
        "aa"
    ) == [0, 0]


def test_an_unknown_character_is_named_with_its_place():
    words = r"unknown character 'x' at position 27 of the text, in … 'abcdefgabcdefgabcdefxabcd'"
    text = "abcdefgabcdefgabcdefgabcdefxabcd"
    with pytest.raises(UnknownCharacter, match=words.replace("abcdefgabcdefgabcdefxabcd", text[7:])):
        states(Network(Lm(), tokenizer=IDS), text)
    with pytest.raises(ValueError, match=r"unknown character 'é' at position 1 of the text, in 'aé'"):
        HiddenStates(Network(Lm(), tokenizer=IDS), "aé")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({0: "a", 1: "b"}, r"\{0: 'a', …\}.*Turn it round"),
        ({"a": 0, "the": 1}, r"'the': 1.*For words give a function"),
        ({"a": "0"}, "whole number from 0 on"),
        ({"a": -1}, "whole number from 0 on"),
        ({"<pad>": 0}, "holds no character"),
        ({}, "holds no character"),
        ("abc", r"tokenizer=str cannot be used: a tokenizer is a callable.*enumerate\(alphabet\)"),
        (["a", "b"], r"tokenizer=list .*enumerate\(alphabet\)"),
        (5, "tokenizer=int cannot be used: a tokenizer is a callable"),
    ],
)
def test_what_is_no_tokenizer_is_refused_at_once(given, message):
    with pytest.raises(TypeError, match=message):
        Network(Lm(), tokenizer=given)


def test_an_object_that_encodes_is_one():
    class Encoder:
        def encode(self, text):
            return by_index(text)

    assert states(Network(Lm(), tokenizer=Encoder()), "cab").ids.tolist() == [2, 0, 1]
    assert Network(nn.Embedding(9, 2), tokenizer=Encoder()).prepare(["ab"]).tolist() == [[0, 1]]


def test_an_error_of_a_tokenizer_tells_the_text_and_the_character():
    network = Network(Lm(), tokenizer=by_index)
    message = (
        r"the tokenizer raised ValueError: substring not found. It was given 'abcéfg'. "
        r"It does not know the character 'é' at position 3"
    )
    with pytest.raises(ValueError, match=message) as caught:
        states(network, "abcéfg")
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(ValueError, match=message):
        network.prepare(["abcéfg"])
    view = HiddenStates(network, "abc", executor="inline")
    view.text = "abcéfg"
    assert "'é' at position 3" in view.problem["message"]
    view.close()
    with pytest.raises(ValueError, match=r"given … 'cdefgabcdefgabcdefgaéabcdefgabcdefgabcde' …"):
        states(network, f"{LETTERS * 5}aé{LETTERS * 5}")


def test_no_character_is_blamed_for_a_word_or_for_an_error_of_another_kind():
    words = {"a": 0, "the": 1, "cat": 2}
    message = r"raised KeyError: 'dog'. It was given 'the dog a cat'. The text may hold a character"
    with pytest.raises(ValueError, match=message):
        token_ids(lambda text: [words[word] for word in text.split()], "the dog a cat")

    def broken(text):
        raise RuntimeError("not loaded")

    with pytest.raises(ValueError, match=r"raised RuntimeError: not loaded. It was given 'ab'. The text may"):
        token_ids(broken, "ab")


def test_ids_are_those_of_the_first_name():
    tokenizer = CharacterIds({"a": 0, "A": 0, "b": 1})
    assert tokenizer("Ab") == [0, 1]
    assert tokenizer.decode([0, 1, 5]) == "ab5"
    assert tokenizer.decode(torch.tensor([1])) == "b"
