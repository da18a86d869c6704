"""How results print: a person who writes the name of one in a cell gets a line or a few, not pages."""

from dataclasses import dataclass, field

import numpy as np
import torch

import nbviz
from nbviz.core.brief import Brief


@dataclass(frozen=True, eq=False, repr=False)
class Found(Brief):
    points: np.ndarray
    tensor: torch.Tensor
    name: str = "fc1"
    share: float = 0.25
    none: None = None
    names: tuple[str, ...] = ("a",)
    parts: dict = field(default_factory=dict)
    hidden: int = field(default=3, repr=False)


def test_arrays_print_as_type_and_shape():
    found = Found(np.zeros((300, 2), np.float32), torch.ones(4, dtype=torch.int64))
    told = "points=<float32 300 x 2>, tensor=<int64 4>, name='fc1', share=0.25, none=None, names=('a',)"
    assert repr(found) == f"Found({told}, parts={{}})"


def test_what_is_inside_others_is_brief_too():
    inner = Found(np.zeros(3), torch.ones(1), names=("a", "b"))
    names = tuple(map(str, range(99)))
    outer = Found(np.zeros(1), torch.ones(1), parts={"one": inner, "many": [1, 2]}, names=names)
    assert "names=<tuple of 99>" in repr(outer)
    assert "parts=<dict of 2>" in repr(outer)
    listed = Found(np.zeros(1), torch.ones(1), parts={"one": np.zeros((2, 3)), "two": [1.5]}, name="x" * 300)
    assert "parts={'one': <float64 2 x 3>, 'two': [1.5]}" in repr(listed)
    assert "x" * 100 in repr(listed)
    assert len(repr(listed)) < 400
    single = Found(np.float64(1.5), torch.tensor(2.0))
    assert repr(single).startswith("Found(points=np.float64(1.5), tensor=tensor(2.)")


def test_results_of_views_fit_on_a_screen():
    some = nbviz.zoo.load_mnist(80)
    net = nbviz.zoo.load("mnist-mlp")
    quick = {"executor": "inline", "iterations": 30, "perplexity": 10.0}
    outliers = nbviz.OutlierExplorer(net, some, **quick)
    compared = nbviz.MapComparison(net, some, checkpoint=0, **quick)
    for value in (outliers.report, outliers.latest(), compared.preservation, compared.latest()):
        assert len(repr(value)) < 3000
        assert "array(" not in repr(value)
    outliers.close()
    compared.close()
