"""The language models of the zoo: what ships, how well it predicts, and what its cells and heads follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nbviz import zoo
from nbviz.methods.cell_annotations import Scorer, best_cells
from nbviz.methods.recurrent import states
from nbviz.methods.source_annotations import source_annotations
from nbviz.zoo.catalogue import WEIGHTS, fresh, read_card
from nbviz.zoo.train_text import bits_per_character

RECURRENT = ("python-char-lstm", "python-char-gru")
NAMES = (*RECURRENT, "python-char-transformer")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def network(name):
    return zoo.load(name)


# What ships


def test_load_gives_a_trained_network_with_its_tokenizer(network):
    assert not any(module.training for module in network.module.modules())
    assert {p.dtype for p in network.module.parameters()} == {torch.float32}
    assert network.class_names == network.tokenizer.symbols
    assert len(network.class_names) == 97
    samples = network.samples(3)
    assert samples.inputs == [zoo.load_python_source().text[i : i + 256] for i in (0, 256, 512)]
    assert samples.name(0) == f"{zoo.load_python_source().names[0]}:1"
    with network.running() as module, torch.inference_mode():
        scores = network.call(module, network.prepare(samples.inputs))
    assert scores.shape == (3, 256, 97)


def test_samples_that_do_not_exist(network):
    with pytest.raises(ValueError, match="at least 1"):
        network.samples(0)
    with pytest.raises(ValueError, match="held-out passages"):
        network.samples(10**6)


def test_only_the_last_weights_ship_and_the_seed_gives_the_first(name, network):
    card = read_card(WEIGHTS / f"{name}.json")
    files = list((WEIGHTS / name).iterdir())
    assert len(files) == 1
    assert files[0].stat().st_size < 480_000
    assert list(network.checkpoints) == [0, card["checkpoints"][-1]]
    before = torch.random.get_rng_state()
    untrained = zoo.load(name, trained=False)
    assert torch.equal(torch.random.get_rng_state(), before)
    for key, value in fresh(card).state_dict().items():
        assert torch.equal(value, untrained.module.state_dict()[key])
        assert torch.equal(value, network.checkpoints[0][key])
        assert torch.equal(value, network.at_epoch(0).module.state_dict()[key])


def test_a_character_does_not_see_what_follows(network):
    text = zoo.load_python_source(200).text
    changed = text[:150] + "€" + text[151:]
    with network.running() as module, torch.inference_mode():
        a, b = (network.call(module, network.prepare([t]))[0] for t in (text, changed))
    np.testing.assert_allclose(a[:150], b[:150], atol=1e-5)
    assert (a[150:] - b[150:]).abs().max() > 0.1


# How well it predicts


def test_bits_per_character_are_those_on_the_card(name, network):
    card = read_card(WEIGHTS / f"{name}.json")
    last = str(card["checkpoints"][-1])
    # another version of Python has other text in the same files
    measured = bits_per_character(network.module, zoo.load_python_source())
    assert measured == pytest.approx(card["held_out_bits_per_character"][last], abs=0.05)
    assert 6 < card["held_out_bits_per_character"]["0"] < 7


def test_the_lstm_reaches_170_bits():
    card = read_card(WEIGHTS / "python-char-lstm.json")
    assert card["held_out_bits_per_character"][str(card["checkpoints"][-1])] <= 1.70


def test_the_gru_has_as_many_parameters_as_the_lstm():
    lstm, gru = (sum(p.numel() for p in zoo.load(name).module.parameters()) for name in RECURRENT)
    assert gru == pytest.approx(lstm, rel=0.001)


def test_readme_states_size_and_bits(name, network):
    readme = (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    rows = [row for row in readme.splitlines() if row.startswith((f"| {name} |", f"| `{name}` |"))]
    card = read_card(WEIGHTS / f"{name}.json")
    said = " ".join(rows)
    assert f"{sum(p.numel() for p in network.module.parameters()):,}" in said
    for bits in card["held_out_bits_per_character"].values():
        assert f"{bits:.2f}" in said


# What its cells follow


def tanh_cells(network, text):
    """tanh(c) of all cells of both layers, (time, cells)."""
    found = states(network, text)
    return np.tanh(np.concatenate([found.cell[layer] for layer in found.layers], axis=1))


def tanh_cells_by_a_loop(network, text):
    """The same, with the LSTM written out as a loop."""
    rnn = network.module.rnn
    with torch.inference_mode():
        inputs, found = network.module.embedding(torch.tensor(network.tokenizer(text))), []
        for layer in range(rnn.num_layers):
            cell = nn.LSTMCell(inputs.shape[1], rnn.hidden_size)
            cell.load_state_dict({key: getattr(rnn, f"{key}_l{layer}") for key in cell.state_dict()})
            state, steps = None, []
            for step in inputs:
                state = cell(step[None], state)
                steps.append(state)
            inputs = torch.cat([h for h, _ in steps])
            found.append(torch.cat([c for _, c in steps]).tanh())
    return torch.cat(found, dim=1).numpy()


@pytest.fixture(scope="module")
def halves():
    """Some of the held-out files to choose on, and others to score on, with their annotations."""
    texts = [text[:12_000] for text in zoo.load_python_source().files.values()]
    return [[(text, source_annotations(text)) for text in some] for some in (texts[0:8:2], texts[1::2])]


@pytest.fixture(scope="module")
def scorers(halves):
    """For the trained and the untrained LSTM: its cells on the files that choose, and on the others."""
    networks = {trained: zoo.load("python-char-lstm", trained=trained) for trained in (True, False)}
    return {
        trained: [Scorer(np.concatenate([tanh_cells(network, text) for text, _ in half])) for half in halves]
        for trained, network in networks.items()
    }


@pytest.mark.parametrize(
    ("annotation", "untrained_at_most"),
    # to be in quotes is in part to have read a quote a few characters ago, which random cells hold too
    [("inside parentheses", 0.7), ("in single quotes", 0.88)],
)
def test_one_cell_of_the_lstm_follows(annotation, untrained_at_most, halves, scorers):
    labels = [np.concatenate([found[annotation] for _, found in half]) for half in halves]
    (first, other), baseline = scorers[True], tuple(scorers[False])
    best = best_cells(first, labels[0], other, labels[1], n=1, baseline=baseline, n_shuffles=5)
    assert best.held_out[0] >= 0.95
    assert best.baseline <= untrained_at_most
    assert best.shuffled.max() <= 0.7


def test_the_states_that_views_show_are_those_of_a_loop():
    network, text = zoo.load("python-char-lstm"), zoo.load_python_source(400).text
    np.testing.assert_allclose(tanh_cells(network, text), tanh_cells_by_a_loop(network, text), atol=1e-5)
