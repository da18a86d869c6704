"""What a view shows after its model was trained: what a new view would show, whenever that was."""

import numpy as np
import pytest
import torch
from torch import nn

import nbviz

SMALL = {"iterations": 20, "seed": 0}
# Settings, and what is compared.
VIEWS = {
    "LayerExplorer": (SMALL, lambda view: (view.embedding, view.predictions)),
    "NeuronExplorer": ({**SMALL, "selection": [1, 2]}, lambda view: (view.embedding, view.unit_values)),
    "EvolutionExplorer": (
        {**SMALL, "over": "layers"},
        lambda view: (view.evolution.positions, view.trails, view.predictions),
    ),
    "MapComparison": (
        {**SMALL, "layer": "1", "right_layer": "3"},
        lambda view: (view.maps.left.positions, view.preservation.local),
    ),
    "OutlierExplorer": (SMALL, lambda view: (view.embedding, view.losses)),
    "ImageGrid": (SMALL, lambda view: (view.cells, view.embedding)),
    "LivePlacement": (
        {**SMALL, "drawing": np.eye(6, dtype=np.uint8) * 255},
        lambda view: (view.embedding, view.position, view.probabilities),
    ),
    "LayerProbes": (
        {"folds": 2, "untrained": False, "measure": "probe accuracy"},
        lambda view: (view.table.hits, view.table.scores),
    ),
}


@pytest.fixture
def digits():
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (60, 6, 6), dtype=np.uint8)
    labels = np.arange(60) % 3
    for picture, label in zip(pictures, labels, strict=True):
        picture[:, 2 * label] = 255
    return nbviz.Samples(pictures, labels)


@pytest.fixture
def network():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.ReLU(), nn.Linear(12, 3))
    return nbviz.Network(module, transform=lambda picture: torch.as_tensor(np.array(picture)) / 255)


def train(network):
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))


def opened(name, network, digits):
    options, shown = VIEWS[name]
    view = getattr(nbviz, name)(network, digits, executor="manual", **options)
    return view, lambda: [np.array(part) for part in shown(view)]


def finish(view):
    while view._recompute.step():
        pass


def are_equal(some, others):
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("step", [0, 1, 2, 3, 5, 8, 13, None])
@pytest.mark.parametrize("name", VIEWS)
def test_refreshed_it_is_that_of_a_new_view(name, step, network, digits):
    """``step``: where in the first computation the weights change; None for after it."""
    view, shown = opened(name, network, digits)
    if step is None:
        finish(view)
        before = shown()
    else:
        for _ in range(step):
            view._recompute.step()
    train(network)
    finish(view)
    view.refresh()
    finish(view)
    fresh, expected = opened(name, network, digits)
    finish(fresh)
    assert are_equal(shown(), expected())
    if step is None:
        assert not are_equal(shown(), before)
    view.close()
    fresh.close()
