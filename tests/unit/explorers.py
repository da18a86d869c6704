"""What the tests of the layer explorer share."""

import torch
from torch import nn

QUICK = {"executor": "inline", "iterations": 30, "perplexity": 10.0}


def pixels(net, digits):
    """The model's own input, and what the plain module answers."""
    mean, deviation = net.transform.mean[0], net.transform.std[0]
    inputs = (torch.tensor(digits.inputs[:, None], dtype=torch.float32) / 255 - mean) / deviation
    with torch.no_grad():
        return inputs, net.module(inputs)


class Guarded(nn.Module):
    """Has everything that a careless pass would change: batch norm, dropout, flags, gradients, hooks."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4 * 13 * 13, 10)

    def forward(self, x):
        return self.head(self.drop(torch.relu(self.norm(self.conv(x)))).flatten(1))
