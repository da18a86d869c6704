"""What people meet when labels, outputs or checkpoints are not what a view needs."""

import numpy as np
import pytest
import torch
from explorers import QUICK
from torch import nn

import nbviz
from nbviz.core.network import Network
from nbviz.core.samples import Samples


@pytest.fixture(scope="module")
def some():
    return nbviz.zoo.load_mnist(80)


def test_words_that_are_missing_are_no_class():
    words = ["cat", None, "dog", float("nan")]
    with pytest.raises(ValueError, match=r"no label for 2 of 4 samples.*first for sample\s+1"):
        Samples(np.zeros((4, 2)), words)
    assert Samples(np.zeros((3, 2)), [0.5, np.nan, 1.5]).labels.dtype == np.float64


def test_outputs_of_nan_predict_nothing_and_that_is_said(some):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(784, 10)

        def forward(self, x):
            return self.fc(x.flatten(1)) * torch.nan

    inputs = np.asarray(some.inputs, np.float32) / 255
    view = nbviz.LayerExplorer(Broken(), inputs, some.labels, layer="fc", **QUICK)
    assert view.accuracy is None
    assert view.predictions is None
    assert "output is NaN for 80 samples" in " ".join(view.latest().notes)
    view.close()
    with pytest.raises(ValueError, match="outputs hold NaN"):
        nbviz.LayerExplorer.from_activations(
            inputs, some.labels, predictions=np.full((80, 10), np.nan), **QUICK
        )


def test_predictions_of_other_classes_give_no_accuracy(some):
    inputs = np.asarray(some.inputs, np.float32).reshape(80, -1)
    view = nbviz.LayerExplorer.from_activations(inputs, some.labels, predictions=np.full(80, 77), **QUICK)
    assert view.accuracy is None
    assert "no class in common" in " ".join(view.latest().notes)
    view.close()


def test_checkpoints_of_the_network_are_compared_with_the_model(some):
    inputs = torch.tensor(np.asarray(some.inputs), dtype=torch.float32)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    other = nn.Sequential(nn.Flatten(), nn.Linear(784, 9), nn.ReLU(), nn.Linear(9, 10))
    for view in (nbviz.MapComparison, nbviz.LayerExplorer):
        with pytest.raises(ValueError, match="checkpoint 0 does not fit the model"):
            view(Network(model, checkpoints={0: other.state_dict()}), inputs, some.labels)
        aliased = Network(model, checkpoints={0: model.state_dict(), 9: model.state_dict()})
        with pytest.raises(ValueError, match="all checkpoints are the same tensors"):
            view(aliased, inputs, some.labels)
    with pytest.raises(ValueError, match=r"there are no checkpoints.*Network\(model, checkpoints="):
        nbviz.MapComparison(model, inputs, some.labels, checkpoint=0)


def test_a_drawing_of_zeros_and_ones_is_one_of_full_strength(some):
    view = nbviz.LivePlacement(nbviz.zoo.load("mnist-cnn"), some, method="pca", executor="inline")
    strokes = (np.asarray(some.inputs[3]) > 128).astype(float)
    view.drawing = strokes
    np.testing.assert_array_equal(view.drawing.reshape(28, 28), 255 * strokes)
    view.close()
