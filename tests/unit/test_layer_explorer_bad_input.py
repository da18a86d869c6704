"""Bad input: each error says what is wrong and what to do, where the person looks."""

import numpy as np
import pytest
import torch
import traitlets as t
from explorers import Guarded
from synthetic_view import from_browser
from torch import nn

import nbviz
from nbviz.views.layer_explorer import LayerExplorer


@pytest.mark.parametrize(
    ("model", "kind"), [("resnet18", "str"), (lambda x: x, "function"), (None, "NoneType")]
)
def test_not_a_module(digits, model, kind):
    with pytest.raises(TypeError, match=rf"a torch.nn.Module is wanted, got {kind}.*from_activations"):
        LayerExplorer(model, digits)


def test_a_class_instead_of_a_module(digits):
    with pytest.raises(TypeError, match=r"a torch.nn.Module is wanted, got type"):
        LayerExplorer(Guarded, digits)


def test_no_samples_given(net):
    with pytest.raises(TypeError, match=r"LayerExplorer\(model, X, y\): the samples X are missing"):
        LayerExplorer(net)


def test_an_unknown_layer_names_the_near_ones(explore, net, digits):
    near = r"unknown layer 'rel4'. Did you mean 'relu4'"
    with pytest.raises(ValueError, match=near):
        explore(net, digits, layer="rel4")
    view = explore(net, digits)
    with pytest.raises(t.TraitError, match=near):
        view.layer = "rel4"
    assert view.layer == "relu4"
    from_browser(view, layer="rel4", perplexity=12.0)
    assert (view.layer, view.perplexity) == ("relu4", 10)
    assert "Did you mean 'relu4'" in view.problem["message"]


def test_an_unknown_keyword(net, digits):
    with pytest.raises(TypeError, match=r"unexpected keyword 'perplexty'. Did you mean 'perplexity'"):
        LayerExplorer(net, digits, perplexty=3)


def test_lengths_differ(net, digits):
    with pytest.raises(ValueError, match="y has 149 entries, but X has 150 samples"):
        LayerExplorer(net, digits.inputs, digits.labels[:-1])


def test_empty(net, digits):
    with pytest.raises(ValueError, match="there are no samples: X is empty"):
        LayerExplorer(net, digits.inputs[:0], [])


def test_one_sample(explore, net, digits):
    view = explore(net, digits[:1], perplexity=1.0)
    assert view.problem["message"].startswith("layer 'relu4': one sample cannot be projected")


def test_three_samples(explore, net, digits):
    view = explore(net, digits[:3], perplexity=1.0)
    assert "t-SNE needs at least 4 samples, got 3; method='pca' works with 2" in view.problem["message"]
    view.method = "pca"
    assert view.problem == {}


def test_equal_activations(explore, digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].bias.fill_(-1)
    view = explore(model, digits.inputs, digits.labels, layer="2")
    assert "layer '2': all 150 activations are equal" in view.problem["message"]
    view.layer = "input"
    assert (view.status, view.problem) == ("done", {})


def test_activations_that_are_not_finite(explore, digits):
    class Log(nn.Module):
        def forward(self, x):
            return torch.log(x)

    model = nn.Sequential(nn.Flatten(), Log(), nn.Linear(784, 10))
    inputs = digits.inputs[:50, None].astype(np.float32) + 1
    inputs[3, 0, 5, :2] = 0  # two of minus infinity
    inputs[7, 0, 5, 0] = -1  # one NaN
    view = explore(model, inputs, digits.labels[:50], layer="1")
    assert (
        "layer '1': activations hold 3 values that are not finite (1 NaN, 2 infinite), in 2 of 50 samples"
        in view.problem["message"]
    )


def test_a_perplexity_that_is_too_large(explore, net, digits):
    view = explore(net, digits, perplexity=50.0)
    assert view.status == "error"
    assert (
        "perplexity=50 does not suit 150 samples: it must be at least 1 and less than a third of the "
        "samples, so 49 at most" in view.problem["message"]
    )
    view.perplexity = 49
    assert (view.status, view.problem) == ("done", {})


def test_a_wrong_input_shape_says_what_the_model_got_and_wants(explore):
    view = explore(Guarded(), np.zeros((40, 3, 28, 28), np.float32), [0, 1] * 20)
    text = view.problem["message"]
    assert view.problem["type"] == "ModelError"
    assert "3, 28, 28), float32" in text
    assert "'conv' (Conv2d) takes (samples, 1 channels, height, width)" in text


def test_a_model_that_raises_shows_its_own_message(explore, digits):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            raise KeyError("the phase of the moon is unknown")

    view = explore(Broken(), digits.inputs, digits.labels)
    assert view.status == "error"
    assert "the phase of the moon is unknown" in view.problem["message"]
    assert isinstance(view.error.__cause__, KeyError)
    with pytest.raises(RuntimeError, match="phase of the moon"):
        view.embedding  # noqa: B018
    assert "error" in view.summary()
    named = explore(Broken(), digits.inputs, digits.labels, layer="layer")
    assert "the phase of the moon is unknown" in named.problem["message"]


def test_labels_with_html_travel_as_text(explore, net, digits):
    wicked = "<img src=x onerror=alert(1)>"
    samples = nbviz.Samples(
        digits.inputs,
        [wicked if label else "zero" for label in digits.labels],
        names=[f"<script>{i}</script>" for i in range(150)],
        metadata={"<b>column</b>": [wicked, "b"] * 75},
    )
    view = explore(net, samples)
    assert view.specimen["columns"]["label"]["names"] == [wicked, "zero"]
    assert view.specimen["columns"]["<b>column</b>"]["names"] == [wicked, "b"]
    assert view.specimen["names"][2] == "<script>2</script>"
    assert "text/html" not in view._repr_mimebundle_()[0]


def test_text_without_a_tokenizer(explore, net):
    with pytest.raises(TypeError, match=r"the samples are text.*tokenizer"):
        explore(net.module, ["a", "b"])
