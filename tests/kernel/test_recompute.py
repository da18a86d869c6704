"""The facts of recompute on a live kernel: order, latency, nothing lost, idle and busy."""

import time

import pytest

BUSY = {
    "sleep": "import time; time.sleep(2)",
    "loop": "import time; end = time.time() + 2\nwhile time.time() < end: sum(range(1000))",
}


def drag(browser, moves=60, seconds=1.0):
    """Move a slider as a hand does; the last value is ``moves``."""
    began = time.perf_counter()
    for i in range(1, moves + 1):
        last = browser.set(alpha=float(i))
        browser.pump(max(0.0, began + i * seconds / moves - time.perf_counter()))
    return began, last


def test_a_drag_shows_pictures_and_ends_at_the_newest(browser):
    browser.open_view()
    began, last = drag(browser)
    arrived = browser.expect_frame(lambda f: f["kind"] == "result" and f["meta"]["alpha"] == 60.0)
    during = [w for w, _ in browser.frames("preview") if w <= last + 0.02]
    assert len(during) >= 10, f"{len(during)} previews in a drag of {last - began:.2f} s"
    assert arrived - last < 1.0
    generations = [f["generation"] for _, f in browser.frames()]
    assert generations == sorted(generations), "a stale picture came after a newer one"


def test_a_cell_answers_while_the_view_computes(browser):
    browser.open_view(spin=True)
    browser.set(alpha=5.0)
    browser.pump(0.1)
    began = time.perf_counter()
    answered = browser.finish(browser.start("1 + 1"))
    assert answered - began < 0.1
    browser.expect_frame(lambda f: f["kind"] == "result" and f["meta"]["alpha"] == 5.0)


@pytest.mark.parametrize("load", BUSY)
def test_a_slider_is_answered_while_a_cell_runs(browser, load):
    if browser.subshell is None:
        pytest.skip("without subshells the kernel hears nothing while a cell runs")
    browser.open_view()
    browser.set(alpha=1.0)
    browser.expect_frame(lambda f: f["kind"] == "result" and f["meta"]["alpha"] == 1.0)
    cell = browser.start(BUSY[load])
    browser.pump(0.3)
    for value in (2.0, 3.0, 4.0):
        sent = browser.set(alpha=value)
        came = browser.expect_frame(lambda f, value=value: f["meta"]["alpha"] == value)
        assert came - sent < 0.25, f"preview of {value} after {came - sent:.2f} s"
    assert cell not in browser.replies
    browser.finish(cell)


def test_a_job_started_by_a_cell_does_not_send_the_slider_to_the_busy_shell(browser):
    """ipykernel 7.4 routes the browser's messages to where the kernel sent last."""
    if browser.subshell is None:
        pytest.skip("without subshells there is one shell only")
    browser.open_view()
    browser.set(alpha=1.0)
    browser.expect_frame(lambda f: f["kind"] == "result" and f["meta"]["alpha"] == 1.0)
    browser.run("view.alpha = 50")
    cell = browser.start(BUSY["sleep"])
    browser.pump(0.15)
    sent = browser.set(alpha=7.0)
    came = browser.expect_frame(lambda f: f["meta"]["alpha"] == 7.0)
    assert came - sent < 0.25
    assert cell not in browser.replies
    browser.finish(cell)


def test_pictures_reach_the_browser_during_a_busy_cell(browser):
    browser.open_view()
    cell = browser.start("view.alpha = 9\nimport time; time.sleep(1.5)")
    came = browser.expect_frame(lambda f: f["kind"] == "result" and f["meta"]["alpha"] == 9.0)
    assert cell not in browser.replies, "the picture waited for the cell"
    assert came < browser.finish(cell)


def test_all_traits_of_one_message_are_one_request(browser):
    browser.open_view()
    before = int(browser.value("view._recompute.generation"))
    browser.set(alpha=11.0, size=32)
    browser.expect_frame(lambda f: f["kind"] == "result" and f["meta"]["alpha"] == 11.0)
    assert int(browser.value("view._recompute.generation")) == before + 1


