"""A model that changes while its picture stands: noted after the cell, shown by a refresh."""

import pytest
import torch
from synthetic_view import Doubler, views_made
from torch import nn

from nbviz.core.network import Network
from nbviz.views.parts import model_watch


@pytest.fixture
def make():
    yield from views_made()


class OfNetwork(Doubler):
    """Shows a number of a network."""

    def __init__(self, network, **traits):
        self._network = network
        super().__init__(**traits)


@pytest.fixture
def network():
    return Network(nn.Linear(2, 2))


def train(network):
    with torch.no_grad():
        network.module.weight += 1


def test_a_model_that_changed_is_noted_after_the_cell_and_a_refresh_shows_it(make, network):
    view, plain = make(lambda **traits: OfNetwork(network, **traits)), make()
    model_watch.after_cell()
    assert not view.model_changed
    train(network)
    model_watch.after_cell()
    assert (view.model_changed, plain.model_changed) == (True, False)
    assert "the model has changed since: refresh()" in str(view)
    runs = len(view.runs)
    view.refresh()
    assert (len(view.runs), view.model_changed) == (runs + 1, False)
    with torch.no_grad():
        network.module.weight -= 1
    model_watch.after_cell()
    assert view.model_changed
    view.gain = 7  # a new picture is of the model as it is
    assert not view.model_changed


def test_a_model_that_is_trained_while_a_picture_is_computed(make, network):
    view = make(lambda **traits: OfNetwork(network, **traits), executor="manual")
    view._recompute.step()
    train(network)
    model_watch.after_cell()
    assert not view.model_changed
    view.step_to_end()
    assert view.model_changed, "the picture is of the weights that the computation began with"


def test_ipython_asks_after_each_cell(make, network, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    monkeypatch.setattr(model_watch, "get_ipython", lambda: shell)
    view = make(lambda **traits: OfNetwork(network, **traits))
    make(lambda **traits: OfNetwork(network, **traits))
    assert shell.events.callbacks["post_run_cell"].count(model_watch.after_cell) == 1
    shell.user_ns.update(train=train, network=network)
    shell.run_cell("1 + 1")
    assert not view.model_changed
    shell.run_cell("train(network)")
    assert view.model_changed
    shell.history_manager.end_session()
