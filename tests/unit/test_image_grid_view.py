"""The wall of pictures from Python: which picture hangs where, and what travels to the browser."""

import io

import numpy as np
import pytest
import torch
import traitlets as t
from PIL import Image
from scipy.spatial.distance import cdist

import nbviz
from nbviz.core.capture import capture
from nbviz.methods.image_grid import image_grid
from nbviz.methods.projection import project
from nbviz.views.image_grid import ImageGrid

QUICK = {"iterations": 40, "executor": "inline"}
N = 150


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load_mnist(N)


@pytest.fixture
def show(net, digits):
    views = []

    def build(*arguments, **options):
        views.append(ImageGrid(*(arguments or (net, digits)), **{**QUICK, **options}))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_the_wall_is_the_map_of_the_layer_on_the_grid_of_the_method(show, net, digits):
    view = show(layer="fc1")
    activations = capture(net, digits, ["fc1"])["fc1"]
    np.testing.assert_array_equal(view.embedding, project(activations, n_iter=40).positions)
    expected = image_grid(view.embedding, aspect=1.5)
    np.testing.assert_array_equal(view.cells, expected.cells)
    assert view.grid.shape == expected.shape == (10, 15)
    assert view.grid.is_exact
    assert view.grid.seconds < 5
    assert f"{N} points on 10 x 15 cells in {view.grid.seconds:.2f} s" in repr(view)


def test_the_neighbourhood_hit_counts_the_pictures_around(show, digits):
    """Of inner cells by hand: the 8 cells around each."""
    view = show(columns=15)
    labels = np.full(view.grid.shape, -1)
    labels[tuple(view.cells.T)] = np.asarray(digits.labels)[view.rows]
    far = cdist(view.cells, view.cells)
    np.fill_diagonal(far, np.inf)
    inner = (view.cells > 0).all(axis=1) & (view.cells < np.array(view.grid.shape) - 1).all(axis=1)
    own = np.asarray(digits.labels)[view.rows]
    by_hand = [(own[np.argsort(far[i], kind="stable")[:8]] == own[i]).mean() for i in range(N)]
    for i in np.flatnonzero(inner):
        y, x = view.cells[i]
        around = labels[y - 1 : y + 2, x - 1 : x + 2].ravel()
        assert by_hand[i] == pytest.approx(((around == own[i]).sum() - 1) / 8)
    assert view.neighbourhood_hit == pytest.approx(np.mean(by_hand), abs=0.02)  # ties at the edges
    assert view.accuracy > 0.9


def test_first_a_quick_picture_of_the_components_then_the_exact_one(net, digits):
    view = ImageGrid(net, digits, **QUICK)
    seen = []
    view.observe(lambda change: seen.append((change.new["kind"], change.new["meta"])), "frame")
    view.seed = 1
    kinds = [(kind, meta["method"], meta["exact"]) for kind, meta in seen]
    assert kinds[0] == ("preview", "pca", False)
    assert kinds[-1] == ("result", "tsne", True)
    assert len(kinds) <= 3, "the wall is not hung anew for every step of t-SNE"
    assert seen[-1][1]["hit"] is not None
    view.close()


def test_columns_change_the_grid_and_not_the_map(show):
    view = show()
    embedding = view.embedding
    view.columns = 10
    assert view.grid.shape == (15, 10)
    assert view.embedding is embedding
    view.columns = 1
    assert "from 4 to 38" in str(view.error)
    view.columns = 0
    assert view.grid.shape == (10, 15)


def test_thumbnails_are_those_of_the_samples_shown(show, digits):
    view = show(n_samples=40)
    sent = view.thumbnails
    rows = np.frombuffer(sent["rows"], np.int32)
    assert sorted(view.rows.tolist()) == rows.tolist()
    sheet = np.asarray(Image.open(io.BytesIO(sent["png"])))
    for index in (0, 17, 39):
        y, x = divmod(index, sent["columns"])
        tile = sheet[28 * y : 28 * (y + 1), 28 * x : 28 * (x + 1)]
        np.testing.assert_array_equal(tile, digits.inputs[rows[index]])
    view.n_samples = 0
    assert len(np.frombuffer(view.thumbnails["rows"], np.int32)) == N


