"""Make the speech that ships, and that of the training: ``python -m nbviz.zoo.make_speech``.

The speaker is the program espeak-ng, a formant synthesiser, as Debian packages it (``apt-get install
espeak-ng``, version 1.51 for what ships). It is under the GPL, version 3, and no part of nbviz: it is found
on the machine and called here, and only what can be computed from its sound ships. Its library says at which
sample each phone begins, so the labels are exact, with one thing to know: the silence before the burst of a
stop (p, t, k, b, d, g) is counted to the phone before it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from nbviz.zoo.mel import HOP, RATE, WINDOW, log_mel, to_bytes
from nbviz.zoo.speech import CONTEXT, FILE, PHONES, TRAINING_SENTENCES, Speech, sentences

#: Voices of espeak-ng ("variants"); all speak American English. These are heard in training, and ship.
SHOWN = tuple("f1 f2 f4 m1 m2 m5 m7 m8 klatt4 adam Annie linda grandpa Denis Andrea Gene".split())  # noqa: SIM905
#: These ship too, and are not heard in training.
HELD_OUT = ("f3", "m3", "grandma", "Hugo")
#: These are heard in training only.
TRAINING_ONLY = tuple("f5 m4 m6 klatt2 Alicia Diogo Lee Mario Michael steph norbert anika belinda".split())  # noqa: SIM905

#: espeak-ng's names of the sounds of American English, by ARPAbet class. What is not here is left out: it
#: is two phones in one, or too rare. Some vowels with r ("air", "ear"), a flapped t, a syllabic l.
_NAMES = {
    "aa": "A@ A: 0", "ae": "a aa", "ah": "V", "ao": "O2 O: O@ o@", "aw": "aU", "ax": "@ @2 a#", "ay": "aI",
    "eh": "E", "er": "3 3:", "ey": "eI", "ih": "I I2 I#", "iy": "i: i", "ow": "oU", "oy": "OI", "uh": "U",
    "uw": "u:", "b": "b", "ch": "tS", "d": "d", "dh": "D", "f": "f", "g": "g", "hh": "h", "jh": "dZ",
    "k": "k", "l": "l", "m": "m", "n": "n", "ng": "N", "p": "p", "r": "r r-", "s": "s", "sh": "S",
    "t": "t t2", "th": "T", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "Z",
}  # fmt: skip
ARPABET = {name: phone for phone, names in _NAMES.items() for name in names.split()}

# What follows is named as in espeak-ng's speak_lib.h.
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_WORD, _PHONEME = 1, 7


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Sound(NamedTuple):
    """``name`` in espeak-ng's alphabet, from ``start`` to ``end`` in seconds, in word number ``word``."""

    name: str
    start: float
    end: float
    word: int


class Synthesiser:
    """espeak-ng's library, which exists once in a process.

    Raises
    ------
    OSError
        If it is not installed.
    """

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            raise OSError(
                "making speech needs the program espeak-ng, which is not installed; on Debian and Ubuntu: "
                "apt-get install espeak-ng. The speech that ships needs nothing: nbviz.zoo.load_speech()."
            )
        self._library = ctypes.CDLL(name)
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        if self.rate <= 0:
            raise OSError("espeak-ng does not find its data (Debian's package espeak-ng-data)")
        self._waves: list[NDArray[np.int16]] = []
        self._sounds: list[tuple[int, str, int]] = []
        self._position = 0
        self._hear = _Callback(self._receive)  # the library keeps no reference
        self._library.espeak_SetSynthCallback(self._hear)

    def _receive(self, wave, count, events) -> int:
        if wave and count > 0:
            self._waves.append(np.ctypeslib.as_array(wave, (count,)).copy())
        number = 0
        while events[number].type:
            event = events[number]
            if event.type == _WORD:
                self._position = event.text_position - 1  # counted from 1
            elif event.type == _PHONEME:
                name = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0].decode()
                self._sounds.append((event.sample, name, self._position))
            number += 1
        return 0

    def speak(self, text: str, variant: str) -> tuple[NDArray[np.float64], list[Sound]]:
        """Say `text` in American English.

        Returns
        -------
        wave : (samples,) float64
            At `rate` samples per second, full scale is -1 to 1.
        sounds : list of Sound
            Without those that stand for pauses.

        Raises
        ------
        ValueError
            If there is no such voice or espeak-ng refuses the text.
        """
        self._waves.clear()
        self._sounds.clear()
        # a variant that does not exist would be replaced without a word
        known = self._variants()
        if variant not in known:
            raise ValueError(f"espeak-ng has no voice {variant!r}; there are: {', '.join(sorted(known))}")
        data = text.encode()
        if self._library.espeak_SetVoiceByName(f"en-us+{variant}".encode()) or self._library.espeak_Synth(
            data, ctypes.c_size_t(len(data) + 1), 0, 1, 0, _UTF8, None, None
        ):
            raise ValueError(f"espeak-ng cannot say {text!r} with the voice {variant!r}")
        ends = [sample for sample, _, _ in self._sounds[1:]]
        sounds = [
            Sound(name, start / self.rate, end / self.rate, len(text[:position].split()))
            for (start, name, position), end in zip(self._sounds, ends, strict=False)
            if not name.startswith("_")
        ]
        return np.concatenate(self._waves) / 32768.0, sounds

    def _variants(self) -> set[str]:
        path = ctypes.c_char_p()
        self._library.espeak_Info.restype = ctypes.c_char_p
        self._library.espeak_Info(ctypes.byref(path))
        return {file.name for file in Path((path.value or b"").decode(), "voices", "!v").iterdir()}