def test_a_frame_echoes_the_request_it_answers(browser):
    browser.open_view()
    browser.set(alpha=12.0)
    browser.set(alpha=13.0)
    browser.expect_frame(lambda f: f["kind"] == "result" and f["request"] == 2 and f["meta"]["alpha"] == 13.0)


def test_an_invalid_value_wipes_no_picture(browser):
    browser.open_view()
    sent = 0
    for i in range(30):
        browser.send({"method": "update", "state": {"alpha": -1.0}, "buffer_paths": []})
        sent += 1
        if i % 10 == 0:
            browser.set(alpha=20.0 + i)
        browser.pump(0.03)
    assert sent == 30
    browser.expect_frame(lambda f: f["kind"] == "result" and f["meta"]["alpha"] == 40.0)
    assert float(browser.value("float(view.alpha)")) == 40.0


def test_large_frames_go_as_acknowledged_messages(browser):
    browser.open_view(size=100_000)

    def ack(generation):
        browser.send({"method": "custom", "content": {"type": "ack", "generation": generation}})

    def messages():
        return [c for _, comm, name, c in browser.events if comm == browser.view and name == "message"]

    ack(1)
    browser.set(alpha=3.0)
    browser.expect_frame(lambda f: f["meta"]["alpha"] == 3.0 and f["kind"] == "preview")
    assert [m["generation"] for m in messages()] == [2]
    browser.set(alpha=4.0)
    browser.expect_frame(lambda f: f["meta"]["alpha"] == 4.0 and f["kind"] == "result")
    assert [m["generation"] for m in messages()] == [2], "the next waits for the acknowledgement"
    browser.set(alpha=5.0)
    browser.pump(0.2)
    ack(2)
    browser.expect_frame(lambda f: f["meta"]["alpha"] == 5.0 and f["kind"] == "preview")


def test_a_lost_result_is_sent_again(browser):
    browser.open_view()
    browser.send({"method": "custom", "content": {"type": "resend"}})
    browser.expect_frame(lambda f: f["kind"] == "result")


def test_stop_from_the_browser(browser):
    browser.open_view()
    browser.set(alpha=30.0)
    browser.pump(0.15)
    browser.send({"method": "custom", "content": {"type": "stop"}})
    browser.pump(0.8)
    assert browser.value("view.status") == "'cancelled'"
    assert not [f for _, f in browser.frames("result") if f["meta"]["alpha"] == 30.0]


def test_an_error_reaches_the_browser_and_python(browser):
    browser.open_view()
    browser.set(fail=True)
    browser.pump(0.5)
    problems = [c for _, comm, name, c in browser.events if comm == browser.view and name == "problem"]
    assert {"type": "ValueError", "message": "asked to fail"} in problems
    assert browser.value("type(view.error).__name__") == "'ValueError'"
    browser.set(fail=False)
    browser.expect_frame(lambda f: f["kind"] == "result" and f["generation"] > 2)
    assert browser.value("view.problem") == "{}"


def test_few_messages_are_sent(browser):
    browser.open_view()
    drag(browser)
    browser.expect_frame(lambda f: f["kind"] == "result" and f["meta"]["alpha"] == 60.0)
    assert len(browser.events) < 400, "the server drops messages above 1000 per second"


def test_a_thousand_changes_leave_memory_and_threads_flat(browser):
    browser.open_view()
    probe = "(__import__('threading').active_count(), __import__('psutil').Process().memory_info().rss)"
    browser.run("for i in range(200): view.alpha = i % 50")
    browser.run("view.wait()")
    threads, memory = eval(browser.value(probe))
    browser.run("for i in range(1000): view.alpha = (i + 1) % 50")
    browser.run("view.wait()")
    after = eval(browser.value(probe))
    assert after[0] <= threads
    assert after[1] - memory < 10e6


def test_close_frees_what_the_view_holds(browser):
    browser.open_view()
    browser.run(
        "import gc, weakref, threading\n"
        "class Model: pass\n"
        "view.model = Model(); ref = weakref.ref(view.model)\n"
        "thread = view._recompute._thread\n"
        "view.close(); del view; gc.collect()\n"
        "thread.join(5)"
    )
    assert browser.value("ref() is None and not thread.is_alive()") == "True"
