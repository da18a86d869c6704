"""The network that hears phones: four layers of sigmoid units on 11 frames of speech."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from nbviz.core.network import Network
from nbviz.core.transforms import PixelTransform
from nbviz.zoo.mel import BANDS
from nbviz.zoo.speech import CONTEXT, PHONES, load_speech


class SpeechMLP(nn.Module):
    """Four fully connected layers of sigmoid units: which phone is in the middle of these frames?

    After A. Mohamed, G. Hinton, G. Penn, "Understanding how deep belief networks perform acoustic
    modelling", ICASSP 2012. Theirs has more and wider layers, pre-trained one after the other without labels;
    here they are trained together, from Xavier's initialisation, which sigmoid units need.

    Parameters
    ----------
    width : int
        Units in each hidden layer.
    n_inputs, n_classes : int
        Values of one sample (24 bands x 11 frames) and number of phones.

    Notes
    -----
    Input ``(n, 1, 24, 11)``, float32; output ``(n, 40)``, scores before the softmax. The hidden layers are
    ``fc1`` ... ``fc4``, their outputs in 0 ... 1 are ``sigmoid1`` ... ``sigmoid4``, the output is ``fc5``.
    """

    def __init__(
        self, width: int = 160, n_inputs: int = BANDS * (2 * CONTEXT + 1), n_classes: int = len(PHONES)
    ):
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(n_inputs, width)
        self.sigmoid1 = nn.Sigmoid()
        self.fc2 = nn.Linear(width, width)
        self.sigmoid2 = nn.Sigmoid()
        self.fc3 = nn.Linear(width, width)
        self.sigmoid3 = nn.Sigmoid()
        self.fc4 = nn.Linear(width, width)
        self.sigmoid4 = nn.Sigmoid()
        self.fc5 = nn.Linear(width, n_classes)
        for layer in (self.fc1, self.fc2, self.fc3, self.fc4, self.fc5):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.flatten(frames)
        x = self.sigmoid1(self.fc1(x))
        x = self.sigmoid2(self.fc2(x))
        x = self.sigmoid3(self.fc3(x))
        x = self.sigmoid4(self.fc4(x))
        return self.fc5(x)


ARCHITECTURES: dict[str, type[nn.Module]] = {"SpeechMLP": SpeechMLP}


def wrap(module: nn.Module, card: Mapping[str, Any], checkpoints: Mapping[int, Any]) -> Network:
    """The model with what is needed to show it: the scaling of its input, its classes, its samples."""
    return Network(
        module,
        transform=PixelTransform(card["transform"]["mean"], card["transform"]["std"]),
        class_names=card["class_names"],
        checkpoints=checkpoints,
        samples=load_speech,
    )
