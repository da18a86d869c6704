"""Samples from what people have: arrays, datasets, loaders, tables, text, pictures, token batches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from nbviz.core.samples import Samples


def test_arrays_and_tensors_are_not_copied():
    x = np.zeros((4, 2), np.float32)
    t = torch.zeros(4, 2, requires_grad=True)
    assert Samples(x).inputs is x
    assert Samples(t).inputs.data_ptr() == t.data_ptr()
    assert not Samples(t).inputs.requires_grad
    assert Samples(x)[1:3].inputs.base is x
    assert Samples(x, max_samples=2).inputs.base is x


def test_slices_indices_masks_and_single_rows():
    samples = Samples(
        np.arange(10).reshape(5, 2),
        ["b", "a", "c", "a", "b"],
        names=list("vwxyz"),
        metadata={"age": np.arange(5) * 10},
    )
    for rows, expected in (
        (slice(1, 4, 2), [1, 3]),
        ([3, 0], [3, 0]),
        (np.array([True, False, False, False, True]), [0, 4]),
        (torch.tensor([2]), [2]),
        (-1, [4]),
    ):
        part = samples[rows]
        assert part.inputs[:, 0].tolist() == [2 * i for i in expected]
        assert part.names == [list("vwxyz")[i] for i in expected]
        assert part.metadata["age"].tolist() == [10 * i for i in expected]
        assert part.labels.tolist() == [[1, 0, 2, 0, 1][i] for i in expected]
        assert part.class_names == ("a", "b", "c")
    assert len(samples) == 5
    assert repr(samples) == "Samples(5 labelled samples of shape (2,))"
    with pytest.raises(IndexError):
        samples[5]
    with pytest.raises(ValueError, match="X is empty"):
        samples[[]]


def test_labels_of_every_kind():
    x = np.zeros((3, 2))

    def labels(y, **options):
        samples = Samples(x, y, **options)
        return samples.labels.dtype, samples.labels.tolist(), samples.class_names

    whole, real = np.dtype(np.int64), np.dtype(np.float64)
    assert labels([2, 0, 1]) == (whole, [2, 0, 1], ())
    assert labels(np.array([2, 0, 1], np.uint8)) == (whole, [2, 0, 1], ())
    assert labels(torch.tensor([[2], [0], [1]])) == (whole, [2, 0, 1], ())
    assert labels([True, False, True]) == (whole, [1, 0, 1], ())
    assert labels([2.0, 0.0, 1.0]) == (whole, [2, 0, 1], ())
    assert labels([0.5, 1.0, 2.0]) == (real, [0.5, 1.0, 2.0], ())
    assert labels(torch.tensor([0.5, 1, 2], requires_grad=True))[1] == [0.5, 1.0, 2.0]
    assert labels(["no", "yes", "no"]) == (whole, [0, 1, 0], ("no", "yes"))
    assert labels(["no", "yes", "no"], class_names=["yes", "no"]) == (whole, [1, 0, 1], ("yes", "no"))
    assert labels(pd.Series(["b", "a", "b"], dtype="category")) == (whole, [1, 0, 1], ("a", "b"))
    assert labels([1, 0, 1], class_names={0: "off", 1: "on"}) == (whole, [1, 0, 1], ("off", "on"))
    assert np.isnan(labels([0.0, np.nan, 1.0])[1][1])
    assert Samples(x).labels is None


def test_labels_that_cannot_be_used():
    x = np.zeros((3, 2))
    with pytest.raises(ValueError, match=r"y has 4 entries, but X has 3 samples: they must be as many"):
        Samples(x, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="y has 4 entries, but X has 3"):
        Samples(x, [0, 1, 2, 3], max_samples=2)
    with pytest.raises(ValueError, match=r"shape \(3, 2\)\. One-hot rows become classes by y\.argmax\(1\)"):
        Samples(x, np.eye(3)[:, :2])
    with pytest.raises(ValueError, match=r"y must hold one entry per sample, got the single value 'label'"):
        Samples(x, "label")
    with pytest.raises(ValueError, match=r"y holds 'maybe', which is not among class_names: yes, no"):
        Samples(x, ["yes", "no", "maybe"], class_names=["yes", "no"])
    with pytest.raises(ValueError, match="names has 1 entries"):
        Samples(x, names=["a"])
    with pytest.raises(ValueError, match="metadata column 'age' has 2 entries, but X has 3"):
        Samples(x, metadata={"age": [1, 2]})
    with pytest.raises(TypeError, match=r"hold labels already: leave y out, or pass Samples\(X.inputs, y\)"):
        Samples.of(Samples(x, [0, 1, 2]), [0, 1, 2])
    assert Samples.of(Samples(x, [1, 2, 3])).labels.tolist() == [1, 2, 3]


def test_what_is_given_beside_samples_is_added_to_a_copy_that_shares_the_inputs():
    own = Samples(np.zeros((3, 2)), names=["p", "q", "r"], metadata={"age": [1, 2, 3]})
    more = Samples.of(own, ["b", "a", "b"], metadata={"size": [4, 5, 6]})
    assert (more.class_names, more.labels.tolist(), more.is_alphabetical) == (("a", "b"), [1, 0, 1], True)
    assert (list(more.metadata), more.names) == (["age", "size"], ["p", "q", "r"])
    assert more.inputs is own.inputs
    assert (own.labels, list(own.metadata)) == (None, ["age"])
    again = Samples.of(more, metadata={"size": [7, 8, 9]})
    assert (again.is_alphabetical, again.metadata["size"].tolist()) == (True, [7, 8, 9])
    assert len(Samples.of(more, max_samples=2)) == 2
    assert Samples.of(own, max_samples=None) is own


@pytest.mark.parametrize(
    ("inputs", "error", "words"),
    [
        (np.zeros((0, 3)), ValueError, "X is empty"),
        ([], ValueError, "X is empty"),
        ({}, ValueError, "X is empty"),
        (np.float64(3), ValueError, "single number"),
        (torch.tensor(3.0), ValueError, "single number"),
        ("one text", TypeError, "pass a list of strings"),
        ((i for i in range(3)), TypeError, "cannot be read from generator.*Dataset"),
        (None, TypeError, "cannot be read from NoneType"),
        ([[1, 2], [3]], ValueError, "rows of one length"),
        ({"a": np.zeros((2, 1)), "b": np.zeros((3, 1))}, ValueError, "different length: {'a': 2, 'b': 3}"),
        ({"a": 1}, ValueError, "one row per sample"),
    ],
)
def test_inputs_that_cannot_be_used(inputs, error, words):
    with pytest.raises(error, match=words):
        Samples(inputs)


def test_one_sample():
    samples = Samples(np.zeros((1, 8, 8), np.uint8), [3])
    assert len(samples) == 1
    assert samples.sprite().columns == 1
    assert samples.name(0) == "sample 0"


def test_lists_of_equal_things_are_stacked_and_others_stay_lists():
    assert Samples([np.zeros(2), np.ones(2)]).inputs.shape == (2, 2)
    assert Samples([torch.zeros(2), torch.ones(2)]).inputs.shape == (2, 2)
    assert Samples([[1, 2], [3, 4]]).inputs.tolist() == [[1, 2], [3, 4]]
    mixed = Samples([np.zeros(2), np.zeros(3)])
    assert isinstance(mixed.inputs, list)
    assert [x.shape for x in mixed.batch(np.array([1, 0]))] == [(3,), (2,)]


def test_text_in_any_container():
    for inputs in (["a", "b c"], ("a", "b c"), np.array(["a", "b c"]), pd.Series(["a", "b c"])):
        samples = Samples(inputs)
        assert samples.inputs == ["a", "b c"]
        assert samples.name(1) == "b c"
        assert samples.sprite() is None
        assert samples[1:].inputs == ["b c"]
    assert Samples(["a"], names=["first"]).name(0) == "first"


def test_label_names():
    samples = Samples(np.zeros((2, 1)), [0, 1], class_names=["off", "on"])
    assert [samples.label_name(i) for i in (0, 1, 2, -1)] == ["off", "on", "2", "-1"]


class Squares(Dataset):
    """Map-style; counts how often it is read and has no end of its own."""

    def __init__(self, n, label=True):
        self.n, self.label, self.reads = n, label, 0

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.reads += 1
        x = torch.full((2,), float(i * i))
        return (x, i % 3) if self.label else x


def test_a_dataset_is_read_once_up_to_the_limit():
    source = Squares(30)
    samples = Samples(source, max_samples=7)
    assert source.reads == 7
    assert samples.inputs[:, 0].tolist() == [i * i for i in range(7)]
    assert samples.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert len(Samples(Squares(30))) == 30
    assert len(Samples(Squares(2500))) == 2000
    assert Samples(Squares(5, label=False)).labels is None
    assert Samples(Squares(5), np.arange(5) * 2).labels.tolist() == [0, 2, 4, 6, 8]


def test_a_dataset_that_is_iterated():
    class Stream(IterableDataset):
        def __iter__(self):
            return ((np.full(3, i), str(i)) for i in range(10**9))

    samples = Samples(Stream(), max_samples=4)
    assert samples.inputs.tolist() == [[i] * 3 for i in range(4)]
    assert samples.class_names == ("0", "1", "2", "3")


@pytest.mark.parametrize("batch_size", [3, None])
def test_a_loader_is_read_once_and_leaves_the_random_state(batch_size):
    source = Squares(20)
    loader = DataLoader(source, batch_size=batch_size, shuffle=True)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    samples = Samples(loader, max_samples=8)
    assert torch.equal(torch.get_rng_state(), before)
    assert source.reads <= 9
    assert len(samples) == 8
    roots = samples.inputs[:, 0].sqrt().long()
    assert len(set(roots.tolist())) == 8
    assert samples.labels.tolist() == (roots % 3).tolist()


def test_a_loader_without_labels_and_one_of_tensors():
    x, y = torch.randn(5, 1, 4, 4), torch.tensor([1.5, 2, 3, 4, 5])
    assert torch.equal(Samples(DataLoader(TensorDataset(x), 2)).inputs, x)
    assert Samples(DataLoader(TensorDataset(x), 2)).labels is None
    assert torch.equal(Samples(DataLoader(x, 2)).inputs, x)
    labelled = Samples(DataLoader(TensorDataset(x, y), 2))
    assert labelled.labels.tolist() == y.tolist()
    assert len(Samples(DataLoader(TensorDataset(x, y), 2, drop_last=True))) == 4


def test_items_that_are_dicts():
    class Dicts(Dataset):
        def __init__(self, key):
            self.key = key

        def __len__(self):
            return 4

        def __getitem__(self, i):
            if self.key == "image":
                return {"image": np.full((4, 4), i, np.uint8), "label": i % 2}
            ids = torch.tensor([i, i + 1])
            return {"input_ids": ids, "attention_mask": torch.ones(2, dtype=torch.long), "labels": i}

    for make in (Dicts, lambda key: DataLoader(Dicts(key), 3)):
        pictures = Samples(make("image"))
        assert np.asarray(pictures.inputs)[:, 0, 0].tolist() == [0, 1, 2, 3]
        assert pictures.labels.tolist() == [0, 1, 0, 1]
        tokens = Samples(make("input_ids"))
        assert tokens.inputs["input_ids"].tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
        assert set(tokens.inputs) == {"input_ids", "attention_mask"}
        assert tokens.labels.tolist() == [0, 1, 2, 3]


def test_pictures_of_different_sizes_from_a_dataset():
    class Photos(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return Image.new("RGB", (8 + i, 8)), i

    samples = Samples(Photos())
    assert [p.size for p in samples.inputs] == [(8, 8), (9, 8)]
    assert samples.labels.tolist() == [0, 1]
    assert samples.picture(1).size == (9, 8)


def test_a_token_batch():
    batch = {"input_ids": torch.tensor([[1, 2], [3, 4]]), "attention_mask": [[1, 1], [1, 0]]}
    samples = Samples(batch, [0, 1])
    assert len(samples) == 2
    assert samples.batch(np.array([1]))["attention_mask"].tolist() == [[1, 0]]
    assert samples[:1].inputs["input_ids"].tolist() == [[1, 2]]
    assert samples.picture(0) is None
    assert samples.sprite() is None


def test_tables():
    frame = pd.DataFrame(
        {"length": [1.5, 2, None], "width": [3, 4, 5], "wild": [True, False, True], "kind": ["a", "b", "a"]}
    )
    samples = Samples(frame, "kind", metadata=frame)
    assert samples.inputs.dtype == np.float32
    np.testing.assert_array_equal(samples.inputs, [[1.5, 3, 1], [2, 4, 0], [np.nan, 5, 1]])
    assert (samples.labels.tolist(), samples.class_names) == ([0, 1, 0], ("a", "b"))
    assert list(samples.metadata) == ["length", "width", "wild", "kind"]
    assert samples.metadata["kind"].tolist() == ["a", "b", "a"]
    nullable = pd.DataFrame({"n": pd.array([1, None], dtype="Int64")})
    np.testing.assert_array_equal(Samples(nullable).inputs, [[1], [np.nan]])
    assert Samples(frame, "width").inputs.shape == (3, 2)  # a label is not an input
    assert Samples(frame).metadata["kind"].tolist() == ["a", "b", "a"]  # words are no input, and not lost
    assert list(Samples(frame, "kind").metadata) == []
    with pytest.raises(ValueError, match=r"no column 'knd'; its columns are \['length'"):
        Samples(frame, "knd")
    with pytest.raises(ValueError, match=r"no numeric column; its columns are \['kind'\]"):
        Samples(frame[["kind"]])


def test_labels_beside_a_loader_that_shuffles_are_those_of_other_samples():
    source = TensorDataset(torch.arange(6.0)[:, None])
    with pytest.raises(ValueError, match="shuffles, so labels given beside it"):
        Samples(DataLoader(source, 2, shuffle=True), np.arange(6))
    assert Samples(DataLoader(source, 2), np.arange(6)).labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(Samples(DataLoader(source, 2, shuffle=True))) == 6


def test_max_samples_cuts_everything_alike():
    x = np.arange(12).reshape(6, 2)
    samples = Samples(x, np.arange(6), names=list("abcdef"), metadata={"m": np.arange(6)}, max_samples=4)
    assert (len(samples), len(samples.names), len(samples.metadata["m"])) == (4, 4, 4)
    assert samples.labels.tolist() == [0, 1, 2, 3]
    assert len(Samples(x, max_samples=100)) == 6
    with pytest.raises(ValueError, match="max_samples must be at least 1, got 0"):
        Samples(x, max_samples=0)
