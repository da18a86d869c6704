"""Correspondence analysis as a person uses it."""

import re

import pytest

OPEN = [
    "import nbviz\nimport numpy as np\nnet = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(200)",
    "view = nbviz.CorrespondenceAnalysis(net, digits, rows=[6, 13, 18, 26, 53])\nview",
]
ROOT = ".nbviz-root"
LOOPS = [(6, 9, 16, 18), (7, 7, 17, 21), (6, 5, 16, 20), (6, 7, 16, 21), (7, 8, 17, 20)]
STEMS = [(18, 16, 26, 19), (19, 13, 27, 18), (18, 18, 26, 22), (18, 10, 26, 18), (19, 13, 27, 17)]
MARK = f"view.parts = {{'loop': {LOOPS}, 'stem': {STEMS}}}"


@pytest.fixture
def marker(notebook):
    page = notebook(OPEN, size=(1150, 1000))
    page.page.wait_for_selector(f"{ROOT}[data-status=done] .nbviz-stage[data-kind=result]", timeout=60_000)
    return page


def front(page, picture):
    return page.page.locator(".nbviz-boxes canvas").nth(picture)


def drag(page, picture, begin, end, steps=6):
    """From one place to another, in pixels of the 28 x 28 picture."""
    canvas = front(page, picture)
    canvas.scroll_into_view_if_needed()
    box, mouse = canvas.bounding_box(), page.page.mouse
    (ax, ay), (bx, by) = (
        (box["x"] + x * box["width"] / 28, box["y"] + y * box["height"] / 28) for x, y in (begin, end)
    )
    mouse.move(ax, ay)
    mouse.down()
    mouse.move(bx, by, steps=steps)
    mouse.up()


def test_boxes_are_dragged_and_the_table_comes_with_the_second(marker, shoot):
    words = marker.page.locator(".nbviz-words")
    assert "No part is marked yet" in words.inner_text()
    blank = marker.ink(front(marker, 0))
    drag(marker, 0, (9.2, 6.2), (17.8, 15.8))
    marker.expect_kernel("view.parts['part 1'][0].tolist() == [6, 9, 16, 18]")
    assert marker.ink(front(marker, 0)) > blank + 1000
    marker.page.wait_for_function(
        "() => document.querySelector('.nbviz-words').textContent.includes('part 1 on 1 of 5')"
    )
    marker.expect_kernel("view.result is None and view.status == 'done'")
    assert marker.page.locator(".nbviz-delta").count() == 0
    shoot(marker.page.locator(ROOT), "correspondence_analysis_one_mark")
    drag(marker, 1, (20.8, 16.8), (7.2, 7.2))
    marker.page.wait_for_selector(".nbviz-delta-plot")
    marker.expect_kernel("view.result.mean.shape == (2, 2) and view.result.pairs[0] == (0, 1)")
    assert marker.page.locator(".nbviz-words").count() == 0
    cell = marker.page.locator(".nbviz-delta tbody tr").nth(1).locator("td").nth(1)
    assert re.fullmatch(r"0\.\d{3}", cell.inner_text().strip())
    assert cell.inner_text().strip() in marker.kernel("view.table")


def test_a_box_is_moved_resized_and_deleted(marker):
    marker.execute(MARK)
    marker.expect_kernel("view.result is not None and view.result.n_random == 10")
    page = marker.page
    page.wait_for_selector(".nbviz-delta-plot")
    text = page.locator(".nbviz-delta").inner_text()
    drag(marker, 0, (13.5, 11.0), (16.5, 9.0))
    marker.expect_kernel("view.parts['loop'][0].tolist() == [4, 12, 14, 21]")
    drag(marker, 0, (21.0, 14.0), (25.0, 17.0))
    marker.expect_kernel("view.parts['loop'][0].tolist() == [4, 12, 17, 25]")
    drag(marker, 0, (12.0, 10.0), (8.0, 12.0))
    marker.expect_kernel("view.parts['loop'][0].tolist() == [4, 8, 17, 25]")
    marker.expect_kernel("view.status", "'done'")
    page.wait_for_function("t => document.querySelector('.nbviz-delta').innerText !== t", arg=text)
    page.keyboard.press("Delete")
    marker.expect_kernel("view.parts.count('loop') == 4")
    page.keyboard.press("Control+z")
    marker.expect_kernel("view.parts['loop'][0].tolist() == [4, 8, 17, 25]")
    for _ in range(3):
        page.keyboard.press("Control+z")
    marker.expect_kernel("view.parts['loop'][0].tolist() == [6, 9, 16, 18]")
    page.keyboard.press("Control+Shift+z")
    marker.expect_kernel("view.parts['loop'][0].tolist() == [4, 12, 14, 21]")
    assert page.get_by_role("button", name="Redo").is_enabled()


