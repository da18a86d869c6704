"""What every view promises, on a view of one number: requests, errors, waiting, closing."""

import gc
import inspect
import threading
import time
import weakref

import pytest
import traitlets as t
from synthetic_view import Doubler, from_browser, message, views_made

from nbviz.views.base import View


@pytest.fixture
def make():
    yield from views_made()


def test_an_unknown_keyword_names_the_nearest(make):
    with pytest.raises(TypeError, match=r"Doubler got an unexpected keyword 'gian'. Did you mean 'gain'\?"):
        make(gian=3)
    with pytest.raises(TypeError, match=r"It takes: .*gain.*note.*offset"):
        make(zzzzzz=3)


def test_an_unknown_executor_is_refused():
    with pytest.raises(ValueError, match="executor must be thread, inline or manual, got 'process'"):
        Doubler(executor="process")


def test_it_computes_at_once_and_again_when_a_parameter_changes(make):
    view = make(gain=2)
    assert view.double == 4
    view.gain = 3
    assert view.double == 6
    assert view.runs == [(2, 0), (3, 0)]
    assert view.status == "done"
    assert view.frame["kind"] == "result"
    assert view.frame["dtypes"] == ["float32"]


def test_a_trait_that_is_no_parameter_computes_nothing(make):
    view = make()
    view.note = "hello"
    assert len(view.runs) == 1


def test_changes_in_one_hold_are_one_request(make):
    view = make()
    with view.hold_trait_notifications():
        view.gain = 5
        view.offset = 1
        with view.hold_trait_notifications():
            view.gain = 6
        assert len(view.runs) == 1, "nothing is asked for before the outermost hold ends"
    assert view.runs[1:] == [(6, 1)]


def test_changes_in_one_browser_message_are_one_request_that_the_frame_answers(make):
    view = make()
    from_browser(view, gain=5.0, offset=1.0, request=17)
    assert view.runs[1:] == [(5, 1)]
    assert view.sent[-1] == (2, 17, "result", 11)


def test_a_request_number_alone_computes_again(make):
    view = make()
    from_browser(view, request=1)
    assert view.runs == [(1, 0), (1, 0)]


def test_a_fast_drag_computes_the_newest_only(make):
    view = make(executor="manual")
    for gain in range(2, 40):
        view.gain = gain
    view.step_to_end()
    assert view.runs == [(39, 0)]
    assert [value for *_, value in view.sent] == [39, 78]


def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


def test_an_invalid_message_is_rolled_back_whole_and_no_frame_is_lost(make):
    view = make(executor="manual", gain=4)
    view.may_check.clear()
    view.checks.clear()
    browser = in_thread(lambda: from_browser(view, offset=3.0, note="bad"))
    assert view.checks.wait(5)
    worker = in_thread(view.step_to_end)  # wants to deliver while the message is being applied
    worker.join(0.1)
    assert view.frame == {}
    view.may_check.set()
    browser.join(5)
    worker.join(5)
    assert (view.offset, view.note) == (0, "")
    assert view.runs == [(4, 0)], "a message that was refused asks for nothing"
    assert view.frame["meta"]["value"] == 8


def test_an_invalid_value_in_a_users_own_hold_does_not_wipe_a_frame(make):
    view = make(executor="manual", gain=4)
    worker = threading.Thread(target=view.step_to_end)

    def hold():
        with view.hold_trait_notifications():
            view.offset = 3
            worker.start()
            worker.join(0.1)
            view.gain = -1

    with pytest.raises(t.TraitError):
        hold()
    worker.join(5)
    assert (view.gain, view.offset) == (4, 0)
    assert view.frame["meta"]["value"] == 8


def test_the_view_says_what_was_invalid_and_sends_the_controls_back(make, monkeypatch):
    view = make(gain=4)
    sent = []
    monkeypatch.setattr(view, "send_state", lambda key=None: sent.append(key))
    from_browser(view, gain=-1.0, offset=2.0)
    assert view.status == "error"
    assert "gain" in view.problem["message"]
    assert "should not be less than 0" in view.problem["message"]
    assert ["gain", "offset"] in sent
    view.gain = 5
    assert (view.status, view.problem) == ("done", {})


def test_a_result_attribute_waits_for_the_request_that_was_asked_for_last(make):
    view = make(executor="thread", gain=2)
    view.gate.clear()
    view.gain = 3
    view.gain = 4
    threading.Timer(0.2, view.gate.set).start()
    assert view.double == 8


def test_wait_says_when_it_took_too_long(make):
    view = make(executor="thread")
    view.wait(5)
    view.gate.clear()
    view.gain = 2
    with pytest.raises(TimeoutError, match=r"no result after 0\.05 s"):
        view.wait(0.05)
    view.gate.set()
    view.wait(5)


def test_waiting_in_an_observer_raises_instead_of_blocking(make):
    view = make(executor="thread")
    caught = []

    def look(_change):
        try:
            view.double  # noqa: B018
        except RuntimeError as error:
            caught.append(str(error))

    view.observe(look, "gain")
    began = time.perf_counter()
    from_browser(view, gain=3.0)
    assert time.perf_counter() - began < 2
    assert caught
    assert "inside a callback" in caught[0]
    assert view.double == 6