def record(speakers: tuple[str, ...], numbers: range) -> Speech:
    """Half of the sentences `numbers` said by each speaker, and each sentence by half of the speakers."""
    synthesiser, texts = Synthesiser(), sentences()
    frames: list[NDArray[np.uint8]] = []
    rows: list[tuple[int, ...]] = []
    offset = 0
    for speaker, variant in enumerate(speakers):
        for number in numbers:
            if (speaker + number) % 4 > 1:
                continue
            wave, sounds = synthesiser.speak(texts[number], variant)
            heard = utterance(wave, synthesiser.rate)
            for sound in sounds:
                start, end = first_frame(sound.start), first_frame(sound.end)
                if sound.name in ARPABET and start < end and heard[(start + end - 1) // 2].any():
                    phone = PHONES.index(ARPABET[sound.name])
                    rows.append((offset + start, offset + end, phone, speaker, number, sound.word))
            frames.append(heard)
            offset += len(heard)
    bounds, numbers_of = np.split(np.array(rows).T, [2])
    start, end = bounds.astype(np.int32)
    phone, by, said, word = numbers_of.astype(np.uint8)
    return Speech(np.concatenate(frames), start, end, phone, by, said, word, speakers)


def utterance(wave: NDArray[np.float64], rate: int) -> NDArray[np.uint8]:
    """The frames of a sound with silence on both sides, so that each of its frames has context."""
    ratio = Fraction(RATE, rate)
    sound = resample_poly(wave, ratio.numerator, ratio.denominator)
    return to_bytes(log_mel(np.pad(sound, CONTEXT * HOP + WINDOW // 2)))


def first_frame(seconds: float) -> int:
    """The first frame of an :func:`utterance` whose centre is `seconds` or later in the sound."""
    return CONTEXT + int(np.ceil(seconds * RATE / HOP))


def record_training() -> Speech:
    """What the model is trained on: the first 60 sentences by 29 speakers."""
    return record(SHOWN + TRAINING_ONLY, range(TRAINING_SENTENCES))


def main() -> None:
    speech = record(SHOWN + HELD_OUT, range(TRAINING_SENTENCES, len(sentences())))
    np.savez_compressed(
        FILE,
        differences=np.diff(speech.frames.T, axis=1, prepend=np.uint8(0)),
        start=speech.start,
        end=speech.end,
        phone=speech.phone,
        speaker=speech.speaker,
        sentence=speech.sentence,
        word=speech.word,
        speakers=np.array(speech.speakers),
        unheard=len(HELD_OUT),
    )
    size = FILE.stat().st_size
    print(f"{len(speech.frames):,} frames, {len(speech.phone):,} phones, {size:,} bytes in {FILE}")


if __name__ == "__main__":
    main()
