"""Pictures of single samples, sent where they are asked for: on the card under the pointer, and in lists."""

import io

import numpy as np
import pytest
from PIL import Image
from synthetic_view import message
from torch import nn

import nbviz

MAPS = ("LayerExplorer", "EvolutionExplorer", "NeuronExplorer", "MapComparison", "OutlierExplorer")
VIEWS = (*MAPS, "ImageGrid", "LivePlacement")
QUICK = {"iterations": 20, "executor": "inline"}


@pytest.fixture
def asked(monkeypatch):
    """A view, and what it answers when pictures are asked for."""
    views = []

    def build(name, *arguments, **options):
        view = getattr(nbviz, name)(*arguments, **{**QUICK, **options})
        views.append(view)
        sent = []
        monkeypatch.setattr(view, "send", lambda content, buffers=None: sent.append((content, buffers)))

        def ask(rows, size=96):
            message(view, type="pictures", to="card", rows=rows, size=size)
            return sent.pop()

        return view, ask

    yield build
    for view in views:
        view.close()


@pytest.mark.parametrize("name", VIEWS)
def test_the_pictures_asked_for_come_in_one_sprite(name, asked):
    digits = nbviz.zoo.load_mnist(40)
    view, ask = asked(name, nbviz.zoo.load("mnist-mlp"), digits)
    assert view.specimen["pictures"] == 28
    content, (png,) = ask([3, 17])
    assert (content["type"], content["to"], content["rows"]) == ("pictures", "card", [3, 17])
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    assert (content["columns"], content["width"], content["height"]) == (2, 28, 28)
    np.testing.assert_array_equal(sheet[:, 28:], digits.inputs[17])


def test_large_pictures_are_as_large_as_asked_for_and_no_larger_than_they_are(asked):
    photos = np.random.default_rng(0).random((30, 3, 60, 120), np.float32)
    net = nn.Sequential(nn.Flatten(), nn.Linear(60 * 120 * 3, 4), nn.ReLU(), nn.Linear(4, 2))
    view, ask = asked("OutlierExplorer", net, photos, np.arange(30) % 2)
    assert view.specimen["pictures"] == 120
    sizes = []
    for size in (96, 192, 10**6, 1):
        content, _ = ask([0, 1, 2], size)
        sizes.append((content["width"], content["height"]))
    assert sizes == [(96, 48), (120, 60), (120, 60), (8, 4)]
    assert ask([30, -1])[1] is None  # an answer all the same
    assert len(ask(list(range(30)) * 3)[0]["rows"]) == 64


@pytest.mark.parametrize("name", MAPS)
def test_activations_alone_have_no_pictures(name):
    points = np.random.default_rng(0).normal(size=(30, 4))
    layers = {0: points, 1: points**2} if name == "EvolutionExplorer" else {"a": points, "b": points**2}
    labels = {"y": np.arange(30) % 2} if name == "OutlierExplorer" else {}
    view = getattr(nbviz, name).from_activations(layers, **labels, **QUICK)
    assert view.specimen["pictures"] == 0
    view.close()
