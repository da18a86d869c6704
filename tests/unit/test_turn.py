"""Turning one map to match another."""

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist

from nbviz.methods.turn import turned


def test_it_is_the_orthogonal_procrustes_rotation_about_the_mean():
    random = np.random.default_rng(0)
    towards = random.standard_normal((50, 2)).astype(np.float32)
    given = (towards[:, ::-1] * [3, -3] + [7, 1] + random.standard_normal((50, 2))).astype(np.float32)
    found = turned(given, towards)
    centred = given - given.mean(0)
    expected = centred @ orthogonal_procrustes(centred, towards - towards.mean(0))[0] + given.mean(0)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(pdist(found), pdist(given), rtol=1e-4)
    assert found.dtype == np.float32


def test_axes_that_mean_something_are_mirrored_only():
    random = np.random.default_rng(1)
    towards = random.standard_normal((40, 2)).astype(np.float32)
    found = turned(towards * [-2, 5], towards, only_mirror=True)
    np.testing.assert_allclose(found - found.mean(0), (towards - towards.mean(0)) * [2, 5], atol=1e-5)
