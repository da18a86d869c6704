"""The comparison of two maps as a person uses it: JupyterLab in Chromium, mouse and keyboard."""

import re

import pytest

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(400)",
    "view = nbviz.MapComparison(net, digits, iterations=150, height=380)\nview",
]
DONE = ".nbviz-compare[data-status=done] .nbviz-stage[data-kind=result]"


@pytest.fixture
def compared(notebook):
    page = notebook(OPEN, size=(1200, 1000))
    page.page.wait_for_selector(DONE, timeout=120_000)
    page.page.wait_for_timeout(300)
    return page


def points(page, which):
    return page.pixels(page.page.locator(".nbviz-scatter-points").nth(which))


def front(page, which):
    return page.page.locator(".nbviz-scatter-front").nth(which)


def lines(page, which):
    """Painted pixels of the lines over a map; 0 before there are any."""
    found = page.page.locator(".nbviz-compare-map").nth(which).locator(".nbviz-scatter-lines")
    return page.ink(found) if found.count() else 0


def hover_a_point(page, which):
    """Move the mouse over a map until it is on a point; the sample's row number."""
    box = front(page, which).bounding_box()
    for i in range(900):
        fx, fy = (i % 30 + 0.5) / 30, (i // 30 + 0.5) / 30
        page.page.mouse.move(box["x"] + box["width"] * fx, box["y"] + box["height"] * fy)
        if page.page.locator(".nbviz-card").count():
            break
    page.page.wait_for_selector(".nbviz-card .nbviz-thumb")
    page.page.wait_for_timeout(100)
    return int(re.search(r"sample (\d+)", page.page.locator(".nbviz-card").inner_text())[1])


def lasso(page, which):
    box = front(page, which).bounding_box()
    x, y, w, h = box["x"], box["y"], box["width"], box["height"]
    mouse = page.page.mouse
    mouse.move(x + 0.05 * w, y + 0.05 * h)
    mouse.down()
    for fx, fy in ((0.55, 0.05), (0.55, 0.95), (0.05, 0.95), (0.05, 0.05)):
        mouse.move(x + fx * w, y + fy * h, steps=6)
    mouse.up()


def settle(page):
    page.page.wait_for_timeout(250)
    page.page.wait_for_selector(DONE, timeout=60_000)
    page.page.wait_for_timeout(250)


def test_hovering_one_map_shows_the_sample_and_its_neighbours_in_both(compared):
    assert lines(compared, 0) == lines(compared, 1) == 0
    before = compared.ink(front(compared, 1))
    row = hover_a_point(compared, 0)
    assert compared.ink(front(compared, 1)) > before, "the same sample is ringed in the other map"
    assert lines(compared, 0) > 200
    assert lines(compared, 1) > 200
    text = compared.page.locator(".nbviz-card").inner_text()
    kept = int(compared.kernel(f"len(view.neighbours_of({row})['kept'])"))
    assert f"kept {kept} of 10 neighbours" in text
    assert f"label: {compared.kernel(f'int(digits.labels[{row}])')}" in text
    assert re.search(r"prediction: \d → \d", text)
    compared.page.mouse.move(5, 5)
    compared.page.wait_for_timeout(150)
    assert lines(compared, 0) == lines(compared, 1) == 0


def test_a_lasso_in_either_map_selects_in_both(compared):
    compared.page.get_by_role("button", name="Lasso").click()
    for which in (0, 1):
        other = points(compared, 1 - which)
        lasso(compared, which)
        compared.expect_kernel("1 < len(view.selection) < 400")
        compared.page.wait_for_timeout(200)
        assert points(compared, 1 - which) != other
        strip = compared.page.get_by_role("region", name="Selected samples").inner_text()
        assert f"{compared.kernel('len(view.selection)')} selected" in strip
        compared.page.get_by_role("button", name="Clear selection").click()
        compared.expect_kernel("len(view.selection) == 0")


def test_the_strip_selects_those_that_changed_most_and_shows_their_neighbours(compared, shoot):
    strip = compared.page.get_by_role("region", name="Samples that changed neighbours most")
    first = int(compared.kernel("int(view.most_changed(1)[0])"))
    assert strip.locator("li button").first.get_attribute("title").startswith(f"sample {first},")
    strip.locator("li button").first.click()
    compared.expect_kernel(f"list(view.selection) == [{first}]")
    compared.page.wait_for_timeout(200)
    assert lines(compared, 0) > 200, "the neighbours of the one selected sample stay"
    for group in ("kept", "lost", "gained"):
        count = compared.kernel(f"len(view.neighbours_of({first})['{group}'])")
        region = compared.page.get_by_role("region", name=f"Neighbours {group}")
        assert f"{count} {group}" in region.inner_text()
        assert region.locator("li button").count() == int(count)
    shoot(compared.page, "compare-sample")
    compared.execute("view.selection = []")
    compared.page.wait_for_function("() => !document.querySelector('.nbviz-compare-groups')")
    compared.page.mouse.move(5, 5)  # away from the strip, which shows lines too
    compared.page.wait_for_timeout(200)
    assert lines(compared, 0) == 0


def test_colours_and_where_neighbours_are_looked_for(compared):
    label = points(compared, 0), points(compared, 1)
    colour = compared.page.get_by_role("combobox", name="Colour")
    colour.select_option("preservation")
    compared.expect_kernel("view.colour_by == 'preservation'")
    compared.page.wait_for_timeout(200)
    shares = points(compared, 0)
    assert shares != label[0]
    bar = compared.page.locator(".nbviz-colourbar")
    assert "share of neighbours kept" in bar.inner_text()
    assert "chance: 0.025" in bar.inner_text()
    assert bar.locator("i").count() == 1
    compared.page.get_by_role("combobox", name="Neighbours in").select_option("maps")
    compared.expect_kernel("view.of == 'maps' and view.status == 'done'")
    settle(compared)
    assert points(compared, 0) != shares
    assert "kept in the maps (chance 2.5 %)" in compared.page.locator(".nbviz-facts").inner_text()
    colour.select_option("label")
    compared.page.wait_for_timeout(200)
    assert (points(compared, 0), points(compared, 1)) == label, (
        "where neighbours are looked for moves no point"
    )
    compared.expect_kernel("view.accuracy[0] < 0.5 and view.accuracy[1] == 1")
    colour.select_option("prediction")
    compared.expect_kernel("view.colour_by == 'prediction'")
    compared.page.wait_for_timeout(200)
    assert points(compared, 0) != label[0], "the untrained network answers otherwise"
    assert points(compared, 1) == label[1], "the trained one answers what the labels say"


def test_another_right_side_leaves_the_left_map_alone(compared):
    left, right = points(compared, 0), points(compared, 1)
    compared.page.get_by_role("combobox", name="Right layer").last.select_option("conv1")
    compared.expect_kernel("view.right_layer == 'conv1' and view.status == 'done'", timeout=60)
    settle(compared)
    assert points(compared, 0) == left
    assert points(compared, 1) != right
    assert "conv1" in compared.page.locator(".nbviz-compare-panel h4").nth(1).inner_text()
    compared.page.get_by_role("combobox", name="Right epoch").last.select_option("epoch 2")
    compared.expect_kernel("view.right_checkpoint == 2 and view.status == 'done'", timeout=60)
    settle(compared)
    assert "epoch 2" in compared.page.locator(".nbviz-compare-panel h4").nth(1).inner_text()
    compared.page.get_by_role("combobox", name="Right epoch").last.select_option("now")
    compared.expect_kernel("view.right_checkpoint is None and view.status == 'done'", timeout=60)
    compared.execute("view.checkpoint = None; view.layer = 'input'")
    settle(compared)
    compared.expect_kernel("view.status == 'done'", timeout=60)
    assert "Left: input" in compared.page.locator(".nbviz-compare-panel h4").first.inner_text()


def test_a_long_class_name_widens_neither_the_legend_nor_a_card(notebook, shoot):
    page = notebook(
        [
            OPEN[0] + "\nnames = [*'012345678', 'a very long class name for nine']",
            "nine = nbviz.Samples(digits.inputs, digits.labels, class_names=names)\n"
            "view = nbviz.MapComparison(net, nine, iterations=150, height=380, selection=[int("
            "(digits.labels == 9).argmax())])\nview",
        ],
        size=(1200, 1000),
    )
    page.page.wait_for_selector(DONE, timeout=120_000)
    page.page.wait_for_selector(".nbviz-compare-groups li")
    page.page.wait_for_timeout(300)
    shoot(page.page, "compare-long-names")
    side = page.page.locator(".nbviz-side")
    assert side.evaluate("e => e.scrollWidth <= e.clientWidth")
    right = side.bounding_box()["x"] + side.bounding_box()["width"]
    chips = page.page.locator(".nbviz-side .nbviz-legend-entry")
    assert chips.count() == 10
    for chip in chips.all():
        assert chip.bounding_box()["x"] + chip.bounding_box()["width"] <= right + 0.5
    last = chips.last
    assert last.get_attribute("title") == "a very long class name for nine"
    name = last.locator(".nbviz-legend-name")
    assert (
        name.evaluate("e => e.scrollWidth > e.clientWidth && getComputedStyle(e).textOverflow") == "ellipsis"
    )
    number, box = last.locator(".nbviz-legend-count").bounding_box(), last.bounding_box()
    assert number["x"] + number["width"] <= box["x"] + box["width"]
    cards = page.page.locator(".nbviz-strip button")
    widths = [card.bounding_box()["width"] for card in cards.all()]
    assert "a very long" in page.page.locator(".nbviz-strip").first.inner_text()
    assert max(widths) < 1.4 * min(widths)
    assert "a very long class name for nine" in cards.first.get_attribute("title")


def test_keyboard_errors_and_themes(compared, shoot):
    shoot(compared.page, "compare-light")
    front(compared, 1).focus()
    compared.page.keyboard.press("Enter")
    compared.page.wait_for_selector(".nbviz-card")
    assert lines(compared, 0) > 200
    compared.page.keyboard.press("Enter")
    compared.expect_kernel("len(view.selection) == 1")
    compared.page.keyboard.press("Escape")
    compared.page.keyboard.press("Escape")
    compared.expect_kernel("len(view.selection) == 0")
    before = points(compared, 0)
    compared.execute("view.k = 500")
    compared.page.wait_for_selector(".nbviz-problem")
    assert "from 1 to 399" in compared.page.locator(".nbviz-problem").inner_text()
    assert points(compared, 0) == before, "the last good picture stays"
    compared.execute("view.k = 10; view.colour_by = 'preservation'")
    compared.page.wait_for_function("() => !document.querySelector('.nbviz-problem')")
    settle(compared)
    compared.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    compared.page.wait_for_selector(".nbviz-compare[data-theme=dark]")
    hover_a_point(compared, 1)
    shoot(compared.page, "compare-dark")
    compared.page.set_viewport_size({"width": 480, "height": 1500})
    compared.page.wait_for_timeout(500)
    shoot(compared.page, "compare-narrow")
    boxes = [front(compared, i).bounding_box() for i in (0, 1)]
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"], "stacked when narrow"
    assert compared.widget_errors() == []
