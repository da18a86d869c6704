"""A network at an epoch of its training."""

import pytest
import torch

import nbviz


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-mlp")


def test_an_epoch_has_its_own_weights_and_accuracy(net):
    digits = net.samples(300)
    accuracies = {}
    for epoch in (min(net.checkpoints), max(net.checkpoints)):
        predicted = net.at_epoch(epoch).predict(digits).argmax(1)
        accuracies[epoch] = (predicted == digits.labels).mean()
    assert accuracies[min(accuracies)] < 0.3
    assert accuracies[max(accuracies)] > 0.95


def test_the_network_itself_stays_trained(net):
    before = [p.clone() for p in net.module.parameters()]
    net.at_epoch(0)
    assert all(torch.equal(a, b) for a, b in zip(before, net.module.parameters(), strict=True))


def test_an_unknown_epoch_lists_those_there_are(net):
    with pytest.raises(ValueError, match=r"epoch 3.*0, 1, 2"):
        net.at_epoch(3)