def test_keyboard_alone(marker):
    page = marker.page
    front(marker, 0).focus()
    page.keyboard.press("Enter")
    marker.expect_kernel("view.parts['part 1'][0].tolist() == [9, 9, 18, 18]")
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    marker.expect_kernel("view.parts['part 1'][0].tolist() == [8, 11, 18, 19]")
    front(marker, 1).focus()
    page.keyboard.press("Enter")
    marker.expect_kernel("view.result is not None")
    page.keyboard.press("Delete")
    marker.expect_kernel("view.parts.count('part 1') == 1 and view.result is None")
    label = front(marker, 0).get_attribute("aria-label")
    assert "rows 8 to 18, columns 11 to 19" in label
    assert marker.kernel("len(view.parts)") == "1"  # JupyterLab has taken none of the keys


def test_parts_are_added_renamed_chosen_and_deleted(marker):
    page = marker.page
    page.get_by_role("button", name="Add part").click()
    name = page.get_by_role("textbox", name="Name of the chosen part")
    name.fill("loop")
    name.press("Enter")
    marker.expect_kernel("list(view.parts) == ['loop'] and view.part == 'loop'")
    for picture in range(2):
        drag(marker, picture, (8.3, 6.3), (17.7, 15.7))
    page.get_by_role("button", name="Add part").click()
    page.keyboard.type("stem")
    page.keyboard.press("Enter")
    marker.expect_kernel("list(view.parts) == ['loop', 'stem'] and view.part == 'stem'")
    drag(marker, 0, (10.3, 9.3), (13.7, 13.7))  # a part inside another
    marker.expect_kernel("view.parts['stem'][0].tolist() == [9, 10, 14, 14]")
    marker.expect_kernel("view.parts['loop'][0].tolist() == [6, 8, 16, 18]")
    page.get_by_role("button", name="Choose part loop").click()
    marker.expect_kernel("view.part", "'loop'")
    front(marker, 0).focus()
    page.keyboard.press("2")
    marker.expect_kernel("view.part", "'stem'")
    page.get_by_role("button", name="Delete part stem").click()
    marker.expect_kernel("list(view.parts) == ['loop']")
    page.get_by_role("button", name="Undo").click()
    marker.expect_kernel("list(view.parts) == ['loop', 'stem']")
    page.get_by_role("button", name="Choose part stem").click()
    name = page.get_by_role("textbox", name="Name of the chosen part")
    name.fill("random")
    name.press("Enter")
    page.get_by_role("alert").wait_for()
    assert "call the part otherwise" in page.get_by_role("alert").inner_text()
    marker.expect_kernel("list(view.parts) == ['loop', 'stem']")
    page.wait_for_selector("button[aria-label^='Choose part stem'], input[aria-label^='Name']")
    assert "random" not in page.locator(".nbviz-chips").inner_text()


