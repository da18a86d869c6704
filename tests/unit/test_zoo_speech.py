"""Synthetic speech: the frames are what they are said to be, and the network turns from voices to phones."""

from __future__ import annotations

import ctypes.util
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.signal import spectrogram

from nbviz import zoo
from nbviz.methods.neighbours import neighbourhood_hit
from nbviz.zoo import make_speech, train_speech
from nbviz.zoo.catalogue import WEIGHTS, read_card
from nbviz.zoo.checkpoints import file_of
from nbviz.zoo.make_speech import ARPABET
from nbviz.zoo.mel import FLOOR, HOP, RATE, WINDOW, filterbank, hertz, log_mel, mel, to_bytes
from nbviz.zoo.speech import CONSONANTS, CONTEXT, FILE, PHONES, TRAINING_SENTENCES, VOWELS, held_out_speech
from nbviz.zoo.train_speech import LAYERS, RECIPES, activations, training_frames

CARD = read_card(WEIGHTS / "speech-mlp.json")
needs_espeak = pytest.mark.skipif(
    ctypes.util.find_library("espeak-ng") is None, reason="espeak-ng is not installed"
)


@pytest.fixture(scope="module")
def samples():
    return zoo.load_speech()


@pytest.fixture(scope="module")
def network():
    return zoo.load("speech-mlp")


@pytest.fixture(scope="module")
def hits(network, samples):
    """{(trained, layer): {column: neighbourhood hit}} of 2,000 frames."""
    some, found = samples[:2000], {}
    for trained in (True, False):
        net = network if trained else zoo.load("speech-mlp", trained=False)
        for layer, values in activations(net.module, net.transform(some.inputs)).items():
            found[trained, layer] = {
                column: neighbourhood_hit(values, some.metadata[column]) for column in ("phone", "speaker")
            }
    return found


# Mel frames


def test_mel_scale_is_the_formula_and_back():
    assert mel(1000.0) == pytest.approx(1000, abs=0.02)  # what the constant 2595 is chosen for
    assert mel(0.0) == 0
    steps = np.linspace(0, 8000, 33)
    np.testing.assert_allclose(hertz(mel(steps)), steps, atol=1e-9)
    np.testing.assert_allclose(mel(steps), 1127 * np.log1p(steps / 700), rtol=1e-5)  # the other usual form


def test_filterbank_equals_triangles_drawn_one_by_one():
    m = np.linspace(1127.01048 * np.log(1 + 60 / 700), 1127.01048 * np.log(1 + 7600 / 700), 26)
    corners = 700 * (np.exp(m / 1127.01048) - 1)
    frequencies = np.fft.rfftfreq(512, 1 / 16_000)
    drawn = [np.interp(frequencies, corners[i : i + 3], (0, 1, 0)) for i in range(24)]
    np.testing.assert_allclose(filterbank(), drawn, atol=1e-4)
    assert (filterbank().max(axis=1) > 0.6).all()  # no band falls between two bins
    inside = (frequencies > corners[1]) & (frequencies < corners[-2])
    np.testing.assert_allclose(filterbank().sum(axis=0)[inside], 1, atol=1e-9)


def test_frames_equal_those_of_scipys_spectrogram():
    sound = np.random.default_rng(0).normal(0, 0.1, 4000)
    _, times, power = spectrogram(
        sound, RATE, np.hamming(WINDOW), noverlap=WINDOW - HOP, nfft=512, detrend=False, scaling="spectrum"
    )
    found = log_mel(sound)
    assert found.shape == (len(times), 24) == (23, 24)
    assert times[3] * RATE == 160 * 3 + 200
    # scipy gives a sine of full scale its mean power, 1/2
    np.testing.assert_allclose(found, 10 * np.log10(2 * filterbank() @ power).T, atol=1e-6)


def test_a_sine_of_full_scale_is_loudest_in_its_band_near_0_decibels():
    time = np.arange(RATE) / RATE
    centres = hertz(np.linspace(mel(60.0), mel(7600.0), 26))[1:-1]
    for band in (3, 10, 20):
        loud = log_mel(np.sin(2 * np.pi * centres[band] * time)).mean(axis=0)
        assert loud.argmax() == band
        assert -2 < loud[band] < 3
    np.testing.assert_allclose(
        log_mel(np.sin(2 * np.pi * 440 * time)).max() - log_mel(0.1 * np.sin(2 * np.pi * 440 * time)).max(),
        20,
    )


def test_silence_and_bad_sound():
    assert (log_mel(np.zeros(1000)) == FLOOR).all()
    with pytest.raises(ValueError, match=r"at least 400 samples .* \(399,\)"):
        log_mel(np.zeros(399))
    with pytest.raises(ValueError, match="one channel"):
        log_mel(np.zeros((2, 1000)))


def test_bytes_cover_80_decibels():
    assert to_bytes(np.array([-200.0, -80, -40, 0, 5])).tolist() == [0, 0, 128, 255, 255]


# Data


