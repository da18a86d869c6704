"""How long it takes until there is something to see, and how much memory it takes.

Run ``python benchmarks/cold_start.py`` (``--no-browser`` where there is no Chromium). Printed are:

- cold start: a kernel is started, nbviz imported, the demo's view made; seconds until its first picture
  left the kernel, and until it was drawn in JupyterLab in headless Chromium.
- layer change: seconds from setting ``view.layer`` to the first picture, for every layer of mnist-cnn at
  2,000 samples: run anew (weights warm, activations not kept), and with kept activations. Best and median.
- memory: largest resident size of a kernel with two views open, after the largest layer was shown.

Exits with 1 when a best time is above its target (0.3 s anew, 0.15 s kept) or the memory above 1.5 GB.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

ANEW, KEPT, MEMORY = 0.3, 0.15, 1.5e9
OPEN = [
    "import nbviz",
    "net = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(2000)",
    "view = nbviz.LayerExplorer(net, digits)\nview",
]
TWO_VIEWS = """
import resource, nbviz
digits = nbviz.zoo.load_mnist(2000)
first = nbviz.LayerExplorer(nbviz.zoo.load("mnist-cnn"), digits, iterations=20)
second = nbviz.LayerExplorer(nbviz.zoo.load("mnist-mlp"), digits, iterations=20)
first.wait(), second.wait()
first.layer = "conv1"
second.layer = "input"
first.wait(), second.wait()
shown = first.embedding.shape, second.embedding.shape, first.frame["meta"]["features"]
peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""


class Kernel:
    """A fresh ipykernel that runs cells."""

    def __enter__(self):
        self.manager = KernelManager()
        self.manager.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        return self

    def __exit__(self, *_error):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code, timeout=120):
        reply = self.client.execute_interactive(code, timeout=timeout, output_hook=lambda _message: None)
        assert reply["content"]["status"] == "ok", reply["content"]

    def value(self, expression):
        reply = self.client.execute_interactive(
            "", user_expressions={"v": expression}, timeout=30, output_hook=lambda _message: None
        )
        return reply["content"]["user_expressions"]["v"]["data"]["text/plain"]

    def first_picture(self, code):
        """Run a cell; the time at which the first picture left the kernel."""
        self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            data = message["content"].get("data", {})
            if message["msg_type"] == "comm_msg" and "frame" in data.get("state", {}):
                return time.perf_counter()


def cold_start():
    """Seconds after the start of a kernel: ready, nbviz and its data loaded, first picture."""
    began = time.perf_counter()
    with Kernel() as kernel:
        ready = time.perf_counter() - began
        kernel.run(OPEN[0])
        imported = time.perf_counter() - began
        kernel.run(OPEN[1])
        loaded = time.perf_counter() - began
        return ready, imported, loaded, kernel.first_picture(OPEN[2]) - began


def cold_start_in_the_browser():
    """Seconds: JupyterLab with its kernel ready, then run all cells until the first picture is drawn."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
    from labharness import LabServer, NotebookPage, chromium

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        server = LabServer(Path(folder)).start()
        stack.callback(server.stop)
        browser = stack.enter_context(chromium())
        notebook = NotebookPage(browser.new_page(), server)
        began = time.perf_counter()
        notebook.open(server.write("cold.ipynb", OPEN))
        opened = time.perf_counter()
        notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        notebook.page.wait_for_selector(".nbviz-stage[data-kind]", timeout=120_000)
        drawn = time.perf_counter()
        notebook.shutdown()
        return opened - began, drawn - opened


def layer_changes(repeats):
    """By layer: its values per sample, seconds to the first picture anew, and with kept activations."""
    import nbviz

    class Timed(nbviz.LayerExplorer):
        """Notes when the first picture after a change leaves."""

        first = None

        def _send_frame(self, frame, as_message):
            self.first = self.first or time.perf_counter()
            super()._send_frame(frame, as_message)

        def change(self, layer):
            self.wait()
            self.first = None
            began = time.perf_counter()
            self.layer = layer
            while self.first is None:
                time.sleep(0.001)
            self.wait()
            return self.first - began

    network = nbviz.zoo.load("mnist-cnn")
    view = Timed(network, nbviz.zoo.load_mnist(2000), method="pca")
    rest = "fc2"
    names = [layer["name"] for layer in view.specimen["layers"] if layer["name"] != rest]
    times = {name: ([], []) for name in names}
    features = {}
    for _ in range(repeats):
        for name, (anew, kept) in times.items():
            view.change(rest)
            network.cache.clear()
            anew.append(view.change(name))
            features[name] = view.frame["meta"]["features"]
            view.change(rest)
            kept.append(view.change(name))
    view.close()
    return {name: (features[name], *times[name]) for name in names}


def peak_memory():
    """Largest resident bytes of a kernel with two views on the shipped models, and what they showed."""
    with Kernel() as kernel:
        kernel.run(TWO_VIEWS)
        return int(kernel.value("peak")), kernel.value("shown")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-browser", action="store_true", help="leave out JupyterLab in Chromium")
    parser.add_argument("--repeats", type=int, default=5, help="layer changes timed per layer")
    options = parser.parse_args()

    ready, imported, loaded, shown = cold_start()
    print("cold start, seconds after the start of the kernel")
    print(f"  kernel ready {ready:.2f}, nbviz imported {imported:.2f}, model and data loaded {loaded:.2f},")
    print(f"  first picture {shown:.2f}")
    if not options.no_browser:
        opened, drawn = cold_start_in_the_browser()
        print(f"  JupyterLab open with its kernel {opened:.2f}; run all cells: first picture {drawn:.2f}")

    print("\nlayer change to first picture, 2,000 samples, seconds: best / median")
    print(f"  {'layer':<8} {'values':>7}   {'anew':>13}   {'kept':>13}")
    too_slow = []
    for name, (features, anew, kept) in layer_changes(options.repeats).items():
        cells = [f"{min(times):.3f} / {statistics.median(times):.3f}" for times in (anew, kept)]
        print(f"  {name:<8} {features:>7,}   {cells[0]:>13}   {cells[1]:>13}")
        if min(anew) > ANEW or min(kept) > KEPT:
            too_slow.append(name)

    peak, what = peak_memory()
    print(f"\npeak memory of a kernel with two views: {peak / 1e9:.2f} GB  {what}")
    if too_slow:
        print(f"above the target of {ANEW} s anew or {KEPT} s kept: {', '.join(too_slow)}")
    return 1 if too_slow or peak > MEMORY else 0


if __name__ == "__main__":
    sys.exit(main())
