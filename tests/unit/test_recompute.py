"""The order of things in the slot, step by step and without sleeps."""

import gc
import threading
import weakref

import pytest

from nbviz.core.delivery import delivery_lock
from nbviz.core.events import Preview, Progress, Result, run_to_end
from nbviz.core.recompute import Recompute


class Recorder:
    """A computation of one preview, five slices and a result; every update it caused is kept."""

    def __init__(self, **options):
        self.now = 0.0
        self.updates = []
        self.closed = []
        self.recompute = Recompute(self.compute, self.updates.append, clock=lambda: self.now, **options)

    def compute(self, name):
        try:
            yield Preview(f"{name} preview")
            for i in range(5):
                yield Progress(i, 5, "slices")
            yield Result(f"{name} result")
        finally:
            self.closed.append(name)

    def pictures(self):
        return [u.event.value for u in self.updates if isinstance(u.event, Preview | Result)]

    def run(self):
        while self.recompute.step():
            continue


@pytest.fixture
def manual():
    return Recorder(executor="manual")


def test_one_request_gives_preview_and_result(manual):
    assert manual.recompute.submit("a") == 1
    manual.run()
    assert manual.pictures() == ["a preview", "a result"]
    assert manual.updates[-1].state == "done"
    assert manual.recompute.is_idle
    assert manual.closed == ["a"]


def test_submit_only_enqueues(manual):
    manual.recompute.submit("a")
    assert manual.updates == []


def test_waiting_requests_are_replaced_by_the_newest(manual):
    for name in "abcdef":
        manual.recompute.submit(name)
    manual.run()
    assert manual.pictures() == ["f preview", "f result"]


def test_the_preview_of_a_stale_request_is_still_shown_and_its_refinement_is_not(manual):
    manual.recompute.submit("a")
    manual.recompute.step()  # start
    manual.recompute.submit("b")
    manual.run()
    assert manual.pictures() == ["a preview", "b preview", "b result"]
    assert manual.closed == ["a", "b"]


def test_a_drag_shows_one_preview_per_move_that_was_begun(manual):
    for i in range(20):
        manual.recompute.submit(i)
        manual.recompute.step()  # start, or stop the one before
        manual.recompute.step()
        manual.recompute.step()
    manual.run()
    generations = [u.generation for u in manual.updates if u.event is not None]
    assert generations == sorted(generations), "a stale picture after a newer one"
    assert len(manual.pictures()) >= 10
    assert manual.pictures()[-1] == "19 result"


def test_a_job_without_a_preview_gives_way_only_after_its_patience():
    log = []

    def slow(name):
        for i in range(100):
            yield Progress(i, 100, "slow")
        yield Result(name)

    now = [0.0]
    recompute = Recompute(slow, log.append, executor="manual", patience=1.0, clock=lambda: now[0])
    recompute.submit("a")
    recompute.step()
    recompute.submit("b")
    for _ in range(10):
        now[0] += 0.05
        recompute.step()
    assert recompute._running.params == "a"
    now[0] += 2
    recompute.step()
    while recompute.step():
        now[0] += 0.05
    assert [u.event.value for u in log if isinstance(u.event, Result)] == ["b"]


def test_progress_is_reported_at_most_ten_times_a_second():
    now = [0.0]

    def many(_):
        for i in range(1000):
            now[0] += 0.001
            yield Progress(i, 1000, "slices")
        yield Result(None)

    log = []
    recompute = Recompute(many, log.append, executor="manual", clock=lambda: now[0])
    recompute.submit(None)
    while recompute.step():
        continue
    reports = [u for u in log if isinstance(u.event, Progress)]
    assert 8 <= len(reports) <= 11


def test_stop_ends_what_runs_and_what_waits(manual):
    manual.recompute.submit("a")
    for _ in range(4):
        manual.recompute.step()
    manual.recompute.submit("b")
    manual.recompute.cancel()
    manual.run()
    assert manual.pictures() == ["a preview"]
    assert manual.updates[-1].state == "cancelled"
    assert manual.updates[-1].generation == 2
    manual.recompute.submit("c")
    manual.run()
    assert manual.pictures()[-1] == "c result", "a stop does not stop what is asked for after it"


def test_stop_ends_a_preview_too(manual):
    manual.recompute.submit("a")
    manual.recompute.step()
    manual.recompute.cancel()
    manual.run()
    assert manual.pictures() == []


def test_an_error_is_data_and_the_next_request_works():
    def compute(name):
        yield Preview(name)
        if name == "bad":
            raise ValueError("no such layer")
        yield Result(name)

    log = []
    recompute = Recompute(compute, log.append, executor="inline")
    recompute.submit("bad")
    assert log[-1].state == "error"
    with pytest.raises(ValueError, match="no such layer"):
        recompute.wait()
    recompute.submit("good")
    recompute.wait()
    assert log[-1].event.value == "good"


