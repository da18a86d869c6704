"""Attention from plain arrays, and over the patches of a picture."""

import numpy as np
import pytest
import torch
from torch import nn

from nbviz.methods.attention import attention, from_weights, patch_grid


def test_arrays_of_two_three_and_four_axes():
    one = np.full((2, 4), 0.25)
    found = from_weights(one, ["x", "y"], list("abcd"))
    assert found.weights.shape == (1, 1, 2, 4)
    assert found.weights.dtype == np.float32
    assert found.output_tokens == ("x", "y")
    assert found.input_tokens == tuple("abcd")
    assert not found.notes
    assert from_weights(one[None].repeat(3, 0)).weights.shape == (1, 3, 2, 4)
    assert from_weights(torch.full((5, 3, 2, 4), 0.25)).main.layers[4] == "layer 4"
    assert found.output is None
    assert found.logits is None


def test_what_transformers_returns_is_taken_without_the_axis_of_the_batch():
    layers = tuple(torch.rand(1, 3, 5, 5, requires_grad=True).softmax(-1) for _ in range(2))
    found = from_weights(layers)
    assert found.weights.shape == (2, 3, 5, 5)
    for layer, given in enumerate(layers):
        np.testing.assert_array_equal(found.weights[layer], given[0].detach().numpy())
    half = from_weights([layer.to(torch.bfloat16) for layer in layers])
    np.testing.assert_allclose(half.weights, found.weights, atol=0.01)


def test_rows_that_do_not_add_up_are_kept_and_said():
    weights = np.array([[0.5, 0.5], [0.5, 0.2], [2.0, 0.0]])
    found = from_weights(weights)
    np.testing.assert_allclose(found.weights[0, 0], weights)
    assert found.notes == ("2 of 3 rows do not add up to 1 (their sums reach from 0.7 to 2)",)


def test_masks_of_any_fitting_shape():
    found = from_weights(np.eye(3)[None].repeat(2, 0), masked=np.triu(np.ones((3, 3), bool), 1))
    assert found.masked.shape == (1, 2, 3, 3)
    assert found.masked[0, 1, 0, 2]
    assert "some masked places" in from_weights(np.eye(2), masked=np.eye(2)).notes[0]


@pytest.mark.parametrize(
    ("weights", "names", "error", "words"),
    [
        (np.array([[[0.5, np.nan]]]), {}, ValueError, r"1 weights are not finite.*\(0, 0, 0, 1\)"),
        (np.array([[0.5, np.inf]]), {}, ValueError, "not finite"),
        (np.array([[1.5, -0.5]]), {}, ValueError, r"below 0.*\(0, 0, 0, 1\)"),
        (np.ones(3), {}, ValueError, r"shape \(3,\)"),
        (np.ones((0, 3)), {}, ValueError, "none of them 0"),
        (np.ones((1, 1, 1, 1, 1, 1)), {}, ValueError, "wanted are"),
        (np.ones((2, 3, 4, 5, 5)), {}, ValueError, r"\(layers, batch, heads.*\[layer\[0\] for layer in"),
        (
            (torch.ones(1, 2, 3, 3), torch.ones(1, 2, 3, 4)),
            {},
            ValueError,
            r"different shapes, \(1, 2, 3, 3\) and \(1, 2, 3, 4\)",
        ),
        (np.array([["a"]]), {}, TypeError, "numbers"),
        (np.eye(2), {"rows": ["a"]}, ValueError, "rows holds 1 names, but the weights have 2"),
        (np.eye(2), {"columns": list("abc")}, ValueError, "columns holds 3 names"),
    ],
)
def test_bad_arrays_are_named(weights, names, error, words):
    with pytest.raises(error, match=words):
        from_weights(weights, **names)


class Patches(nn.Module):
    """A vision transformer: patches of 4 × 4, a class token before them."""

    def __init__(self):
        super().__init__()
        self.cut = nn.Conv2d(1, 8, 4, 4)
        self.first = nn.Parameter(torch.randn(1, 1, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.out = nn.Linear(8, 3)

    def forward(self, pictures):
        x = self.cut(pictures).flatten(2).transpose(1, 2)
        return self.out(self.encoder(torch.cat([self.first.expand(len(x), -1, -1), x], 1))[:, 0])


def test_rows_as_maps_over_the_picture():
    torch.manual_seed(0)
    found = attention(Patches(), torch.rand(2, 1, 12, 20), sample=1)
    assert found.weights.shape == (2, 2, 16, 16)
    maps = patch_grid(found, (3, 5))
    assert maps.maps.shape == (2, 2, 16, 3, 5)
    assert maps.maps[1, 0, 4, 2, 3] == found.weights[1, 0, 4, 1 + 2 * 5 + 3]
    np.testing.assert_allclose(maps.maps.sum((-1, -2)) + maps.elsewhere, 1, atol=1e-6)
    assert maps.skipped == ("0",)
    with pytest.raises(ValueError, match=r"grid of 4 × 5 does not fit in 16"):
        patch_grid(found, (4, 5))


@pytest.mark.parametrize(
    ("columns", "grid"), [(64, (7, 7)), (65, (7, 7)), (64, (9, 8)), (17, (3, 5)), (16, (0, 4))]
)
def test_a_grid_that_leaves_out_a_part_of_a_square_is_refused(columns, grid):
    found = from_weights(np.full((2, columns), 1 / columns))
    side = int(columns**0.5)
    words = rf"{grid[0]} × {grid[1]} does not fit in {columns} columns; they make a square of {side} × {side}"
    with pytest.raises(ValueError, match=words):
        patch_grid(found, grid)


def test_registers_before_the_patches_are_left_out():
    maps = patch_grid(from_weights(np.full((2, 201), 1 / 201)), (14, 14))
    assert maps.maps.shape[-2:] == (14, 14)
    assert len(maps.skipped) == 5


def test_square_grids_are_found():
    assert patch_grid(from_weights(np.full((17, 17), 1 / 17))).maps.shape[-2:] == (4, 4)
    assert patch_grid(from_weights(np.full((2, 9), 1 / 9))).maps.shape == (1, 1, 2, 3, 3)
    with pytest.raises(ValueError, match="say the grid"):
        patch_grid(from_weights(np.full((12, 12), 1 / 12)))
