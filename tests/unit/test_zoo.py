"""The zoo: the data are what the README says, the weights are those that reach the stated accuracy."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sklearn.datasets import load_digits as sklearn_digits

from nbviz import zoo
from nbviz.core.transforms import PixelTransform
from nbviz.zoo.catalogue import WEIGHTS, read_card
from nbviz.zoo.datasets import mnist_arrays

NAMES = ("mnist-cnn", "mnist-mlp")


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def network(name):
    return zoo.load(name)


def held_out_accuracy(network, state=None):
    if state is not None:
        network.module.load_state_dict(state)
    samples = zoo.load_mnist()
    with torch.inference_mode():
        scores = network.module(network.transform(samples.inputs))
    return float((scores.argmax(1).numpy() == samples.labels).mean())


# Data


def test_mnist_by_default_gives_the_held_out_images():
    samples = zoo.load_mnist()
    assert len(samples) == zoo.HELD_OUT == 2000
    assert samples.inputs.dtype == np.uint8
    assert samples.inputs.shape == (2000, 28, 28)
    assert samples.labels.dtype.kind == "i"
    assert samples.class_names == tuple("0123456789")
    assert np.bincount(samples.labels, minlength=10).min() > 150


def test_mnist_start_gives_later_rows():
    rows, some = zoo.load_mnist(10_000), zoo.load_mnist(3, start=2000)
    assert (some.inputs == rows.inputs[2000:2003]).all()
    assert (some.labels == rows.labels[2000:2003]).all()


def test_no_held_out_image_is_among_the_training_images():
    images, _ = mnist_arrays()
    held_out = {image.tobytes() for image in images[: zoo.HELD_OUT]}
    training = {image.tobytes() for image in images[zoo.HELD_OUT :]}
    assert len(held_out) == 2000
    assert len(training) == 8000
    assert not held_out & training


def test_changing_what_was_loaded_does_not_change_the_data():
    first = zoo.load_mnist(5)
    kept = first.inputs.copy()
    first.inputs[:] = 7
    assert (zoo.load_mnist(5).inputs == kept).all()


@pytest.mark.parametrize(
    ("n", "start", "message"),
    [
        (0, 0, r"n=0 .* 1 to 10,000"),
        (10_001, 0, r"n=10001 .* 1 to 10,000"),
        (8_001, 2_000, r"1 to 8,000 MNIST images to load from row 2,000"),
        (1, 10_000, r"start=10000 .* rows 0 to 9,999"),
        (1, -1, r"start=-1"),
    ],
)
def test_mnist_rows_that_do_not_exist(n, start, message):
    with pytest.raises(ValueError, match=message):
        zoo.load_mnist(n, start=start)


def test_digits_are_scaled_to_8_bits():
    samples, original = zoo.load_digits(), sklearn_digits()
    assert samples.inputs.shape == (1797, 8, 8)
    assert samples.inputs.dtype == np.uint8
    assert samples.inputs.max() == 255
    assert np.abs(samples.inputs * (16 / 255) - original.images).max() < 0.05
    assert (samples.labels == original.target).all()
    assert len(zoo.load_digits(100)) == 100
    with pytest.raises(ValueError, match=r"1 to 1,797 digits"):
        zoo.load_digits(1798)


def test_the_licence_stands_beside_the_images():
    text = (WEIGHTS.parent / "data" / "LICENSE-mnist.txt").read_text(encoding="utf-8")
    for part in ("CC BY-SA 3.0", "LeCun", "Cortes", "Burges", "creativecommons.org/licenses/by-sa/3.0"):
        assert part in text
    with zipfile.ZipFile(WEIGHTS.parent / "data" / "mnist.npz") as file:
        assert sorted(file.namelist()) == ["images.npy", "labels.npy"]


# Models


def test_list_prints_one_line_per_model():
    listing = zoo.list()
    assert set(NAMES) <= set(listing)
    lines = repr(listing).splitlines()
    assert [line.split()[0] for line in lines] == sorted(listing)
    assert all(len(line) <= 100 for line in lines)
    assert all("MNIST" in listing[name] for name in NAMES)


def test_load_gives_a_trained_network_in_evaluation_mode(network):
    assert not any(module.training for module in network.module.modules())
    assert {p.dtype for p in network.module.parameters()} == {torch.float32}
    assert isinstance(network.transform, PixelTransform)
    assert network.class_names == tuple("0123456789")
    assert network.samples(7).inputs.shape == (7, 28, 28)
    assert (network.samples(7).inputs == zoo.load_mnist(7).inputs).all()


def test_predict_agrees_with_the_module(network):
    samples = network.samples(50)
    with torch.inference_mode():
        direct = network.module(network.transform(samples.inputs)).softmax(1).numpy()
    np.testing.assert_allclose(network.predict(samples), direct, atol=1e-5)


def test_layer_names_read_well():
    layers = [layer.name for layer in zoo.load("mnist-cnn").layers(zoo.load_mnist(1))]
    assert [x for x in layers if x.startswith("conv")] == ["conv1", "conv2", "conv3"]
    assert [x for x in layers if x.startswith("fc")] == ["fc1", "fc2"]
    layers = [layer.name for layer in zoo.load("mnist-mlp").layers(zoo.load_mnist(1))]
    assert [x for x in layers if x.startswith("fc")] == ["fc1", "fc2", "fc3", "fc4", "fc5"]


@pytest.mark.parametrize(("name", "floor"), [("mnist-cnn", 0.99), ("mnist-mlp", 0.975)])
def test_accuracy_on_the_held_out_images(name, floor):
    network = zoo.load(name)
    assert held_out_accuracy(network) >= floor


def test_every_checkpoint_reaches_the_accuracy_on_its_card(name):
    card, network = read_card(WEIGHTS / f"{name}.json"), zoo.load(name)
    assert list(network.checkpoints) == card["checkpoints"]
    for epoch, state in network.checkpoints.items():
        # a sum in another order may tip one undecided image, no more
        assert held_out_accuracy(network, state) == pytest.approx(
            card["held_out_accuracy"][str(epoch)], abs=1.1 / zoo.HELD_OUT
        )


def test_readme_states_the_size_and_the_accuracies(name):
    readme = (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(" `"): row for row in readme.splitlines() if row.startswith("| `")}
    for value in read_card(WEIGHTS / f"{name}.json")["held_out_accuracy"].values():
        assert f"{value:.2%}" in rows[name]
    parameters = sum(p.numel() for p in zoo.load(name).module.parameters())
    assert any(row.startswith(f"| {name} |") and f"{parameters:,}" in row for row in readme.splitlines())


def test_checkpoints_are_read_when_asked_for(network, monkeypatch):
    from nbviz.zoo import checkpoints

    read = []
    original = checkpoints.load_file
    monkeypatch.setattr(checkpoints, "load_file", lambda file: read.append(file.name) or original(file))
    history = zoo.load("mnist-cnn").checkpoints
    assert read == [f"epoch-{history.last:02d}.safetensors"]
    assert 0 in history
    assert 3 not in history
    assert len(history) == len(list(history))
    assert len(read) == 1
    assert {t.dtype for t in history[1].values()} == {torch.float32}
    assert read[1:] == ["epoch-01.safetensors"]
    assert {t.dtype for t in history[0].values()} == {torch.float32}
    assert len(read) == 2  # the seed gives those before training
    with pytest.raises(KeyError, match="no checkpoint of epoch 3; there are"):
        history[3]


def test_untrained_is_the_network_before_its_training(name):
    before = torch.random.get_rng_state()
    untrained = zoo.load(name, trained=False)
    assert torch.equal(torch.random.get_rng_state(), before)  # also where weights are drawn again
    first = untrained.checkpoints[0]
    assert all(torch.equal(value, first[key]) for key, value in untrained.module.state_dict().items())
    assert held_out_accuracy(untrained) < 0.2


def test_first_and_last_checkpoint(network):
    history = network.checkpoints
    assert history.last == max(history)
    for key, value in network.module.state_dict().items():
        assert torch.equal(value, history[history.last][key])
    assert any(not torch.equal(history[0][key], history[history.last][key]) for key in history[0])


def test_unknown_model_names_the_nearest():
    with pytest.raises(ValueError, match=r"unknown model 'mnist_cnn'\. Did you mean 'mnist-cnn'"):
        zoo.load("mnist_cnn")
    with pytest.raises(ValueError, match=r"There are: .*mnist-cnn, mnist-mlp"):
        zoo.load("../secret")


def test_only_safetensors_in_half_precision_are_shipped():
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".safetensors", ".json"}
    for file in files:
        if file.suffix == ".safetensors":
            with safe_open(file, "np") as weights:
                assert {weights.get_tensor(key).dtype for key in weights.keys()} == {np.dtype("float16")}  # noqa: SIM118
        else:
            json.loads(file.read_text(encoding="utf-8"))


def test_the_wheel_stays_small():
    size = sum(file.stat().st_size for file in WEIGHTS.parent.rglob("*") if file.suffix != ".pyc")
    assert size < 11e6
