"""Training: the same seed gives the same weights, bit for bit, and nothing outside is disturbed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from nbviz import zoo
from nbviz.zoo import HELD_OUT, train
from nbviz.zoo import train_digits as digits
from nbviz.zoo.datasets import mnist_arrays


def short(recipe, **changes):
    return replace(recipe, checkpoints=(0, 1), **changes)


def weights_by_epoch(recipe, n=192):
    images, labels = mnist_arrays()
    kept = {}

    def keep(epoch, module):
        assert not module.training
        kept[epoch] = {name: value.clone() for name, value in module.state_dict().items()}

    digits.train(recipe, images[HELD_OUT : HELD_OUT + n], labels[HELD_OUT : HELD_OUT + n], keep)
    return kept


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", digits.RECIPES)
def test_same_seed_same_weights_and_another_seed_others(name):
    recipe = short(digits.RECIPES[name])
    first, second = weights_by_epoch(recipe), weights_by_epoch(recipe)
    other = weights_by_epoch(replace(recipe, seed=1))
    assert list(first) == [0, 1]
    for epoch in first:
        assert same(first[epoch], second[epoch])
        assert not same(first[epoch], other[epoch])
    assert not same(first[0], first[1])


@pytest.mark.parametrize("name", digits.RECIPES)
def test_epoch_0_of_the_training_is_drawn_again_from_the_seed(name):
    first = weights_by_epoch(short(digits.RECIPES[name]), n=64)[0]
    assert same(first, zoo.load(name).checkpoints[0])
    assert same(first, zoo.load(name, trained=False).module.state_dict())


def test_random_state_and_threads_are_left_alone():
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    weights_by_epoch(short(digits.RECIPES["mnist-mlp"]))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_one_epoch_learns_something():
    images, labels = mnist_arrays()
    reached = {}
    digits.train(
        replace(digits.RECIPES["mnist-mlp"], checkpoints=(0, 3)),
        images[HELD_OUT : HELD_OUT + 2000],
        labels[HELD_OUT : HELD_OUT + 2000],
        lambda epoch, module: reached.update({epoch: digits.accuracy(module, images[:500], labels[:500])}),
    )
    assert reached[0] < 0.3
    assert reached[3] > 0.7


def test_only_training_images_are_trained_on(tmp_path, monkeypatch):
    seen = []

    def stopped(recipe, images, labels, keep):
        seen.extend((images, labels))
        raise KeyboardInterrupt

    monkeypatch.setattr(digits, "train", stopped)
    (tmp_path / "mnist-mlp").mkdir()
    (tmp_path / "mnist-mlp" / "epoch-00.safetensors").write_bytes(b"kept")
    with pytest.raises(KeyboardInterrupt):
        train.write("mnist-mlp", tmp_path)
    assert [f.name for f in tmp_path.rglob("*")] == ["mnist-mlp", "epoch-00.safetensors"]  # nothing spoilt
    images, labels = mnist_arrays()
    assert np.array_equal(seen[0], images[HELD_OUT:])
    assert np.array_equal(seen[1], labels[HELD_OUT:])


def test_transform_is_that_of_the_training_images():
    pixels = mnist_arrays()[0][HELD_OUT:] / 255
    assert digits.TRANSFORM["mean"] == pytest.approx(pixels.mean(), abs=5e-5)
    assert digits.TRANSFORM["std"] == pytest.approx(pixels.std(), abs=5e-5)


def test_shifts_move_the_whole_image_by_up_to_two_pixels():
    image = torch.zeros(9, 9, dtype=torch.uint8)
    image[4, 4], image[4, 5] = 9, 7
    torch.manual_seed(0)
    moved = digits.shifted(image.expand(500, 9, 9), 2)
    assert moved.shape == (500, 9, 9)
    rows, columns = (moved == 9).nonzero()[:, 1:].T
    assert len(rows) == 500
    assert (moved[torch.arange(500), rows, columns + 1] == 7).all()
    assert set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4, 5, 6}


def test_shifts_bring_in_background():
    moved = digits.shifted(torch.full((200, 5, 5), 255, dtype=torch.uint8), 1)
    ink = (moved == 255).sum((1, 2))
    assert set(ink.tolist()) == {16, 20, 25}


def test_accuracy_counts_right_answers():
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 10))
    with torch.no_grad():
        module[1].weight.zero_()
        module[1].bias.copy_(torch.eye(10)[3])
    assert digits.accuracy(module, np.zeros((20, 2, 2), np.uint8), np.array([3] * 5 + [1] * 15)) == 0.25


def test_command_line_writes_checkpoints_and_card(tmp_path, monkeypatch, capsys):
    images, labels = mnist_arrays()
    few = slice(0, HELD_OUT + 128)
    monkeypatch.setattr(digits, "mnist_arrays", lambda: (images[few], labels[few]))
    monkeypatch.setitem(digits.RECIPES, "mnist-mlp", short(digits.RECIPES["mnist-mlp"]))
    (tmp_path / "mnist-mlp").mkdir()
    (tmp_path / "mnist-mlp" / "epoch-99.safetensors").write_bytes(b"of an older recipe")
    train.main(["mnist-mlp", "--folder", str(tmp_path)])
    assert sorted(f.name for f in (tmp_path / "mnist-mlp").iterdir()) == ["epoch-01.safetensors"]
    card = json.loads((tmp_path / "mnist-mlp.json").read_text())
    assert list(card["held_out_accuracy"]) == ["0", "1"]
    assert card["family"] == "digits"
    assert card["torch"] == torch.__version__
    assert "epoch   1  held-out accuracy" in capsys.readouterr().out


def test_command_line_refuses_an_unknown_name(capsys):
    with pytest.raises(SystemExit):
        train.main(["mnist-rnn"])
    assert "no recipe for 'mnist-rnn'; there are mnist-cnn, mnist-mlp" in capsys.readouterr().err
