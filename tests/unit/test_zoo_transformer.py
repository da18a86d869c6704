"""The transformer of the zoo: an induction head is found by its score."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nbviz import zoo
from nbviz.methods.attention import attention
from nbviz.methods.attention.summary import induction_score


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def induction_scores(network, n=8):
    """Mean over `n` random sequences of 64 symbols that come twice, (layers, heads)."""
    scores = []
    for seed in range(n):
        (group,) = attention(network, zoo.repeated_text(64, seed=seed)).groups
        scores.append(induction_score(group))
    return np.mean(scores, axis=0)


def test_the_transformer_has_an_induction_head_in_its_second_layer():
    network = zoo.load("python-char-transformer")
    scores = induction_scores(network)
    assert scores.shape == (2, 6)
    assert scores[1].max() > 0.9
    assert np.sort(scores[1])[-2] < 0.2  # one head does it
    assert scores[0].max() < 0.2  # it takes two layers
    assert induction_scores(zoo.load("python-char-transformer", trained=False), 2).max() < 0.1


def test_attention_weights_are_those_of_the_module_itself():
    network, text = zoo.load("python-char-transformer"), zoo.repeated_text()
    (group,) = attention(network, text).groups
    with torch.inference_mode():
        _, maps = network.module.attend(network.prepare([text]), weights=True)
    np.testing.assert_allclose(group.weights, torch.cat(maps).numpy(), atol=1e-5)


def test_what_came_before_is_predicted_when_it_comes_again():
    network, text = zoo.load("python-char-transformer"), zoo.repeated_text(64, seed=3)
    ids = network.prepare([text])
    with torch.inference_mode():
        predicted = network.module(ids)[0].argmax(1)
    right = (predicted[:-1] == ids[0, 1:]).numpy()
    assert right[:63].mean() < 0.1
    assert right[64:].mean() > 0.8


def test_a_text_longer_than_the_transformer_reads():
    network = zoo.load("python-char-transformer")
    with pytest.raises(ValueError, match="300 characters; this network reads at most 256"):
        network.module(torch.zeros(1, 300, dtype=torch.int64))
    with pytest.raises(ValueError, match="at most 256"):
        attention(network, "a" * 300)
