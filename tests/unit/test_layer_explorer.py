"""The layer explorer on real digits: what it shows, and what travels to the browser."""

import numpy as np
import pandas as pd
import pytest
import torch
import traitlets as t
from explorers import QUICK, pixels
from synthetic_view import from_browser

import nbviz
from nbviz.methods.neighbours import neighbourhood_hit
from nbviz.methods.projection import project
from nbviz.views.layer_explorer import LayerExplorer
from nbviz.views.parts.points import quantise


def test_a_map_of_the_last_hidden_layer(explore, net, digits):
    view = explore(net, digits)
    assert view.layer == "relu4"
    assert view.embedding.shape == (150, 2)
    assert view.embedding.dtype == np.float32
    assert np.isfinite(view.embedding).all()
    assert view.rows.tolist() == list(range(150))
    assert view.kl_divergence > 0
    assert view.status == "done"
    assert view.frame["kind"] == "result"


def test_accuracy_and_predictions_are_those_of_the_plain_module(explore, net, digits):
    view = explore(net, digits)
    _, outputs = pixels(net, digits)
    expected = outputs.argmax(1).numpy()
    np.testing.assert_array_equal(view.predictions, expected)
    assert view.accuracy == pytest.approx((expected == digits.labels).mean())
    assert 0.9 < view.accuracy <= 1
    sent = view.predictions_sent
    np.testing.assert_array_equal(np.frombuffer(sent["prediction"]["codes"], np.uint16), expected)
    confidence = np.frombuffer(sent["confidence"]["values"], np.float32)
    np.testing.assert_allclose(confidence, outputs.softmax(1).max(1).values, atol=1e-5)
    right = np.frombuffer(sent["correct"]["codes"], np.uint16)
    np.testing.assert_array_equal(right == 1, expected == digits.labels)


def test_the_hits_are_those_of_the_methods(explore, net, digits):
    view = explore(net, digits, layer="fc2", k=4)
    inputs, _ = pixels(net, digits)
    seen = {}
    hook = net.module.fc2.register_forward_hook(lambda _m, _i, out: seen.update(fc2=out))
    with torch.no_grad():
        net.module(inputs)
    hook.remove()
    activations = seen["fc2"].numpy()
    alone = project(activations, digits.labels, perplexity=10, n_iter=30, k=4)
    assert view.neighbourhood_hit_activations == pytest.approx(
        neighbourhood_hit(activations, digits.labels, k=4), abs=0.01
    )
    assert view.neighbourhood_hit == pytest.approx(
        neighbourhood_hit(view.embedding, digits.labels, k=4), abs=1e-6
    )
    assert view.neighbourhood_hit == pytest.approx(alone.neighbourhood_hit, abs=0.05)
    assert 0.6 < view.neighbourhood_hit_activations <= 1


def test_every_layer_can_be_shown_and_the_input_is_one(explore, net, digits):
    view = explore(net, digits, method="pca")
    names = [layer["name"] for layer in view.specimen["layers"]]
    assert names[0] == "input"
    for name in names:
        view.layer = name
        assert view.frame["meta"]["layer"] == name
        assert view.status == "done"
    view.layer = "input"
    assert view.frame["meta"]["features"] == 784


def test_a_convolution_flattened_or_one_value_per_channel(explore, digits):
    view = explore(nbviz.zoo.load("mnist-cnn"), digits[:60], layer="pool2", method="pca")
    channels, height, width = next(x["shape"] for x in view.specimen["layers"] if x["name"] == "pool2")
    assert view.frame["meta"]["features"] == channels * height * width
    view.reduce = "max"
    assert view.frame["meta"]["features"] == channels
    maxima = view.embedding
    view.reduce = "mean"
    assert np.abs(view.embedding - maxima).max() > 1e-3


def test_the_same_seed_gives_the_same_map_and_parameters_change_it(explore, net, digits):
    first, second = explore(net, digits), explore(net, digits)
    np.testing.assert_array_equal(first.embedding, second.embedding)
    for trait, value in [("seed", 1), ("perplexity", 20.0), ("metric", "cosine"), ("method", "pca")]:
        before = second.embedding
        setattr(second, trait, value)
        assert np.abs(second.embedding - before).max() > 0, trait


def test_fewer_samples_are_spread_over_all(explore, net, digits):
    view = explore(net, digits, n_samples=50)
    assert len(view.rows) == len(view.embedding) == 50
    assert (view.rows[0], view.rows[-1]) == (0, 149)
    sent = np.frombuffer(view.frame["buffers"][1], np.int32)
    np.testing.assert_array_equal(sent, view.rows)
    right = np.frombuffer(view.predictions_sent["correct"]["codes"], np.uint16)
    assert (right == 65535).sum() == 100, "what was not run is neither right nor wrong"


def test_a_selection_goes_both_ways(explore, net, digits):
    view = explore(net, digits)
    seen = []
    view.observe(lambda change: seen.append(change["new"].tolist()), "selection")
    from_browser(view, selection=memoryview(np.array([7, 3], np.int32).tobytes()))
    assert view.selection.tolist() == [3, 7]
    view.selection = digits.labels == 4
    np.testing.assert_array_equal(view.selection, np.flatnonzero(digits.labels == 4))
    assert bytes(view.get_state("selection")["selection"]) == view.selection.astype(np.int32).tobytes()
    assert len(seen) == 2
    with pytest.raises(t.TraitError, match="selection holds row 150, but there are 150 samples"):
        view.selection = [0, 150]


