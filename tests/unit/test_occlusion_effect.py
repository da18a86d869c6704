"""The effect of covering a part of a picture, against the plain module."""

import numpy as np
import pytest
import torch

import nbviz
from nbviz.methods.occlusion_effect import Canvas, occlusion_effect


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def image():
    return nbviz.zoo.load_mnist(1).inputs[0]


def some_mask():
    mask = np.zeros((28, 28), bool)
    mask[5:15, 8:20] = True
    return mask


def test_probabilities_are_those_of_the_plain_module(net, image):
    mask = some_mask()
    effect = occlusion_effect(net, image, mask, "grey")
    expected = image.copy()
    expected[mask] = 128
    np.testing.assert_array_equal(effect.occluded, expected)
    with torch.no_grad():
        for pixels, found in [(image, effect.before), (expected, effect.after)]:
            outputs = net.module(net.transform(pixels[None]))
            np.testing.assert_allclose(found, outputs.softmax(1)[0].numpy(), atol=1e-6)


def test_layer_changes_equal_a_hand_made_forward(net, image):
    mask = some_mask()
    effect = occlusion_effect(net, image, mask, "zero")
    clean, changed = net.transform(image[None]), net.transform(effect.occluded[None])
    with torch.no_grad():
        a, b = net.module.conv1(clean), net.module.conv1(changed)
    assert effect.layer_change["conv1"] == pytest.approx(float((b - a).norm() / a.norm()), rel=1e-5)
    assert effect.layer_change["input"] == pytest.approx(
        float((changed - clean).norm() / clean.norm()), rel=1e-5
    )
    assert list(effect.layer_change) == ["input", *[n for n in effect.layer_change if n != "input"]]


def test_nothing_covered_changes_nothing(net, image):
    effect = occlusion_effect(net, image, np.zeros((28, 28), bool))
    assert set(effect.layer_change.values()) == {0.0}
    assert effect.covered == 0
    np.testing.assert_array_equal(effect.before, effect.after)


def test_covered_share(net, image):
    assert occlusion_effect(net, image, some_mask()).covered == pytest.approx(120 / 784)


def test_a_mask_of_another_size_is_refused(net, image):
    with pytest.raises(ValueError, match=r"\(14, 14\).*\(28, 28\)"):
        Canvas(net, image).effect(np.zeros((14, 14), bool))


def test_the_users_module_is_untouched(image):
    net = nbviz.zoo.load("mnist-cnn")
    net.module.train()
    occlusion_effect(net, image, some_mask())
    assert all(m.training for m in net.module.modules())
    assert all(not m._forward_hooks for m in net.module.modules())
