"""Log-mel frames: what a speech recogniser is given, the loudness of a few bands of pitch every 10 ms."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Samples per second of the sound that is analysed.
RATE = 16_000
#: Samples of one frame (25 ms) and from one frame to the next (10 ms).
WINDOW, HOP = 400, 160
#: Bands, and the frequencies in Hz where the first begins and the last ends.
BANDS, LOWEST, HIGHEST = 24, 60.0, 7600.0
#: Decibels below full scale that are written as 0; all that is softer is 0 too.
FLOOR = -80.0

_FFT = 512


def mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The mel scale, ``2595 log10(1 + f / 700)``: equal steps sound about equally far apart.

    D. O'Shaughnessy, "Speech Communication", 1987; the scale of the HTK book.
    """
    return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)


def hertz(mels: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The inverse of :func:`mel`."""
    return 700.0 * (10.0 ** (np.asarray(mels) / 2595.0) - 1.0)


@cache
def filterbank() -> NDArray[np.float64]:
    """Triangular filters that overlap by half and are equally wide in mels.

    Returns
    -------
    (24, 257) float64
        Weight, 0 to 1, of each bin of the power spectrum (0 to 8,000 Hz) in each band, the lowest band first.
    """
    edges = hertz(np.linspace(mel(LOWEST), mel(HIGHEST), BANDS + 2))[:, None]
    bins = np.arange(_FFT // 2 + 1) * RATE / _FFT
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights.setflags(write=False)
    return weights


def log_mel(sound: NDArray[np.floating]) -> NDArray[np.float64]:
    """Loudness in each band and frame.

    Parameters
    ----------
    sound : (samples,) array
        At 16,000 samples per second, full scale is -1 to 1; 400 samples or more.

    Returns
    -------
    (frames, 24) float64
        Decibels, -80 or more; frame i is centred at sample ``160 i + 200``. 0 dB is the power that a sine of
        full scale has in its strongest bin of the spectrum.

    Raises
    ------
    ValueError
        If the sound is shorter than one frame, or has more than one channel.
    """
    sound = np.asarray(sound, np.float64)
    if sound.ndim != 1 or len(sound) < WINDOW:
        raise ValueError(f"one channel of at least {WINDOW} samples is wanted, got shape {sound.shape}")
    count = 1 + (len(sound) - WINDOW) // HOP
    window = np.hamming(WINDOW)
    frames = sound[HOP * np.arange(count)[:, None] + np.arange(WINDOW)] * window
    power = np.abs(np.fft.rfft(frames, _FFT) / (window.sum() / 2)) ** 2
    return 10.0 * np.log10(np.maximum(power @ filterbank().T, 10.0 ** (FLOOR / 10)))


def to_bytes(decibels: NDArray[np.floating]) -> NDArray[np.uint8]:
    """-80 to 0 dB as 0 to 255, in steps of 0.31 dB; what is louder than 0 dB is 255."""
    return np.rint(np.clip(1 - decibels / FLOOR, 0, 1) * 255).astype(np.uint8)