def test_stop_keeps_the_last_good_picture(make):
    view = make(executor="manual")
    view.step_to_end()
    view.gain = 5
    for _ in range(3):
        view._recompute.step()
    message(view, type="stop")
    view.step_to_end()
    assert view.status == "cancelled"
    assert [value for *_, value in view.sent] == [1, 2, 5]
    assert view.progress == {}


def test_an_error_is_shown_kept_with_its_traceback_and_raised_to_scripts(make):
    view = make(gain=13)
    assert view.status == "error"
    assert view.problem == {"type": "ValueError", "message": "13 cannot be doubled: take another gain"}
    places = inspect.getinnerframes(view.error.__traceback__)
    assert "compute" in [place.function for place in places]
    with pytest.raises(ValueError, match="cannot be doubled"):
        view.double  # noqa: B018
    view.gain = 2
    assert (view.status, view.problem, view.error, view.double) == ("done", {}, None, 4)


def test_an_error_in_encode_is_shown_too(make):
    class Broken(Doubler):
        def encode(self, value):
            raise KeyError("no picture")

    view = make(Broken)
    assert view.status == "error"
    assert view.problem["type"] == "KeyError"


def test_linked_views_do_not_block_each_other_under_fire(make):
    first, second = make(executor="thread"), make(executor="thread")
    link = t.link((first, "gain"), (second, "gain"))

    def fire(view, values):
        for value in values:
            from_browser(view, gain=float(value))

    threads = [in_thread(fire, first, range(100)), in_thread(fire, second, range(100))]
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads), "two linked views wait for each other"
    link.unlink()
    first.gain = second.gain = 21
    assert first.double == second.double == 42


def test_a_large_frame_is_acknowledged_before_the_next_and_sent_again_when_it_is_missed(make, monkeypatch):
    class Large(Doubler):
        def encode(self, value):
            frame = super().encode(value)
            return type(frame)(frame.meta, [frame.buffers[0].repeat(100_000)])

    sent = []
    monkeypatch.setattr(Large, "send", lambda _view, content, buffers=None: sent.append(content))
    view = make(Large)
    assert [m["kind"] for m in sent] == ["preview"], "the result waits for the acknowledgement"
    assert view.frame == {}
    message(view, type="ack", generation=1)
    assert [m["kind"] for m in sent] == ["preview", "result"]
    message(view, type="resend")
    assert [m["meta"]["value"] for m in sent] == [1, 2, 2]


def test_close_ends_the_worker_and_frees_the_view(make):
    view = Doubler(executor="thread")
    view.wait(5)
    worker = view._recompute._thread
    freed = weakref.ref(view)
    assert worker.is_alive()
    view.close()
    worker.join(5)
    assert not worker.is_alive()
    with pytest.raises(RuntimeError, match="the view is closed"):
        view.double  # noqa: B018
    view.close()  # a second time does nothing
    del view
    gc.collect()
    assert freed() is None


def test_a_thousand_changes_leave_threads_and_memory_flat(make):
    view = make(executor="thread")
    view.wait(5)
    counts = []
    for i in range(1000):
        view.gain = i % 12
        if i in (200, 999):
            view.wait(5)
            gc.collect()
            counts.append((threading.active_count(), len(gc.get_objects())))
    (threads, objects), (threads_after, objects_after) = counts
    assert threads_after == threads
    # Doubler keeps a few records of each run itself: two tuples and floats, not a frame or a context.
    assert objects_after - objects < 10 * 800


def test_plain_text_is_a_summary(make):
    view = make(gain=3)
    bundle = view._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == "Doubler: 6.0"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_it_prints_what_it_shows_and_what_it_is_about(make):
    class Says(Doubler):
        def summary(self):
            return View.summary(self) if self._latest is None else super().summary()

    view = make(Says, executor="manual")
    assert str(view) == "Says: computing its first picture"
    for _ in range(3):
        view._recompute.step()
    assert str(view) == "Doubler: 1.0 (a newer picture is being computed)"
    view.step_to_end()
    assert repr(view) == "Doubler: 2.0"
    view.close()
    assert str(view) == "Says: closed"
    failed = make(Says, gain=13)
    assert str(failed).startswith("Doubler: 13.0 (the last picture; then: error, ValueError:")


def test_a_closed_view_says_so_where_it_is_set(make):
    view, other = make(gain=2), make()
    t.link((view, "gain"), (other, "gain"))
    view.close()
    for name, value in (("gain", 3.0), ("note", "x"), ("height", 300)):
        with pytest.raises(RuntimeError, match=r"the view is closed.*Run the cell that opened it again"):
            setattr(view, name, value)
    assert view.gain == 2
    with pytest.raises(RuntimeError, match="the view is closed"):
        view.refresh()
    other.gain = 5  # the link goes nowhere, and the view that lives does not mind
    assert other.double == 10
