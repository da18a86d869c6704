"""The store: the same states however they come, and no file left behind."""

import gc
import subprocess
import sys

import numpy as np
import pytest
import torch

from nbviz.core.errors import UnknownName
from nbviz.core.events import Progress, Result
from nbviz.methods import state_store
from nbviz.methods.state_levels import quantise
from nbviz.methods.state_planes import count_bits
from nbviz.methods.state_store import StateStore


def states(n_steps=3000, n_cells=70, seed=0):
    return np.tanh(np.random.default_rng(seed).normal(size=(n_steps, n_cells))).astype(np.float32)


def chunks_of(array, sizes):
    at = 0
    for size in sizes:
        yield array[at : at + size]
        at += size


def check_contents(store, levels):
    np.testing.assert_array_equal(store.by_step, levels)
    np.testing.assert_array_equal(store.by_cell, levels.T)
    for plane, cut in enumerate(store.planes.cuts):
        for side, bits in store.planes.bits.items():
            on = levels > cut.above if side > 0 else levels < cut.below
            np.testing.assert_array_equal(count_bits(bits[plane]), on.sum(axis=1))
            unpacked = np.unpackbits(bits[plane].view(np.uint8), axis=1)[:, : levels.shape[1]]
            np.testing.assert_array_equal(unpacked, on)


def test_one_array_or_chunks_on_disk_are_the_same_store(tmp_path):
    array = states()
    levels = quantise(array)
    check_contents(StateStore.from_array(array), levels)
    with StateStore.from_array(array, folder=tmp_path) as store:
        assert list(tmp_path.iterdir())
        check_contents(store, levels)
    for sizes in ([3000], [1, 1023, 1024, 1025 - 73, 0], [2999, 1]):
        with StateStore.build(chunks_of(array, sizes), folder=tmp_path) as store:
            assert (store.n_steps, store.n_cells) == (3000, 70)
            check_contents(store, levels)
    assert not list(tmp_path.iterdir())


def test_layers_lie_side_by_side_each_with_its_sign_and_scale(tmp_path):
    parts = {"lstm.h": states(50, 3), "lstm.f": np.abs(states(50, 2, 1)), "rnn": 5 * states(50, 4, 2)}
    given = {"signed": {"lstm.f": False}, "scale": {"rnn": 8.0}}
    for store in (
        StateStore.from_array(parts, **given),
        StateStore.build([{k: torch.tensor(v) for k, v in parts.items()}], folder=tmp_path, **given),
    ):
        with store:
            assert [(one.name, one.start, one.stop) for one in store.layers] == [
                ("lstm.h", 0, 3),
                ("lstm.f", 3, 5),
                ("rnn", 5, 9),
            ]
            levels = [
                quantise(parts["lstm.h"]),
                quantise(parts["lstm.f"], False),
                quantise(parts["rnn"], True, 8.0),
            ]
            check_contents(store, np.concatenate(levels, 1))
            step = np.where(store.signed, store.scale / 128, store.scale / 256)
            off = np.abs(store.values(10, 20) - np.concatenate(list(parts.values()), 1)[10:20])
            assert (off <= step / 2 + 1e-6).all()
            assert store.cell_name(4) == "lstm.f[1]"
            assert store.layer("rnn").start == 5
            with pytest.raises(UnknownName, match=r"lstm\.f"):
                store.layer("lstm.g")
            selected = store.select((3, 4), 0.5, sign="both")
            joined = np.concatenate(list(parts.values()), 1)[3]
            expected = np.flatnonzero(np.abs(joined) >= selected.threshold)
            assert selected.cells.tolist() == expected.tolist()


