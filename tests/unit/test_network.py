"""Network: what it takes, what it refuses and in which words, when its weights count as changed."""

from __future__ import annotations

import copy
import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from nbviz.core.capture import capture
from nbviz.core.errors import ModelError
from nbviz.core.network import Network, is_out_of_memory


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def test_what_is_not_a_module_is_refused():
    with pytest.raises(TypeError, match=r"torch\.nn\.Module is wanted, got ndarray\. .*from_activations"):
        Network(zeros(2))
    with pytest.raises(TypeError, match="got type"):
        Network(nn.Linear)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_module_is_refused_and_says_what_to_pass():
    script = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))
    for model in (script, nn.DataParallel(script)):
        with pytest.raises(TypeError, match=r"ScriptModule takes no hooks.*the nn\.Module it was made from"):
            Network(model)


def test_of_takes_either():
    network = Network(nn.Linear(2, 2))
    assert Network.of(network) is network
    assert Network.of(network.module).module is network.module


CONV = r"\(1, 1, 8, 8\).*'0' \(Conv2d\) takes \(samples, 3 channels, height, width\)"
LINEAR = r"\(1, 8\), float32.*'1' \(Linear\) takes \(samples, …, 9 features\)"
LSTM = r"\(1, 4, 6\).*weights \(LSTM\) takes \(samples, time, 5 features\)"


@pytest.mark.parametrize(
    ("module", "given", "words"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3)), (1, 1, 8, 8), CONV),
        (nn.Sequential(nn.Flatten(), nn.Linear(9, 4)), (1, 8), LINEAR),
        (nn.LSTM(5, 3, batch_first=True), (1, 4, 6), LSTM),
        (nn.Embedding(5, 3), (1, 4), r"\(1, 4\), float32.*integer token ids below 5"),
    ],
)
def test_wrong_input_says_what_the_model_got_and_what_it_wants(module, given, words):
    with pytest.raises(ModelError, match=f"(?s){words}"):
        Network(module).layers(zeros(*given))


def test_a_token_id_that_is_too_large():
    with pytest.raises(ModelError, match=r"(?s)IndexError.*takes integer token ids below 5"):
        capture(nn.Embedding(5, 3), np.array([[1, 2], [3, 9]]), ["output"])


def test_the_models_own_words_are_part_of_the_error():
    class Picky(nn.Module):
        def forward(self, x):
            if x.shape[-1] != 32:
                raise ValueError("Input height must be 32")
            return x

    with pytest.raises(ModelError, match=r"ValueError: Input height must be 32") as caught:
        Network(Picky()).layers(zeros(1, 1, 28, 28))
    assert isinstance(caught.value.__cause__, ValueError)
    assert "(1, 1, 28, 28)" in str(caught.value)  # what the user gave, not our batch of two


def test_a_fixed_input_size_that_fits():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(16, 2)

        def forward(self, x):
            assert x.shape[1:] == (1, 4, 4)
            return self.fc(x.view(-1, 16))

    assert Network(Fixed()).predict(zeros(3, 1, 4, 4)).shape == (3, 2)


def test_no_samples_at_all():
    with pytest.raises(ValueError, match="no samples"):
        Network(nn.Linear(2, 2)).layers(zeros(0, 2))
    with pytest.raises(ValueError, match="X is empty"):
        Network(nn.Linear(2, 2)).predict(zeros(0, 2))


def test_out_of_memory_in_all_its_words():
    assert is_out_of_memory(torch.OutOfMemoryError("x"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("CUDA out of memory."))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ModelError("the model raised ValueError: out of memory"))


def _bn() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout())


def _set_temperature(m):
    m.temperature = 2.0


def _data(m):
    m[0].weight.data.mul_(1.5)  # bumps no version counter


def _statistics(m):
    m.train()(torch.randn(4, 3))


def _replace(m):
    m[0] = copy.deepcopy(m[0])


def _hook(m):
    m[0].register_forward_hook(lambda m, i, o: o * 0)


def _step(m):
    m(torch.randn(4, 3)).sum().backward()
    torch.optim.SGD(m.parameters(), lr=0.1).step()


def _load(m):
    m.load_state_dict(_bn().state_dict())


@pytest.mark.parametrize("change", [_set_temperature, _data, _statistics, _replace, _hook, _step, _load])
def test_version_changes_with_the_model(change):
    network = Network(_bn())
    before = network.version
    change(network.module)
    assert network.version != before


def test_version_stays_with_the_model():
    network = Network(_bn())
    before = network.version
    capture(network, zeros(5, 3), ["0", "output"])
    network.module.train()
    network.module.eval()
    network.module(torch.zeros(2, 3))
    network.module[0].weight.grad = torch.ones(3, 3)
    assert network.version == before
    hash(before)


def test_class_names_from_what_people_have():
    def names(value):
        return Network(nn.Linear(1, 1), class_names=value).class_names

    assert names(["cat", "dog"]) == ("cat", "dog")
    assert names({1: "dog", 0: "cat"}) == ("cat", "dog")
    assert names({str(i): f"n{i}" for i in range(12)}) == tuple(f"n{i}" for i in range(12))
    assert names({0: "a", 2: "c"}) == ("a", "1", "c")
    assert names({"categories": ["x", "y"], "min_size": (1, 1)}) == ("x", "y")
    assert names(None) == ()


def test_device_type_and_words():
    network = Network(nn.Linear(2, 3).double())
    assert network.dtype == torch.float64
    assert network.device == torch.device("cpu")
    assert repr(network) == "Network(Linear, 9 parameters, cpu)"
    assert Network(nn.ReLU()).device == torch.device("cpu")
    assert Network(nn.ReLU()).dtype == torch.float32


def test_a_network_and_its_twin_can_be_freed():
    module = _bn()
    network = Network(module)
    capture(network, zeros(4, 3), ["0"])
    twin, own = weakref.ref(network._shadow._twin), weakref.ref(module)
    del network, module
    gc.collect()
    assert twin() is None
    assert own() is None


def test_many_input_shapes_do_not_pile_up():
    network = Network(nn.Sequential(nn.Conv1d(1, 1, 1)))
    for length in range(1, 40):
        network.layers(zeros(1, 1, length))
    assert len(network._traces) < 20


def test_a_sigmoid_at_the_end_is_seen_and_one_inside_is_not():
    x = zeros(2, 3)
    assert Network(nn.Sequential(nn.Linear(3, 1), nn.Sigmoid(), nn.Flatten(0))).ends_in_sigmoid(x)
    assert not Network(nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 1))).ends_in_sigmoid(x)
    assert not Network(nn.Sequential(nn.Linear(3, 4), nn.Softmax(1))).ends_in_sigmoid(x)
