"""Frames per second of the scatter plot while a mouse drags it, in headless Chromium without a GPU.

Run ``python benchmarks/scatter.py`` after ``npm ci`` in ``js/``. The page holds the real scatter plot,
900 x 640 CSS pixels, with as many points as stated; the drag is made of real mouse events. Printed are:

- moves/s: mouse events the page took. Each waits for the page to answer the one before it.
- drawn/s: new pictures of the points, at most one per frame (60/s) and one per mouse event.
- frame p50, p95: interval between two frames of the page; the screen's own is 16.7 ms.
- draw p50, p95: JavaScript time of one picture.
- hover: time of a first hover (it builds the hit index), then of the next one.

- lasso/s: frames of the page while a lasso is drawn; select: from its end to the picture of what it holds.

Exits with 1 when 100,000 points or more are drawn at less than half the rate of the screen (30 pictures/s).
"""

import argparse
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

JS = Path(__file__).parent.parent / "js"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
WIDTH, HEIGHT = 900, 640

# Ten Gaussian clouds, like the classes of a projection, with 3% marked as misclassified.
ENTRY = """
import { classPalette, colourClasses } from "./src/parts/colours";
import { createScatter } from "./src/parts/scatter";
import { watchTheme } from "./src/parts/theme";

const root = document.querySelector("#root");
const { signal } = new AbortController();
const onSelect = (points) => scatter.setSelection(points);
const scatter = createScatter(root, { signal, label: "benchmark", onSelect });
watchTheme(root, signal, (theme) => scatter.setTheme(theme));
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

globalThis.show = (n) => {
  const classes = Uint8Array.from({ length: n }, (_, i) => i % 10);
  const xy = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) {
    const angle = (classes[i] * 2 * Math.PI) / 10;
    xy[2 * i] = 10 * Math.cos(angle) + 1.6 * normal();
    xy[2 * i + 1] = 10 * Math.sin(angle) + 1.6 * normal();
  }
  scatter.setPositions(xy, { resetView: true });
  scatter.setColours(colourClasses(classes, classPalette(10, false)));
  scatter.setMarks(Uint8Array.from({ length: n }, () => Math.random() < 0.03));
};
globalThis.record = () => {
  const seen = { intervals: [], draws: [], on: true };
  let last = performance.now();
  let draws = scatter.stats.draws;
  const frame = (now) => {
    if (!seen.on) return;
    seen.intervals.push(now - last);
    last = now;
    if (scatter.stats.draws !== draws) seen.draws.push(scatter.stats.milliseconds);
    draws = scatter.stats.draws;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  globalThis.seen = seen;
};
globalThis.setTool = (tool) => scatter.setTool(tool);
globalThis.selectTime = () => {
  // From the end of the lasso to the picture of what it holds.
  const canvas = document.querySelector(".nbviz-scatter-front");
  const start = performance.now();
  return new Promise((resolve) => {
    const wait = (draws) =>
      scatter.stats.draws > draws
        ? resolve(performance.now() - start)
        : requestAnimationFrame(() => wait(draws));
    canvas.addEventListener("pointerup", () => wait(scatter.stats.draws), { once: true, capture: true });
  });
};
globalThis.hoverTime = () => {
  const canvas = document.querySelector(".nbviz-scatter-front");
  const at = (x) => new PointerEvent("pointermove", { clientX: x, clientY: 300, pointerType: "mouse" });
  const time = (x) => {
    const start = performance.now();
    canvas.dispatchEvent(at(x));
    return performance.now() - start;
  };
  return [300, 310].map(time);
};
"""


def bundle() -> str:
    """The page's script: the scatter plot as the views use it."""
    command = ["npx", "esbuild", "--bundle", "--minify", "--format=iife", "--loader:.css=text"]
    done = subprocess.run(command, cwd=JS, input=ENTRY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"esbuild failed (is js/node_modules there? run `npm ci` in js/):\n{done.stderr}")
    return done.stdout


def drag(page: Page, seconds: float) -> dict:
    """Drag the mouse in circles for ``seconds``; what the page saw. The button stays down."""
    page.mouse.move(450, 320)
    page.mouse.down()
    page.evaluate("record()")
    end = time.perf_counter() + seconds
    step = 0
    while time.perf_counter() < end:
        step += 1
        page.mouse.move(450 + 160 * math.sin(step / 20), 320 + 120 * (1 - math.cos(step / 20)))
    seen = page.evaluate("() => { seen.on = false; return seen; }")
    return {"moves": step, **seen}


def measure(page: Page, count: int, seconds: float) -> dict:
    """Show ``count`` points, pan them, then draw a lasso around some."""
    page.evaluate("n => show(n)", count)
    page.wait_for_timeout(400)
    first, next_ = page.evaluate("hoverTime()")
    panned = drag(page, seconds)
    page.mouse.up()
    page.evaluate("setTool('lasso')")
    lassoed = drag(page, min(seconds, 1.5))
    page.evaluate("() => { globalThis.chosen = selectTime(); }")
    page.mouse.up()
    select = page.evaluate("chosen")
    page.evaluate("setTool('pan')")
    return {"first_hover": first, "hover": next_, "lasso": lassoed["intervals"], "select": select, **panned}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[2_000, 20_000, 100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--ratio", type=float, default=1.0, help="device pixels per CSS pixel")
    parser.add_argument("--screenshots", type=Path, help="folder for a picture of each count")
    arguments = parser.parse_args()
    script = bundle()
    slow = False
    print(f"{WIDTH} x {HEIGHT} CSS pixels, ratio {arguments.ratio:g}, dragged for {arguments.seconds:g} s")
    print("   points  moves/s  drawn/s  frame p50, p95 ms  draw p50, p95 ms  hover ms   lasso/s  select ms")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        viewport = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_page(viewport=viewport, device_scale_factor=arguments.ratio)
        page.set_content(f"<body style='margin:0'><div id=root style='height:{HEIGHT}px'></div></body>")
        page.add_script_tag(content=script)
        for count in arguments.counts:
            seen = measure(page, count, arguments.seconds)
            lasted = sum(seen["intervals"]) / 1000
            rate = len(seen["draws"]) / lasted
            frame = np.percentile(seen["intervals"], [50, 95])
            draw = np.percentile(seen["draws"], [50, 95])
            lasso = 1000 / np.mean(seen["lasso"])
            print(
                f"{count:>9,} {seen['moves'] / lasted:8.1f} {rate:8.1f} {frame[0]:11.1f}, {frame[1]:5.1f}"
                f" {draw[0]:10.1f}, {draw[1]:5.1f}     {seen['first_hover']:.1f}, {seen['hover']:.1f}"
                f" {lasso:10.1f} {seen['select']:9.0f}"
            )
            slow |= count >= 100_000 and min(rate, lasso) < 29  # every second frame of the screen
            if arguments.screenshots:
                arguments.screenshots.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=arguments.screenshots / f"scatter_{count}.png")
        browser.close()
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
