"""The model under the layer explorer: left alone, followed when it changes, let go at the end."""

import gc
import weakref

import numpy as np
import pytest
import torch
from explorers import Guarded
from synthetic_view import from_browser
from torch import nn

from nbviz.core.samples import Samples
from nbviz.methods.neighbours import neighbourhood_hit
from nbviz.views.layer_explorer import LayerExplorer
from nbviz.views.parts.model_watch import after_cell


def test_a_model_in_training_mode_is_shown_as_evaluated_and_not_touched(explore, digits):
    model = Guarded()
    inputs = torch.tensor(digits.inputs[:, None] / 255, dtype=torch.float32)
    model(inputs).sum().backward()  # moves the statistics of the norm, fills the gradients
    model.conv.weight.requires_grad_(False)
    model.norm.eval()
    model.drop.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    flags = {name: m.training for name, m in model.named_modules()}
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    view = explore(model, inputs, digits.labels, layer="drop")
    for layer in ("conv", "norm", "head"):
        view.layer = layer
    view.layer = "drop"
    again = view.embedding
    assert torch.equal(torch.random.get_rng_state(), state)
    assert {name: m.training for name, m in model.named_modules()} == flags
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert {n for n, p in model.named_parameters() if p.requires_grad} == {
        n for n, _ in model.named_parameters() if n != "conv.weight"
    }
    for name, p in model.named_parameters():
        assert p.grad is None or torch.equal(p.grad, gradients[name])
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    model.eval()
    with torch.no_grad():
        expected = model(inputs).argmax(1).numpy()
    np.testing.assert_array_equal(view.predictions, expected)
    view.seed = 1
    view.seed = 0
    np.testing.assert_array_equal(view.embedding, again)


def test_after_a_stop_the_hit_is_that_of_the_map_as_it_was_left(explore, net, digits):
    view = explore(net, digits, executor="manual")
    assert "computing its first picture" in str(view)
    while view._latest is None or view._latest.embedding.iteration < 10:
        view._recompute.step()
    view.stop()
    while view._recompute.step():
        continue
    assert view.status == "cancelled"
    assert view.neighbourhood_hit == neighbourhood_hit(view.embedding, digits.labels, view.k)
    assert f"{view.neighbourhood_hit_activations:.1%}" == "nan%"
    bare = explore(net, digits.inputs)
    assert (bare.neighbourhood_hit, bare.neighbourhood_hit_activations) == (None, None)


def test_training_in_another_cell_is_noted(explore, digits):
    model = Guarded()
    inputs = torch.tensor(digits.inputs[:, None] / 255, dtype=torch.float32)
    view = explore(model, inputs, digits.labels, method="pca")
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    model(inputs).square().mean().backward()
    optimiser.step()
    after_cell()
    assert view.model_changed
    before = view.embedding
    view.refresh()
    assert not view.model_changed
    assert not np.allclose(view.embedding, before)


@pytest.mark.parametrize("refresh", [{"request": 1}, {"seed": 1}])
def test_weights_that_were_changed_in_place_are_seen_by_the_next_request(explore, digits, refresh):
    model = Guarded().eval()
    inputs = torch.tensor(digits.inputs[:, None] / 255, dtype=torch.float32)
    view = explore(model, inputs, digits.labels, method="pca", layer="conv")
    before, predicted = view.embedding, view.predictions
    with torch.no_grad():
        model.conv.weight.mul_(3)
        model.head.weight.mul_(-1)
    from_browser(view, **refresh)
    assert np.ptp(view.embedding) > 2 * np.ptp(before)
    with torch.no_grad():
        expected = model(inputs).argmax(1).numpy()
    np.testing.assert_array_equal(view.predictions, expected)
    assert (view.predictions != predicted).any()


def test_close_frees_the_model_and_the_data(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    inputs = np.array(digits.inputs[:40], np.float32)
    view = LayerExplorer(model, inputs, digits.labels[:40], executor="thread", iterations=20)
    view.wait(20)
    freed = [weakref.ref(model), weakref.ref(inputs), weakref.ref(view)]
    view.close()
    with pytest.raises(RuntimeError, match="the view is closed"):
        view.embedding  # noqa: B018
    del model, inputs, view
    gc.collect()
    assert [ref() for ref in freed] == [None] * 3


def test_text_labels_without_the_names_of_the_outputs_give_no_accuracy():
    """Alphabetical numbers are not those of the outputs: an unknown accuracy, not a wrong one."""
    words = np.array(["zero", "one"])[np.arange(20) % 2]
    view = LayerExplorer(torch.nn.Linear(3, 2), torch.rand(20, 3), words, method="pca")
    assert view.accuracy is None
    assert view.neighbourhood_hit is not None
    view.close()
    named = Samples(torch.rand(20, 3), words, class_names=["zero", "one"])
    view = LayerExplorer(torch.nn.Linear(3, 2), named, method="pca")
    assert view.accuracy is not None
    assert named[:5].is_alphabetical is False
    view.close()
