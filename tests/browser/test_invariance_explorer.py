"""The invariance explorer as a person uses it."""

import json

import pytest

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(50)",
    "view = nbviz.InvarianceExplorer(net, digits)\nview",
]
ROOT = ".nbviz-root"
CHART = ".nbviz-curves-chart"
BIG = ".nbviz-invariance-picture canvas"


@pytest.fixture
def explorer(notebook):
    page = notebook(OPEN, size=(1240, 900))
    wait_for_result(page)
    return page


def wait_for_result(page):
    page.page.wait_for_selector(f"{ROOT}[data-status=done] .nbviz-stage[data-kind=result]", timeout=60_000)
    page.page.wait_for_selector(f"{CHART} .nbviz-curves-line")


def chart(page, number=0):
    return page.page.locator(CHART).nth(number)


def wait_for_value(page, value):
    page.page.wait_for_selector(f".nbviz-stage[data-value='{value}']")
    page.page.wait_for_timeout(60)


def test_the_pointer_moves_every_marker_and_changes_the_picture(explorer):
    assert chart(explorer).get_attribute("role") == "slider"
    before = explorer.pixels(explorer.page.locator(BIG))
    box = chart(explorer).bounding_box()
    explorer.page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    wait_for_value(explorer, -8)
    explorer.expect_kernel("view.value == -8.0")
    first = explorer.pixels(explorer.page.locator(BIG))
    assert first != before
    explorer.expect_kernel("(view.picture == view.curves.pictures[0]).all()")
    second = chart(explorer, 1).bounding_box()
    explorer.page.mouse.move(second["x"] + second["width"] - 2, second["y"] + 100)
    wait_for_value(explorer, 8)
    explorer.expect_kernel("view.value == 8.0")
    assert explorer.pixels(explorer.page.locator(BIG)) not in (before, first)
    for number in (0, 1):
        assert chart(explorer, number).get_attribute("aria-valuenow") == "8"
        ends = chart(explorer, number).locator(".nbviz-curves-marker, .nbviz-curves-axis")
        marker = chart(explorer, number).locator(".nbviz-curves-marker").get_attribute("x1")
        assert marker == ends.first.get_attribute("x2")  # at the right end of the axis


def test_the_picture_shown_is_that_of_python(explorer):
    chart(explorer).focus()
    explorer.page.keyboard.press("Home")
    wait_for_value(explorer, -8)
    explorer.expect_kernel("view.value == -8.0")
    shown = explorer.page.locator(BIG).evaluate(
        "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " const out = []; for (let i = 0; i < d.length; i += 4) out.push(d[i]); return out; }"
    )
    assert json.loads(explorer.kernel("view.picture.ravel().tolist()")) == shown


def test_the_keyboard_alone(explorer):
    chart(explorer).focus()
    for key, value in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 8), ("PageDown", 3)]:
        explorer.page.keyboard.press(key)
        wait_for_value(explorer, value)
    explorer.expect_kernel("view.value == 3.0")
    explorer.page.get_by_role("slider", name="Marked value").focus()
    explorer.page.keyboard.press("ArrowLeft")
    wait_for_value(explorer, 2)
    explorer.expect_kernel("view.value == 2.0")
    assert "shift (pixels" in chart(explorer).get_attribute("aria-valuetext")


def test_a_picture_of_the_strip_and_a_value_from_python(explorer):
    tiles = explorer.page.locator(".nbviz-invariance-strip li")
    assert 5 <= tiles.count() <= 17
    tiles.first.locator("button").click()
    explorer.expect_kernel("view.value < -5")
    explorer.execute("view.value = 3.2")
    wait_for_value(explorer, 3)
    assert tiles.locator("canvas").count() == tiles.count()
    assert explorer.page.locator(".nbviz-invariance-strip li[aria-current]").count() == 1


def test_another_transform_has_other_units_and_begins_as_given(explorer):
    page = explorer.page
    chart(explorer).focus()
    page.keyboard.press("End")
    explorer.expect_kernel("view.value == 8.0")
    page.get_by_role("button", name="Rotation").click()
    explorer.expect_kernel("view.transform == 'rotate' and view.status == 'done' and view.value == 0.0")
    wait_for_value(explorer, 0)
    assert "degrees" in page.locator(".nbviz-curves-title").all_text_contents()[1]
    page.get_by_role("button", name="Scale").click()
    explorer.expect_kernel("view.curves.unit == 'factor' and view.value == 1.0")
    explorer.slide(page.get_by_role("slider", name="To", exact=True), 3)
    explorer.expect_kernel("view.largest == 3.0 and view.curves.values.max() == 3.0")
    page.get_by_role("button", name="Translation").click()
    page.get_by_role("combobox", name="Direction").select_option("horizontal")
    explorer.expect_kernel("view.curves.axis == 'horizontal'")


def test_layers_class_and_measure(explorer):
    page = explorer.page
    page.get_by_role("combobox", name="Add a layer").select_option("pool2")
    explorer.expect_kernel("view.curves.layers == ('conv1', 'pool2', 'relu4')")
    page.wait_for_function(
        "() => document.querySelector('.nbviz-curves').querySelectorAll('.nbviz-curves-line').length === 3"
    )
    page.get_by_role("button", name="conv1").click()
    explorer.expect_kernel("view.curves.layers == ('pool2', 'relu4')")
    relative = chart(explorer).locator(".nbviz-curves-line").first.get_attribute("d")
    page.get_by_role("combobox", name="Distance").select_option("absolute")
    page.wait_for_function(
        "() => document.querySelector('.nbviz-curves-title').textContent.includes('units')"
    )
    assert chart(explorer).locator(".nbviz-curves-line").first.get_attribute("d") != relative
    explorer.expect_kernel("view.measure == 'absolute'")
    page.get_by_role("combobox", name="Class").select_option("5")
    explorer.expect_kernel("view.target == 5 and view.curves.target == 5")