def test_what_it_can_be_coloured_by(explore, net, digits):
    table = pd.DataFrame({"ink": digits.inputs.mean((1, 2)), "odd": digits.labels % 2 == 1})
    samples = nbviz.Samples(digits.inputs, digits.labels, metadata=table)
    view = explore(net, samples)
    assert view.colour_by == "label"
    assert list(view.specimen["columns"]) == ["label", "ink", "odd"]
    for name in ("ink", "odd", "prediction", "correct", "confidence", "label"):
        view.colour_by = name
    with pytest.raises(t.TraitError, match=r"unknown column 'lable'. Did you mean 'label'"):
        view.colour_by = "lable"
    from_browser(view, colour_by="nonsense")
    assert view.colour_by == "label"
    assert explore(net, digits.inputs).colour_by == "prediction"


def test_metadata_as_a_dict(explore, net, digits):
    samples = nbviz.Samples(digits.inputs, digits.labels, metadata={"writer": ["ann", "bob", "cyd"] * 50})
    view = explore(net, samples, colour_by="writer")
    assert view.specimen["columns"]["writer"]["names"] == ["ann", "bob", "cyd"]


@pytest.mark.parametrize("n", [4, 5, 12, 40, 91])
def test_few_samples_get_a_perplexity_and_a_k_that_suit_them(net, digits, n):
    view = LayerExplorer(net, digits[:n], executor="inline", iterations=10)
    assert view.problem == {}
    assert 1 <= view.perplexity < n / 3
    assert view.perplexity == 30 or n < 91
    assert view.k == min(6, n - 1)
    assert view.embedding.shape == (n, 2)
    view.close()


def test_a_frame_is_small_and_statics_are_sent_once(net, digits, monkeypatch):
    states = []
    monkeypatch.setattr(LayerExplorer, "send_state", lambda _view, key=None: states.append(key))
    view = LayerExplorer(net, digits, **{**QUICK, "n_samples": 100})
    began = len(states)
    frames = []
    view.observe(lambda change: frames.append(change["new"]), "frame")
    view.perplexity = 12
    view.layer = "fc1"
    assert len(frames) >= 6
    for frame in frames:
        assert sum(len(bytes(b)) for b in frame["buffers"]) <= 8 * 100
    sent = {name for key in states[began:] for name in ([key] if isinstance(key, str) else key)}
    assert "frame" in sent
    assert sent & {"specimen", "thumbnails", "predictions_sent"} == set()
    view.close()


def test_positions_arrive_finer_than_a_screen():
    positions = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32) * [100, 0.01]
    packed, (x0, y0, x1, y1) = quantise(positions)
    assert packed.dtype == np.uint16
    back = packed.reshape(-1, 2) / 65535 * [x1 - x0, y1 - y0] + [x0, y0]
    np.testing.assert_allclose(back, positions, atol=np.ptp(positions, axis=0).max() / 65535)
    flat, extent = quantise(np.ones((3, 2), np.float32))
    assert flat.tolist() == [0] * 6
    assert extent == [1, 1, 2, 2]


def test_a_first_look_appears_before_a_slow_model_is_through(net, digits, monkeypatch):
    from nbviz.core import specimen

    monkeypatch.setattr(specimen, "PATIENCE", 0.0)
    monkeypatch.setattr(specimen, "FIRST_LOOK", 50)
    net.cache.clear()
    view = LayerExplorer(net, digits, **{**QUICK, "executor": "manual"})
    sizes = []
    while view._recompute.step():
        if view._latest is not None and len(view._latest.rows) not in sizes:
            sizes.append(len(view._latest.rows))
    assert sizes == [50, 150]
    assert view.accuracy > 0.9
    view.close()


def test_a_first_look_of_equal_samples_does_not_decide(net, digits, monkeypatch):
    from nbviz.core import specimen

    monkeypatch.setattr(specimen, "PATIENCE", 0.0)
    monkeypatch.setattr(specimen, "FIRST_LOOK", 50)
    images = digits.inputs.copy()
    images[::3] = images[0]  # exactly the samples of the first look
    view = LayerExplorer(net, images, digits.labels, **QUICK)
    assert view.problem == {}
    assert len(view.embedding) == 150
    view.close()


def test_the_summary_says_what_is_shown(explore, net, digits):
    view = explore(net, digits)
    text = view._repr_mimebundle_()[0]["text/plain"]
    for part in ("t-SNE of 'relu4'", "150 samples", "neighbourhood hit", "accuracy"):
        assert part in text
    view.method = "pca"
    assert "PCA of 'relu4'" in view.summary()


def test_previews_come_before_the_result(net, digits):
    view = LayerExplorer(net, digits, **{**QUICK, "executor": "manual"})
    kinds = []
    view.observe(lambda change: kinds.append(change["new"]["kind"]), "frame")
    while view._recompute.step():
        continue
    assert kinds[0] == "preview"
    assert kinds[-1] == "result"
    assert kinds.count("result") == 1
    view.close()