def test_a_delivery_that_fails_is_an_error_and_the_worker_lives_on():
    def compute(name):
        yield Result(name)

    seen = []

    def deliver(update):
        if update.event is not None and update.event.value == "bad":
            raise TypeError("cannot draw this")
        seen.append(update)

    recompute = Recompute(compute, deliver)
    recompute.submit("bad")
    with pytest.raises(TypeError, match="cannot draw"):
        recompute.wait(5)
    assert seen[-1].state == "error"
    recompute.submit("good")
    recompute.wait(5)
    assert seen[-1].event.value == "good"
    recompute.close()


def test_wait_on_a_thread_waits_for_the_newest():
    go = threading.Event()

    def compute(name):
        yield Preview(name)
        assert go.wait(5)
        yield Result(name)

    log = []
    recompute = Recompute(compute, log.append)
    recompute.submit("a")
    with pytest.raises(TimeoutError):
        recompute.wait(0.05)
    recompute.submit("b")
    go.set()
    recompute.wait(5)
    assert log[-1].event.value == "b"
    recompute.close()


def test_wait_raises_in_a_callback_instead_of_locking_up():
    caught = []

    def compute(_):
        yield Preview(1)
        yield Result(2)

    def deliver(update):
        if update.state == "running" and update.event is not None:
            try:
                recompute.wait(5)
            except RuntimeError as error:
                caught.append(str(error))

    recompute = Recompute(compute, deliver)
    recompute.submit(None)
    recompute.wait(5)
    assert "inside a callback" in caught[0]
    go = threading.Event()
    blocked = Recompute(lambda _: iter([go.wait(5), Result(1)][1:]), lambda _u: go.wait(5))
    blocked.submit(None)
    with delivery_lock, pytest.raises(RuntimeError, match="callback"):
        blocked.wait()
    go.set()
    blocked.close()
    recompute.close()


def test_manual_wait_says_what_is_missing(manual):
    manual.recompute.submit("a")
    with pytest.raises(RuntimeError, match="step"):
        manual.recompute.wait()


def test_close_ends_the_thread_and_delivers_nothing_more():
    started, go = threading.Event(), threading.Event()

    def compute(_):
        started.set()
        yield Preview(1)
        go.wait(5)
        yield Result(2)

    log = []
    recompute = Recompute(compute, log.append)
    recompute.submit(None)
    assert started.wait(5)
    recompute.close()
    count = len([u for u in log if isinstance(u.event, Result)])
    go.set()
    recompute._thread.join(5)
    assert not recompute._thread.is_alive()
    assert len([u for u in log if isinstance(u.event, Result)]) == count == 0
    assert recompute.submit("late") == 1


def test_the_owner_is_freed_without_close_and_its_thread_ends():
    recorder = Recorder()
    recorder.recompute.submit("a")
    recorder.recompute.wait(5)
    thread = recorder.recompute._thread
    ref = weakref.ref(recorder)
    del recorder
    gc.collect()
    assert ref() is None
    thread.join(5)
    assert not thread.is_alive()


def test_a_thousand_requests_use_one_thread():
    recorder = Recorder()
    before = threading.active_count()
    for i in range(1000):
        recorder.recompute.submit(i)
    recorder.recompute.wait(10)
    assert threading.active_count() <= before + 1
    assert recorder.pictures()[-1] == "999 result"
    recorder.recompute.close()


def test_the_context_of_a_finished_job_is_let_go(manual):
    import contextvars

    class Big:
        pass

    big = Big()
    variable = contextvars.ContextVar("variable")
    context = contextvars.copy_context()
    context.run(variable.set, big)
    ref = weakref.ref(big)
    manual.recompute.submit("a", context=context)
    manual.run()
    manual.updates.clear()
    del big, context
    gc.collect()
    assert ref() is None


def test_run_to_end_needs_a_result():
    assert run_to_end(iter([Preview(1), Result(2)])) == 2
    with pytest.raises(RuntimeError, match="without a Result"):
        run_to_end(iter([Preview(1)]))


@pytest.mark.parametrize("kind", [Preview, Result])
def test_a_picture_that_cannot_be_delivered_is_an_error_and_the_worker_lives_on(kind):
    states = []

    def deliver(update):
        if isinstance(update.event, kind) and update.event.value == "bad":
            raise KeyError("cannot draw")
        states.append((update.generation, update.state))

    def compute(name):
        yield Preview(name)
        yield Result(name)

    recompute = Recompute(compute, deliver, executor="thread")
    recompute.submit("bad")
    with pytest.raises(KeyError, match="cannot draw"):
        recompute.wait(5)
    assert states[-1] == (1, "error")
    recompute.submit("good")
    recompute.wait(5)
    assert states[-1] == (2, "done")
    recompute.close()


def test_a_script_may_end_while_a_view_computes():
    import subprocess
    import sys

    code = (
        "import time\n"
        "from nbviz.core.events import Preview\n"
        "from nbviz.core.recompute import Recompute\n"
        "def compute(_):\n"
        "    try:\n"
        "        while True:\n"
        "            time.sleep(0.05); yield Preview(1)\n"
        "    finally:\n"
        "        print('stopped')\n"
        "r = Recompute(compute, lambda u: None)\n"
        "r.submit(None); time.sleep(0.2)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "stopped"), ran.stderr
