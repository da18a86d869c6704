"""Pictures on their way: small ones in a trait, large ones one at a time."""

import numpy as np
import pytest

from nbviz.views.parts import frames
from nbviz.views.parts.frames import Frame, Outbox


class Post:
    def __init__(self):
        self.sent = []
        self.outbox = Outbox(lambda: self.take)

    def take(self, packed, as_message):
        self.sent.append((packed["generation"], packed["kind"], "message" if as_message else "trait"))

    def post(self, generation, nbytes, kind="preview"):
        self.outbox.post(Frame({}, [np.zeros(nbytes, np.uint8)]), generation, 0, kind)


@pytest.fixture
def post():
    return Post()


def test_a_frame_is_packed_as_bytes_with_its_types():
    sent = []
    outbox = Outbox(lambda: lambda packed, as_message: sent.append(packed))
    arrays = [np.arange(6, dtype=np.uint16)[::2], np.zeros(0, np.int32), np.ones((2, 3), np.float32)]
    outbox.post(Frame({"layer": "fc1"}, arrays), 3, 8, "result")
    packed = sent[0]
    assert (packed["generation"], packed["request"], packed["kind"]) == (3, 8, "result")
    assert packed["meta"] == {"layer": "fc1"}
    assert packed["dtypes"] == ["uint16", "int32", "float32"]
    assert [bytes(b) for b in packed["buffers"]] == [
        np.array([0, 2, 4], np.uint16).tobytes(),
        b"",
        arrays[2].tobytes(),
    ]


def test_small_previews_and_results_that_a_notebook_may_keep_go_in_the_trait(post):
    post.post(1, frames.TRAIT_BYTES)
    post.post(1, frames.SNAPSHOT_BYTES, "result")
    assert [how for *_, how in post.sent] == ["trait", "trait"]


def test_one_large_message_is_under_way_and_the_newest_waits(post):
    for generation in range(1, 6):
        post.post(generation, frames.TRAIT_BYTES + 1)
    assert post.sent == [(1, "preview", "message")]
    post.outbox.acknowledged(1)
    assert post.sent[1:] == [(5, "preview", "message")]
    post.outbox.acknowledged(5)
    assert len(post.sent) == 2


def test_a_small_frame_overtakes_the_large_one_that_waits(post):
    post.post(1, frames.TRAIT_BYTES + 1)
    post.post(2, frames.TRAIT_BYTES + 1)
    post.post(3, 100)
    post.outbox.acknowledged(1)
    assert [generation for generation, *_ in post.sent] == [1, 3], "an older picture must not follow a newer"


def test_a_lost_acknowledgement_holds_nothing_back_for_ever(post, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(frames.time, "monotonic", lambda: now[0])
    post.post(1, frames.SNAPSHOT_BYTES + 1, "result")
    now[0] = frames.ACK_TIMEOUT - 0.1
    post.post(2, frames.SNAPSHOT_BYTES + 1, "result")
    assert len(post.sent) == 1
    now[0] = frames.ACK_TIMEOUT + 0.1
    post.post(3, frames.SNAPSHOT_BYTES + 1, "result")
    assert [generation for generation, *_ in post.sent] == [1, 3]


def test_the_newest_frame_is_sent_again_when_asked_for(post):
    post.outbox.resend()
    assert post.sent == []
    post.post(1, 100)
    post.post(2, 100, "result")
    post.outbox.resend()
    assert post.sent[-1] == (2, "result", "message")
    post.outbox.clear()
    post.outbox.resend()
    assert len(post.sent) == 3


def test_a_view_that_is_gone_gets_nothing():
    outbox = Outbox(lambda: None)
    outbox.post(Frame({}, [np.zeros(4, np.uint8)]), 1, 0, "result")
    outbox.resend()  # neither raises
    assert outbox._last["generation"] == 1
