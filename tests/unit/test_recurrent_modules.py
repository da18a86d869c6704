"""Modules that are changed, of another type, trained on meanwhile, or of one's own; none is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recurrent_models import Cells, Lm, difference, randomised
from torch import nn
from torch.nn.utils import prune

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.recurrent import (
    LayerStates,
    register_extractor,
    states,
)
from nbviz.methods.recurrent.extract import _registered


def test_the_model_stays_as_it_was():
    model = Lm(dropout=0.5).train()
    seen = []
    model.rnn.register_forward_hook(lambda *_: seen.append("after"))
    model.rnn.register_forward_pre_hook(lambda *_: seen.append("before"))
    hooks = dict(model.rnn._forward_hooks), dict(model.rnn._forward_pre_hooks)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    found = states(model, np.arange(9))
    assert difference(states(model, np.arange(9)), found) == 0  # no dropout
    assert all(child.training for child in model.modules())
    assert (dict(model.rnn._forward_hooks), dict(model.rnn._forward_pre_hooks)) == hooks
    assert seen == ["before", "after"] * 2
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in weights.items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_hook_of_the_users_that_changes_the_output_is_obeyed_and_not_compared():
    model = Lm()
    model.rnn.register_forward_hook(lambda module, inputs, output: (output[0] * 0, output[1]))
    found = states(model, np.arange(5))
    np.testing.assert_allclose(found.logits, np.tile(model.head.bias.detach(), (5, 1)), atol=1e-6)
    assert np.abs(found.output()).max() > 0.01


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types(dtype):
    model = Lm().to(dtype)
    found = states(model, np.arange(9))
    reference = states(Lm(seed=0), np.arange(9))
    assert found.hidden["rnn.0"].dtype == np.float32
    assert (
        difference(found, reference) < {torch.float16: 5e-3, torch.bfloat16: 4e-2, torch.float64: 1e-5}[dtype]
    )
    assert ("computed in float32" in " ".join(found.notes)) == (dtype != torch.float64)


def test_states_that_are_not_numbers_are_reported_where_they_begin():
    network = Network(Lm(), tokenizer=lambda text: [ord(c) - 97 for c in text])
    with torch.no_grad():
        network.module.embedding.weight[3] = torch.nan
    found = states(network, "abcdab")
    assert np.isfinite(found.hidden["rnn.0"][:3]).all()
    assert np.isnan(found.hidden["rnn.1"][3:]).all()
    assert any("not finite numbers from step 3 ('d') on, first in layer 'rnn.0'" in n for n in found.notes)


def test_a_module_that_does_not_compute_what_its_class_says():
    class Scaled(nn.LSTM):
        def forward(self, x, hx=None):
            output, state = super().forward(x, hx)
            return 0.9 * output, state

    with pytest.raises(
        ModelError, match=r"hidden states of layer 'scaled\.0' \(LSTM\).*see register_extractor"
    ):
        states(Scaled(3, 4), torch.randn(5, 3))


def test_parametrised_weights():
    module = nn.LSTMCell(3, 4)
    nn.utils.parametrizations.weight_norm(module, "weight_hh")

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = module

        def forward(self, x):
            state = None
            for step in x.unbind(1):
                state = self.cell(step, state)
            return state[0]

    signal = torch.randn(6, 3)
    found = states(Loop(), signal)
    np.testing.assert_allclose(found.hidden["cell"][-1], Loop()(signal[None])[0].detach(), atol=1e-6)


def test_weights_trained_on_during_a_pass_are_run_again():
    """The cells' weights change once, in the middle of a pass: no layer computes what its class says then."""
    model, ids = Cells(), np.arange(9)
    calls = []

    def train(*_):
        calls.append(1)
        if len(calls) == 4:
            with torch.no_grad():
                model.cells[0].weight_hh.mul_(1.5)

    handle = model.head.register_forward_hook(train)
    found = states(model, ids)
    handle.remove()
    assert len(calls) == 18
    assert difference(states(model, ids), found) == 0


def test_weights_that_change_in_every_pass_are_an_error():
    model = Cells()

    def train(*_):
        with torch.no_grad():
            model.cells[0].weight_hh.mul_(1.1)

    model.head.register_forward_hook(train)
    with pytest.raises(ModelError, match=r"states of layer 'cells\.0' \(LSTM\)"):
        states(model, np.arange(9))


