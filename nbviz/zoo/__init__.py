"""Small trained models and real data that ship in the wheel: nothing is downloaded.

>>> nbviz.zoo.list()
>>> net, digits = nbviz.zoo.load("mnist-cnn"), nbviz.zoo.load_mnist(2000)
"""

from nbviz.zoo.captions import load_scenes
from nbviz.zoo.catalogue import load
from nbviz.zoo.catalogue import models as list
from nbviz.zoo.characters import repeated_text
from nbviz.zoo.datasets import HELD_OUT, load_digits, load_mnist
from nbviz.zoo.dates import load_dates
from nbviz.zoo.python_source import load_python_source
from nbviz.zoo.speech import load_speech

__all__ = [
    "HELD_OUT",
    "list",
    "load",
    "load_dates",
    "load_digits",
    "load_mnist",
    "load_python_source",
    "load_scenes",
    "load_speech",
    "repeated_text",
]
