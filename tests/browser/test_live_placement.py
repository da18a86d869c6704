"""The live placement as a person uses it."""

import base64
import io

import pytest
from PIL import Image, ImageDraw

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(300)",
    "view = nbviz.LivePlacement(net, digits, iterations=120)\nview",
]
READY = ".nbviz-placement[data-status=done] .nbviz-stage:not([data-map='0'])[data-map]"
SEVEN = [(0.3, 0.25), (0.68, 0.25), (0.45, 0.78)]


@pytest.fixture
def placement(notebook):
    page = notebook(OPEN, size=(1240, 950))
    page.page.wait_for_selector(READY, timeout=120_000)
    page.page.wait_for_timeout(300)
    return page


def draw(page, *points):
    box, mouse = page.page.locator(".nbviz-board-front").bounding_box(), page.page.mouse
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    mouse.move(*places[0])
    mouse.down()
    for place in places[1:]:
        mouse.move(*place, steps=10)
    mouse.up()


def sheet(page):
    return page.pixels(page.page.locator(".nbviz-board-picture"))


def over(page):
    """Marker, trail and lines."""
    return page.pixels(page.page.locator(".nbviz-scatter-lines"))


def landed(page):
    page.page.wait_for_selector(".nbviz-stage[data-landed=true]")


def test_a_seven_drawn_with_the_mouse_lands_among_sevens(placement):
    blank = sheet(placement)
    assert placement.page.get_by_role("button", name="Keep").is_disabled()
    draw(placement, *SEVEN)
    placement.expect_kernel("view.status == 'done' and view.position is not None")
    placement.expect_kernel("view.drawing.shape == (28, 28) and view.drawing.max() == 255")
    placement.expect_kernel("view.drawing[7, 10] > 150 and view.drawing[25, 25] == 0")
    placement.expect_kernel("0 < ((view.drawing > 0) & (view.drawing < 255)).sum()")  # soft edges
    placement.expect_kernel("int(view.probabilities.argmax())", "7")
    placement.expect_kernel("(digits.labels[view.neighbours] == 7).mean() > 0.6")
    landed(placement)
    assert sheet(placement) != blank
    assert placement.ink(placement.page.locator(".nbviz-scatter-lines")) > 300
    bars = placement.page.locator(".nbviz-bars tr[data-emphasised]").inner_text()
    assert bars.startswith("7")
    assert placement.page.locator(".nbviz-placement-near li").count() == 6
    assert "moved" in placement.page.locator(".nbviz-placement-seen").inner_text()
    assert "farther from its nearest" in placement.page.locator(".nbviz-placement-distance").inner_text()


