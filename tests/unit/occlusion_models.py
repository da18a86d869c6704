"""A small classifier and a picture, for the tests of occlusion."""

import numpy as np
import torch
from PIL import Image
from torch import nn

from nbviz.core.transforms import PixelTransform

TRANSFORM = PixelTransform((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


class Small(nn.Module):
    def __init__(self, channels=3, classes=5):
        super().__init__()
        self.conv1, self.bn = nn.Conv2d(channels, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(6, 8, 3, padding=1)
        self.fc = nn.Linear(8, classes)

    def forward(self, x):
        x = self.relu(self.bn(self.conv1(x)))
        x = self.conv2(x).relu()
        return 20 * self.fc(x.mean((2, 3)))


def small_module():
    torch.manual_seed(0)
    module = Small()
    nn.init.uniform_(module.bn.running_mean, -1, 1)
    return module.eval()


def some_pixels():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 5, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((30, 36), Image.Resampling.BICUBIC))
