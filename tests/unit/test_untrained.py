"""The network before its training: every weight drawn anew, nothing of the user's touched."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

import nbviz
from nbviz.core.network import Network
from nbviz.methods.untrained import can_be_untrained, untrained


class Everything(nn.Module):
    """One of each kind of layer that holds weights, and a weight of the module's own."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.conv = nn.Conv1d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm1d(8)
        self.rnn = nn.LSTM(8, 8, batch_first=True)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.layer_norm = nn.LayerNorm(8)
        self.bilinear = nn.Bilinear(8, 8, 4)
        self.head = nn.Linear(4, 3)
        self.scale = nn.Parameter(torch.full((3,), 7.0))

    def forward(self, ids):
        x = self.norm(self.conv(self.embed(ids).transpose(1, 2))).transpose(1, 2)
        x = self.rnn(x)[0]
        x = self.layer_norm(self.block(self.attend(x, x, x)[0]))
        return self.head(self.bilinear(x, x)).mean(1) * self.scale


def trained():
    """Weights that no initialisation gives."""
    model = Everything()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(100.0)
        model.norm.running_mean.fill_(55.0)
    return model


def test_every_layer_is_drawn_anew_and_the_rest_is_named():
    model = trained()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    made = untrained(model)
    assert made.kept == ("scale",)
    assert "scale" in made.notes[1]
    fresh = made.network.module.state_dict()
    for name, value in before.items():
        if name == "scale":
            assert torch.equal(fresh[name], value)
        elif name != "norm.num_batches_tracked":
            assert not torch.isnan(fresh[name]).any()
            assert fresh[name].abs().max() < 10, name  # training had added 100
        assert torch.equal(model.state_dict()[name], value), name


def test_the_distribution_is_that_of_a_new_layer():
    torch.manual_seed(0)
    new = nn.Sequential(nn.Linear(400, 300), nn.Conv2d(8, 64, 3))
    made = untrained(nn.Sequential(nn.Linear(400, 300), nn.Conv2d(8, 64, 3))).network.module
    for mine, theirs in zip(made.parameters(), new.parameters(), strict=True):
        assert mine.abs().max().item() == pytest.approx(theirs.abs().max().item(), rel=0.1)
        assert mine.std().item() == pytest.approx(theirs.std().item(), rel=0.15)


def test_one_seed_gives_one_network_and_another_another():
    model = nn.Linear(5, 4)
    first, again, other = (untrained(model, seed).network.module.weight for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, model.weight)


def test_the_global_random_state_is_left_alone_also_by_another_thread():
    model, stop = trained(), threading.Event()
    torch.manual_seed(11)
    state = torch.get_rng_state()
    untrained(model)
    assert torch.equal(torch.get_rng_state(), state)
    expected = [torch.rand(1).item() for _ in range(2000)]
    torch.set_rng_state(state)

    def work():
        while not stop.is_set():
            untrained(model)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        found = [torch.rand(1).item() for _ in range(2000)]
    finally:
        stop.set()
        worker.join()
    assert found == expected


def test_checkpoint_0_comes_first():
    net = nbviz.zoo.load("speech-mlp")
    made = untrained(net)
    assert "checkpoint 0" in made.notes[0]
    expected = nbviz.zoo.load("speech-mlp", trained=False).module.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in made.network.module.state_dict().items())
    without = untrained(Network(net.module, transform=net.transform))
    assert "reset_parameters" in without.notes[0]
    assert without.network.transform is net.transform


def test_shared_and_parametrised_weights():
    shared = nn.Linear(4, 4)
    tied = nn.Sequential(shared, nn.ReLU(), shared)
    made = untrained(tied).network.module
    assert made[0] is made[2]
    assert not torch.equal(made[0].weight, shared.weight)
    normed = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.Linear(4, 2))
    kept = untrained(normed)
    assert set(kept.kept) == {
        "0.parametrizations.weight.original0",
        "0.parametrizations.weight.original1",
    }
    assert torch.equal(kept.network.module[0].weight, normed[0].weight)


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))

    def forward(self, x):
        return x @ self.weight


class Refuses(Own):
    def reset_parameters(self, scale):
        self.weight.data.fill_(scale)


def test_a_model_without_such_layers_is_refused_with_what_to_do():
    assert not can_be_untrained(Own())
    with pytest.raises(ValueError, match=r"no parameter of Own can be drawn anew.*baseline="):
        untrained(Own())
    with pytest.raises(ValueError, match="Refuses: TypeError"):
        untrained(nn.Sequential(Refuses()))
    assert can_be_untrained(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    assert can_be_untrained(Network(Own(), checkpoints={0: Own().state_dict()}))
    assert np.allclose(
        untrained(nn.Sequential(Refuses(), nn.Linear(3, 1))).network.module[0].weight.detach(), 1
    )
