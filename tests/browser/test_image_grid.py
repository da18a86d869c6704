"""The wall of pictures as a person uses it: JupyterLab in Chromium, mouse, wheel and keyboard."""

import io
import re

import numpy as np
import pytest
from PIL import Image

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(300)",
    "view = nbviz.ImageGrid(net, digits, iterations=150, height=420)\nview",
]
DONE = ".nbviz-grid[data-status=done] .nbviz-stage[data-kind=result]"


def opened(notebook, cells=OPEN, count=300):
    page = notebook(cells, size=(1150, 900))
    page.page.wait_for_selector(f"{DONE}[data-pictures^='{count} ']", timeout=120_000)
    page.page.wait_for_timeout(300)
    return page


@pytest.fixture
def wall(notebook):
    return opened(notebook)


def drawn(page):
    return page.pixels(page.page.locator(".nbviz-scatter-points"))


def front(page):
    return page.page.locator(".nbviz-scatter-front")


def cell(page, row, column):
    """Where the middle of a cell is on the page, with all of the wall shown (15 rows and 21 columns)."""
    box = front(page).bounding_box()
    height, width = eval(page.kernel("view.grid.shape"))
    side = min((box["width"] - 28) / width, (box["height"] - 28) / height)
    x = box["x"] + box["width"] / 2 + (column + 0.5 - width / 2) * side
    return x, box["y"] + box["height"] / 2 - (row + 0.5 - height / 2) * side


def sample_at(page, row, column):
    return int(page.kernel(f"int(view.rows[(view.cells == [{row}, {column}]).all(axis=1)][0])"))


def test_pictures_hang_where_python_says(wall):
    """The pixels of a cell are those of its picture: brighter where the digit's own pixels are."""
    seen = wall.page.evaluate(
        """([cells]) => { const c = document.querySelector('.nbviz-scatter-points');
            const box = c.getBoundingClientRect(), k = c.width / box.width;
            return cells.map(([x, y]) => { const d = c.getContext('2d').getImageData(
                Math.round((x - box.left) * k) - 5, Math.round((y - box.top) * k) - 5, 11, 11).data;
              let s = 0; for (let i = 0; i < d.length; i += 4) s += d[i]; return s / 121; }); }""",
        [[cell(wall, row, column) for row in range(3, 12) for column in range(3, 18)]],
    )
    expected = eval(
        wall.kernel(
            "[float(digits.inputs[view.rows[(view.cells == [r, c]).all(axis=1)][0]][7:21, 7:21].mean())"
            " for r in range(3, 12) for c in range(3, 18)]"
        )
    )
    mean = [sum(values) / len(values) for values in (seen, expected)]
    both = sum((a - mean[0]) * (b - mean[1]) for a, b in zip(seen, expected, strict=True))
    spread = [
        sum((v - m) ** 2 for v in values) ** 0.5 for values, m in zip((seen, expected), mean, strict=True)
    ]
    assert both / (spread[0] * spread[1]) > 0.9


def test_hover_and_click(wall):
    x, y = cell(wall, 5, 6)
    wall.page.mouse.move(x, y)
    wall.page.wait_for_selector(".nbviz-card .nbviz-thumb")
    text = wall.page.locator(".nbviz-card").inner_text()
    row = sample_at(wall, 5, 6)
    assert f"sample {row}" in text
    assert f"label: {wall.kernel(f'int(digits.labels[{row}])')}" in text
    assert re.search(r"prediction: \d \(\d+ %\)", text)
    before = drawn(wall)
    wall.page.mouse.click(x, y)
    wall.expect_kernel(f"list(view.selection) == [{row}]")
    wall.page.wait_for_timeout(150)
    assert drawn(wall) != before
    assert "1 selected" in wall.page.get_by_role("region", name="Selected samples").inner_text()
    wall.page.keyboard.down("Shift")
    wall.page.mouse.click(*cell(wall, 6, 6))
    wall.page.keyboard.up("Shift")
    wall.expect_kernel(f"set(view.selection) == {{{row}, {sample_at(wall, 6, 6)}}}")