def test_leafing_keeps_the_mark_and_stop_keeps_the_picture(explorer):
    chart(explorer).focus()
    explorer.page.keyboard.press("ArrowRight")
    wait_for_value(explorer, 1)
    explorer.slide(explorer.page.get_by_role("slider", name="Picture", exact=True), 5)
    explorer.expect_kernel("view.sample == 5 and view.status == 'done' and view.value == 1.0")
    explorer.page.wait_for_function(
        "() => document.querySelector('.nbviz-facts').textContent.includes('sample 5')"
    )
    explorer.execute("view.points = 400; view.transform = 'rotate'")
    explorer.page.wait_for_timeout(100)
    explorer.execute("view.stop()")
    explorer.expect_kernel("view.status in ('cancelled', 'done')")
    assert explorer.ink(explorer.page.locator(BIG)) > 0
    assert explorer.page.locator(".nbviz-curves-line").count() == 4


def test_an_error_is_shown_and_the_curves_stay(explorer):
    explorer.execute("view.furthest = 28")
    alert = explorer.page.get_by_role("alert")
    alert.wait_for()
    assert "out of sight" in alert.inner_text()
    assert explorer.page.locator(f"{CHART} .nbviz-curves-line").count() == 4


def test_a_large_picture_comes_in_full(notebook):
    page = notebook(
        [
            "import nbviz, numpy as np, torch\nfrom torch import nn\n"
            "from nbviz.core.transforms import PixelTransform\n"
            "model = nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1),"
            " nn.Flatten(), nn.Linear(4, 3))\n"
            "photo = np.random.default_rng(0).integers(0, 256, (240, 200, 3)).astype('uint8')\n"
            "net = nbviz.Network(model, transform=PixelTransform((0.5,) * 3, (0.25,) * 3))\n"
            "view = nbviz.InvarianceExplorer(net, photo)\nview"
        ]
    )
    wait_for_result(page)
    page.page.wait_for_function(f"() => document.querySelector('{BIG}').width === 200")
    chart(page).focus()
    page.page.keyboard.press("End")
    page.page.wait_for_selector(".nbviz-stage[data-value='64']")
    page.page.wait_for_function(f"() => document.querySelector('{BIG}').width === 200")
    first = (
        "c => Array.from(c.getContext('2d').getImageData(0, 0, 200, 240).data"
        ".slice(4 * 200 * 100, 4 * 200 * 100 + 3))"
    )
    page.page.wait_for_timeout(200)
    assert page.page.locator(BIG).evaluate(first) == json.loads(page.kernel("view.picture[100, 0].tolist()"))
    assert page.page.locator(".nbviz-invariance-strip canvas").first.evaluate("c => c.width") < 100


def colour(page, selector, name):
    return page.page.locator(selector).first.evaluate(f"e => getComputedStyle(e)['{name}']")


def test_light_dark_and_narrow(explorer, shoot):
    page = explorer.page
    page.get_by_role("button", name="Rotation").click()
    explorer.expect_kernel("view.curves.transform == 'rotate'")
    explorer.execute("view.sample = 21; view.value = 180")
    explorer.expect_kernel("view.sample == 21 and view.status == 'done'")
    wait_for_value(explorer, 180)
    page.wait_for_timeout(300)
    root = page.locator(ROOT)
    shoot(root, "invariance_explorer_light")
    light = colour(explorer, ".nbviz-curves-title", "fill"), colour(explorer, ".nbviz-curves-line", "stroke")
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    page.wait_for_selector(f"{ROOT}[data-theme=dark]")
    page.wait_for_timeout(500)
    shoot(root, "invariance_explorer_dark")
    dark = colour(explorer, ".nbviz-curves-title", "fill")
    assert dark != light[0]
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
    )
    page.wait_for_selector(f"{ROOT}[data-theme=light]")
    page.set_viewport_size({"width": 1240, "height": 1700})
    root.evaluate("e => { e.style.width = '400px'; }")
    page.wait_for_timeout(500)
    shoot(root, "invariance_explorer_narrow")
    wide = page.evaluate(
        f"() => [...document.querySelectorAll('{ROOT} *')].filter(e => e.getBoundingClientRect().right >"
        f" document.querySelector('{ROOT}').getBoundingClientRect().right + 1).map(e => e.className)"
    )
    assert wide == []


def test_the_notebook_runs_and_what_it_says_is_true(notebook, shoot):
    page = notebook("08_invariance.ipynb", ui="lab", size=(1300, 1000))
    page.page.wait_for_function(
        "() => { const r = [...document.querySelectorAll('.nbviz-invariance')];"
        " return r.length >= 4 && r.every(x => ['done', 'running'].includes(x.dataset.status)); }",
        timeout=120_000,
    )
    shoot(page.page, "08_invariance")
    for claim in [
        "0.9 < shift.curves.relative_distance[0, one] < 1 and shift.curves.relative_distance[1, one] < 0.2",
        "six.curves.target == 6 and six.curves.top_class[list(six.curves.values).index(180)] == 9",
        "(zero.curves.top_class == 0).all()",
        "all(last < 0.5 * first for first, last in medians.values())",
        "digits.labels[42] == 8",
    ]:
        assert page.kernel(f"bool({claim})") == "True", claim
    page.execute(
        "zero.sample = 42\nturned = list(zero.curves.values)\n"
        "half, quarter = turned.index(180.0), turned.index(90.0)\n"
        "d = zero.curves.relative_distance"
    )
    page.expect_kernel("d[1, half] < 0.5 * d[1, quarter] and d[0, half] > 0.7 * d[0, quarter]")