def test_sequences_from_starts_from_chunks_or_from_a_list_that_grows():
    array = states(30, 4)
    assert StateStore.from_array(array).starts.tolist() == [0]
    assert StateStore.from_array(array, starts=[7, 20]).starts.tolist() == [0, 7, 20]
    with StateStore.build(chunks_of(array, [7, 0, 13, 10]), chunks_are_sequences=True) as store:
        assert store.starts.tolist() == [0, 7, 20]

    known: list[int] = []

    def growing():
        for at in (0, 10, 20):
            known.append(at + 3)
            yield array[at : at + 10]

    with StateStore.build(growing(), starts=known) as store:
        assert store.starts.tolist() == [0, 3, 13, 23]
    with pytest.raises(ValueError, match="not both"):
        StateStore.build([array], starts=[0], chunks_are_sequences=True)
    with pytest.raises(ValueError, match="ascending"):
        StateStore.build([array], starts=[0, 30])


def test_progress_and_result_in_order(tmp_path):
    events = list(StateStore.build_steps(chunks_of(states(40, 3), [10] * 4), n_steps=40, folder=tmp_path))
    assert [event.done for event in events[:4]] == [10, 20, 30, 40]
    assert all(isinstance(event, Progress) and event.done <= event.total == 40 for event in events[:-1])
    assert isinstance(events[-1], Result)
    events[-1].value.close()


def test_files_vanish_when_closed_when_forgotten_when_stopped_and_after_an_error(tmp_path):
    array = states(50, 3)
    store = StateStore.build([array], folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert not store.closed
    store.close()
    store.close()
    assert store.closed
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="closed"):
        _ = store.by_step
    StateStore.build([array], folder=tmp_path)
    gc.collect()
    assert not list(tmp_path.iterdir())
    steps = StateStore.build_steps(iter([array, array]), folder=tmp_path)
    next(steps)
    assert list(tmp_path.iterdir())
    steps.close()
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="NaN"):
        StateStore.build([array, np.full((2, 3), np.nan)], folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_vanish_with_the_interpreter(tmp_path):
    code = (
        "import numpy as np; from nbviz.methods.state_store import StateStore;"
        f"store = StateStore.from_array(np.zeros((9, 2)), folder={str(tmp_path)!r}); print(store.n_steps)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "9"
    assert not done.stderr
    assert not list(tmp_path.iterdir())


def test_large_arrays_go_to_disk(monkeypatch):
    array = states(100, 5)
    assert StateStore.from_array(array)._vanish is None
    monkeypatch.setattr(state_store, "IN_MEMORY_BELOW", 499)
    with StateStore.from_array(array) as store:
        assert store._vanish is not None
        np.testing.assert_array_equal(store.by_step, quantise(array))


def test_nothing_of_a_store_can_be_written_by_accident(tmp_path):
    for store in (StateStore.from_array(states(9, 3)), StateStore.from_array(states(9, 3), folder=tmp_path)):
        for array in (store.by_step, store.by_cell):
            assert not array.flags.writeable


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([], "no states"),
        ([np.zeros((0, 4))], "no states"),
        ([np.zeros(4)], r"\(time, cells\)"),
        ([np.zeros((4, 0))], r"\(time, cells\)"),
        ([np.zeros((4, 2)), np.zeros((4, 3))], "same cells.*2.*3"),
        ([{}], "empty"),
        ([{"a": np.zeros((4, 2)), "b": np.zeros((5, 2))}], "same number of steps"),
        ([{"layer a": np.array([[0.1], [np.inf]])}], "layer a: .*infinite"),
    ],
)
def test_bad_chunks_say_what_is_wrong(chunks, message):
    with pytest.raises(ValueError, match=message):
        StateStore.build(chunks)


def test_bad_arrays_say_what_is_wrong():
    with pytest.raises(ValueError, match="no steps"):
        StateStore.from_array(np.zeros((0, 3)))
    with pytest.raises(UnknownName, match="'h'"):
        StateStore.from_array({"h": np.zeros((4, 3))}, signed={"hh": False})
    with pytest.raises(ValueError, match="power of two"):
        StateStore.from_array(np.zeros((4, 3)), scale=3.0)