def test_a_selected_picture_shows_the_frame_of_its_class(wall):
    """The pixels of the screen in the middle of a frame's upper side, before and after it is selected."""

    def frame():
        x, y = cell(wall, 5, 6)
        box = front(wall).bounding_box()
        height, width = eval(wall.kernel("view.grid.shape"))
        side = min((box["width"] - 28) / width, (box["height"] - 28) / height)
        clip = {"x": x - 3, "y": y - side / 2, "width": 6, "height": 2}
        picture = Image.open(io.BytesIO(wall.page.screenshot(clip=clip))).convert("RGB")
        return np.asarray(picture, float).reshape(-1, 3).mean(0)

    before = frame()
    wall.execute(f"view.selection = [{sample_at(wall, 5, 6)}]")
    wall.page.wait_for_timeout(400)
    assert np.abs(frame() - before).max() < 40
    wall.execute(f"view.selection = [{sample_at(wall, 2, 2)}]")
    wall.page.wait_for_timeout(400)
    assert np.abs(frame() - before).max() > 40  # the others are dimmed


def test_shift_and_drag_select_a_rectangle(wall):
    wall.page.mouse.move(*cell(wall, 4, 5))
    wall.page.keyboard.down("Shift")
    wall.page.mouse.down()
    wall.page.mouse.move(*cell(wall, 6, 8), steps=8)
    wall.page.mouse.up()
    wall.page.keyboard.up("Shift")
    inside = "((view.cells >= [4, 5]) & (view.cells <= [6, 8])).all(axis=1)"
    wall.expect_kernel(f"set(view.selection) == set(view.rows[{inside}]) and len(view.selection) == 12")
    wall.page.get_by_role("button", name="Select", exact=True).click()
    wall.page.mouse.move(*cell(wall, 2, 2))
    wall.page.mouse.down()
    wall.page.mouse.move(*cell(wall, 2, 4), steps=8)
    wall.page.mouse.up()
    wall.expect_kernel("len(view.selection) == 3")
    wall.page.locator(".nbviz-legend-entry").nth(7).click()
    wall.expect_kernel("set(digits.labels[view.selection]) == {7}")


def test_wheel_drag_buttons_and_keys_move_the_view_and_python_knows(wall):
    x, y = cell(wall, 7, 10)
    wall.page.mouse.move(x, y)
    wall.page.mouse.wheel(0, -400)
    wall.page.wait_for_timeout(300)
    assert wall.kernel("view.zoom") == "1.0", "without the focus the wheel scrolls the page"
    front(wall).focus()
    before = drawn(wall)
    wall.page.mouse.wheel(0, -400)
    wall.expect_kernel("view.zoom > 1.2")
    wall.page.wait_for_timeout(200)
    near = drawn(wall)
    assert near != before
    centre = wall.kernel("view.centre")
    wall.page.mouse.down()
    wall.page.mouse.move(x + 120, y + 60, steps=6)
    wall.page.mouse.up()
    wall.expect_kernel(f"view.centre[0] < {centre}[0] and view.centre[1] > {centre}[1]")
    assert wall.kernel("len(view.selection)") == "0", "the end of a drag is no click"
    wall.page.get_by_role("button", name="Zoom in").click()
    wall.expect_kernel("view.zoom > 2")
    front(wall).focus()
    wall.page.keyboard.press("0")
    wall.expect_kernel("view.zoom == 1 and max(abs(c - 0.5) for c in view.centre) < 1e-6")
    wall.page.keyboard.press("Enter")
    wall.page.wait_for_selector(".nbviz-card")
    wall.page.keyboard.press("ArrowRight")
    wall.page.keyboard.press("Enter")
    wall.expect_kernel("len(view.selection) == 1")
    place = wall.kernel("view.cells[view.rows == view.selection[0]][0].tolist()")
    assert place == "[7, 11]"
    row = sample_at(wall, 2, 3)
    wall.execute(f"view.selection = []; view.look_at({row}, zoom=6)")
    wall.page.wait_for_timeout(500)
    box = front(wall).bounding_box()
    wall.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wall.page.wait_for_selector(".nbviz-card")
    assert f"sample {row}\n" in wall.page.locator(".nbviz-card").inner_text() + "\n"


