"""Checkpoints in the forms in which trainers save them."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import nbviz
from nbviz.core.checkpoints import read_checkpoints, with_checkpoints
from nbviz.views.evolution_explorer import EvolutionExplorer


def model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10))


def prefixed(weights, prefix):
    return {prefix + name: value for name, value in weights.items()}


def loaded(weights):
    module = model(9)
    module.load_state_dict(weights)
    return module


FORMS = {
    "state dict": lambda w: w,
    "model": loaded,
    "lightning": lambda w: {"state_dict": prefixed(w, "model."), "epoch": 3, "optimizer_states": [{}]},
    "trainer": lambda w: {"model_state_dict": w, "optimizer_state_dict": {"param_groups": []}, "loss": 0.3},
    "whole model": lambda w: {"model": loaded(w), "epoch": 3},
    "data parallel": lambda w: prefixed(w, "module."),
    "compiled": lambda w: prefixed(w, "_orig_mod."),
    "both": lambda w: {"state_dict": prefixed(w, "module._orig_mod.")},
    "old batch norm": lambda w: {k: v for k, v in w.items() if "num_batches" not in k},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_in_every_usual_form(form):
    weights = model(1).state_dict()
    network = with_checkpoints(nbviz.Network(model()), {4: FORMS[form](weights)})
    found = network.at_epoch(4).module.state_dict()
    assert list(found) == list(weights)
    for name, value in weights.items():
        assert torch.equal(found[name], value), name


def test_data_parallel_and_compiled_as_torch_makes_them():
    wrapped = nn.DataParallel(model(1)).state_dict()
    assert all(name.startswith("module.") for name in wrapped)
    compiled = torch.compile(model(2)).state_dict()
    found = read_checkpoints({1: wrapped, 2: compiled}, model())
    for epoch, seed in ((1, 1), (2, 2)):
        for name, value in model(seed).state_dict().items():
            assert torch.equal(found[epoch][name], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("1.bias"), r"checkpoint 3 does not fit the model.*missing: '1.bias'\. Are they"),
        (lambda w: w.update(head=torch.zeros(1)), r"unexpected: 'head'"),
        (lambda w: w.update({"1.weight": torch.zeros(8, 5)}), r"'1.weight' has shape \(8, 5\).*\(8, 784\)"),
        (
            lambda w: [w.update({f"x{i}": torch.zeros(1)}) for i in range(9)],
            r"unexpected: 'x0', 'x1', 'x2' and 6 more",
        ),
        (lambda w: w.update(epoch=3), r"checkpoint 3 is dict with '1.weight'.*state dict"),
    ],
)
def test_weights_of_another_model_are_told_shortly(change, message):
    weights = dict(model().state_dict())
    change(weights)
    with pytest.raises((ValueError, TypeError), match=message):
        read_checkpoints({3: weights}, model())


def test_one_prefix_is_taken_off_only_if_all_fits_then():
    weights = {**prefixed(model().state_dict(), "model."), "loss.weight": torch.zeros(3)}
    with pytest.raises(ValueError, match=r"missing: '1.weight'.*unexpected: 'model.1.weight'"):
        read_checkpoints({1: weights}, model())


def test_a_network_whose_checkpoints_fit_is_handed_back():
    weights = {1: model(1).state_dict(), 2: model(2).state_dict()}
    fits = nbviz.Network(model(), checkpoints=weights)
    assert with_checkpoints(fits, fits.checkpoints) is fits
    strange = nbviz.Network(
        model(),
        checkpoints={epoch: prefixed(w, "module.") for epoch, w in weights.items()},
        forward=lambda module, x: module(x),
        class_names=[str(i) for i in range(10)],
    )
    made = with_checkpoints(strange, strange.checkpoints)
    assert made is not strange
    assert (made._call, made.class_names, made.module) == (strange._call, strange.class_names, strange.module)


def test_the_evolution_explorer_takes_what_lightning_saves():
    digits = nbviz.zoo.load_mnist(60)
    inputs = torch.as_tensor(np.asarray(digits.inputs), dtype=torch.float32) / 255
    saved = {e: {"state_dict": prefixed(copy.deepcopy(model(e).state_dict()), "model.")} for e in (1, 2)}
    quick = {"iterations": 10, "executor": "inline", "perplexity": 5.0}
    view = EvolutionExplorer(model(2), inputs, digits.labels, checkpoints=saved, **quick)
    assert view.evolution.names == ("1", "2")
    with torch.no_grad():
        expected = [(model(e).eval()(inputs).argmax(1).numpy() == digits.labels).mean() for e in (1, 2)]
    np.testing.assert_allclose(view.accuracy, expected)
    view.close()
    own = EvolutionExplorer(nbviz.Network(model(2), checkpoints=saved), inputs, digits.labels, **quick)
    np.testing.assert_allclose(own.accuracy, expected)
    own.close()
