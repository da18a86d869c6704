"""Masks and pictures on their way to the browser and back."""

import numpy as np
import pytest
import traitlets as t

from nbviz.views.parts.pixels import Mask, _from_bits, _to_bits, shown_pixels


class Holder(t.HasTraits):
    mask = Mask()


def test_a_mask_survives_the_way_there_and_back():
    mask = np.random.default_rng(0).random((13, 29)) > 0.5
    packed = _to_bits(mask, None)
    assert len(packed["bits"]) == -(-13 * 29 // 8)
    np.testing.assert_array_equal(_from_bits(packed, None), mask)


def test_a_short_message_is_refused():
    with pytest.raises(t.TraitError, match="100 bits"):
        _from_bits({"height": 10, "width": 10, "bits": b"\0"}, None)


def test_equal_masks_notify_once():
    holder, seen = Holder(), []
    holder.observe(seen.append, "mask")
    holder.mask = np.eye(4)
    holder.mask = np.eye(4, dtype=bool)
    assert len(seen) == 1
    holder.mask = np.zeros((0, 0))
    assert holder.mask.shape == (0, 0)


def test_a_mask_has_two_axes():
    with pytest.raises(t.TraitError, match="height, width"):
        Holder().mask = np.zeros((2, 2, 2))


def test_grey_and_float_pictures_become_rgb():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(shown_pixels(grey)[..., 2], grey)
    values = np.array([[-1.0, 0.0], [1.0, 3.0]])
    assert shown_pixels(values)[..., 0].tolist() == [[0, 64], [128, 255]]
    assert shown_pixels(values * 0, like=values)[0, 0, 0] == 64


def test_two_masks_can_be_linked():
    a, b = Holder(), Holder()
    link = t.link((a, "mask"), (b, "mask"))
    a.mask = np.eye(3)
    assert b.mask.tolist() == np.eye(3, dtype=bool).tolist()
    link.unlink()
