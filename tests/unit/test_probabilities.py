"""Probabilities of each usual ending of a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from capture_models import data
from torch import nn

from nbviz.core.capture import probabilities
from nbviz.core.errors import ModelError
from nbviz.core.network import Network


def test_probabilities_of_each_usual_ending():
    logits = data(20, 5) * 3
    expected = torch.softmax(torch.from_numpy(logits), 1).numpy()
    np.testing.assert_allclose(probabilities(logits), expected, atol=1e-6)
    np.testing.assert_allclose(probabilities(np.log(expected)), expected, atol=1e-6)
    np.testing.assert_array_equal(probabilities(expected), expected)
    assert probabilities(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]
    one = np.array([[-800.0], [0.0], [800.0]])
    np.testing.assert_allclose(probabilities(one)[:, 1], [0, 0.5, 1], atol=1e-9)
    np.testing.assert_allclose(probabilities(np.array([[0.2], [0.9]])), [[0.8, 0.2], [0.1, 0.9]], atol=1e-6)
    np.testing.assert_allclose(probabilities(np.array([[0.2]]), sigmoid=False)[0, 1], 1 / (1 + np.exp(-0.2)))


@pytest.mark.parametrize(
    "ending",
    [nn.Identity(), nn.Softmax(1), nn.LogSoftmax(1)],
    ids=["logits", "softmax", "log-softmax"],
)
def test_predict_gives_probabilities_whatever_the_ending(ending):
    module, x = nn.Sequential(nn.Linear(3, 4), ending), data(9, 3)
    expected = torch.softmax(module[0](torch.from_numpy(x)), 1).detach()
    np.testing.assert_allclose(Network(module).predict(x), expected, atol=1e-6)


@pytest.mark.parametrize("squeeze", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_predict_of_two_classes_with_one_output(inside, squeeze):
    class Binary(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 1)
            nn.init.constant_(self.fc.weight, 0.01)
            nn.init.constant_(self.fc.bias, 0.4)  # all logits lie between 0 and 1

        def forward(self, x):
            y = self.fc(x)
            y = torch.sigmoid(y) if inside else y
            return y.squeeze(1) if squeeze else y

    module, x = Binary(), data(9, 3)
    expected = torch.sigmoid(module.fc(torch.from_numpy(x))).detach().numpy()
    np.testing.assert_allclose(Network(module).predict(x), np.hstack([1 - expected, expected]), atol=1e-6)


def test_predict_of_many_sigmoids():
    module, x = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid()), data(9, 3)
    np.testing.assert_allclose(Network(module).predict(x), module(torch.from_numpy(x)).detach(), atol=1e-6)


def test_predict_of_a_model_without_classes():
    for module in (nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 1, 3)):
        with pytest.raises(ModelError, match=r"values per sample, not one for each class.*output="):
            Network(module).predict(data(2, 1, 5, 5))
    assert Network(nn.Conv2d(1, 2, 5)).predict(data(3, 1, 5, 5)).shape == (3, 2)