def test_layers_frames_and_columns(wall):
    before = drawn(wall)
    wall.page.get_by_role("combobox", name="Frames").select_option("correct")
    wall.expect_kernel("view.colour_by == 'correct'")
    wall.page.wait_for_timeout(200)
    correct = drawn(wall)
    assert correct != before
    assert "wrong" in wall.page.locator(".nbviz-legend").inner_text()
    wall.page.get_by_role("combobox", name="Layer").first.select_option("input")
    wall.page.wait_for_selector(f"{DONE}[data-layer=input]", timeout=60_000)
    wall.page.wait_for_timeout(200)
    assert drawn(wall) != correct
    assert re.search(r"assigned in \d\.\d\d s", wall.page.locator(".nbviz-facts").inner_text())
    wall.execute("view.columns = 15")
    wall.expect_kernel("view.grid.shape == (20, 15)")
    wall.page.wait_for_function(
        "() => document.querySelector('.nbviz-facts').innerText.includes('20 × 15 cells')"
    )
    wall.execute("view.columns = 2")
    wall.page.wait_for_selector(".nbviz-problem")
    assert "from 6 to 54" in wall.page.locator(".nbviz-problem").inner_text()


def test_thousands_of_large_pictures_come_larger_when_looked_at(notebook, shoot):
    """Real digits enlarged to 64 pixels: the sheet of all is smaller, and near ones are asked for."""
    cells = [
        "import nbviz, numpy as np\nnet = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(2000)\n"
        "large = np.kron(digits.inputs, np.ones((1, 3, 3), np.uint8))\n"
        "H = digits.inputs.reshape(2000, -1)[:, ::7].astype('float32')",
        "view = nbviz.ImageGrid.from_activations(H, digits.labels, X=large, iterations=60, height=420)\nview",
    ]
    page = opened(notebook, cells, count=2000)
    assert page.kernel("view.specimen['pictures']") == "84"
    assert int(page.kernel("view.thumbnails['width']")) < 48
    stage = page.page.locator(".nbviz-stage")
    assert stage.get_attribute("data-pictures") == "2000 0"
    shoot(page.page, "grid-2000")
    coarse = page.kernel("view.zoom")
    page.execute(f"view.look_at({sample_at(page, 18, 27)}, zoom=9)")
    page.page.wait_for_function(
        "() => Number(document.querySelector('.nbviz-stage').dataset.pictures.split(' ')[1]) > 10",
        timeout=20_000,
    )
    page.page.wait_for_timeout(500)
    shoot(page.page, "grid-near")
    assert coarse == "1.0"
    frames = page.page.evaluate(
        """async () => { const f = document.querySelector('.nbviz-scatter-front'); f.focus();
            const box = f.getBoundingClientRect(); const times = [];
            for (let i = 0; i < 30; i++) { const t = performance.now();
              f.dispatchEvent(new WheelEvent('wheel', {deltaY: i < 15 ? 60 : -60, clientX: box.left + 300,
                clientY: box.top + 200, bubbles: true, cancelable: true}));
              await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
              times.push(performance.now() - t); }
            return times.sort((a, b) => a - b)[15]; }"""
    )
    print(f"two frames of zooming 2,000 pictures: {frames:.0f} ms")
    assert frames < 300


def test_themes_and_narrow(wall, shoot):
    shoot(wall.page, "grid-light")
    wall.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    wall.page.wait_for_selector(".nbviz-grid[data-theme=dark]")
    wall.page.wait_for_timeout(800)  # while Lab changes its theme it takes the clicks
    wall.page.mouse.click(*cell(wall, 5, 6))
    wall.expect_kernel("len(view.selection) == 1")
    wall.page.wait_for_timeout(200)
    shoot(wall.page, "grid-dark")
    wall.page.mouse.move(2, 2)
    wall.page.set_viewport_size({"width": 480, "height": 1300})
    wall.page.wait_for_timeout(500)
    shoot(wall.page, "grid-narrow")
    assert wall.widget_errors() == []