@pytest.mark.timing
def test_the_table_follows_a_drag(marker):
    """One forward pass for the picture under the hand; the rest is known."""
    marker.execute(MARK)
    marker.expect_kernel("view.result is not None and view.status == 'done'")
    marker.page.wait_for_selector(".nbviz-delta-plot")
    times = marker.page.evaluate(
        """async () => { const stage = document.querySelector('.nbviz-stage');
            const front = document.querySelector('.nbviz-boxes canvas'); front.focus(); const out = [];
            for (let i = 0; i < 9; i++) {
                const before = stage.dataset.generation; const t = performance.now();
                front.dispatchEvent(new KeyboardEvent('keydown', {key: i % 2 ? 'ArrowLeft' : 'ArrowRight'}));
                while (!(stage.dataset.generation !== before && stage.dataset.kind === 'result')
                       && performance.now() - t < 3000) await new Promise(r => setTimeout(r, 4));
                out.push(performance.now() - t); await new Promise(r => setTimeout(r, 150)); }
            return out.sort((a, b) => a - b); }"""
    )
    assert times[len(times) // 2] < 300, times


def test_layers_fill_places_and_seed(marker):
    marker.execute(MARK)
    page = marker.page
    page.wait_for_selector(".nbviz-delta-plot")
    page.locator(".nbviz-picker summary").click()
    page.get_by_role("checkbox", name="conv1", exact=True).check()
    marker.expect_kernel("view.layers", "['conv1', 'pool3', 'relu4']")
    marker.expect_kernel("view.result.layers", "('conv1', 'pool3', 'relu4')")
    page.wait_for_function("() => document.querySelectorAll('td .nbviz-delta-cell').length === 3")
    page.get_by_role("button", name="usual ones").click()
    marker.expect_kernel("view.layers == []")
    page.get_by_role("combobox", name="Hide with").select_option("zero")
    marker.expect_kernel("view.fill == 'zero'")
    page.get_by_role("combobox", name="Random boxes").select_option("same place")
    marker.expect_kernel("view.result.places == 'same place'")
    page.wait_for_function(
        "() => document.querySelector('.nbviz-facts').textContent.includes('same place in all')"
    )
    page.get_by_role("spinbutton", name="Seed").fill("3")
    page.keyboard.press("Enter")
    marker.expect_kernel("view.seed == 3 and view.result.seed == 3")


def test_other_pictures(marker):
    marker.execute(MARK)
    page = marker.page
    page.wait_for_selector(".nbviz-delta-plot")
    page.get_by_role("button", name="The next picture instead, sample 6").click()
    marker.expect_kernel("view.rows == [7, 13, 18, 26, 53] and view.parts.count('loop') == 4")
    marker.expect_kernel("view.parts['loop'][1].tolist()", str([float(v) for v in LOOPS[1]]))
    page.wait_for_selector("figcaption:has-text('sample 7')")
    page.get_by_role("button", name="Take this picture away, sample 13").click()
    marker.expect_kernel("view.rows == [7, 18, 26, 53] and view.parts.count('stem') == 3")
    page.get_by_role("button", name="Show one more picture, sample 53").click()
    marker.expect_kernel("view.rows == [7, 18, 26, 53, 54]")
    page.wait_for_selector(".nbviz-chip[data-chosen]:has-text('3 of 5')")
    drag(marker, 4, (6.3, 6.3), (19.7, 17.7))
    marker.expect_kernel("view.parts['loop'][4].tolist() == [6, 6, 18, 20]")


def test_an_error_is_shown_and_the_table_stays(marker):
    marker.execute(MARK)
    marker.page.wait_for_selector(".nbviz-delta-plot")
    marker.execute(
        "import torch\nwith torch.no_grad(): net.module.fc1.weight.fill_(float('nan'))\nview.seed = 5"
    )
    alert = marker.page.get_by_role("alert")
    alert.wait_for()
    assert "NaN" in alert.inner_text()
    assert marker.page.locator(".nbviz-delta-plot").count() == 1


def test_work_is_stopped(marker):
    marker.execute(
        "view.layers = ['conv1', 'conv2', 'conv3', 'fc1']; view.n_random = 200; view.fill = 'blur'\n" + MARK
    )
    marker.page.get_by_role("button", name="Stop").click(timeout=20_000)
    marker.expect_kernel("view.status", "'cancelled'")
    marker.page.wait_for_function(
        "() => document.querySelector('.nbviz-state').textContent.includes('Stopped')"
    )
    if marker.page.locator(".nbviz-delta-plot").count():
        assert "of 200" in marker.page.locator(".nbviz-facts").inner_text()


def test_light_dark_and_narrow(marker, shoot):
    marker.execute(MARK + "; view.layers = ['relu1', 'relu2', 'relu3', 'relu4', 'fc2']")
    page, root = marker.page, marker.page.locator(ROOT)
    page.set_viewport_size({"width": 1150, "height": 1700})
    page.wait_for_function("() => document.querySelectorAll('td .nbviz-delta-cell').length === 5")
    marker.expect_kernel("view.status", "'done'")
    page.wait_for_timeout(500)
    light = marker.pixels(front(marker, 0))
    shoot(root, "correspondence_analysis_light")
    theme = "t => window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})"
    page.evaluate(theme, "JupyterLab Dark")
    page.wait_for_selector(f"{ROOT}[data-theme=dark]")
    page.wait_for_timeout(500)
    assert marker.ink(front(marker, 0)) > 1000
    shoot(root, "correspondence_analysis_dark")
    page.evaluate(theme, "JupyterLab Light")
    page.wait_for_selector(f"{ROOT}[data-theme=light]")
    page.wait_for_timeout(500)
    assert marker.pixels(front(marker, 0)) == light
    root.evaluate("e => { e.style.width = '400px'; }")
    page.wait_for_timeout(400)
    tiles = [page.locator(".nbviz-tile").nth(i).bounding_box() for i in range(3)]
    assert tiles[0]["y"] == tiles[1]["y"] < tiles[2]["y"]
    assert root.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    shoot(root, "correspondence_analysis_narrow")


def test_a_part_of_the_fills_colour_is_marked_in_place_of_a_perfect_zero(marker, shoot):
    """The corners of the digits are black, and so is the fill."""
    marker.execute(f"view.fill = 'zero'; view.parts = {{'corner': [(0, 0, 4, 4)] * 5, 'loop': {LOOPS}}}")
    corner = marker.page.locator(".nbviz-delta tbody tr", has_text="corner")
    corner.get_by_text("nothing changed").first.wait_for()
    marker.expect_kernel("view.status == 'done' and view.result.parts == ('corner', 'loop', 'random')")
    marker.expect_kernel(
        "bool(np.isnan(view.result.mean[0]).all() and np.isfinite(view.result.mean[1]).all())"
    )
    assert corner.locator("td").all_inner_texts() == ["nothing changed", "nothing changed"]
    parts = marker.page.locator(".nbviz-delta-plot td").first.locator(".nbviz-delta-part")
    assert [parts.nth(i).locator(".nbviz-delta-dot").count() for i in range(2)] == [1, 2]
    assert "hiding 'corner' changes nothing" in marker.page.locator(".nbviz-facts").inner_text()
    shoot(marker.page.locator(ROOT), "correspondence_analysis_nothing_changed")
    marker.page.get_by_role("combobox", name="Hide with").select_option("grey")
    marker.expect_kernel("view.fill == 'grey' and bool(np.isfinite(view.result.mean).all())")
    marker.page.wait_for_function(
        "() => !document.querySelector('.nbviz-delta').textContent.includes('nothing changed')"
    )
