"""The occlusion painter from Python: traits, results, bad input."""

import numpy as np
import pytest
import torch
import traitlets as t

import nbviz
from nbviz.core.errors import ModelError
from nbviz.methods.occlusion import occlude


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load_mnist(20)


@pytest.fixture
def view(net, digits):
    view = nbviz.OcclusionPainter(net, digits)
    view.wait(20)
    yield view
    view.close()


def test_painting_from_python(view):
    clean = view.probabilities
    mask = np.zeros((28, 28), bool)
    mask[6:22, 6:22] = True
    view.mask = mask
    assert view.effect.covered == pytest.approx(mask.mean())
    assert np.abs(view.probabilities - clean).max() > 0.01
    view.mask = []
    np.testing.assert_allclose(view.probabilities, clean)


def test_reveal_hides_all_but_what_is_painted(view):
    view.reveal = True
    assert view.effect.covered == 1
    assert len(np.unique(view.effect.occluded)) == 1
    mask = np.zeros((28, 28), bool)
    mask[:, 14:] = True
    view.mask = mask
    assert view.effect.covered == 0.5
    np.testing.assert_array_equal(view.effect.occluded[:, 14:], view.effect.picture[:, 14:])


def test_the_map_is_that_of_the_method(view, net, digits):
    view.set_trait("mode", "slide")
    view.window_height = view.window_width = 7
    view.stride = 3
    view.target = 5
    expected = occlude(net, digits.inputs[0], window=7, stride=3, target=5)
    np.testing.assert_allclose(view.map.probability, expected.probability, atol=1e-5)
    assert view.map.target == 5


def test_a_layer_gives_a_map_of_its_strongest_unit(view):
    view.mode, view.layer, view.stride = "slide", "conv2", 6
    assert view.map.unit_activation.shape == view.map.probability.shape
    view.unit = 3
    assert view.map.unit == 3


def test_leafing_through_samples(view, digits):
    view.sample = 7
    np.testing.assert_array_equal(view.effect.picture, digits.inputs[7])
    with pytest.raises(t.TraitError, match="20"):
        view.sample = 20


def test_a_peek_sends_the_picture_of_one_window(view, monkeypatch):
    view.mode, view.stride = "slide", 6
    view.wait(20)
    sent = []
    monkeypatch.setattr(view, "send", lambda content, buffers=None: sent.append((content, buffers)))
    view.receive({"type": "peek", "cell": 5}, [])
    content, buffers = sent[0]
    top, left, bottom, right = view.map.positions.reshape(-1, 4)[5]
    pixels = np.frombuffer(buffers[0], np.uint8).reshape(28, 28, 3)
    assert (pixels[top:bottom, left:right] == 128).all()
    best = content["classes"][0]
    assert best["after"] == pytest.approx(float(view.map.probabilities.reshape(-1, 10)[5].max()))


def test_other_kinds_of_pictures(net, digits):
    from PIL import Image

    raw = digits.inputs[0]
    own = net.transform(raw[None])[0]
    answers = []
    for image in (raw, Image.fromarray(raw), own, own[None]):
        view = nbviz.OcclusionPainter(net, image)
        answers.append(view.probabilities)
        view.close()
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], atol=1e-5)


def test_a_patch_from_another_picture(net, digits):
    view = nbviz.OcclusionPainter(net, digits.inputs[0], patch=digits.inputs[1], fill="patch")
    mask = np.zeros((28, 28), bool)
    mask[:14] = True
    view.mask = mask
    np.testing.assert_array_equal(view.effect.occluded[:14], digits.inputs[1][:14])
    view.close()
    with pytest.raises(ValueError, match="patch="):
        nbviz.OcclusionPainter(net, digits.inputs[0], fill="patch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "slide", "window_height": 29}, "larger than the image"),
        ({"mode": "slide", "layer": "conv2", "unit": 48}, "units 0 to 47"),
        ({"mask": np.ones((5, 5))}, r"\(5, 5\)"),
    ],
)
def test_bad_parameters_are_said_in_the_view(view, change, message):
    with view.hold_trait_notifications():
        for name, value in change.items():
            setattr(view, name, value)
    with pytest.raises(ValueError, match=message):
        view.wait(20)
    assert view.status == "error"
    assert view.problem["type"] in ("ValueError", "UnknownName")


def test_bad_input_is_refused_with_advice(net, digits):
    with pytest.raises(TypeError, match="Module"):
        nbviz.OcclusionPainter("resnet", digits)
    with pytest.raises(TypeError, match="image is missing"):
        nbviz.OcclusionPainter(net)
    with pytest.raises(TypeError, match="opacity"):
        nbviz.OcclusionPainter(net, digits, opacty=0.5)
    with pytest.raises(ValueError, match="NaN"):
        nbviz.OcclusionPainter(net, torch.full((1, 28, 28), float("nan")))
    view = nbviz.OcclusionPainter(net, digits)
    with pytest.raises(ValueError, match="Did you mean 'conv2'"):
        view.layer = "conv22"
    assert view.layer == ""
    view.close()


def test_words_of_other_libraries_are_answered_with_those_of_this_one(net, digits):
    for word, meant in (
        ("baseline", "fill: 'grey', 'mean', 'zero'"),
        ("baselines", "fill: 'grey'"),
        ("sliding_window_shapes", "window_height and window_width"),
        ("strides", "stride"),
    ):
        with pytest.raises(TypeError, match=f"unexpected keyword '{word}'. Here that is {meant}"):
            nbviz.OcclusionPainter(net, digits, **{word: 3})


