"""Batches: how large, and what happens when one does not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from capture_models import data
from torch import nn

from nbviz.core import capture as capture_module
from nbviz.core.batch_sizes import BatchSizes
from nbviz.core.capture import capture, capture_steps
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result
from nbviz.core.network import Network
from nbviz.core.samples import Samples


class Sizes(nn.Module):
    """Remembers, outside of the module, how many samples each pass got; runs out of memory above ``most``."""

    def __init__(self, most: int = 10**9, error: type[Exception] = torch.OutOfMemoryError, width: int = 3):
        super().__init__()
        self.fc, self.most, self.error = nn.Linear(3, width), most, error

    def forward(self, x):
        SEEN.append(len(x))
        if len(x) > self.most:
            raise self.error("out of memory. Tried to allocate 2 GiB")
        return self.fc(x)


SEEN: list[int] = []


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_a_batch_that_does_not_fit_is_halved(error):
    x = data(50, 3)
    module = Sizes(8, error)
    expected = module.fc(torch.from_numpy(x)).detach()
    network = Network(module)
    network.layers(x)
    SEEN.clear()
    np.testing.assert_allclose(capture(network, x, ["output"])["output"], expected, atol=1e-6)
    assert SEEN[:3] == [32, 16, 8]
    assert set(SEEN[3:]) == {8, 2}
    SEEN.clear()
    capture(network, x, ["output"])
    assert max(SEEN) == 8  # not tried again
    assert max(p.done for p in capture_steps(network, x, ["output"]) if isinstance(p, Progress)) == 48


def test_one_sample_that_does_not_fit_is_an_error():
    module = Sizes(10**9)
    network = Network(module)
    network.layers(data(1, 3))
    module.fc.register_forward_hook(lambda m, i, o: (_ for _ in ()).throw(torch.OutOfMemoryError("none")))
    with pytest.raises(torch.OutOfMemoryError):
        capture(network, data(4, 3), ["output"])


def test_other_errors_are_not_taken_for_memory():
    module = Sizes(8, ValueError)
    with pytest.raises(ModelError, match="ValueError: out of memory"):
        capture(module, data(50, 3), ["output"])
    assert SEEN.count(32) == 1


def test_the_size_of_a_batch_is_capped_by_memory():
    width = 2**20 // 4  # 1 MB per sample: 64 MB are 64 samples
    network = Network(Sizes(width=width))
    capture(network, data(300, 3), ["output"])
    assert 32 <= max(SEEN) <= 64
    assert 32 <= network.batch_size <= 64
    SEEN.clear()
    capture(network, data(100, 3), ["output"], batch_size=100)
    assert max(SEEN) == 100  # the user's choice stands
    assert network.batch_size <= 64


def test_batch_sizes_climb_while_it_pays_and_step_back_once():
    sizes = BatchSizes(None, None, 4)
    assert sizes.current == 32
    sizes.took(32, 1.0)
    assert sizes.current == 64
    sizes.took(20, 9.0)  # the last, smaller batch says nothing
    assert sizes.current == 64
    sizes.took(64, 1.0)  # twice as fast
    assert sizes.current == 128
    sizes.took(128, 2.0)  # no faster
    assert (sizes.current, sizes.settled) == (64, True)
    sizes.took(64, 1e-9)
    assert sizes.current == 64
    assert sizes.halve()
    assert sizes.current == 32
    assert BatchSizes(None, 128, 2**20).current == 64
    assert BatchSizes(None, None, 2**40).current == 1
    assert not BatchSizes(1, None, 4).halve()
    with pytest.raises(ValueError, match="at least 1, got 0"):
        BatchSizes(0, None, 4)


def test_progress_then_result():
    events = list(capture_steps(Network(Sizes()), Samples(data(50, 3)), ["fc"], batch_size=20))
    assert [(e.done, e.total) for e in events[:-1]] == [(20, 50), (40, 50)]
    assert isinstance(events[-1], Result)
    assert events[-1].value["fc"].shape == (50, 3)


def test_too_many_values_are_refused_before_they_are_computed(monkeypatch):
    monkeypatch.setattr(capture_module, "LARGEST", 4 * 50 * 3 - 1)
    with pytest.raises(ValueError, match=r"'output' has 3 values per sample.*reduce='max'"):
        capture(Sizes(), data(50, 3), ["output"], batch_size=5)
    assert SEEN.count(5) == 1
