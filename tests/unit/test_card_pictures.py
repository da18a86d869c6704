"""The picture on the card under the pointer, sent for one sample where it is asked for."""

import numpy as np
import pytest
from synthetic_view import message

import nbviz

VIEWS = ("LayerExplorer", "EvolutionExplorer", "NeuronExplorer", "MapComparison", "LivePlacement")
QUICK = {"iterations": 20, "executor": "inline"}


@pytest.mark.parametrize("name", VIEWS)
def test_a_larger_picture_is_sent_when_asked_for(name, monkeypatch):
    view = getattr(nbviz, name)(nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(40), **QUICK)
    sent = []
    monkeypatch.setattr(view, "send", lambda content, buffers=None: sent.append((content, buffers)))
    assert view.specimen["pictures"]
    message(view, type="picture", row=3)
    [(content, buffers)] = sent
    assert (content["type"], content["row"]) == ("picture", 3)
    assert bytes(buffers[0]).startswith(b"\x89PNG")
    view.close()


@pytest.mark.parametrize("name", VIEWS[:4])
def test_activations_alone_have_no_pictures(name):
    points = np.random.default_rng(0).normal(size=(30, 4))
    layers = {0: points, 1: points**2} if name == "EvolutionExplorer" else {"a": points, "b": points**2}
    view = getattr(nbviz, name).from_activations(layers, **QUICK)
    assert not view.specimen["pictures"]
    view.close()
