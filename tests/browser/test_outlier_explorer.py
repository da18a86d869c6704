"""The outlier explorer as a person uses it."""

import json

import pytest

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('mnist-mlp')\ndigits = nbviz.zoo.load_mnist(600)\n"
    "net.module.load_state_dict(net.checkpoints[2]);",
    "view = nbviz.OutlierExplorer(net, digits, iterations=250, height=480)\nview",
]


@pytest.fixture
def explorer(notebook):
    page = notebook(OPEN, size=(1280, 1000))
    page.page.wait_for_selector(".nbviz-outliers[data-status=done] .nbviz-stage", timeout=120_000)
    page.page.wait_for_selector(".nbviz-stage[data-kind=result]")
    page.page.wait_for_timeout(300)
    return page


def points(page):
    return page.pixels(page.page.locator(".nbviz-scatter-points"))


def lines(page):
    return page.ink(page.page.locator(".nbviz-scatter-lines"))


def list_box(page):
    return page.page.get_by_role("listbox", name="Samples, worst first")


def rows_on_page(page):
    return [int(e.get_attribute("data-row")) for e in page.page.locator(".nbviz-list [data-row]").all()]


def expect_list(page, count=5):
    """The list on the page begins as the one in Python does."""
    page.page.wait_for_timeout(250)
    listed = json.loads(page.kernel("view.listed.tolist()"))
    assert rows_on_page(page)[:count] == listed[:count]
    option = page.page.locator(".nbviz-list [role=option]").first
    assert option.get_attribute("aria-setsize") == str(len(listed))
    return listed


def lasso(page, x0, y0, x1, y1):
    box = page.page.locator(".nbviz-scatter-front").bounding_box()
    at = lambda fx, fy: (box["x"] + fx * box["width"], box["y"] + fy * box["height"])  # noqa: E731
    mouse = page.page.mouse
    mouse.move(*at(x0, y0))
    mouse.down()
    for corner in ((x1, y0), (x1, y1), (x0, y1), (x0, y0)):
        mouse.move(*at(*corner), steps=6)
    mouse.up()


def test_the_list_is_sorted_filtered_and_walked(explorer):
    page = explorer.page
    everything = expect_list(explorer)
    assert len(everything) == 600
    assert len(rows_on_page(explorer)) < 40  # only what is in sight is on the page
    page.get_by_role("combobox", name="Sort by").select_option("hit")
    explorer.expect_kernel("view.sort_by == 'hit'")
    assert expect_list(explorer) != everything
    page.get_by_role("combobox", name="Show").select_option("errors")
    explorer.expect_kernel("view.show == 'errors'")
    errors = expect_list(explorer)
    assert errors
    assert len(errors) == int(explorer.kernel("len(view.errors)"))

    before = lines(explorer)
    list_box(explorer).focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    explorer.expect_kernel(f"view.sample == {errors[1]}")
    page.wait_for_selector(".nbviz-outliers-detail")
    page.wait_for_timeout(200)
    assert lines(explorer) > before + 50
    assert page.locator(".nbviz-outliers-detail button[title*='neighbours']").count() == 6
    page.keyboard.press("End")
    page.wait_for_timeout(200)
    assert errors[-1] in rows_on_page(explorer)
    page.keyboard.press("Escape")
    explorer.expect_kernel("view.sample is None")
    page.locator(".nbviz-list [role=option]").last.click()
    explorer.expect_kernel(f"view.sample == {errors[-1]}")


def test_cells_of_the_table_and_the_lasso_choose_what_is_listed(explorer):
    page = explorer.page
    before = points(explorer)
    cell = page.get_by_role("button", name="outliers that are wrong")
    assert cell.inner_text() == explorer.kernel("int(view.overlap.table[0, 0])")
    cell.click()
    explorer.expect_kernel("view.show == 'wrong outliers' and len(view.selection) > 0")
    explorer.expect_kernel("set(view.selection) == set(view.outliers) & set(view.errors)")
    page.wait_for_timeout(300)
    assert points(explorer) != before
    assert len(expect_list(explorer, 3)) == int(cell.inner_text())
    cell.click()
    explorer.expect_kernel("view.show == 'all' and len(view.selection) == 0")
    page.wait_for_timeout(300)
    assert points(explorer) == before

    page.get_by_role("button", name="Lasso").click()
    lasso(explorer, 0.02, 0.02, 0.55, 0.6)
    explorer.expect_kernel("1 < len(view.selection) < 600")
    chosen = expect_list(explorer)
    assert sorted(chosen) == json.loads(explorer.kernel("view.selection.tolist()"))
    page.get_by_role("button", name="Clear selection").click()
    explorer.expect_kernel("len(view.selection) == 0")
    explorer.execute("view.show = 'outliers'; view.sort_by = 'hit'; view.selection = view.outliers[:3]")
    page.wait_for_timeout(400)
    assert len(expect_list(explorer, 3)) == 3


