"""Training on text: what is fed, what counts, and that a seed gives the same weights."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
import torch

from nbviz.zoo import train
from nbviz.zoo import train_text as text
from nbviz.zoo.catalogue import build, fresh, read_card
from nbviz.zoo.models_text import CharacterRNN, CharacterTransformer
from nbviz.zoo.python_source import SourceText, load_python_source

SMALL = {
    "python-char-lstm": {"cell": "lstm", "hidden": 12, "embedded": 8},
    "python-char-gru": {"cell": "gru", "hidden": 12, "embedded": 8},
    "python-char-transformer": {"width": 16, "heads": 2, "max_length": 32},
}


def short(name, **changes):
    return replace(
        text.RECIPES[name],
        **{"kwargs": SMALL[name], "batch_size": 8, "window": 32, "checkpoints": (0, 1), **changes},
    )


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small run slower on several threads, and very slowly on a machine that is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def source():
    return load_python_source(12_000, held_out=False)


def weights_by_epoch(recipe, source):
    kept = {}

    def keep(epoch, module):
        assert not module.training
        kept[epoch] = {name: value.clone() for name, value in module.state_dict().items()}

    text.train(recipe, source, keep)
    return kept


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", SMALL)
def test_same_seed_same_weights_and_another_seed_others(name, source):
    first, second = (weights_by_epoch(short(name), source) for _ in range(2))
    other = weights_by_epoch(short(name, seed=1), source)
    assert list(first) == [0, 1]
    for epoch in first:
        assert same(first[epoch], second[epoch])
        assert not same(first[epoch], other[epoch])
    assert not same(first[0], first[1])


def test_random_state_and_threads_are_left_alone(source):
    torch.manual_seed(5)
    torch.set_num_threads(2)
    before, threads = torch.get_rng_state(), 2
    weights_by_epoch(short("python-char-lstm"), source)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("name", SMALL)
def test_training_lowers_the_bits_per_character(name, source):
    reached = {}
    text.train(
        short(name, checkpoints=(0, 3), learning_rate=2e-2),
        source,
        lambda epoch, module: reached.update({epoch: text.bits_per_character(module, source)}),
    )
    assert reached[0] > 6  # log2(97) is 6.6
    assert reached[3] < 5


# What is fed


def test_windows_follow_one_another_and_hold_every_character():
    torch.manual_seed(0)
    ids = torch.arange(100)
    parts = list(text.windows([ids], rows=2, length=10))
    assert [tuple(part.shape) for part in parts] == [(2, 11)] * 5
    for row in range(2):
        stream = torch.cat([part[row, :-1] for part in parts])
        assert stream.tolist() == list(range(50 * row, 50 * row + 50))
        assert all(a[row, -1] == b[row, 0] for a, b in itertools.pairwise(parts))


def test_files_are_shuffled_as_a_whole():
    torch.manual_seed(1)
    files = [torch.full((10,), i) for i in range(8)]
    stream = next(text.windows(files, rows=1, length=80))[0, :-1].view(8, 10)
    assert (stream == stream[:, :1]).all()
    assert sorted(stream[:, 0].tolist()) == list(range(8))
    assert stream[:, 0].tolist() != list(range(8))


def test_repeated_symbols_repeat_and_their_first_time_is_marked():
    torch.manual_seed(0)
    ids, first = text.repeated(50, 200, 97)
    periods = first.sum(1)
    assert periods.min() >= 16
    assert periods.max() <= 100
    assert len(set(periods.tolist())) > 20
    for row, period in zip(ids, periods.tolist(), strict=True):
        assert (row[period:] == row[:-period]).all()


def test_the_first_time_of_repeated_symbols_does_not_count():
    torch.manual_seed(0)
    module = CharacterTransformer(**SMALL["python-char-transformer"])
    ids = torch.randint(97, (8, 33))
    scores, targets = text._with_repeats(module, ids, 0.25)
    assert (targets[2:] == ids[2:, 1:]).all()  # six rows are the text itself
    assert ((targets[:2] == text.IGNORED).sum(1) >= 15).all()
    assert ((targets[:2] != text.IGNORED).sum(1) >= 15).all()
    assert scores.shape == (8, 32, 97)


def test_state_is_carried_from_window_to_window_and_sometimes_dropped():
    torch.manual_seed(0)
    module = CharacterRNN(hidden=6)
    seen = []
    read = module.read
    module.read = lambda ids, state=None: seen.append(state) or read(ids, state)
    loss = text.reader(module, short("python-char-lstm", fresh_start=0.5))
    for _ in range(2):
        loss(torch.randint(97, (64, 9)))
    assert seen[0] is None
    hidden, cell = seen[1]
    dropped = (cell == 0).all(2)
    assert not hidden.requires_grad
    assert (dropped == (hidden == 0).all(2)).all()
    assert 16 < dropped[0].sum() < 48
    assert (dropped[0] == dropped[1]).all()  # in both layers at once


# Bits per character


def test_bits_of_a_model_that_knows_nothing_are_those_of_the_alphabet(source):
    for module in (CharacterRNN(hidden=4), CharacterTransformer(**SMALL["python-char-transformer"])):
        torch.nn.init.zeros_(module.output.weight)
        torch.nn.init.zeros_(module.output.bias)
        assert text.bits_per_character(module.eval(), source) == pytest.approx(math.log2(97), abs=1e-5)


@pytest.mark.parametrize("length", [2, 32, 33, 48, 49, 100])
def test_every_character_but_the_first_counts_once(length):
    module = CharacterTransformer(**SMALL["python-char-transformer"])
    ids = torch.arange(length)[None]
    counted = []
    for inputs, targets, scored in text._pieces(module, ids):
        assert inputs.shape == targets.shape
        assert inputs.shape[1] <= module.max_length
        assert (targets == inputs + 1).all()
        counted += targets[0, scored].tolist()
        if counted[0] < targets[0, scored][0]:
            assert scored.start >= 16  # half of what the transformer can read
    assert counted == list(range(1, length))


def test_files_do_not_see_each_other():
    torch.manual_seed(0)
    module = CharacterRNN(hidden=6).eval()
    a, b = "import this\n", "def f(x):\n"
    apart = [text.bits_per_character(module, SourceText.joined((n,), [n])) * (len(n) - 1) for n in (a, b)]
    together = text.bits_per_character(module, SourceText.joined(("a", "b"), [a, b]))
    assert together == pytest.approx(sum(apart) / (len(a) + len(b) - 2), rel=1e-6)


# The script


def test_command_line_writes_the_last_checkpoint_and_a_card(tmp_path, monkeypatch, capsys):
    few = {held_out: load_python_source(6000, held_out=held_out) for held_out in (True, False)}
    monkeypatch.setattr(text, "load_python_source", lambda *, held_out=True: few[held_out])
    monkeypatch.setitem(text.RECIPES, "python-char-gru", short("python-char-gru"))
    train.main(["python-char-gru", "--folder", str(tmp_path)])
    folder = tmp_path / "python-char-gru"
    assert [file.name for file in folder.iterdir()] == ["epoch-01.safetensors"]
    card = read_card(tmp_path / "python-char-gru.json")
    assert card["family"] == "text"
    assert list(card["held_out_bits_per_character"]) == ["0", "1"]
    assert card["symbols"][0] == "\n"
    assert card["symbols"][-1] == "\N{REPLACEMENT CHARACTER}"
    assert "bits per character" in capsys.readouterr().out
    json.dumps(card)
    # what is measured is what loads, also before training
    for trained, epoch in ((False, "0"), (True, "1")):
        network = build(card, folder, trained=trained)
        bits = text.bits_per_character(network.module, few[True])
        assert bits == pytest.approx(card["held_out_bits_per_character"][epoch], abs=1e-4)
    assert same(fresh(card).state_dict(), build(card, folder, trained=False).module.state_dict())