@pytest.mark.parametrize("change", ["weight_norm", "prune"])
def test_changed_weights_of_a_sequence_module(change):
    module = randomised(nn.LSTM(3, 4, 2))
    if change == "prune":
        prune.random_unstructured(module, "weight_hh_l0", 0.5)
    else:
        nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
        with torch.no_grad():
            module.parametrizations.weight_hh_l0.original0.mul_(2)
    signal = torch.randn(6, 3)
    found = states(module, signal)
    np.testing.assert_allclose(found.output(), module(signal)[0].detach(), atol=1e-6)


def test_threads_are_as_many_as_before():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        states(Lm(), np.arange(9))
        assert torch.get_num_threads() == 2
        with pytest.raises(ModelError):
            states(nn.LSTM(4, 2), torch.zeros(5, 3))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class MinimalGatedUnit(nn.Module):
    """Zhou et al. 2016, "Minimal Gated Unit for Recurrent Neural Networks", equations 13 to 15."""

    def __init__(self, inputs, cells):
        super().__init__()
        self.forget, self.candidate = nn.Linear(inputs + cells, cells), nn.Linear(inputs + cells, cells)

    def forward(self, x, h):
        f = self.forget(torch.cat([x, h], -1)).sigmoid()
        return (1 - f) * h + f * self.candidate(torch.cat([x, f * h], -1)).tanh()


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.unit, self.head = MinimalGatedUnit(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = torch.zeros(1, 4)
        outputs = []
        for step in x.unbind(1):
            h = self.unit(step, h)
            outputs.append(self.head(h))
        return torch.stack(outputs, 1)


def unit_states(call, wrong=0.0):
    (x, h), weights = call.args, call.weights
    f = nn.functional.linear(
        torch.cat([x, h], -1), weights["forget.weight"], weights["forget.bias"]
    ).sigmoid()
    inside = torch.cat([x, f * h], -1)
    g = nn.functional.linear(inside, weights["candidate.weight"], weights["candidate.bias"]).tanh()
    again = (1 - f) * h + f * g + wrong
    return [
        LayerStates("", "MGU", call.output, gates={"f": f, "g": g}, checks=[("states", again, call.output)])
    ]


@pytest.fixture
def registered():
    yield register_extractor
    _registered.pop(MinimalGatedUnit, None)


def test_a_recurrent_module_of_ones_own(registered):
    model, signal = randomised(Gated()), torch.randn(6, 3)
    with pytest.raises(ModelError, match=r"no recurrent layer.*register_extractor"):
        states(model, signal)
    registered(MinimalGatedUnit, unit_states)
    found = states(model, signal)
    assert found.layers == ("unit",)
    assert found.kind == {"unit": "MGU"}
    assert found.names("unit") == ("hidden", "f", "g")
    h = torch.zeros(4)
    for step, x in enumerate(signal):
        h = model.unit(x, h)
        np.testing.assert_allclose(found.hidden["unit"][step], h.detach(), atol=1e-6)
    np.testing.assert_allclose(found.logits, model(signal[None])[0].detach(), atol=1e-6)
    with pytest.raises(ModelError, match="a custom module, cannot be handed from chunk to chunk"):
        states(model, signal, chunk=2)


def test_a_wrong_extractor_is_an_error_not_a_wrong_picture(registered):
    model, signal = randomised(Gated()), torch.randn(6, 3)
    registered(MinimalGatedUnit, lambda call: unit_states(call, wrong=1e-3))
    with pytest.raises(ModelError, match=r"states of layer 'unit' \(MGU\).*a difference of 0\.001"):
        states(model, signal)
    registered(MinimalGatedUnit, lambda call: [LayerStates("", "MGU", call.output[0])])
    with pytest.raises(ModelError, match=r"extractor of MinimalGatedUnit gave shapes \(4,\)"):
        states(model, signal)
    with pytest.raises(TypeError, match="subclass of"):
        registered(model, unit_states)
    with pytest.raises(TypeError, match="a function of one call"):
        registered(MinimalGatedUnit, None)
