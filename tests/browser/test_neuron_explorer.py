"""The neuron explorer as a person uses it."""

import re

import pytest

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('mnist-mlp')\ndigits = nbviz.zoo.load_mnist(150)",
    "view = nbviz.NeuronExplorer(net, digits, iterations=60, height=400)\nview",
]


@pytest.fixture
def neurons(notebook):
    page = notebook(OPEN, size=(1150, 900))
    page.page.wait_for_selector(".nbviz-neurons[data-status=done] .nbviz-stage[data-units]", timeout=120_000)
    page.page.wait_for_timeout(300)
    return page


def points(page, which):
    return page.pixels(page.page.locator(".nbviz-scatter-points").nth(which))


def lasso(page, which):
    box = page.page.locator(".nbviz-scatter-front").nth(which).bounding_box()
    x, y, w, h = box["x"], box["y"], box["width"], box["height"]
    mouse = page.page.mouse
    mouse.move(x + 0.05 * w, y + 0.05 * h)
    mouse.down()
    for fx, fy in ((0.5, 0.05), (0.5, 0.95), (0.05, 0.95), (0.05, 0.05)):
        mouse.move(x + fx * w, y + fy * h, steps=6)
    mouse.up()


def test_samples_colour_units_and_units_colour_samples(neurons):
    neurons.page.get_by_role("button", name="Lasso").click()
    units = points(neurons, 1)
    lasso(neurons, 0)
    neurons.expect_kernel("0 < len(view.selection) < 150 and view.status == 'done'")
    neurons.page.wait_for_timeout(400)
    assert points(neurons, 1) != units
    assert "selected samples (standard deviations)" in neurons.page.locator(".nbviz-stage").inner_text()
    samples = points(neurons, 0)
    lasso(neurons, 1)
    neurons.expect_kernel("len(view.units) > 0 and view.status == 'done'")
    neurons.page.wait_for_timeout(400)
    assert points(neurons, 0) != samples
    neurons.page.get_by_role("button", name="Clear units").click()
    neurons.expect_kernel("len(view.units) == 0")
    neurons.page.get_by_role("button", name="Clear samples").click()
    neurons.expect_kernel("len(view.selection) == 0")


def test_a_class_of_the_legend_is_selected(neurons, shoot):
    units = points(neurons, 1)
    key = neurons.page.locator(".nbviz-neurons-key").first
    key.get_by_title("4", exact=True).click()
    neurons.expect_kernel("set(digits.labels[view.selection]) == {4} and view.status == 'done'")
    neurons.page.wait_for_timeout(400)
    assert points(neurons, 1) != units
    strip = neurons.page.locator(".nbviz-below .nbviz-strip")
    strip.wait_for()
    shoot(neurons.page, "neurons-class")
    strip.get_by_role("button").first.click()
    neurons.expect_kernel("len(view.selection) == 1")


def front(page, which):
    return page.page.locator(".nbviz-scatter-front").nth(which)


def card(page):
    page.page.wait_for_selector(".nbviz-card")
    return page.page.locator(".nbviz-card").inner_text()


def test_another_layer_has_other_units(neurons):
    neurons.page.get_by_role("button", name="Lasso").click()
    lasso(neurons, 1)
    neurons.expect_kernel("len(view.units) > 0 and view.status == 'done'")
    neurons.expect_kernel("view.layer", "'relu4'")
    before = points(neurons, 0), points(neurons, 1)
    neurons.page.get_by_role("combobox", name="Layer").select_option("fc5")
    neurons.expect_kernel("view.layer == 'fc5' and view.status == 'done'", timeout=60)
    neurons.expect_kernel("len(view.units)", "0")
    neurons.page.wait_for_selector(".nbviz-stage[data-units='10']")
    neurons.page.wait_for_timeout(400)
    assert points(neurons, 0) != before[0]
    assert points(neurons, 1) != before[1]
    front(neurons, 1).focus()
    neurons.page.keyboard.press("Enter")
    assert re.search(r"unit \d of fc5", card(neurons))


def test_keys_pick_a_unit_step_to_another_and_switch_the_tool(neurons):
    keyboard = neurons.page.keyboard
    front(neurons, 1).focus()
    keyboard.press("Enter")
    first = int(re.search(r"unit (\d+) of relu4", card(neurons))[1])
    stepped = set()
    for arrow in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"):
        keyboard.press(arrow)
        stepped.add(int(re.search(r"unit (\d+) of relu4", card(neurons))[1]))
    assert len(stepped | {first}) > 2
    at = int(re.search(r"unit (\d+) of relu4", card(neurons))[1])
    keyboard.press("Space")
    neurons.expect_kernel("view.units.tolist()", f"[{at}]")
    keyboard.press("Escape")
    neurons.page.wait_for_function("() => !document.querySelector('.nbviz-card')")
    keyboard.press("Escape")
    neurons.expect_kernel("len(view.units)", "0")
    neurons.expect_kernel("view.status", "'done'")
    button = neurons.page.get_by_role("button", name="Lasso")
    for which, tool, pressed in ((1, "lasso", "true"), (0, "pan", "false"), (0, "lasso", "true")):
        front(neurons, which).focus()
        keyboard.press("l")
        neurons.page.wait_for_selector(f"button[aria-pressed={pressed}]:text-is('Lasso')")
        maps = neurons.page.locator(".nbviz-scatter")
        assert [maps.nth(i).get_attribute("data-tool") for i in (0, 1)] == [tool, tool]
    assert button.get_attribute("aria-pressed") == "true"
    lasso(neurons, 1)
    neurons.expect_kernel("len(view.units) > 1 and view.status == 'done'")


def test_a_double_click_keeps_selected_samples_that_are_not_shown(neurons):
    neurons.execute("view.n_samples = 50; view.selection = [1, 2, 3]")
    neurons.expect_kernel("len(view.embedding) == 50 and view.status == 'done'")
    neurons.expect_kernel("0 < len({1, 2, 3} & set(view.latest().rows)) < 3")
    neurons.page.wait_for_timeout(400)
    box = front(neurons, 0).bounding_box()
    neurons.page.mouse.dblclick(box["x"] + 5, box["y"] + 5)
    neurons.expect_kernel("view.status == 'done'")
    neurons.page.wait_for_timeout(500)
    neurons.expect_kernel("view.selection.tolist()", "[1, 2, 3]")


def test_colours_by_class_and_themes(neurons, shoot):
    before = points(neurons, 1)
    neurons.page.get_by_role("combobox", name="Colour units by").select_option("class")
    neurons.expect_kernel("view.discriminative is not None", timeout=60)
    neurons.page.wait_for_timeout(400)
    assert points(neurons, 1) != before
    shoot(neurons.page, "neurons-light")
    neurons.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    neurons.page.wait_for_selector(".nbviz-neurons[data-theme=dark]")
    neurons.page.wait_for_timeout(400)
    shoot(neurons.page, "neurons-dark")
    neurons.page.set_viewport_size({"width": 480, "height": 1300})
    neurons.page.wait_for_timeout(400)
    shoot(neurons.page, "neurons-narrow")
    for which in (0, 1):
        plot = neurons.page.locator(".nbviz-scatter").nth(which).bounding_box()
        key = neurons.page.locator(".nbviz-neurons-key").nth(which).bounding_box()
        assert plot["height"] >= 250
        assert plot["y"] + plot["height"] <= key["y"]
    assert neurons.widget_errors() == []
