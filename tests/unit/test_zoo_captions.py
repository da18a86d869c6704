"""The digit captioner: scenes are what their sentences say, and the trained model says it and looks there."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from nbviz import zoo
from nbviz.methods.seq2seq import StepDecoder, decode
from nbviz.zoo import train_captions
from nbviz.zoo.captions import DIGITS, PLURALS, SIDE, Box, Scenes, sentence
from nbviz.zoo.catalogue import WEIGHTS, read_card
from nbviz.zoo.datasets import HELD_OUT
from nbviz.zoo.models_captions import WORDS

CARD = read_card(WEIGHTS / "digit-captioner.json")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads slow small steps down
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def network():
    return zoo.load("digit-captioner")


@pytest.fixture(scope="module")
def scenes():
    return zoo.load_scenes(500, seed=3)


# Scenes


def test_scenes_are_samples_with_sentences_and_boxes(scenes):
    assert isinstance(scenes, Scenes)
    assert scenes.inputs.shape == (500, SIDE, SIDE)
    assert scenes.inputs.dtype == np.uint8
    assert len(scenes.sentences) == len(scenes.boxes) == 500
    assert scenes.name(4) == scenes.sentences[4]
    assert scenes.picture(0).size == (64, 64)
    part = scenes[np.array([7, 2])]
    assert part.sentences == [scenes.sentences[7], scenes.sentences[2]]
    assert part.boxes[1] == scenes.boxes[2]
    assert (part.inputs[0] == scenes.inputs[7]).all()
    assert len(scenes[:3]) == len(scenes[:3].boxes) == 3


def test_the_same_seed_gives_the_same_scenes():
    one, two, other = (zoo.load_scenes(20, seed=seed) for seed in (0, 0, 1))
    assert (one.inputs == two.inputs).all()
    assert one.sentences == two.sentences
    assert one.sentences != other.sentences
    assert zoo.load_scenes(20, held_out=False).sentences != one.sentences
    with pytest.raises(ValueError, match=r"n=0 is out of range"):
        zoo.load_scenes(0)


def test_every_digit_lies_in_its_box_and_apart_from_the_others(scenes):
    for picture, boxes in zip(scenes.inputs, scenes.boxes, strict=True):
        left = picture.copy()
        for box in boxes:
            ink = picture[box.top : box.bottom, box.left : box.right]
            assert ink.shape == (box.bottom - box.top, box.right - box.left)
            assert (ink[[0, -1]].max(1) > 0).all()
            assert (ink[:, [0, -1]].max(0) > 0).all()
            left[box.top : box.bottom, box.left : box.right] = 0
        assert not left.any()
        covered = sum((b.bottom - b.top) * (b.right - b.left) for b in boxes)
        mask = np.zeros((SIDE, SIDE), bool)
        for box in boxes:
            mask[box.top : box.bottom, box.left : box.right] = True
        assert mask.sum() == covered


def test_the_sentence_is_true_of_the_boxes(scenes):
    pattern = re.compile(r"(an?|two|three) (\w+?)(?: (left of|right of|above|below) (an?|two|three) (\w+))?")
    for words, boxes in zip(scenes.sentences, scenes.boxes, strict=True):
        count, noun, relation, other_count, other_noun = pattern.fullmatch(words).groups()
        groups = [_group(boxes, count, noun)]
        if relation is None:
            assert len(groups[0]) == len(boxes)
            continue
        groups.append(_group(boxes, other_count, other_noun))
        first, second = groups
        assert len(first) + len(second) == len(boxes)
        assert (len(first), first[0].digit) < (len(second), second[0].digit)
        relations = {
            "left of": max(b.right for b in first) < min(b.left for b in second),
            "right of": max(b.right for b in second) < min(b.left for b in first),
            "above": max(b.bottom for b in first) < min(b.top for b in second),
            "below": max(b.bottom for b in second) < min(b.top for b in first),
        }
        assert [name for name, is_true in relations.items() if is_true] == [relation]


def _group(boxes, count, noun):
    digit = DIGITS.index(noun) if count in ("a", "an") else PLURALS.index(noun)
    assert (count == "an") == (noun == "eight")
    found = [box for box in boxes if box.digit == digit]
    assert len(found) == {"a": 1, "an": 1, "two": 2, "three": 3}[count]
    return found


def test_all_words_and_relations_occur(scenes):
    words = set(" ".join(zoo.load_scenes(1500, seed=9).sentences).split())
    assert words == set(WORDS[2:])
    assert sentence([(1, 7), (2, 3)], "left of") == "a seven left of two threes"
    assert sentence([(1, 8)], None) == "an eight"
    assert Box(7, 0, 0, 9, 9).word == "seven"


def test_held_out_scenes_hold_held_out_digits_only(monkeypatch):
    from nbviz.zoo import captions

    used = []
    original = captions._tile
    monkeypatch.setattr(captions, "_tile", lambda row, side: used.append(row) or original(row, side))
    zoo.load_scenes(200)
    assert max(used) < HELD_OUT
    used.clear()
    zoo.load_scenes(200, held_out=False)
    assert min(used) >= HELD_OUT


def test_another_network_reads_the_same_digits(scenes):
    """Each box, scaled back to the 20 x 20 pixels of MNIST's ink, is read by mnist-cnn."""
    images, labels = [], []
    for picture, boxes in zip(scenes.inputs[:100], scenes.boxes[:100], strict=True):
        for box in boxes:
            ink = Image.fromarray(picture[box.top : box.bottom, box.left : box.right])
            scale = 20 / max(ink.size)
            ink = ink.resize([max(1, round(side * scale)) for side in ink.size], Image.Resampling.BILINEAR)
            canvas = Image.new("L", (28, 28))
            canvas.paste(ink, ((28 - ink.width) // 2, (28 - ink.height) // 2))
            images.append(np.asarray(canvas))
            labels.append(box.digit)
    found = zoo.load("mnist-cnn").predict(np.stack(images)).argmax(1)
    assert np.mean(found == labels) > 0.9


# The trained model


def test_it_fits_the_protocol(network, scenes):
    model = network.module
    assert isinstance(model, StepDecoder)
    memory = model.encode(network.prepare(scenes.inputs[:1]))
    assert memory.grid == (8, 8)
    state = model.start(memory)
    kept = [part.clone() for part in state]
    logits, _, weights = model.step(torch.tensor([model.start_id]), state, memory)
    assert logits.shape == (1, len(model.output_tokens))
    assert weights.shape == (1, 64)
    torch.testing.assert_close(weights.sum(1), torch.ones(1))
    assert all(torch.equal(a, b) for a, b in zip(state, kept, strict=True))
    assert not any(part.training for part in model.modules())


def test_it_is_decoded_by_the_method(network, scenes):
    ours, attention = train_captions.described(network.module, scenes.inputs[:5])
    for row in range(5):
        found = decode(network, scenes.inputs[row : row + 1])
        assert found.output_text == ours[row]
        n = len(found.output_tokens)
        np.testing.assert_allclose(found.groups[0].weights[0, 0], attention[row, :n], atol=1e-5)


def test_sentences_of_held_out_scenes_are_right(network, scenes):
    assert train_captions.exact(network.module, scenes) >= CARD["held_out_exact"] - 0.03
    assert train_captions.exact(zoo.load("digit-captioner", trained=False).module, scenes) == 0


def test_it_looks_at_the_digit_that_it_names(network, scenes):
    found = train_captions.attention_on_digits(network.module, scenes)
    stated = CARD["held_out_attention"]
    for share, area in (("in_boxes", "boxes"), ("at_positions", "positions")):
        assert found[share] >= stated[share] - 0.03
        assert found[share] >= 3 * found[area]


def test_it_works_as_a_network(network, scenes):
    names = [layer.name for layer in network.layers(scenes[:2])]
    assert {"conv1", "conv2", "conv3", "conv4", "attention", "decoder", "readout"} <= set(names)
    assert network.samples(3).sentences == zoo.load_scenes(3).sentences
    assert "digit-captioner" in zoo.list()


def test_size():
    assert sum(file.stat().st_size for file in (WEIGHTS / "digit-captioner").iterdir()) < 700_000


# Training


def test_targets_and_digit_words():
    targets = train_captions.targets_of(["a seven left of two threes", "two twos"])
    words = [[WORDS[i] if i >= 0 else None for i in row] for row in targets.tolist()]
    assert words[0] == ["a", "seven", "left", "of", "two", "threes", "<end>"]
    assert words[1] == ["two", "twos", "<end>", None, None, None, None]
    assert train_captions.digit_words("a two above three threes") == [(1, 2), (4, 3)]
    assert train_captions.digit_words("an eight") == [(1, 8)]


def test_loss_is_that_of_the_paper(network):
    some = zoo.load_scenes(6, seed=5)
    with torch.inference_mode():
        plain = train_captions.loss_of(network.module, some, 0.0)
        scores, attention = network.module.write(
            network.prepare(some.inputs), train_captions.targets_of(some.sentences).clamp(min=0)
        )
        logs, looked = scores.log_softmax(2), torch.zeros(6, 64)
        words = torch.zeros(6)
        for row, text in enumerate(some.sentences):
            for step, word in enumerate([*text.split(), "<end>"]):
                words[row] -= logs[row, step, WORDS.index(word)]
                looked[row] += attention[row, step]
        penalised = train_captions.loss_of(network.module, some, 0.5)
    torch.testing.assert_close(plain, words.mean())
    torch.testing.assert_close(penalised - plain, 0.5 * ((1 - looked) ** 2).sum(1).mean())


def test_training_is_reproducible_and_learns():
    recipe = replace(train_captions.RECIPES["digit-captioner"], **_SHORT)
    rows, before = range(HELD_OUT, HELD_OUT + 600), torch.get_rng_state()
    first, second = (train_captions.train(recipe, rows) for _ in range(2))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(torch.get_rng_state(), before)
    untrained = zoo.load("digit-captioner", trained=False).module
    some = zoo.load_scenes(30, held_out=False)
    with torch.inference_mode():
        assert train_captions.loss_of(first, some, 0) < train_captions.loss_of(untrained, some, 0)


_SHORT = {"encoder_epochs": 1, "decoder_steps": 6, "steps": 3, "batch_size": 8}