def test_samples_say_what_they_are(samples):
    assert samples.inputs.shape == (6000, 24, 11)
    assert samples.inputs.dtype == np.uint8
    assert samples.class_names == PHONES
    assert len(PHONES) == len(set(PHONES)) == 40
    assert len(VOWELS) == 16
    for row in (0, 17, 5999):
        assert samples.metadata["phone"][row] == PHONES[samples.labels[row]]
        assert samples.metadata["word"][row] in samples.metadata["sentence"][row].lower()
        assert samples.name(row).startswith(f"{PHONES[samples.labels[row]]} in ")
    kinds = samples.metadata["kind"]
    assert set(samples.metadata["phone"][kinds == "vowel"]) == set(VOWELS)
    assert set(samples.metadata["phone"][kinds == "consonant"]) == set(CONSONANTS)
    assert samples.picture(0).size == (11, 24)


def test_speakers_and_phones_are_balanced(samples):
    speakers, count = np.unique(samples.metadata["speaker"], return_counts=True)
    assert len(speakers) == 20
    assert count.max() / count.min() < 1.1
    assert np.bincount(samples.labels, minlength=40).min() >= 50
    assert np.bincount(samples.labels, minlength=40).max() <= 6000 / 40 * 1.6
    pairs = samples.labels[:800] * 20 + np.searchsorted(speakers, samples.metadata["speaker"][:800])
    assert len(set(pairs)) == 800  # each pair once before one comes twice


def test_four_speakers_and_all_sentences_were_not_heard_in_training(samples):
    training = {*make_speech.SHOWN, *make_speech.TRAINING_ONLY}
    unheard = samples.metadata["speaker was"] == "held out"
    assert set(samples.metadata["speaker"][unheard]) == set(make_speech.HELD_OUT)
    assert not training & set(make_speech.HELD_OUT)
    assert set(samples.metadata["speaker"][~unheard]) == set(make_speech.SHOWN) < training
    texts = zoo.speech.sentences()
    assert len(set(texts)) == len(texts)
    assert not set(texts[:TRAINING_SENTENCES]) & set(samples.metadata["sentence"])


def test_fricatives_hiss_and_vowels_do_not(samples):
    """The labels belong to the sound: s is loudest at the top, vowels at the bottom of the picture."""
    middle = samples.inputs[:, :, CONTEXT].astype(float)
    tilt = middle[:, :8].mean(axis=1) - middle[:, -8:].mean(axis=1)
    phone = samples.metadata["phone"]
    assert (tilt[np.isin(phone, ["s", "sh", "f"])] > 0).mean() > 0.98
    assert (tilt[samples.metadata["kind"] == "vowel"] < 0).mean() > 0.98


def test_the_file_is_read_as_it_was_made(samples):
    speech, unheard = held_out_speech()
    assert unheard == 4
    assert speech.frames.shape[1] == 24
    with np.load(FILE, allow_pickle=False) as file:
        assert (np.diff(speech.frames.T, axis=1, prepend=np.uint8(0)) == file["differences"]).all()
    one = speech.windows(np.array([1000]))[0]
    assert (one[-1] == speech.frames[995:1006, 0]).all()  # the lowest band is the last row
    assert FILE.stat().st_size < 2e6


def test_loading_twice_gives_the_same_and_copies(samples):
    again = zoo.load_speech(100)
    assert (again.inputs == samples.inputs[:100]).all()
    assert (again.labels == samples.labels[:100]).all()
    again.inputs[:] = 7
    assert (zoo.load_speech(100).inputs == samples.inputs[:100]).all()


@pytest.mark.parametrize("n", [0, 100_000])
def test_rows_that_do_not_exist(n):
    with pytest.raises(ValueError, match=rf"n={n} is out of range: there are 1 to 8,\d\d\d frames"):
        zoo.load_speech(n)


def test_the_licence_says_what_made_the_speech():
    text = (WEIGHTS.parent / "data" / "LICENSE-speech.txt").read_text(encoding="utf-8")
    for part in ("espeak-ng 1.51", "GNU General Public License", "BSD 3-Clause"):
        assert part in text


# Model


def test_network_has_four_layers_of_sigmoid_units(network):
    names = [layer.name for layer in network.layers(zoo.load_speech(1))]
    assert [name for name in names if name.startswith("sigmoid")] == [f"sigmoid{i}" for i in range(1, 5)]
    assert network.class_names == PHONES
    assert len(network.samples(9)) == 9
    for epoch in CARD["checkpoints"][1:]:
        assert file_of(WEIGHTS / "speech-mlp", epoch).stat().st_size < 500e3


@pytest.mark.parametrize(("was", "floor"), [("heard in training", 0.96), ("held out", 0.86)])
def test_phones_are_heard_also_from_speakers_not_heard_before(network, samples, was, floor):
    rows = samples.metadata["speaker was"] == was
    right = network.predict(samples).argmax(1) == samples.labels
    assert right[rows].mean() >= floor
    assert right[rows].mean() == pytest.approx(CARD["held_out_accuracy"]["10"][was], abs=0.002)


