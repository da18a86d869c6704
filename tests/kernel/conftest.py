"""A live ipykernel, spoken to as a browser speaks to it."""

from __future__ import annotations

import queue
import sys
import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

HERE = Path(__file__).parent


class Browser:
    """The far end of one kernel: runs cells, opens subshells, sends trait updates, records frames."""

    def __init__(self, subshells: bool) -> None:
        self.manager = KernelManager()
        self.manager.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.subshell = self._open_subshell() if subshells else None
        self.comms: list[str] = []
        self.events: list[tuple[float, str, str, dict]] = []  # time, comm, kind, content
        self.replies: dict[str, float] = {}
        self.requests = 0
        self.run(f"import sys; sys.path.insert(0, {str(HERE)!r}); from synthetic import Synthetic")

    def _open_subshell(self) -> str:
        message = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(message)
        while True:
            reply = self.client.control_channel.get_msg(timeout=10)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"]["subshell_id"]

    def pump(self, seconds: float = 0.0) -> None:
        """Read what has come, for at least ``seconds``."""
        end = time.perf_counter() + seconds
        while True:
            got = False
            for channel in (self.client.iopub_channel, self.client.shell_channel):
                try:
                    message = channel.get_msg(timeout=0)
                except queue.Empty:
                    continue
                got = True
                self._take(message)
            if not got:
                if time.perf_counter() >= end:
                    return
                time.sleep(0.001)

    def _take(self, message: dict) -> None:
        now, kind, content = time.perf_counter(), message["msg_type"], message["content"]
        if kind == "comm_open":
            self.comms.append(content["comm_id"])
        elif kind == "comm_msg" and content["data"].get("method") == "update":
            state = content["data"]["state"]
            self.events.extend((now, content["comm_id"], name, value) for name, value in state.items())
        elif kind == "comm_msg" and content["data"].get("method") == "custom":
            self.events.append((now, content["comm_id"], "message", content["data"]["content"]))
        elif kind == "execute_reply":
            self.replies[message["parent_header"]["msg_id"]] = now
            assert content["status"] == "ok", content

    def start(self, code: str) -> str:
        """Run a cell without waiting for it."""
        return self.client.execute(code, store_history=False)

    def finish(self, cell: str, timeout: float = 30) -> float:
        """Wait for a cell; the time at which its reply came."""
        end = time.perf_counter() + timeout
        while cell not in self.replies:
            assert time.perf_counter() < end, "the cell does not end"
            self.pump(0.005)
        return self.replies[cell]

    def run(self, code: str) -> None:
        self.finish(self.start(code))

    def value(self, expression: str) -> str:
        """The repr of an expression in the kernel."""
        cell = self.client.execute("", silent=True, user_expressions={"v": expression})
        while True:
            message = self.client.shell_channel.get_msg(timeout=30)
            if message["parent_header"].get("msg_id") == cell:
                result = message["content"]["user_expressions"]["v"]
                assert result["status"] == "ok", result
                return result["data"]["text/plain"]

    def send(self, data: dict) -> float:
        """Send to the newest view, on the subshell if there is one. Returns the time."""
        message = self.client.session.msg("comm_msg", {"comm_id": self.view, "data": data})
        if self.subshell is not None:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)
        return time.perf_counter()

    def set(self, **values: object) -> float:
        """What the browser sends when controls are moved."""
        self.requests += 1
        state = {**values, "request": self.requests}
        return self.send({"method": "update", "state": state, "buffer_paths": []})

    @property
    def view(self) -> str:
        return self.view_id

    def open_view(self, **traits: object) -> None:
        """Make a Synthetic view and wait for its first result."""
        arguments = ", ".join(f"{key}={value!r}" for key, value in traits.items())
        self.run(f"view = Synthetic({arguments}); view.wait(20)")
        self.view_id = self.value("view.model_id").strip("'")
        self.pump(0.1)
        self.requests = 0
        self.events.clear()

    def frames(self, kind: str | None = None) -> list[tuple[float, dict]]:
        """Frames of the newest view, also those that came as messages."""
        found = [
            (when, content)
            for when, comm, name, content in self.events
            if comm == self.view
            and (name == "frame" or (name == "message" and content.get("type") == "frame"))
        ]
        return [(w, f) for w, f in found if kind is None or f["kind"] == kind]

    def expect_frame(self, test, timeout: float = 10) -> float:
        """Pump until ``test(frame)`` holds for a frame; when that frame came."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end:
            for when, frame in self.frames():
                if test(frame):
                    return when
            self.pump(0.002)
        raise AssertionError(f"no such frame within {timeout} s; came: {[f for _, f in self.frames()][-5:]}")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(params=[True, False], ids=["subshells", "one shell"], scope="module")
def browser(request):
    browser = Browser(subshells=request.param)
    yield browser
    browser.close()