def test_pictures_without_their_channel_are_told_apart_from_channels(net):
    with pytest.raises(ValueError, match=r"5 grey images, their channel is missing: images\[:, None\]"):
        nbviz.OcclusionPainter(net, np.zeros((5, 16, 16), np.float32))


def test_a_sample_that_holds_nan_is_named(net, digits):
    own = net.transform(digits.inputs[:4]).numpy()
    own[2, 0, 5, 5] = np.nan
    view = nbviz.OcclusionPainter(net, own, executor="inline")
    assert view.error is None
    view.sample = 2
    with pytest.raises(ValueError, match=r"^sample 2: the image holds 1 values that are NaN"):
        view.wait(20)
    view.sample = 3
    assert view.effect.covered == 0
    view.close()


class NanWhereDark(torch.nn.Module):
    """Log of the brightness of the upper half: NaN once that is covered with black."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 1, 1)

    def forward(self, x):
        bright = x[:, :, :14].sum((1, 2, 3))
        score = (bright - 1).sqrt()  # of a number below 0
        return torch.stack([score, -score, 0 * score + 1], 1) + 0 * self.conv(x).mean()


def test_outputs_that_hold_nan_are_said_with_the_picture():
    pictures = np.ones((3, 1, 28, 28), np.float32)
    pictures[1, :, :14] = 0
    view = nbviz.OcclusionPainter(NanWhereDark(), pictures, fill="zero", executor="inline")
    good = view.effect
    view.mask = np.ones((28, 28))
    with pytest.raises(ModelError, match="3 NaN or infinite scores of 3 for sample 0 as it is covered now"):
        view.wait(20)
    assert view.problem["message"].startswith("the model's output holds 3 NaN")
    assert view._latest.effect is good
    view.mask = []
    assert view.effect.before.argmax() == 0
    view.sample = 1
    with pytest.raises(ModelError, match="for sample 1 as it is"):
        view.wait(20)
    view.sample = 2
    assert view.error is None
    view.close()


def test_one_number_is_a_class_only_if_it_is_known_to_be_one():
    torch.manual_seed(0)
    image = np.random.default_rng(0).random((1, 12, 12)).astype(np.float32)
    value = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 1))
    with pytest.raises(ModelError, match=r"one number.*a regression.*class_names=\['no', 'yes'\]"):
        nbviz.OcclusionPainter(value, image)
    named = nbviz.Network(value, class_names=["no", "yes"])
    sigmoid = torch.nn.Sequential(value, torch.nn.Sigmoid())
    score = value(torch.tensor(image)[None]).item()
    for model in (named, sigmoid):
        view = nbviz.OcclusionPainter(model, image, executor="inline")
        np.testing.assert_allclose(view.probabilities[1], 1 / (1 + np.exp(-score)), atol=1e-5)
        view.close()


@pytest.mark.filterwarnings("ignore:the model was given values")
def test_several_pictures_in_any_form_can_be_leafed_through(net, digits):
    own = net.transform(digits.inputs[:5])
    piles = [digits.inputs[:5], list(digits.inputs[:5]), own, torch.utils.data.TensorDataset(own)]
    for pile in piles:
        view = nbviz.OcclusionPainter(net, pile)
        assert view.specimen["samples"] == 5
        view.sample = 2
        np.testing.assert_allclose(view.probabilities, net.predict(digits)[2], atol=1e-5)
        view.close()


def test_a_transform_that_fails_is_named_with_the_sample(net, digits):
    def transform(picture):
        pixels = np.asarray(picture)
        if (pixels == digits.inputs[4]).all():
            raise ValueError("no such thing")
        return net.transform(pixels[None])[0]

    view = nbviz.OcclusionPainter(nbviz.Network(net.module, transform=transform), digits)
    view.sample = 4
    with pytest.raises(ModelError, match=r"transform raised ValueError: no such thing[\s\S]*for sample 4"):
        view.wait(20)
    view.sample = 5
    assert view.effect.covered == 0
    view.close()


def test_a_class_that_there_is_not_is_refused_in_both_modes(view, net, digits):
    assert view.mode == "paint"
    with pytest.raises(t.TraitError, match="classes 0 to 9; got target=99"):
        view.target = 99
    with pytest.raises(t.TraitError, match="classes 0 to 9; got target=10"):
        nbviz.OcclusionPainter(net, digits, mode="slide", target=10)


def test_a_model_that_does_not_classify_is_refused(digits):
    picture_in_picture_out = torch.nn.Conv2d(1, 1, 3, padding=1)
    with pytest.raises(ModelError, match=r"shape \(1, 28, 28\).*no classifier.*output=lambda"):
        nbviz.OcclusionPainter(picture_in_picture_out, digits.inputs[0].astype(np.float32) / 255)


def test_what_a_person_should_know_is_said_once_and_shown(digits, recwarn):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 9), torch.nn.Flatten(), torch.nn.Linear(1600, 10))
    view = nbviz.OcclusionPainter(model, digits.inputs[0])
    view.wait(20)
    view.mode = "slide"
    view.wait(20)
    found = [w for w in recwarn if "look like pixels" in str(w.message)]
    assert [w.filename for w in found] == [__file__]
    assert "look like pixels" in view.frame["meta"]["notes"][0]
    view.close()


def test_summary_says_what_is_seen(view):
    assert view.summary().startswith("OcclusionPainter: 0% covered; 3 1.00")
    view.mode, view.stride = "slide", 6
    view.wait(20)
    assert "lowest probability of 3" in view.summary()