@pytest.mark.timing
@pytest.mark.parametrize("name", ["mnist-cnn", "mnist-mlp"])
def test_a_stroke_is_answered_within_150_milliseconds(notebook, name):
    """From the pointer's event to the picture that answers it, with 2,000 samples."""
    page = notebook(
        [
            f"import nbviz\nnet = nbviz.zoo.load('{name}')\ndigits = nbviz.zoo.load_mnist(2000)",
            "view = nbviz.LivePlacement(net, digits, iterations=60)\nview",
        ],
        size=(1240, 950),
    )
    page.page.wait_for_selector(READY, timeout=120_000)
    times = page.page.evaluate(
        """async () => { const stage = document.querySelector('.nbviz-stage');
            const front = document.querySelector('.nbviz-board-front');
            const box = front.getBoundingClientRect(); front.setPointerCapture = () => {};
            const fire = (type, x, y) => front.dispatchEvent(new PointerEvent(type, {button: 0, pointerId: 1,
                clientX: box.left + x, clientY: box.top + y, bubbles: true}));
            const out = [];
            for (let i = 0; i < 15; i++) {
                const before = stage.dataset.generation; const t = performance.now();
                const [x, y] = [70 + 6 * i, 60 + 8 * i];
                fire('pointerdown', x, y); fire('pointerup', x, y);
                while (stage.dataset.generation === before && performance.now() - t < 3000)
                    await new Promise(r => setTimeout(r, 2));
                out.push(performance.now() - t); await new Promise(r => setTimeout(r, 200)); }
            return out.slice(1).sort((a, b) => a - b); }"""
    )
    assert times[len(times) // 2] < 150, times


def test_undo_redo_eraser_clear_invert_and_width(placement):
    page = placement.page
    draw(placement, (0.3, 0.5), (0.7, 0.5))
    placement.expect_kernel("18 < (view.drawing > 128).sum() < 45")
    page.get_by_role("button", name="Eraser").click()
    draw(placement, (0.5, 0.3), (0.5, 0.7))
    placement.expect_kernel("view.drawing[14, 14] == 0 and view.drawing[14, 9] > 200")
    page.get_by_role("button", name="Undo").click()
    placement.expect_kernel("view.drawing[14, 14] > 200")
    page.get_by_role("button", name="Redo").click()
    placement.expect_kernel("view.drawing[14, 14] == 0")
    page.get_by_role("button", name="Brush").click()
    placement.slide(page.get_by_role("slider", name="Width"), 6)
    placement.expect_kernel("view.brush", "6.0")
    draw(placement, (0.5, 0.2), (0.5, 0.2))
    placement.expect_kernel("view.drawing[6, 15] == 255")
    page.get_by_role("button", name="Invert").click()
    placement.expect_kernel("view.drawing[27, 27] == 255 and view.drawing[6, 14] == 0")
    page.get_by_role("button", name="Clear", exact=True).click()
    placement.expect_kernel("view.drawing.max() == 0 and view.position is None")
    page.wait_for_selector(".nbviz-stage[data-landed=false]")
    page.locator(".nbviz-board-front").focus()
    page.keyboard.press("Control+z")
    placement.expect_kernel("view.drawing[27, 27] == 255")


def test_keyboard_alone(placement):
    placement.page.locator(".nbviz-board-front").focus()
    for key in ["ArrowUp", "ArrowUp", "Space", *["Shift+ArrowDown"] * 8]:
        placement.page.keyboard.press(key)
    placement.expect_kernel("(view.drawing[12:20, 13:15] > 100).all() and view.position is not None")
    placement.page.keyboard.press("e")
    assert placement.page.get_by_role("button", name="Eraser").get_attribute("aria-pressed") == "true"


def test_a_point_of_the_map_brings_its_picture(placement):
    front = placement.page.locator(".nbviz-scatter-front")
    front.focus()
    placement.page.keyboard.press("Enter")  # picks the point nearest to the middle
    placement.page.wait_for_selector(".nbviz-card")
    placement.page.keyboard.press("Enter")
    placement.expect_kernel("view.sample >= 0 and (view.drawing == digits.inputs[view.sample]).all()")
    placement.expect_kernel("view.neighbours[0] == view.sample")
    landed(placement)
    placement.page.locator(".nbviz-placement-near button").nth(2).click()
    placement.expect_kernel("view.neighbours[0] == view.sample and view.status == 'done'")
    draw(placement, (0.1, 0.1), (0.3, 0.1))
    placement.expect_kernel("view.sample", "-1")


def test_a_double_click_on_a_point_shows_all_and_leaves_the_drawing(placement):
    draw(placement, *SEVEN)
    placement.expect_kernel("view.status == 'done' and view.drawing[21, 12] > 200")  # all of the stroke
    landed(placement)
    drawn = sheet(placement)
    placement.execute("drawn = view.drawing; brought = []; view.observe(brought.append, 'sample')")
    placement.expect_kernel("brought", "[]")
    mouse, box = placement.page.mouse, placement.page.locator(".nbviz-scatter-front").bounding_box()
    for i in range(900):
        x, y = (i % 30 + 0.5) / 30, (i // 30 + 0.5) / 30
        x, y = box["x"] + x * box["width"], box["y"] + y * box["height"]
        mouse.move(x, y)
        if placement.page.locator(".nbviz-card").count():
            break
    mouse.dblclick(x, y)
    placement.expect_kernel("[change.new >= 0 for change in brought]", "[True, False]")
    placement.expect_kernel("view.drawing == drawn and view.sample == -1 and view.status == 'done'")
    placement.page.wait_for_timeout(400)
    assert sheet(placement) == drawn


def test_what_is_set_in_python_is_drawn(placement):
    blank = sheet(placement)
    placement.execute("view.drawing = nbviz.zoo.load_mnist(1, start=2000).inputs[0]")
    landed(placement)
    assert sheet(placement) != blank
    first = over(placement)
    placement.execute("view.k = 12")
    placement.page.wait_for_function(
        "() => document.querySelectorAll('.nbviz-placement-near li').length === 12"
    )
    assert over(placement) != first


def test_keep_and_remove(placement, shoot):
    draw(placement, *SEVEN)
    landed(placement)
    placement.page.get_by_role("button", name="Keep").click()
    placement.expect_kernel("view.kept.shape", "(1, 28, 28)")
    placement.page.get_by_role("button", name="Clear", exact=True).click()
    draw(placement, (0.5, 0.2), (0.5, 0.8))
    placement.expect_kernel("view.status == 'done' and int(view.probabilities.argmax()) == 1")
    placement.page.get_by_role("button", name="Keep").click()
    placement.expect_kernel("view.kept.shape", "(2, 28, 28)")
    placement.page.get_by_role("button", name="Clear", exact=True).click()
    placement.expect_kernel("view.position is None and len(view.kept_positions) == 2")
    placement.page.wait_for_selector(".nbviz-stage[data-landed=false]")
    placement.page.wait_for_timeout(200)
    both = placement.ink(placement.page.locator(".nbviz-scatter-lines"))
    assert both > 1000  # two pictures of 28 pixels
    shoot(placement.page.locator(".nbviz-root"), "placement-kept")
    placement.page.get_by_role("button", name="Remove kept drawing 1").click()
    placement.expect_kernel("view.kept.shape", "(1, 28, 28)")
    placement.page.wait_for_function(
        "() => document.querySelectorAll('.nbviz-placement [aria-label^=Remove]').length === 1"
    )
    placement.page.wait_for_timeout(200)
    assert placement.ink(placement.page.locator(".nbviz-scatter-lines")) < both


def test_a_picture_from_a_file_dropped_and_pasted(placement, tmp_path):
    image = Image.new("RGB", (300, 200), (230, 228, 220))
    ImageDraw.Draw(image).line([(150, 30), (150, 170)], fill=(30, 30, 60), width=16)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    file = tmp_path / "one.png"
    file.write_bytes(stream.getvalue())
    placement.page.get_by_label("Picture to upload").set_input_files(file)
    placement.expect_kernel("view.drawing.max() == 255 and int(view.probabilities.argmax()) == 1")
    placement.expect_kernel("view.drawing[:, :10].max() == 0")  # grey paper became black
    for event in ("drop", "paste"):
        placement.page.get_by_role("button", name="Clear", exact=True).click()
        placement.expect_kernel("view.position is None")
        placement.page.evaluate(
            """([name, text]) => { const data = new DataTransfer();
                const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
                data.items.add(new File([bytes], 'one.png', {type: 'image/png'}));
                const options = {bubbles: true, cancelable: true};
                const event = name === 'drop' ? new DragEvent('drop', {...options, dataTransfer: data})
                    : new ClipboardEvent('paste', {...options, clipboardData: data});
                document.querySelector('.nbviz-board-front').dispatchEvent(event); }""",
            [event, base64.b64encode(stream.getvalue()).decode()],
        )
        placement.expect_kernel("view.drawing.max() == 255 and int(view.probabilities.argmax()) == 1")
    (tmp_path / "no.png").write_bytes(b"no picture")
    placement.page.get_by_label("Picture to upload").set_input_files(tmp_path / "no.png")
    placement.page.wait_for_function(
        "() => document.querySelector('.nbviz-facts').textContent.includes('no.png cannot be read')"
    )


def test_what_is_like_nothing_is_warned_about(placement, shoot):
    placement.execute("import numpy as np; view.layer = 'pool2'")
    placement.expect_kernel("view.status == 'done' and view.latest().chart.layer == 'pool2'", timeout=60)
    placement.execute("view.drawing = np.random.default_rng(0).integers(0, 256, (28, 28))")
    placement.page.wait_for_selector(".nbviz-placement-distance[data-far]")
    words = placement.page.locator(".nbviz-placement-distance").inner_text()
    assert words.startswith("Do not trust its place.")
    shoot(placement.page.locator(".nbviz-root"), "placement-far")


def test_an_error_is_shown_and_the_map_stays(placement):
    placement.execute("view.k = 500")
    alert = placement.page.get_by_role("alert")
    draw(placement, *SEVEN)
    alert.wait_for()
    assert "k=500" in alert.inner_text()
    assert placement.ink(placement.page.locator(".nbviz-scatter-points")) > 0


def test_a_text_is_typed(notebook, shoot):
    page = notebook(
        [
            "import nbviz\nnet = nbviz.zoo.load('date-attention')\ndates = nbviz.zoo.load_dates(300)",
            "view = nbviz.LivePlacement(net, dates, layer='bridge', iterations=150)\nview",
        ],
        size=(1240, 950),
    )
    page.page.wait_for_selector(READY, timeout=120_000)
    box = page.page.get_by_role("textbox", name="Text to place in the map")
    box.click()
    page.page.keyboard.type("Monday, 3 August 2009")
    page.expect_kernel("view.text == 'Monday, 3 August 2009' and view.status == 'done'")
    landed(page)
    assert page.page.locator(".nbviz-placement-near li").count() == 6
    page.page.get_by_role("button", name="Keep").click()
    page.expect_kernel("view.kept.tolist() == ['Monday, 3 August 2009']")
    box.fill("2009-08-03")
    page.expect_kernel("view.text == '2009-08-03' and view.status == 'done'")
    page.page.wait_for_timeout(300)
    shoot(page.page.locator(".nbviz-root"), "placement-text")
    page.page.get_by_role("button", name="Clear", exact=True).click()
    page.expect_kernel("view.text == '' and view.position is None")


COLOURED = """
import nbviz, numpy as np, torch
from torch import nn
from nbviz.core.transforms import PixelTransform
torch.manual_seed(0)
digits = nbviz.zoo.load_mnist(300)
colour = np.stack([digits.inputs, digits.inputs // 2, 0 * digits.inputs], -1)
model = nn.Sequential(nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
net = nbviz.Network(model, transform=PixelTransform())
"""


def test_colour_a_low_view_and_a_place_outside_the_map(notebook, shoot):
    page = notebook(
        [COLOURED, "view = nbviz.LivePlacement(net, colour, digits.labels, iterations=60, height=250)\nview"],
        size=(1240, 950),
    )
    page.page.wait_for_selector(READY, timeout=120_000)
    page.page.locator(".nbviz-placement input[type=color]").fill("#d55e00")
    page.expect_kernel("view.ink", "'#d55e00'")
    draw(page, *SEVEN)
    page.expect_kernel("view.drawing[7, 12].tolist()", "[213, 94, 0]")
    landed(page)
    footer, seen = (
        page.page.locator(name).bounding_box() for name in (".nbviz-footer", ".nbviz-placement-seen")
    )
    assert seen["y"] + seen["height"] <= footer["y"]
    shoot(page.page.locator(".nbviz-root"), "placement-colour")
    page.execute("view.layer, view.method, view.drawing = 'input', 'pca', np.full((28, 28, 3), 255)")
    page.expect_kernel("view.status == 'done' and view.position[0] > view.embedding[:, 0].max() + 2")
    page.page.wait_for_timeout(300)
    assert page.ink(page.page.locator(".nbviz-scatter-lines")) > 100  # an arrow at the edge
    shoot(page.page.locator(".nbviz-root"), "placement-outside")


SMALL = """
import nbviz, numpy as np, torch
from sklearn.datasets import load_digits
from torch import nn
torch.manual_seed(0)
digits = load_digits()
X, y = digits.images[:300].astype(np.float32)[:, None], digits.target[:300]
net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
"""


def test_pictures_of_eight_pixels_with_their_own_range(notebook, shoot):
    page = notebook([SMALL, "view = nbviz.LivePlacement(net, X, y, iterations=60)\nview"], size=(1240, 950))
    page.page.wait_for_selector(READY, timeout=120_000)
    assert page.page.get_by_role("slider", name="Width").input_value() == "1"
    for x, column in ((0.5, 4), (3.5 / 8, 3)):  # between two columns, and in the middle of one
        draw(page, (x, 1.5 / 8), (x, 6.5 / 8))
        page.expect_kernel(f"set(np.flatnonzero(view.drawing.any(0))) == {{{column}}}")
        page.expect_kernel(f"(view.drawing[1:7, {column}] == 255).all() and view.status == 'done'")
        landed(page)
        page.page.wait_for_timeout(300)
        shoot(page.page.locator(".nbviz-root"), f"placement-small-{column}")
        page.page.get_by_role("button", name="Clear", exact=True).click()
        page.expect_kernel("view.position is None")
    blank = sheet(page)
    page.execute("view.drawing = X[17]")  # (1, 8, 8), 0 to 16
    page.expect_kernel("view.status == 'done' and view.neighbours[0] == 17 and view.drawing.max() == 255")
    landed(page)
    assert sheet(page) != blank


def test_the_map_may_have_fewer_samples_than_the_usual_perplexity_needs(placement, shoot):
    box = placement.page.get_by_role("spinbutton", name="Samples")
    for n, perplexity in ((60, 19), (5, 1), (300, 30)):
        box.fill(str(n))
        box.press("Enter")
        placement.expect_kernel(
            f"(view.n_samples, view.perplexity, view.status) == ({n}, {perplexity}, 'done')"
        )
        placement.expect_kernel(f"len(view.rows) == {n} and view.k == {min(6, n - 1)}")
        placement.page.wait_for_function(
            f"() => document.querySelector('.nbviz-facts').textContent.includes('{n} samples')"
        )
        assert not placement.page.get_by_role("alert").is_visible()
        facts = placement.page.locator(".nbviz-facts").inner_text()
        assert (f"perplexity {perplexity} instead of 30" in facts) == (n != 300)
        if n == 60:
            shoot(placement.page.locator(".nbviz-root"), "placement-few")


def test_light_dark_and_narrow(placement, shoot):
    draw(placement, *SEVEN)
    landed(placement)
    placement.page.wait_for_timeout(500)
    root = placement.page.locator(".nbviz-root")
    shoot(root, "placement-light")
    placement.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    placement.page.wait_for_selector(".nbviz-placement[data-theme=dark]")
    placement.page.wait_for_timeout(500)
    shoot(root, "placement-dark")
    placement.page.set_viewport_size({"width": 1240, "height": 1700})
    for width in (800, 480):
        placement.execute(f"view.layout.width = '{width}px'")
        placement.page.wait_for_timeout(600)
        out = placement.page.evaluate(
            """() => { const root = document.querySelector('.nbviz-root');
                const edge = root.getBoundingClientRect().right + 1;
                const seen = e => e.getClientRects().length
                  && !e.closest('.nbviz-hidden') && e.getBoundingClientRect().right > edge;
                return [...root.querySelectorAll('*')].filter(seen).map(e => e.className || e.tagName); }"""
        )
        assert out == []
        shoot(root, f"placement-{width}")
