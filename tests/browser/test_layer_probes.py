"""The table of layers and labels as a person uses it."""

import io
import json

import numpy as np
import pytest
from PIL import Image

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('speech-mlp')\nspeech = nbviz.zoo.load_speech(2000)",
    "view = nbviz.LayerProbes(net, speech, columns=['phone', 'kind', 'speaker'], folds=3, n_samples=600,"
    " layers=['input', 'sigmoid1', 'sigmoid2', 'sigmoid3', 'sigmoid4', 'fc5'])\nview",
]
ROOT = ".nbviz-root"
GRID = ".nbviz-probe-grid table"
CHART = ".nbviz-curves-chart"


@pytest.fixture
def probes(notebook):
    page = notebook(OPEN, size=(1240, 1000))
    wait_for_result(page)
    return page


def wait_for_result(page):
    page.page.wait_for_selector(f"{ROOT}[data-status=done] .nbviz-stage[data-kind=result]", timeout=90_000)
    page.page.wait_for_selector(f"{GRID} td")
    page.page.wait_for_timeout(100)


def cell(page, i, j):
    return page.page.locator(f'[data-cell="{i},{j}"]')


def painted(locator):
    """The colour near the left edge of a cell as it stands on the screen, beside its number."""
    picture = np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"))
    return tuple(int(v) for v in picture[picture.shape[0] // 2, 5])


def brightness(colour):
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def numbers(page):
    """What stands in the cells, row by row."""
    texts = page.page.locator(f"{GRID} tbody td").all_inner_texts()
    return [float(text.replace("−", "-")) for text in texts]


def test_numbers_and_colours_are_those_of_python(probes):
    shown = numbers(probes)
    expected = json.loads(probes.kernel("(100 * view.table.hits).ravel().tolist()"))
    np.testing.assert_allclose(shown, expected, atol=0.051)
    low, middle, high = (painted(cell(probes, *place)) for place in ((5, 2), (0, 0), (5, 1)))
    assert brightness(low) < brightness(middle) < brightness(high)  # viridis
    assert low[2] > low[1]  # its dark end is blue
    assert high[0] > 200
    assert high[1] > 200  # its bright end yellow
    foot = probes.page.locator(f"{GRID} tfoot td").all_inner_texts()
    chance = json.loads(probes.kernel("(100 * view.table.hit_chance).tolist()"))
    np.testing.assert_allclose([float(text) for text in foot], chance, atol=0.051)
    probes.page.get_by_role("combobox", name="Colours").select_option("each column")
    probes.expect_kernel("view.colour_scale == 'each column'")
    probes.page.get_by_text("lowest of the column").wait_for()
    assert brightness(painted(cell(probes, 0, 2))) > 150  # the highest of its column now
    assert painted(cell(probes, 5, 2)) == low or brightness(painted(cell(probes, 5, 2))) < 60


def test_a_click_on_a_cell_chooses_column_and_layer(probes):
    page = probes.page
    line = page.locator(f"{CHART} .nbviz-curves-line").first
    before = line.get_attribute("d")
    assert page.locator(".nbviz-curves-marker").count() == 0
    cell(probes, 4, 2).click()
    probes.expect_kernel("view.column == 'speaker' and view.layer == 'sigmoid4' and view.status == 'done'")
    probes.expect_kernel("bool((view.table.accuracy[:, 2] > 0).all())")
    wait_for_result(probes)
    page.mouse.move(5, 5)
    assert line.get_attribute("d") != before
    assert "speaker" in page.locator(f"{CHART} .nbviz-curves-title").first.text_content()
    assert page.locator(".nbviz-curves-marker").count() == 1
    assert cell(probes, 4, 2).get_attribute("aria-selected") == "true"
    assert page.locator(f"{GRID} thead th[data-chosen]").inner_text().startswith("speaker")
    cell(probes, -1, 1).click()
    probes.expect_kernel("view.column == 'kind' and view.layer == 'sigmoid4'")
    probes.execute("view.column = 'phone'; view.layer = 'input'")
    page.wait_for_selector(f'{GRID} td[data-chosen][data-cell="0,0"]')


def test_under_the_pointer_stand_the_exact_numbers(probes):
    page = probes.page
    cell(probes, 0, 0).hover()
    details = page.get_by_label("The cell in numbers")
    details.get_by_text("input · phone").wait_for()
    text = details.inner_text()
    folds = json.loads(probes.kernel("(100 * view.table.scores[0, 0]).tolist()"))
    assert "folds " + ", ".join(f"{fold:.1f}" for fold in folds) in text
    assert f"{float(probes.kernel('float(100 * view.table.accuracy[0, 0])')):.1f} %" in text
    assert "40 classes, 3 folds" in text
    assert "largest class alone" in text
    words = cell(probes, 3, 1).get_attribute("aria-label")
    assert words.startswith("sigmoid3, kind: neighbourhood hit (k = 6)")
    assert "not measured" in words  # only the chosen column is probed so far
    chart = page.locator(CHART).bounding_box()
    page.mouse.move(chart["x"] + chart["width"] - 20, chart["y"] + 100)
    details.get_by_text("fc5 · phone").wait_for()
    probes.expect_kernel("view.layer == ''")  # pointing is not choosing
    page.mouse.click(chart["x"] + chart["width"] - 20, chart["y"] + 100)
    probes.expect_kernel("view.layer == 'fc5'")


def test_the_keyboard_alone(probes):
    page = probes.page
    grid = page.get_by_role("grid", name="neighbourhood hit by layer and column")
    assert grid.evaluate("e => e.tagName") == "TABLE"
    assert grid.locator("[tabindex='0']").count() == 1  # one stop for the Tab key
    grid.locator("[tabindex='0']").focus()
    for key, place in [
        ("ArrowDown", "0,0"),
        ("ArrowRight", "0,1"),
        ("End", "0,2"),
        ("PageDown", "5,2"),
        ("ArrowDown", "5,2"),
        ("ArrowUp", "4,2"),
        ("Home", "4,0"),
        ("PageUp", "-1,0"),
        ("ArrowRight", "-1,1"),
    ]:
        page.keyboard.press(key)
        page.wait_for_function("place => document.activeElement.dataset.cell === place", arg=place)
    page.keyboard.press("Enter")
    probes.expect_kernel("view.column == 'kind' and view.layer == ''")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.get_by_label("The cell in numbers").get_by_text("sigmoid1 · kind").wait_for()
    page.keyboard.press("Space")
    probes.expect_kernel("view.layer == 'sigmoid1'")
    chart = page.get_by_role("slider", name="kind over the layers")
    chart.focus()
    page.keyboard.press("ArrowRight")
    probes.expect_kernel("view.layer == 'sigmoid2'")
    page.wait_for_selector(f"{CHART}[aria-valuetext*=sigmoid2]")


def test_measures_and_controls(probes, shoot):
    page = probes.page
    cell(probes, 5, 1).focus()
    page.get_by_role("combobox", name="Table of").select_option("selectivity")
    probes.expect_kernel("view.measure == 'selectivity' and view.status == 'done'", timeout=60)
    wait_for_result(probes)
    expected = json.loads(probes.kernel("(100 * view.table.selectivity).ravel().tolist()"))
    np.testing.assert_allclose(numbers(probes), expected, atol=0.051)
    assert painted(cell(probes, 5, 0)) != painted(cell(probes, 5, 2))
    before = numbers(probes)
    page.get_by_role("combobox", name="Shuffle").select_option("phone")
    probes.expect_kernel("view.shuffle_by == 'phone' and view.status == 'done'", timeout=60)
    wait_for_result(probes)
    late = 5 * 3 + 1
    assert numbers(probes)[late] < before[late] - 15  # any labels of the phones can be read
    assert "labels shuffled over whole values of phone" in page.locator(".nbviz-facts").inner_text()
    shoot(page.locator(ROOT), "layer_probes_selectivity")
    page.get_by_role("combobox", name="Table of").select_option("probe accuracy")
    page.get_by_role("combobox", name="Keep together").select_option("speaker")
    probes.expect_kernel(
        "view.table.groups == 'speaker' and view.table.grouped.tolist() == [True, True, False]", timeout=60
    )
    lines = page.locator(f"{CHART} .nbviz-curves-line")
    assert lines.count() == 5
    page.get_by_role("checkbox", name="Untrained network").uncheck()
    probes.expect_kernel("view.untrained is False and view.status == 'done'")
    page.wait_for_function("() => document.querySelectorAll('.nbviz-curves-line').length === 3")


def test_layers_and_columns_are_picked(probes):
    page = probes.page
    pickers = page.locator(".nbviz-picker summary")
    pickers.nth(0).click()
    page.get_by_role("checkbox", name="fc5").uncheck()
    probes.expect_kernel("view.table.layers[-1] == 'sigmoid4'")
    page.wait_for_function(f"() => document.querySelectorAll('{GRID} tbody tr').length === 5")
    page.get_by_role("button", name="usual ones").click()
    probes.expect_kernel("view.layers == [] and len(view.table.layers) == 10", timeout=60)
    pickers.nth(1).click()
    page.get_by_role("checkbox", name="speaker was").check()
    probes.expect_kernel("view.columns == ['phone', 'kind', 'speaker', 'speaker was']")
    page.get_by_role("checkbox", name="phone", exact=True).uncheck()
    probes.expect_kernel("view.column == 'kind' and view.table.columns[0] == 'kind'", timeout=60)
    probes.page.wait_for_function(
        f"() => document.querySelector('{GRID} thead th[data-chosen] span').textContent === 'kind'"
    )


def test_a_new_table_fills_over_the_old_one_and_stop_keeps_it(probes):
    page = probes.page
    before = numbers(probes)
    probes.execute("view.n_samples = 2000; view.folds = 10; view.measure = 'selectivity'")
    page.wait_for_selector(".nbviz-stage[data-kind=preview]")
    assert page.locator(f"{GRID} tbody td").count() == len(before)
    page.locator(".nbviz-stop").click(timeout=30_000)
    probes.expect_kernel("view.status == 'cancelled'")
    page.wait_for_timeout(200)
    probes.expect_kernel("(view._latest.hits > 0).any()")
    assert page.locator(f"{GRID} tbody td").count() == len(before)
    probes.execute("view.measure = 'neighbourhood hit'; view.folds = 3; view.n_samples = 600")
    probes.expect_kernel("view.status == 'done'")
    wait_for_result(probes)
    np.testing.assert_allclose(numbers(probes), before)


def test_an_error_is_shown_and_the_table_stays(probes):
    before = numbers(probes)
    probes.execute("view.n_samples = 4")
    alert = probes.page.get_by_role("alert")
    alert.wait_for()
    assert "no column can be probed" in alert.inner_text()
    assert numbers(probes) == before


def test_light_dark_and_narrow(probes, shoot):
    page = probes.page
    root = page.locator(ROOT)
    shoot(root, "layer_probes_light")
    page.locator('[data-cell="4,2"]').click()
    probes.expect_kernel("view.column == 'speaker' and view.layer == 'sigmoid4' and view.status == 'done'")
    page.wait_for_timeout(300)
    shoot(root, "layer_probes_speaker")
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    page.wait_for_selector(f"{ROOT}[data-theme=dark]")
    page.wait_for_timeout(500)
    shoot(root, "layer_probes_dark")
    page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
    )
    page.wait_for_selector(f"{ROOT}[data-theme=light]")
    page.set_viewport_size({"width": 1240, "height": 1900})
    root.evaluate("e => { e.style.width = '460px'; }")
    page.wait_for_timeout(500)
    shoot(root, "layer_probes_narrow")
    wide = page.evaluate(
        f"() => [...document.querySelectorAll('{ROOT} *')].filter(e => e.getBoundingClientRect().right >"
        f" document.querySelector('{ROOT}').getBoundingClientRect().right + 1).map(e => e.className)"
    )
    assert wide == []


def test_a_number_out_of_range_goes_back_and_the_field_says_so(probes):
    folds = probes.page.get_by_role("spinbutton", name="Folds")
    control = folds.locator("..")
    for wrong in ("400", "1", "0", ""):
        folds.fill(wrong)
        folds.press("Enter")
        control.get_by_text("2 to 20").wait_for()
        assert folds.input_value() == "3"
    assert probes.kernel("(view.folds, view.status)") == "(3, 'done')"
    folds.fill("4")
    folds.press("Enter")
    probes.expect_kernel("view.folds == 4")
    assert control.get_by_text("2 to 20").count() == 0


def test_numbers_and_many_layers(notebook, shoot):
    page = notebook(
        [
            "import nbviz\nnet = nbviz.zoo.load('mnist-cnn')\ndigits = nbviz.zoo.load_mnist(300)",
            "ink = digits.inputs.mean((1, 2)) / 255\n"
            "view = nbviz.LayerProbes(net, digits, columns={'digit': digits.labels, 'ink': ink},"
            " reduce='max', folds=3, column='ink', measure='probe accuracy')\nview",
        ],
        size=(900, 1000),
    )
    wait_for_result(page)
    page.expect_kernel("view.table.is_numeric.tolist() == [False, True]")
    assert "numbers, R²" in page.page.locator(f"{GRID} thead").inner_text()
    scores = json.loads(page.kernel("view.table.accuracy.tolist()"))
    for i, (digit, ink) in enumerate(scores):
        assert cell(page, i, 0).inner_text() == f"{100 * digit:.1f}".replace("-", "−")
        assert cell(page, i, 1).inner_text() == f"{ink:.2f}".replace("-", "−")
    assert "R² (1 is best)" in page.page.locator(f"{CHART} .nbviz-curves-title").first.text_content()
    assert "columns of numbers: R² (1 = 100 %)" in page.page.locator(".nbviz-probe-scale").inner_text()
    names = page.page.locator(f"{CHART} text[transform]")
    assert names.count() == len(scores)  # one slanted name for each layer
    assert names.last.text_content() == "fc2"
    shoot(page.page.locator(ROOT), "layer_probes_numbers")
