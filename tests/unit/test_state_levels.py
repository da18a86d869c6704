"""Levels: on at a threshold is exact, on both sides, in every float type."""

import numpy as np
import pytest
import torch

from nbviz.methods.state_levels import cuts, quantise, scale_for, snap, step_of, values_of


def near_the_thresholds(scale, steps, dtype):
    """Every threshold, its neighbours in this float type, and values between."""
    exact = (np.arange(steps + 1) * (scale / steps)).astype(dtype)
    up, down = np.nextafter(exact, dtype(np.inf)), np.nextafter(exact, dtype(-np.inf))
    between = np.random.default_rng(0).uniform(0, scale, 2000).astype(dtype)
    return np.concatenate([exact, up, down, between])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 8.0, 0.25])
def test_on_is_exact_on_both_sides_at_every_threshold(dtype, scale):
    values = near_the_thresholds(scale, 128, dtype)
    values = np.concatenate([values, -values])
    levels = quantise(values, scale=scale)
    assert levels.dtype == np.uint8
    for k in range(1, 128):
        level, shown = snap(k * scale / 128, scale=scale)
        assert shown == k * scale / 128
        np.testing.assert_array_equal(levels >= level, values.astype(float) >= shown)
        np.testing.assert_array_equal(255 - levels >= level, values.astype(float) <= -shown)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_on_is_exact_for_unsigned_states(dtype):
    values = near_the_thresholds(1.0, 256, dtype)
    values = values[values >= 0]
    levels = quantise(values, signed=False)
    for k in range(1, 256):
        level, shown = snap(k / 256, signed=False)
        assert (level, shown) == (k, k / 256)
        np.testing.assert_array_equal(levels >= level, values.astype(float) >= shown)


def test_the_level_of_minus_v_is_255_minus_that_of_v_except_for_zero():
    values = near_the_thresholds(1.0, 128, np.float32)
    values = values[values != 0]
    np.testing.assert_array_equal(quantise(-values), 255 - quantise(values))
    assert quantise(0.0) == quantise(-0.0) == 128


def test_levels_of_a_few_values():
    found = quantise([-2.0, -1.0, -127 / 128, -0.5, -1e-9, 0.0, 1e-9, 1 / 128, 0.5, 1.0, 7.0])
    np.testing.assert_array_equal(found, [0, 0, 0, 63, 127, 128, 128, 129, 192, 255, 255])
    np.testing.assert_array_equal(
        quantise([0.0, 0.0039, 1 / 256, 0.5, 1.0, 3.0], False), [0, 0, 1, 128, 255, 255]
    )


@pytest.mark.parametrize(("signed", "scale"), [(True, 1.0), (False, 1.0), (True, 16.0)])
def test_values_of_levels_are_their_middles(signed, scale):
    levels = np.arange(256, dtype=np.uint8)
    values = values_of(levels, signed, scale)
    np.testing.assert_array_equal(quantise(values, signed, scale), levels)
    np.testing.assert_allclose(np.diff(values), step_of(signed, scale), rtol=1e-6)
    inside = np.random.default_rng(1).uniform(-scale if signed else 0, scale, 500)
    off = np.abs(values_of(quantise(inside, signed, scale), signed, scale) - inside)
    assert off.max() <= step_of(signed, scale) / 2 * (1 + 1e-6)


def test_thresholds_snap_to_the_nearest_step_from_one_step_to_the_outermost_level():
    assert snap(0.3) == (128 + 38, 38 / 128)
    assert snap(0.3, signed=False) == (77, 77 / 256)
    assert snap(0.0) == (129, 1 / 128)
    assert snap(1.0) == (255, 127 / 128)
    assert snap(1.0, signed=False) == (255, 255 / 256)
    assert snap(2.9, scale=4.0) == (128 + 93, 93 / 32)


@pytest.mark.parametrize("theta", [-0.1, 1.01, np.nan])
def test_a_threshold_out_of_range_is_refused(theta):
    with pytest.raises(ValueError, match=r"from 0 to 1.*sign='negative'"):
        snap(theta)


def test_cells_of_different_kinds_share_one_threshold():
    signed, scale = np.array([True, False, True, True]), np.array([1.0, 1.0, 4.0, 0.25])
    values = np.random.default_rng(2).uniform(0, scale, (3000, 4))
    values[:, [0, 2, 3]] *= np.random.default_rng(3).choice([-1, 1], (3000, 3))
    levels = np.stack([quantise(values[:, i], bool(signed[i]), scale[i]) for i in range(4)], 1)
    for theta in (0.1, 0.2, 0.5, 2.0):
        found = cuts(theta, signed, scale, n_cells=4)
        assert found.threshold == round(theta * 32) / 32  # steps of the coarsest cell, 4 / 128
        np.testing.assert_array_equal(levels > found.above, values >= found.threshold)
        np.testing.assert_array_equal(levels < found.below, (values <= -found.threshold) & signed)


def test_scale_for_is_the_next_power_of_two():
    assert [scale_for([x]) for x in (0.0, 0.2, 1.0, 1.001, -3.0, 8.0)] == [1, 1, 1, 2, 4, 8]


def test_tensors_of_any_float_type_are_taken():
    values = torch.tensor([[-0.5, 0.25]], requires_grad=True)
    for tensor in (values, values.half(), values.bfloat16()):
        np.testing.assert_array_equal(quantise(tensor), [[63, 160]])


def test_what_is_no_state_is_refused():
    with pytest.raises(ValueError, match=r"NaN or infinite values, first at index \[1, 0\]"):
        quantise([[0.0, 1.0], [np.nan, 0.0]])
    with pytest.raises(ValueError, match="NaN or infinite"):
        quantise([0.0, np.inf])
    with pytest.raises(ValueError, match="signed=True"):
        quantise([0.5, -0.5], signed=False)
    with pytest.raises(TypeError, match="real numbers"):
        quantise(["a"])
    with pytest.raises(ValueError, match="power of two"):
        quantise([0.5], scale=3.0)


def test_the_values_given_are_not_changed():
    values = np.linspace(-1, 1, 9, dtype=np.float32)
    before = values.copy()
    quantise(values)
    quantise(np.abs(values), signed=False)
    np.testing.assert_array_equal(values, before)
