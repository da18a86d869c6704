"""Occlusion maps of models of every kind: that cannot be taken apart, with other outputs than scores."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from occlusion_models import TRANSFORM, Small, small_module, some_pixels
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.occlusion import occlude


@pytest.fixture
def module():
    return small_module()


@pytest.fixture
def pixels():
    return some_pixels()


class Reads(nn.Module):
    """Cannot be taken apart: it reads a value back into Python."""

    def __init__(self):
        super().__init__()
        self.small = Small()

    def forward(self, x):
        return self.small(x) * (1 if float(x.sum()) > -1e9 else 2)


class OneAtATime(nn.Module):
    """Its answer for one sample depends on the other samples of the batch."""

    def forward(self, x):
        x = x - x.mean()
        return torch.stack([x[:, 0, :5].sum((1, 2)), x[:, 0, 5:].sum((1, 2)), x.amax((1, 2, 3))], 1)


class Fixed(nn.Module):
    def forward(self, x):
        return x.reshape(1, -1)[:, :7] * 3


class Alone(nn.Module):
    def forward(self, x):
        if len(x) != 1:
            raise RuntimeError("one sample at a time")
        return x.flatten(1)[:, :7] * 3


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Reads(), "read back"),
        (OneAtATime(), "whole input"),
        (Fixed(), "whole input"),
        (Alone(), "could not be taken apart"),
    ],
)
def test_full_forwards_where_the_model_cannot_be_taken_apart(model, reason):
    torch.manual_seed(0)
    image = torch.randn(3, 12, 13)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = occlude(model.eval(), image, window=4, stride=3, fill="zero")
    assert found.path == "full"
    assert reason in " ".join(found.notes)
    for (top, left, bottom, right), logit in zip(
        found.positions.reshape(-1, 4), found.logit.ravel(), strict=True
    ):
        changed = image.clone()
        changed[:, top:bottom, left:right] = 0
        with torch.no_grad():
            assert logit == pytest.approx(float(model(changed[None])[0, found.target]), abs=1e-4)


def test_outputs_that_are_probabilities_already(module, pixels):
    network = Network(module, transform=TRANSFORM)
    inside = Network(nn.Sequential(module, nn.Softmax(1)), transform=TRANSFORM)
    one = occlude(network, pixels, window=9, stride=9)
    two = occlude(inside, pixels, window=9, stride=9)
    assert np.abs(one.probability - two.probability).max() < 1e-5
    assert np.allclose(two.logit, np.log(two.probability), atol=1e-3)


def test_a_single_score_is_that_of_the_second_of_two_classes(pixels):
    torch.manual_seed(3)
    network = Network(Small(classes=1).eval(), transform=TRANSFORM)
    found = occlude(network, pixels, window=9, stride=9, target=1)
    other = occlude(network, pixels, window=9, stride=9, target=0)
    assert np.allclose(found.probability, 1 / (1 + np.exp(-found.logit)), atol=1e-5)
    assert np.allclose(found.probability + other.probability, 1, atol=1e-5)
    assert np.allclose(found.logit, -other.logit)


def test_a_model_without_class_scores(pixels):
    with pytest.raises(ModelError, match="one score per class"):
        occlude(Network(nn.Conv2d(3, 4, 3), transform=TRANSFORM), pixels)


def test_a_model_with_several_outputs(module, pixels):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.small = module

        def forward(self, x):
            return self.small(x), self.small(x) * 2

    with pytest.warns(UserWarning, match="returns 2 tensors"):
        first = occlude(Network(Two(), transform=TRANSFORM), pixels, window=18, stride=18)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = occlude(Network(Two(), transform=TRANSFORM, output=1), pixels, window=18, stride=18)
    assert np.allclose(2 * first.logit, second.logit, atol=1e-4)