def test_speakers_mix_and_phones_part_from_layer_to_layer(hits):
    speaker = [hits[True, layer]["speaker"] for layer in LAYERS]
    phone = [hits[True, layer]["phone"] for layer in LAYERS]
    assert speaker[0] > speaker[-2] + 0.04 > speaker[-1]  # from the input to the last hidden layer
    assert phone[0] < phone[-2] - 0.08
    assert all(a > b for a, b in pairwise(speaker[1:]))  # each layer has less of it
    assert phone[1] > phone[0] + 0.04


def test_without_training_phones_do_not_part(hits):
    phone = [hits[False, layer]["phone"] for layer in LAYERS]
    assert max(phone) <= phone[0] + 0.01
    assert hits[False, "sigmoid4"]["speaker"] > hits[True, "sigmoid4"]["speaker"] + 0.03


def test_shuffled_labels_give_chance(network, samples):
    some = samples[:2000]
    last = activations(network.module, network.transform(some.inputs))["sigmoid4"]
    for column, classes in (("phone", 40), ("speaker", 20)):
        shuffled = np.random.default_rng(0).permutation(some.metadata[column])
        assert neighbourhood_hit(last, shuffled) == pytest.approx(1 / classes, abs=0.01)


def test_card_and_readme_state_what_ships(network, samples):
    readme = (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    card = CARD["neighbourhood_hit"]
    for layer in LAYERS:
        row = next(row for row in readme.splitlines() if row.startswith(f"| speech `{layer}` |"))
        for column in ("phone", "speaker"):
            assert f"{card['10'][layer][column]:.1%}" in row
            assert f"{card['0'][layer][column]:.1%}" in row
    for value in CARD["held_out_accuracy"]["10"].values():
        assert f"{value:.1%}" in readme
    last = activations(network.module, network.transform(samples.inputs))["sigmoid4"]
    for column in ("phone", "speaker"):
        measured = neighbourhood_hit(last, samples.metadata[column])
        assert measured == pytest.approx(card["10"]["sigmoid4"][column], abs=2e-3)


# Training


def weights_after(recipe, speech):
    kept = {}
    train_speech.train(
        recipe,
        speech,
        zoo.load("speech-mlp").transform,
        lambda epoch, module: kept.update({epoch: {k: v.clone() for k, v in module.state_dict().items()}}),
    )
    return kept


def test_training_is_reproducible_and_leaves_the_random_state():
    speech, _ = held_out_speech()
    short = replace(speech, start=speech.start[:200], end=speech.end[:200], phone=speech.phone[:200])
    recipe = replace(RECIPES["speech-mlp"], checkpoints=(0, 1))
    before = torch.get_rng_state()
    first, second = weights_after(recipe, short), weights_after(recipe, short)
    assert torch.equal(torch.get_rng_state(), before)
    for epoch in (0, 1):
        assert all(torch.equal(value, second[epoch][key]) for key, value in first[epoch].items())
    assert not torch.equal(first[0]["fc1.weight"], first[1]["fc1.weight"])
    untrained = zoo.load("speech-mlp", trained=False).module.state_dict()
    assert all(torch.equal(value, untrained[key]) for key, value in first[0].items())


def test_training_frames_lie_inside_their_phones():
    speech, _ = held_out_speech()
    centres, labels = training_frames(speech)
    assert len(centres) == len(labels) > 2 * len(speech.phone)
    owner = np.searchsorted(speech.start, centres, side="right") - 1
    assert (centres >= speech.start[owner]).all()
    assert (centres < speech.end[owner]).all()
    assert (labels == speech.phone[owner]).all()
    assert speech.frames[centres].any(axis=1).all()


# Making it


def test_every_phone_has_a_sound():
    assert set(ARPABET.values()) == set(PHONES)


@needs_espeak
def test_sounds_are_where_the_synthesiser_says():
    synthesiser = make_speech.Synthesiser()
    wave, sounds = synthesiser.speak("She sees a fish.", "m1")
    assert [ARPABET[sound.name] for sound in sounds] == ["sh", "iy", "s", "iy", "z", "ax", "f", "ih", "sh"]
    assert [sound.word for sound in sounds] == [0, 0, 1, 1, 1, 2, 3, 3, 3]
    loud = make_speech.utterance(wave, synthesiser.rate).astype(float)
    for sound in sounds:
        frames = loud[make_speech.first_frame(sound.start) : make_speech.first_frame(sound.end)]
        middle = frames[len(frames) // 2]
        if ARPABET[sound.name] in ("sh", "s"):
            assert middle[-8:].mean() > middle[:8].mean()
        elif ARPABET[sound.name] == "iy":
            assert middle[-8:].mean() < middle[:8].mean()
    with pytest.raises(ValueError, match=r"no voice 'nobody'; there are: .*f1"):
        synthesiser.speak("hello", "nobody")


def test_without_espeak_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(OSError, match=r"apt-get install espeak-ng\. The speech that ships needs nothing"):
        make_speech.record_training()
