"""The networks on handwritten digits: every layer is a named module, so that its name reads well in a view.

The ReLUs are modules of their own, never functions and never in place: methods that change the backward
rule (guided backpropagation, layer-wise relevance propagation) see modules only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from nbviz.core.network import Network
from nbviz.core.transforms import PixelTransform
from nbviz.zoo.datasets import load_mnist


class DigitMLP(nn.Module):
    """Four fully connected ReLU layers with dropout, after the MLP of Rauber et al. 2017.

    "Visualizing the Hidden Activity of Artificial Neural Networks", IEEE TVCG 23(1). Theirs has layers of
    1,000 units; `width` is smaller here, because six checkpoints of it travel in the wheel.

    Parameters
    ----------
    width : int
        Units in each hidden layer.
    dropout : float
        Probability with which an input of ``fc2``, ``fc3``, ``fc4`` is dropped while training, 0 to 1.
    n_inputs, n_classes : int
        Pixels of one image and number of classes.

    Notes
    -----
    Input ``(n, 1, H, W)`` with ``H * W == n_inputs``, float32; output ``(n, n_classes)``, scores before the
    softmax. Hidden layers ``fc1`` ... ``fc4``, output ``fc5``.
    """

    def __init__(self, width: int = 192, dropout: float = 0.2, n_inputs: int = 784, n_classes: int = 10):
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(n_inputs, width)
        self.relu1 = nn.ReLU()
        self.dropout1 = nn.Dropout(dropout)
        self.fc2 = nn.Linear(width, width)
        self.relu2 = nn.ReLU()
        self.dropout2 = nn.Dropout(dropout)
        self.fc3 = nn.Linear(width, width)
        self.relu3 = nn.ReLU()
        self.dropout3 = nn.Dropout(dropout)
        self.fc4 = nn.Linear(width, width)
        self.relu4 = nn.ReLU()
        self.fc5 = nn.Linear(width, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.flatten(images)
        x = self.dropout1(self.relu1(self.fc1(x)))
        x = self.dropout2(self.relu2(self.fc2(x)))
        x = self.dropout3(self.relu3(self.fc3(x)))
        x = self.relu4(self.fc4(x))
        return self.fc5(x)


class DigitCNN(nn.Module):
    """Three convolutions, each followed by ReLU and max-pooling, then one dense hidden layer.

    There is no batch normalisation: every layer is one that a first lecture explains, and that gradient,
    deconvnet and relevance methods treat without a special case.

    Parameters
    ----------
    channels : sequence of 3 ints
        Feature maps of ``conv1``, ``conv2``, ``conv3`` (3 x 3 filters, padding 1).
    hidden : int
        Units of the dense layer ``fc1``.
    dropout : float
        Probability with which an input of ``fc1`` is dropped while training, 0 to 1.
    n_classes : int
        Number of classes.

    Notes
    -----
    Input ``(n, 1, 28, 28)``, float32; the maps are 28 x 28, 14 x 14 and 7 x 7 pixels; output
    ``(n, n_classes)``, scores before the softmax.
    """

    def __init__(
        self,
        channels: tuple[int, int, int] = (24, 48, 64),
        hidden: int = 128,
        dropout: float = 0.4,
        n_classes: int = 10,
    ):
        super().__init__()
        first, second, third = channels
        self.conv1 = nn.Conv2d(1, first, kernel_size=3, padding=1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(first, second, kernel_size=3, padding=1)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(second, third, kernel_size=3, padding=1)
        self.relu3 = nn.ReLU()
        self.pool3 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(third * 3 * 3, hidden)
        self.relu4 = nn.ReLU()
        self.fc2 = nn.Linear(hidden, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.pool1(self.relu1(self.conv1(images)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = self.pool3(self.relu3(self.conv3(x)))
        x = self.dropout(self.flatten(x))
        x = self.relu4(self.fc1(x))
        return self.fc2(x)


ARCHITECTURES: dict[str, type[nn.Module]] = {"DigitMLP": DigitMLP, "DigitCNN": DigitCNN}


def wrap(module: nn.Module, card: Mapping[str, Any], checkpoints: Mapping[int, Any]) -> Network:
    """The model with what is needed to show it: the scaling of its pixels, its classes, its images."""
    return Network(
        module,
        transform=PixelTransform(card["transform"]["mean"], card["transform"]["std"]),
        class_names=card["class_names"],
        checkpoints=checkpoints,
        samples=load_mnist,
    )