def test_larger_pictures_are_answered_in_one_sheet(net, digits):
    large = np.kron(digits.inputs, np.ones((1, 3, 3), np.uint8))
    view = ImageGrid.from_activations(
        digits.inputs.reshape(N, -1).astype(np.float32), digits.labels, X=large, **QUICK
    )
    assert view.specimen["pictures"] == 84
    heard = []
    view.send = lambda content, buffers=None: heard.append((content, buffers))
    view.receive({"type": "pictures", "to": "wall", "rows": [5, 7, 9], "size": 84}, [])
    (head, (png,)) = heard[0]
    assert (head["to"], head["rows"], head["width"], head["height"]) == ("wall", [5, 7, 9], 84, 84)
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    np.testing.assert_array_equal(sheet[:84, 84:168], large[7])
    view.receive({"type": "pictures", "rows": [5, N], "size": 84}, [])
    view.receive({"type": "pictures", "rows": [], "size": 84}, [])
    assert [(head["rows"], buffers is None) for head, buffers in heard[1:]] == [([5], False), ([], True)]
    view.receive({"type": "pictures", "rows": list(range(N)), "size": 9999}, [])
    assert len(heard[-1][0]["rows"]) == 64
    view.close()


def test_many_large_coloured_pictures_still_get_thumbnails():
    """3,000 real digits in random colours do not fit into the usual 600 kB: a larger sheet is sent."""
    digits = nbviz.zoo.load_mnist(3000)
    inks = np.random.default_rng(0).uniform(0.2, 1, (3000, 1, 1, 3))
    noise = np.random.default_rng(1).integers(0, 60, (3000, 28, 28, 3))
    coloured = (digits.inputs[..., None] * 0.7 * inks + noise).astype(np.uint8)
    features = digits.inputs.reshape(3000, -1)[:, ::40].astype(np.float32)
    view = ImageGrid.from_activations(features, X=coloured, method="pca", n_samples=0, executor="inline")
    assert view.error is None
    assert 600_000 < len(view.thumbnails["png"]) <= 2_000_000
    assert len(view.rows) == 3000
    view.close()


def test_what_is_seen_can_be_set_from_python(show):
    view = show()
    row = int(view.rows[7])
    view.look_at(row, zoom=5)
    assert view.zoom == 5
    y, x = view.cells[7]
    height, width = view.grid.shape
    assert view.centre == pytest.approx(((x + 0.5) / width, (y + 0.5) / height))
    with pytest.raises(ValueError, match=f"not among the {N} shown"):
        view.look_at(10_000)
    with pytest.raises(ValueError, match="zoom is NaN"):
        view.look_at(row, zoom=float("nan"))


def test_the_frame_holds_rows_and_cells(show):
    view = show()
    frame = view.encode(view.latest())
    np.testing.assert_array_equal(frame.buffers[0], view.rows)
    np.testing.assert_array_equal(frame.buffers[1].reshape(-1, 2), view.cells)
    assert frame.meta["seconds"] == view.grid.seconds
    assert frame.meta["shape"] == [10, 15]
    assert set(view.predictions_sent) == {"prediction", "confidence", "correct"}


def test_bad_input(show, net, digits):
    with pytest.raises(TypeError, match="pictures X are missing"):
        ImageGrid(net)
    with pytest.raises(TypeError, match="columns"):
        ImageGrid(net, digits, colums=3)
    with pytest.raises(ValueError, match="conv2"):
        ImageGrid(net, digits, layer="conv9")
    with pytest.raises(ValueError, match="these samples are none"):
        ImageGrid(torch.nn.Linear(3, 2), torch.randn(20, 3))
    with pytest.raises(ValueError, match="there are no activations"):
        ImageGrid.from_activations({}, X=digits)
    with pytest.raises(TypeError, match="the pictures X are missing"):
        ImageGrid.from_activations(np.zeros((20, 3)), np.zeros(20, int))
    view = show()
    for name, value, words in (
        ("layer", "conv9", "conv2"),
        ("selection", [N], f"{N} samples"),
        ("colour_by", "shoe size", "nothing"),
        ("n_samples", 6000, "5000"),
    ):
        with pytest.raises(t.TraitError, match=words):
            setattr(view, name, value)
    one = show(net, digits.inputs[:1])
    assert "one sample cannot be projected" in str(one.error)


def test_the_model_is_left_as_it_was(show, net):
    before = {name: value.clone() for name, value in net.module.state_dict().items()}
    show(layer="conv2", reduce="max")
    for name, value in net.module.state_dict().items():
        assert torch.equal(value, before[name])
