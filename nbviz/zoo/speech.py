"""Synthetic speech in frames, each with the phone that is heard and the voice that says it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.samples import Samples

DATA = Path(__file__).parent / "data"
FILE = DATA / "speech.npz"

VOWELS = tuple("aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw".split())  # noqa: SIM905
CONSONANTS = tuple("b ch d dh f g hh jh k l m n ng p r s sh t th v w y z zh".split())  # noqa: SIM905
#: The classes, in ARPAbet: the 39 phones of the CMU dictionary and ``ax``, the first vowel of "about".
PHONES = VOWELS + CONSONANTS

#: Frames before and after the one that is classified.
CONTEXT = 5

#: The first sentences are spoken in training only, the others only in what ships.
TRAINING_SENTENCES = 60


@dataclass(frozen=True, eq=False, repr=False)
class Speech(Brief):
    """Utterances, one after the other, and the phones in them.

    Attributes
    ----------
    frames : (n, 24) uint8
        Loudness every 10 ms, see :func:`nbviz.zoo.mel.to_bytes`. Each utterance begins and ends with silence.
    start, end : (phones,) int32
        The frames ``start`` to ``end - 1`` have their centres within the phone.
    phone, speaker, sentence, word : (phones,) uint8
        Class, number of the speaker in ``speakers``, number of the sentence and of the word in it.
    speakers : tuple of str
        Names of voices.
    """

    frames: NDArray[np.uint8]
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    phone: NDArray[np.uint8]
    speaker: NDArray[np.uint8]
    sentence: NDArray[np.uint8]
    word: NDArray[np.uint8]
    speakers: tuple[str, ...]

    @property
    def middle(self) -> NDArray[np.int64]:
        """The frame in the middle of each phone, (phones,)."""
        return (self.start.astype(np.int64) + self.end - 1) // 2

    def windows(self, centres: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Frames with their context, as a spectrogram is drawn: high bands on top, time to the right.

        Returns
        -------
        (n, 24, 11) uint8
        """
        around = self.frames[np.asarray(centres)[:, None] + np.arange(-CONTEXT, CONTEXT + 1)]
        return np.ascontiguousarray(around.transpose(0, 2, 1)[:, ::-1])


@cache
def sentences() -> tuple[str, ...]:
    """All sentences that were spoken; the training has the first 60."""
    return tuple((DATA / "speech_sentences.txt").read_text(encoding="utf-8").splitlines())


@cache
def held_out_speech() -> tuple[Speech, int]:
    """What ships: sentences that no model heard, and how many of the speakers, the last, were unheard too."""
    with np.load(FILE, allow_pickle=False) as file:
        # differences in time compress better; in 8 bits they add up to what they were made from
        frames = np.cumsum(file["differences"], axis=1, dtype=np.uint8).T
        parts = {key: file[key] for key in ("start", "end", "phone", "speaker", "sentence", "word")}
        speakers, unheard = tuple(map(str, file["speakers"])), int(file["unheard"])
    return Speech(np.ascontiguousarray(frames), **parts, speakers=speakers), unheard


def load_speech(n: int = 6000) -> Samples:
    """Frames of synthetic speech, none of which was used to train ``"speech-mlp"``.

    Twenty voices of a speech synthesiser read English sentences. A sample is the middle of one phone: 25 ms
    of sound, with five frames of context on each side at steps of 10 ms. No sentence is among those of the
    training, and four of the speakers were not heard in it at all. The first samples hold each pair of phone
    and speaker about equally often, whatever `n` is, as far as the sentences have it.

    Parameters
    ----------
    n : int
        How many: 1 to all, of which there are about 8,000.

    Returns
    -------
    Samples
        Inputs uint8 (n, 24, 11): 24 mel bands from 7,600 Hz (first row) to 60 Hz, 11 frames; 0 is -80 dB or
        less and 255 is 0 dB, see :func:`nbviz.zoo.mel.log_mel`. Labels: the phone, int64, 40 classes named
        in ARPAbet. Metadata: ``phone``, ``kind`` ("vowel" or "consonant"), ``speaker`` and ``speaker was``
        ("heard in training" or "held out"), ``word`` and ``sentence``.

    Raises
    ------
    ValueError
        If there are not that many.

    Notes
    -----
    How the speech was made: ``nbviz/zoo/make_speech.py``. The design is that of A. Mohamed, G. Hinton,
    G. Penn, "Understanding how deep belief networks perform acoustic modelling", ICASSP 2012, whose speech is
    recorded (TIMIT).
    """
    speech, unheard = held_out_speech()
    every = _balanced(speech)
    if not 1 <= n <= len(every):
        raise ValueError(f"n={n} is out of range: there are 1 to {len(every):,} frames of speech to load")
    rows = every[:n]
    phones = np.array(PHONES)[speech.phone[rows]]
    speakers = speech.speaker[rows]
    texts = [sentences()[i] for i in speech.sentence[rows]]
    words = [
        text.split()[word].strip(".,?").lower() for text, word in zip(texts, speech.word[rows], strict=True)
    ]
    was = np.where(speakers < len(speech.speakers) - unheard, "heard in training", "held out")
    return Samples(
        speech.windows(speech.middle[rows]),
        speech.phone[rows].astype(np.int64),
        names=[f"{phone} in “{word}”" for phone, word in zip(phones, words, strict=True)],
        class_names=PHONES,
        metadata={
            "phone": phones,
            "kind": np.where(speech.phone[rows] < len(VOWELS), "vowel", "consonant"),
            "speaker": np.array(speech.speakers)[speakers],
            "speaker was": was,
            "word": words,
            "sentence": texts,
        },
    )


def _balanced(speech: Speech) -> NDArray[np.int64]:
    """All phones, in an order in which each pair of phone and speaker comes once before one comes twice."""
    order = np.random.default_rng(0).permutation(len(speech.phone))
    pair = speech.phone[order].astype(np.int64) * len(speech.speakers) + speech.speaker[order]
    by_pair = np.argsort(pair, kind="stable")
    _, first, count = np.unique(pair[by_pair], return_index=True, return_counts=True)
    turn = np.empty(len(order), np.int64)
    turn[by_pair] = np.arange(len(order)) - np.repeat(first, count)
    return order[np.argsort(turn, kind="stable")]