def test_rings_crosses_and_thresholds(explorer):
    page = explorer.page
    rings = lines(explorer)
    assert rings > 0
    slider = page.get_by_role("slider", name="Outlier: at most")
    explorer.slide(slider, 4)
    explorer.expect_kernel("view.most_hit == 4 and view.status == 'done'")
    page.wait_for_timeout(300)
    assert lines(explorer) > rings
    explorer.slide(page.get_by_role("slider", name="k", exact=True), 3)
    explorer.expect_kernel("view.k == 3 and view.most_hit == 2 and view.status == 'done'")
    in_map = explorer.kernel("view.outliers.tolist()")
    page.get_by_role("combobox", name="Neighbours in").select_option("activations")
    explorer.expect_kernel("view.of == 'activations' and view.status == 'done'")
    assert explorer.kernel("view.outliers.tolist()") != in_map
    explorer.execute("view.most_hit = 9")
    page.wait_for_selector(".nbviz-problem")
    assert "from 0 to 2" in page.locator(".nbviz-problem").inner_text()
    assert rows_on_page(explorer)  # the last good picture stays


def test_pictures_of_neighbours_and_points_under_the_mouse(explorer):
    page = explorer.page
    page.locator(".nbviz-list .nbviz-outliers-chips").first.hover()
    page.wait_for_selector(".nbviz-card .nbviz-outliers-neighbours .nbviz-thumb")
    assert page.locator(".nbviz-card .nbviz-outliers-neighbour").count() == 6
    assert "neighbours are" in page.locator(".nbviz-card").inner_text()
    page.locator(".nbviz-scatter-front").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".nbviz-card")
    assert "label" in page.locator(".nbviz-card").inner_text()


def test_a_narrow_list_cuts_no_name_and_no_number(notebook, shoot):
    words = "'zero one two three four five six seven eight nine'.split()"
    page = notebook(
        [
            OPEN[0] + f"\nnamed = nbviz.Samples(digits.inputs, digits.labels, class_names={words})",
            f"net = nbviz.Network(net.module, transform=net.transform, class_names={words})\n"
            "view = nbviz.OutlierExplorer(net, named, iterations=250, height=480)\nview",
        ],
        size=(480, 1700),
    )
    page.page.wait_for_selector(".nbviz-outliers[data-status=done] .nbviz-stage", timeout=120_000)
    page.page.wait_for_selector(".nbviz-stage[data-kind=result]")
    page.page.wait_for_selector(".nbviz-outliers-side[data-narrow]")
    page.page.wait_for_timeout(500)
    shoot(page.page, "outliers-narrow-words")
    names = page.page.locator(".nbviz-list .nbviz-outliers-class")
    assert names.count() > 6
    assert names.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth).length") == 0
    first = int(page.kernel("int(view.listed[0])"))
    row = page.page.locator(f".nbviz-list [data-row='{first}']")
    option = page.page.locator(".nbviz-list [role=option]").first
    assert option.evaluate("e => e.scrollHeight <= e.clientHeight + 1 && e.scrollWidth <= e.clientWidth + 1")
    assert row.locator(".nbviz-outliers-disagreement").is_visible()
    head = page.page.locator(".nbviz-outliers-head")
    assert head.get_by_text("disagree").is_visible()
    over, under = (one.locator(".nbviz-outliers-disagreement").bounding_box() for one in (head, row))
    assert over["x"] == pytest.approx(under["x"], abs=2)  # the head names the column that is below it


def test_regions_themes_and_narrow_pages(explorer, shoot):
    page = explorer.page
    before = points(explorer)
    shoot(page, "outliers-light")
    page.get_by_role("checkbox", name="Regions").check()
    explorer.expect_kernel("view.regions and view.decision_regions is not None")
    page.wait_for_selector(".nbviz-stage[data-regions]")
    page.wait_for_timeout(300)
    assert points(explorer) != before
    assert "approximate" in page.locator(".nbviz-outliers-note").inner_text()
    page.locator(".nbviz-list [role=option]").nth(1).click()
    page.wait_for_selector(".nbviz-outliers-detail")
    page.wait_for_timeout(300)
    shoot(page, "outliers-regions-light")
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    page.wait_for_selector(".nbviz-outliers[data-theme=dark]")
    page.wait_for_timeout(500)
    shoot(page, "outliers-dark")
    page.get_by_role("checkbox", name="Regions").uncheck()
    explorer.expect_kernel("view.decision_regions is None")
    page.wait_for_selector(".nbviz-stage:not([data-regions])")
    assert page.locator(".nbviz-outliers-note").count() == 0
    page.set_viewport_size({"width": 480, "height": 1500})
    page.wait_for_timeout(500)
    shoot(page, "outliers-narrow")
    assert page.evaluate(
        "() => [document.querySelector('.nbviz-outliers')].every(r => r.scrollWidth <= r.clientWidth)"
    )
    assert explorer.widget_errors() == []
