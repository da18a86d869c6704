"""JupyterLab and headless Chromium, isolated and offline: what the browser tests drive."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Locator, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",  # Canvas-2D is then drawn by the CPU at once, not through software GL
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
# As a new kernel, but for the modules that are loaded: seconds of every test.
FORGET = """
from ipywidgets.widgets import widget as _widget
for _one in list(_widget._instances.values()):
    _one.close()
get_ipython().reset(new_session=True)
__import__("gc").collect()
"""
CURRENT = (
    "const w = window.jupyterapp.shell.currentWidget ?? [...window.jupyterapp.shell.widgets('main')][0];"
)


def chromium_path() -> str:
    names = [os.environ.get("NBVIZ_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    for name in names:
        found = name and shutil.which(name)
        if found:
            return found
    raise RuntimeError("no Chromium found: install it or set NBVIZ_CHROMIUM")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class LabServer:
    """`jupyter lab` on this machine only, with folders of its own. It serves Notebook 7 too."""

    def __init__(self, root: Path) -> None:
        self.root, self.token = root, secrets.token_hex(16)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.state = Path(tempfile.mkdtemp(prefix="nbviz-lab-"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> LabServer:
        config = self.state / "config"
        (config / "labconfig").mkdir(parents=True)
        (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
        folders = {
            "JUPYTER_CONFIG_DIR": config,
            "JUPYTER_DATA_DIR": self.state / "data",
            "JUPYTER_RUNTIME_DIR": self.state / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": self.state / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self.state / "workspaces",
            "IPYTHONDIR": self.state / "ipython",
        }
        environment = {**os.environ, **{key: str(value) for key, value in folders.items()}}
        self.log = (self.state / "server.log").open("w")
        options = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.root}",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
            "--ServerApp.terminals_enabled=False",
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options],
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        end = time.time() + 60
        while time.time() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server died:\n{(self.state / 'server.log').read_text()}")
            request = urllib.request.Request(
                f"{self.url}/api/status", headers={"Authorization": f"token {self.token}"}
            )
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(request, timeout=2).status == 200:
                    return self
            time.sleep(0.1)
        raise TimeoutError("the server did not start")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.state, ignore_errors=True)

    def write(self, name: str, cells: list[str]) -> str:
        nbformat.write(notebook_of(cells), self.root / name)
        return name


def notebook_of(cells: list[str]) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


class NotebookPage:
    """One open notebook."""

    def __init__(self, page: Page, server: LabServer) -> None:
        self.page, self.server = page, server
        self.console: list[str] = []
        self.failed: list[str] = []
        page.on("console", lambda m: self.console.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda e: self.console.append(f"pageerror: {e.stack or e}"))
        page.on("requestfailed", lambda r: self.failed.append(f"{r.url} {r.failure}"))

    def open(self, name: str, ui: str = "doc") -> NotebookPage:
        """``ui``: "doc" is Lab with one document, "lab" the full Lab, "notebooks" Notebook 7."""
        path = {"doc": "/doc/tree/", "lab": "/lab/tree/", "notebooks": "/notebooks/"}[ui] + name
        reset = "" if ui == "notebooks" else "&reset"
        self.page.goto(f"{self.server.url}{path}?token={self.server.token}{reset}")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        self.page.wait_for_function("() => window.jupyterapp !== undefined", timeout=30_000)
        self.wait_for_kernel()
        self.light()
        return self

    def light(self) -> None:
        """The theme is kept on the server: a test that went dark must not leave the next one in the dark."""
        if self.page.locator("body[data-jp-theme-light=false]").count():
            self.page.evaluate(
                "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
                "JupyterLab Light",
            )
            self.page.wait_for_selector("body[data-jp-theme-light=true]", state="attached", timeout=30_000)

    def begin_again(self, cells: list[str], size: tuple[int, int]) -> None:
        """Another notebook in this page and kernel, as if both were new."""
        self.page.evaluate(
            f"""async ([code, notebook]) => {{ {CURRENT}
                const kernel = w.sessionContext.session.kernel;
                const reply = (await kernel.requestExecute({{code}}).done).content;
                if (reply.status !== 'ok') throw new Error(reply.evalue);
                w.context.model.fromJSON(notebook); }}""",
            [FORGET, notebook_of(cells)],
        )
        self.page.wait_for_function("() => !document.querySelector('.nbviz-root')", timeout=30_000)
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.mouse.move(0, 0)
        self.light()
        self.console.clear()
        self.failed.clear()

    def wait_for_kernel(self) -> None:
        self.page.wait_for_function(
            f"() => {{ {CURRENT} const k = w?.sessionContext?.session?.kernel;"
            " return k && ['idle', 'busy'].includes(k.status); }",
            timeout=60_000,
        )

    def command(self, name: str) -> None:
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def run_all(self, timeout: float = 120_000) -> None:
        self.page.evaluate(
            "() => { window.__ran = 'running'; window.jupyterapp.commands.execute('notebook:run-all-cells')"
            ".then(() => window.__ran = 'done', e => window.__ran = 'error ' + e); }"
        )
        self.page.wait_for_function("() => window.__ran !== 'running'", timeout=timeout)
        assert self.page.evaluate("() => window.__ran") == "done"
        errors = self.page.locator(
            ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error'],"
            ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"
        )
        assert errors.count() == 0, errors.all_inner_texts()

    def kernel(self, expression: str) -> str:
        """The repr of an expression in the live kernel."""
        return self.page.evaluate(
            f"""async ([expression]) => {{ {CURRENT}
                const future = w.sessionContext.session.kernel.requestExecute({{
                    code: '', silent: true, store_history: false, user_expressions: {{v: expression}}}});
                const v = (await future.done).content.user_expressions.v;
                return v.status === 'ok' ? v.data['text/plain'] : 'ERROR ' + v.evalue; }}""",
            [expression],
        )

    def expect_kernel(self, expression: str, expected: str = "True", timeout: float = 20) -> None:
        """Wait until an expression is true, or has another value, in the kernel."""
        if expected == "True":
            expression = f"bool({expression})"
        end = time.time() + timeout
        got = ""
        while time.time() < end:
            got = self.kernel(expression)
            if got == expected:
                return
            time.sleep(0.05)
        raise AssertionError(f"{expression} is {got}, not {expected}")

    def execute(self, code: str) -> None:
        """Start a cell's worth of code without waiting for it."""
        self.page.evaluate(
            f"([code]) => {{ {CURRENT} w.sessionContext.session.kernel.requestExecute({{code}}); }}", [code]
        )

    def slide(self, locator: Locator, value: float) -> None:
        """Move a slider as a drag does: value, then an input event."""
        locator.evaluate(
            "(el, v) => { el.value = v; el.dispatchEvent(new Event('input', {bubbles: true})); }", str(value)
        )

    def widget_errors(self) -> list[str]:
        """Errors of widget code alone: it runs from blob: URLs, and anywidget logs failures to load."""
        return [
            line
            for line in self.console
            if line.startswith(("pageerror", "error")) and ("blob:" in line or "anywidget" in line)
        ]

    def pixels(self, locator: Locator) -> str:
        """A value that changes when a canvas does."""
        return locator.evaluate(
            """c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
                let h = 0, ink = 0; for (let i = 0; i < d.length; i += 4) {
                    h = (Math.imul(h, 31) + d[i] + 7 * d[i + 1] + 13 * d[i + 2] + 17 * d[i + 3]) | 0;
                    ink += d[i + 3] > 0; } return ink + ':' + h; }"""
        )

    def ink(self, locator: Locator) -> int:
        """Number of pixels of a canvas that are painted."""
        return int(self.pixels(locator).split(":")[0])

    def shutdown(self) -> Any:
        return self.page.evaluate(f"async () => {{ {CURRENT} await w?.sessionContext?.shutdown?.(); }}")
