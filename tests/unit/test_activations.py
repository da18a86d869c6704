"""The cache keeps to its budget, and the least recently used goes first."""

from __future__ import annotations

import threading

import numpy as np

from nbviz.core.activations import ActivationCache


def kilobyte() -> np.ndarray:
    return np.zeros(256, np.float32)


def test_the_least_recently_used_goes_first():
    cache = ActivationCache(3 * 1024)
    arrays = {name: kilobyte() for name in "abc"}
    for name, array in arrays.items():
        cache.put(name, array)
    assert cache.get("a") is arrays["a"]  # used now
    cache.put("d", kilobyte())
    assert cache.get("b") is None
    assert cache.get("a") is arrays["a"]
    assert cache.used == 3 * 1024


def test_what_is_larger_than_the_budget_is_not_kept_and_drives_nothing_out():
    cache = ActivationCache(2 * 1024)
    small = kilobyte()
    cache.put("small", small)
    cache.put("large", np.zeros(2 * 256 + 1, np.float32))
    assert cache.get("large") is None
    assert cache.get("small") is small


def test_putting_again_replaces_and_is_counted_once():
    cache = ActivationCache(2 * 1024)
    cache.put("a", kilobyte())
    new = kilobyte()
    cache.put("a", new)
    assert cache.get("a") is new
    assert cache.used == 1024
    cache.put("a", np.zeros(2 * 256 + 1, np.float32))
    assert cache.get("a") is None  # never an older array under the key
    cache.clear()
    assert cache.used == 0


def test_several_threads():
    cache = ActivationCache(8 * 1024)
    errors = []

    def work(k: int) -> None:
        try:
            for i in range(300):
                cache.put((k, i % 20), kilobyte())
                cache.get((1 - k, i % 20))
                assert cache.used <= 8 * 1024
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors
