"""The layer explorer as a person uses it: JupyterLab in Chromium, mouse and keyboard."""

import re

import numpy as np
import pytest
from PIL import Image

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(600)",
    "view = nbviz.LayerExplorer(net, digits, height=380)\nview",
]
ROOT = ".nbviz-root"


def explorer(notebook, cells=OPEN, **options):
    page = notebook(cells, **options)
    page.page.wait_for_selector(f"{ROOT}[data-status=done] .nbviz-stage[data-kind=result]", timeout=60_000)
    return page


def canvas(page):
    return page.page.locator(".nbviz-stage canvas").first


def stage_box(page):
    return page.page.locator(".nbviz-stage").first.bounding_box()


def overflowing(page):
    """Elements of the view that stand out of it to the right."""
    return page.page.evaluate(
        """() => { const root = document.querySelector('.nbviz-root');
            const edge = root.getBoundingClientRect().right + 1; const seen = e => e.getClientRects().length
              && !e.closest('.nbviz-hidden') && !e.closest('ul') && e.getBoundingClientRect().right > edge;
            return [...root.querySelectorAll('*')].filter(seen).map(e => e.className || e.tagName); }"""
    )


def settle(page, layer=None):
    where = f"[data-layer='{layer}']" if layer else ""
    page.page.wait_for_selector(
        f"{ROOT}[data-status=done] .nbviz-stage[data-kind=result]{where}", timeout=60_000
    )
    page.page.wait_for_timeout(100)


@pytest.mark.parametrize("ui", ["doc", "lab", "notebooks"])
def test_it_draws_in_every_front_end(notebook, ui):
    page = explorer(notebook, ui=ui)
    assert page.ink(canvas(page)) > 3000
    assert "accuracy" in page.page.locator(".nbviz-facts").inner_text()
    assert "neighbourhood hit" in page.page.locator(".nbviz-facts").inner_text()


def test_dragging_the_layer_slider_with_the_mouse(notebook):
    page = explorer(notebook)
    before = page.pixels(canvas(page))
    slider = page.page.get_by_role("slider", name="Layer, slider")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.page.evaluate(
        """() => { window.__seen = []; const s = document.querySelector('.nbviz-stage');
            new MutationObserver(() => window.__seen.push([+s.dataset.generation, s.dataset.kind]))
              .observe(s, {attributes: true, attributeFilter: ['data-generation', 'data-kind']}); }"""
    )
    page.page.mouse.move(box["x"] + box["width"] * 0.9, middle)
    page.page.mouse.down()
    for i in range(30):
        page.page.mouse.move(box["x"] + box["width"] * (0.9 - 0.88 * i / 29), middle)
        page.page.wait_for_timeout(33)
    page.page.mouse.move(box["x"] - 5, middle)
    page.page.mouse.up()
    settle(page, "input")
    assert page.kernel("view.layer") == "'input'"
    assert page.pixels(canvas(page)) != before
    seen = page.page.evaluate("() => window.__seen")
    generations = [generation for generation, _ in seen]
    assert generations == sorted(generations), "an older picture was drawn after a newer one"
    assert len(set(generations)) >= 3, f"pictures must keep coming during a drag: {seen}"


def test_a_trait_set_in_python_moves_control_and_picture(notebook):
    page = explorer(notebook)
    before = page.pixels(canvas(page))
    page.execute("view.layer = 'conv2'; view.perplexity = 12")
    settle(page, "conv2")
    assert page.pixels(canvas(page)) != before
    assert page.page.get_by_role("combobox", name="Layer").first.input_value() == "conv2"
    assert page.page.locator("output").first.inner_text() == "12"


def test_lasso_click_and_clear_reach_python(notebook):
    page = explorer(notebook)
    box = stage_box(page)
    mouse = page.page.mouse
    page.page.get_by_role("button", name="Lasso").click()
    x0, y0, x1, y1 = box["x"] + 4, box["y"] + 4, box["x"] + box["width"] / 2, box["y"] + box["height"] - 4
    mouse.move(x0, y0)
    mouse.down()
    for x, y in [(x1, y0), (x1, y1), (x0, y1), (x0, y0)]:
        mouse.move(x, y, steps=6)
    mouse.up()
    page.expect_kernel("0 < len(view.selection) < 600")
    chosen = int(page.kernel("len(view.selection)"))
    strip = page.page.get_by_role("region", name="Selected samples")
    assert f"{chosen} selected" in strip.inner_text()
    assert strip.locator("li button").count() == min(chosen, 60)
    assert page.kernel("view.selection.dtype.kind") == "'i'"
    page.execute("view.selection = []")
    page.page.wait_for_function("() => !document.querySelector('.nbviz-strip')")
    page.execute("view.selection = [1, 2, 3]")
    page.page.wait_for_function("() => document.querySelectorAll('.nbviz-strip button').length === 3")


def test_hover_shows_picture_label_and_prediction(notebook):
    page = explorer(notebook)
    box = stage_box(page)
    card = page.page.locator(".nbviz-card")
    for i in range(400):
        fx, fy = (i % 20 + 0.5) / 20, (i // 20 + 0.5) / 20
        page.page.mouse.move(box["x"] + box["width"] * fx, box["y"] + box["height"] * fy)
        if card.count():
            break
    page.page.wait_for_selector(".nbviz-card .nbviz-thumb")
    text = card.inner_text()
    row = int(re.search(r"sample (\d+)", text)[1])
    assert f"label: {page.kernel(f'int(digits.labels[{row}])')}" in text
    assert re.search(r"prediction: \d \(\d+ %\)", text)


def test_the_legend_selects_a_class(notebook):
    page = explorer(notebook)
    page.page.locator(".nbviz-legend-entry").nth(3).click()
    page.expect_kernel("set(digits.labels[view.selection]) == {3}")
    assert page.kernel("len(view.selection) == int((digits.labels == 3).sum())") == "True"


def test_keyboard_alone_picks_and_selects(notebook):
    page = explorer(notebook)
    page.page.locator(".nbviz-stage [tabindex='0']").first.focus()
    for key in ["Enter", "ArrowRight", "Enter"]:
        page.page.keyboard.press(key)
    page.expect_kernel("len(view.selection)", "1")
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("Escape")
    page.expect_kernel("len(view.selection)", "0")


def test_stop_keeps_the_picture(notebook):
    page = explorer(notebook)
    page.execute("view.iterations = 10000")
    stop = page.page.get_by_role("button", name="Stop")
    stop.wait_for(timeout=20_000)
    stop.click()
    page.page.wait_for_selector(f"{ROOT}[data-status=cancelled]")
    assert page.ink(canvas(page)) > 3000
    assert "Stopped" in page.page.locator(".nbviz-state").inner_text()
    assert page.kernel("view.status") == "'cancelled'"
    assert page.kernel("view.embedding.shape") == "(600, 2)"
    page.execute("view.iterations = 300")
    settle(page)


def test_an_error_is_shown_and_the_picture_stays(notebook):
    page = explorer(notebook)
    page.execute("view.perplexity = 500")
    alert = page.page.get_by_role("alert")
    alert.wait_for()
    assert "perplexity" in alert.inner_text()
    assert page.ink(canvas(page)) > 3000
    page.execute("view.perplexity = 20")
    settle(page)
    assert alert.count() == 0


def test_a_model_that_raises_is_shown_in_the_view(notebook):
    page = notebook(
        [
            "import nbviz, torch",
            "class Broken(torch.nn.Module):\n"
            "    def __init__(self):\n        super().__init__(); self.fc = torch.nn.Linear(4, 2)\n"
            "    def forward(self, x):\n        raise RuntimeError('the flux capacitor is cold')\n",
            "view = nbviz.LayerExplorer(Broken(), torch.rand(20, 4))\nview",
        ]
    )
    alert = page.page.get_by_role("alert")
    alert.wait_for()
    assert "the flux capacitor is cold" in alert.inner_text()


def test_labels_are_text_never_html(notebook):
    page = notebook(
        [
            "import nbviz, numpy as np",
            "evil = '<img src=x onerror=\"window.hacked=1\"><b>bold</b>'\n"
            "H = np.random.default_rng(0).normal(size=(60, 8))\n"
            "view = nbviz.LayerExplorer.from_activations({evil: H}, [evil, 'plain'] * 30)\n"
            "view.selection = [0, 1]\nview",
        ]
    )
    page.page.wait_for_selector(f"{ROOT}[data-status=done]")
    assert "<b>bold</b>" in page.page.locator(".nbviz-legend").inner_text()
    assert page.page.locator(f"{ROOT} img, {ROOT} b").count() == 0
    assert page.page.evaluate("() => window.hacked") is None


def test_the_slider_answers_while_a_cell_runs(notebook):
    page = explorer(notebook)
    page.page.get_by_role("combobox", name="Layer").first.select_option("conv3")
    settle(page, "conv3")
    page.execute("import time; time.sleep(4); finished = True")
    page.page.wait_for_timeout(200)
    page.page.get_by_role("combobox", name="Layer").first.select_option("pool1")
    page.page.wait_for_selector(".nbviz-stage[data-layer=pool1]", timeout=2500)
    assert page.page.locator(".nbviz-stage").get_attribute("data-kind") in ("preview", "result")


def test_two_displays_of_one_view_agree(notebook):
    page = explorer(notebook, cells=[*OPEN, "view"])
    page.page.wait_for_function("() => document.querySelectorAll('.nbviz-stage canvas').length >= 2")
    page.execute("view.layer = 'conv1'")
    page.page.wait_for_function(
        "() => document.querySelectorAll('.nbviz-stage[data-layer=conv1][data-kind=result]').length === 2",
        timeout=60_000,
    )
    first, second = page.page.locator(".nbviz-scatter-points").all()
    assert page.pixels(first) == page.pixels(second)


def test_it_fits_a_narrow_window(notebook, shoot):
    page = explorer(notebook, size=(520, 800))
    root = page.page.locator(ROOT).bounding_box()
    for part in (".nbviz-stage", ".nbviz-status", ".nbviz-controls"):
        box = page.page.locator(part).first.bounding_box()
        assert box["x"] + box["width"] <= root["x"] + root["width"] + 1, part
    assert stage_box(page)["width"] > 200
    shoot(page.page.locator(ROOT), "layer_explorer_narrow")
    page.page.set_viewport_size({"width": 1200, "height": 800})
    page.page.wait_for_timeout(300)
    assert stage_box(page)["width"] > 500


def test_light_and_dark(notebook, shoot):
    page = explorer(notebook, size=(1200, 1000))
    page.execute("view.selection = list(range(0, 600, 12))")
    page.page.wait_for_selector(".nbviz-strip")
    root = page.page.locator(ROOT)
    shoot(root, "layer_explorer_light")
    light = page.pixels(canvas(page))
    assert root.get_attribute("data-theme") == "light"
    page.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    page.page.wait_for_selector(f"{ROOT}[data-theme=dark]")
    page.page.wait_for_timeout(600)
    assert page.pixels(canvas(page)) != light
    shoot(root, "layer_explorer_dark")
    page.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
    )
    page.page.wait_for_selector(f"{ROOT}[data-theme=light]")


def test_training_in_another_cell_is_noted_and_a_click_refreshes(notebook):
    page = explorer(notebook, cells=[OPEN[0], OPEN[1].replace("height=380", "height=380, method='pca'")])
    before = page.pixels(canvas(page))
    assert page.page.locator(".nbviz-changed").count() == 0
    page.execute("import torch\nwith torch.no_grad():\n    net.module.fc1.weight.mul_(-1.5)")
    note = page.page.locator(".nbviz-changed")
    note.wait_for()
    assert "The model has changed since this picture" in note.inner_text()
    assert page.pixels(canvas(page)) == before
    page.page.get_by_role("button", name="Refresh").click()
    note.wait_for(state="detached")
    settle(page)
    assert page.pixels(canvas(page)) != before
    assert page.kernel("view.model_changed") == "False"


def test_the_picture_can_be_saved(notebook):
    page = explorer(notebook)
    with page.page.expect_download() as saved:
        page.page.get_by_role("button", name="Save picture").click()
    assert saved.value.suggested_filename == "layer-explorer.png"
    picture = np.asarray(Image.open(saved.value.path()).convert("RGB")).astype(int)
    box = page.page.locator(".nbviz-scatter").bounding_box()
    assert abs(picture.shape[1] - box["width"]) <= 2
    assert (np.ptp(picture, 2) > 60).sum() > 3000, "coloured points are in it"


def test_escape_closes_the_limits_and_gives_the_focus_back(notebook):
    page = explorer(notebook)
    info = page.page.get_by_role("button", name="What this picture cannot tell you")
    info.click()
    page.page.wait_for_selector(".nbviz-limits")
    page.page.keyboard.press("Escape")
    page.page.wait_for_selector(".nbviz-limits", state="detached")
    assert info.evaluate("e => e === e.getRootNode().activeElement")


def test_the_caption_of_the_axes_lies_below_the_points(notebook):
    page = explorer(notebook)
    caption = page.page.locator(".nbviz-axes").bounding_box()
    plot = page.page.locator(".nbviz-scatter-front").bounding_box()
    assert caption["y"] >= plot["y"] + plot["height"] - 1
    assert "t-SNE: axes have no unit" in page.page.locator(".nbviz-axes").inner_text()


def test_the_strip_shows_what_the_network_takes_a_sample_for(notebook):
    page = explorer(notebook)
    page.execute("view.selection = [1, 2, 3]")
    page.page.wait_for_function("() => document.querySelectorAll('.nbviz-strip-prediction').length === 3")
    shown = page.page.locator(".nbviz-strip-prediction").all_inner_texts()
    assert shown == [f"→ {page.kernel(f'int(view.predictions[{i}])')}" for i in (1, 2, 3)]


def test_nothing_is_cut_in_an_output_of_320_pixels(notebook, shoot):
    page = explorer(notebook)
    page.execute("view.layout.width = '320px'; view.selection = [0, 1, 2, 3, 4, 5]; view.layer = 'conv1'")
    settle(page, "conv1")
    assert overflowing(page) == []
    shoot(page.page.locator(ROOT), "layer_explorer_320")


def test_a_restarted_kernel_leaves_the_last_picture(notebook):
    page = explorer(notebook)
    page.page.evaluate(
        "async () => { const w = window.jupyterapp.shell.currentWidget ??"
        " [...window.jupyterapp.shell.widgets('main')][0]; await w.sessionContext.session.kernel.restart(); }"
    )
    page.wait_for_kernel()
    if page.page.locator(".nbviz-stage canvas").count():
        page.slide(page.page.get_by_role("slider", name="Layer, slider"), 1)
        page.page.wait_for_selector(f"{ROOT}[data-link=gone]", timeout=20_000)
        assert page.ink(canvas(page)) > 3000
        assert "kernel is gone" in page.page.locator(".nbviz-state").inner_text()
    page.run_all()
    page.page.wait_for_selector(f"{ROOT}[data-status=done]", timeout=60_000)


def test_the_epoch_slider_goes_back_in_training(notebook, shoot):
    page = explorer(notebook)
    before = page.pixels(canvas(page))
    page.page.get_by_role("combobox", name="Epoch").select_option("0")
    page.page.wait_for_selector(
        f"{ROOT}[data-status=done] .nbviz-stage[data-kind=result][data-epoch='0']", timeout=60_000
    )
    page.page.wait_for_timeout(200)
    page.expect_kernel("view.epoch == 0 and view.accuracy < 0.5")
    assert page.pixels(canvas(page)) != before
    assert "after epoch 0" in page.page.locator(".nbviz-facts").inner_text()
    shoot(page.page, "explorer-epoch-0")
    slider = page.page.get_by_role("slider", name="Epoch, slider")
    slider.focus()
    page.page.keyboard.press("End")
    page.expect_kernel("view.epoch is None")
    settle(page)
    page.page.wait_for_selector(".nbviz-stage[data-epoch=now]")
    page.expect_kernel("view.accuracy > 0.95")
