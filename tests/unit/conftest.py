"""Real digits and a trained model for the tests of views."""

import pytest
from explorers import QUICK

import nbviz


@pytest.fixture(scope="session")
def net():
    """The small trained network; its cache is shared by the tests."""
    return nbviz.zoo.load("mnist-mlp")


@pytest.fixture(scope="session")
def digits():
    return nbviz.zoo.load_mnist(150)


@pytest.fixture
def explore():
    """explore(model, X, y, **traits): a quick LayerExplorer, computed in place, closed after the test."""
    views = []

    def build(*arguments, **traits):
        views.append(nbviz.LayerExplorer(*arguments, **{**QUICK, **traits}))
        return views[-1]

    yield build
    for view in views:
        view.close()
