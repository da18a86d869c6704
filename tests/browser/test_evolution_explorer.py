"""The evolution explorer as a person uses it."""

import pytest

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('mnist-mlp')\ndigits = nbviz.zoo.load_mnist(150)",
    "view = nbviz.EvolutionExplorer(net, digits, iterations=60, height=340)\nview",
]


@pytest.fixture
def evolution(notebook):
    page = notebook(OPEN, size=(1150, 1000))
    page.page.wait_for_selector(
        ".nbviz-evolution[data-status=done] .nbviz-stage[data-frames]", timeout=120_000
    )
    page.page.wait_for_timeout(400)
    return page


def points(page):
    return page.pixels(page.page.locator(".nbviz-scatter-points"))


def trails(page):
    return page.pixels(page.page.locator(".nbviz-scatter-lines"))


def slider(page):
    return page.page.get_by_role("slider", name="Epoch")


def test_the_slider_moves_the_points_and_reaches_python(evolution):
    first = points(evolution)
    assert "neighbourhood hit" in evolution.page.locator(".nbviz-facts").inner_text()
    slider(evolution).focus()
    evolution.page.keyboard.press("ArrowRight")
    evolution.expect_kernel("view.frame_shown == 1")
    evolution.page.wait_for_timeout(200)
    second = points(evolution)
    assert second != first
    evolution.slide(slider(evolution), 1.5)
    evolution.page.wait_for_timeout(200)
    assert points(evolution) not in (first, second)
    evolution.execute("view.frame_shown = 0")
    evolution.page.wait_for_timeout(500)
    assert points(evolution) == first


def test_the_misclassified_are_marked_and_fewer_from_epoch_to_epoch(evolution):
    misclassified = evolution.page.locator(".nbviz-side-keys .nbviz-legend-entry").last
    counts = []
    slider(evolution).focus()
    for epoch in range(3):
        expected = evolution.kernel(f"round(150 * (1 - view.accuracy[{epoch}]))")
        evolution.page.wait_for_function(
            "(text) => document.querySelector('.nbviz-side-keys').textContent.endsWith(text)",
            arg=f"misclassified{expected}",
        )
        counts.append(int(misclassified.inner_text().split()[-1]))
        evolution.page.keyboard.press("ArrowRight")
    assert counts[0] > 100 > counts[1] > counts[2]
    evolution.page.get_by_role("combobox", name="Colour").select_option("prediction")
    evolution.expect_kernel("view.colour_by == 'prediction' and view.status == 'done'")
    evolution.execute("view.selection = [3]")
    evolution.page.wait_for_selector(".nbviz-strip button")
    predicted = evolution.kernel("str(view.predictions[3][list(view.rows).index(3)])").strip("'")
    assert evolution.page.locator(".nbviz-strip-class").inner_text() == predicted


def test_the_axis_names_the_frames_and_only_those(evolution):
    ticks = evolution.page.locator(".nbviz-curves-chart text[text-anchor=middle]:not([class])")
    expected = [str(name) for name in evolution.page.locator(".nbviz-player-names span").all_inner_texts()]
    assert len(expected) == int(evolution.kernel("len(view.evolution.names)"))
    assert ticks.all_text_contents() == expected
    assert evolution.page.get_by_role("spinbutton", name="Samples").input_value() == "150"


def test_play_goes_through_all_frames(evolution):
    evolution.page.get_by_role("button", name="Play").click()
    evolution.expect_kernel("view.frame_shown == len(view.evolution.names) - 1", timeout=30)
    shown = evolution.page.locator(".nbviz-facts").inner_text()
    accuracy = float(evolution.kernel("float(100 * view.accuracy[-1])"))
    assert f"accuracy {accuracy:.1f} %" in shown


def test_trails_are_drawn_bundled_and_only_for_the_selection(evolution):
    all_of_them = trails(evolution)
    assert int(all_of_them.split(":")[0]) > 500
    evolution.slide(evolution.page.get_by_role("slider", name="Bundled"), 0)
    evolution.expect_kernel("view.bundling == 0 and view.status == 'done'")
    evolution.page.wait_for_timeout(400)
    assert trails(evolution) != all_of_them
    evolution.execute("view.selection = [3, 7]")
    evolution.page.wait_for_timeout(400)
    assert 0 < int(trails(evolution).split(":")[0]) < int(all_of_them.split(":")[0]) / 2
    evolution.page.get_by_role("checkbox", name="Trails").uncheck()
    evolution.expect_kernel("view.show_trails == False")
    evolution.page.wait_for_timeout(200)
    assert trails(evolution).startswith("0:")


def test_lasso_selects_and_lambda_answers(evolution):
    evolution.page.get_by_role("button", name="Lasso").click()
    box = evolution.page.locator(".nbviz-scatter-front").bounding_box()
    mouse = evolution.page.mouse
    x, y, w, h = box["x"], box["y"], box["width"], box["height"]
    mouse.move(x + 0.3 * w, y + 0.1 * h)
    mouse.down()
    for fx, fy in ((0.7, 0.1), (0.7, 0.9), (0.3, 0.9), (0.3, 0.1)):
        mouse.move(x + fx * w, y + fy * h, steps=6)
    mouse.up()
    evolution.expect_kernel("len(view.selection) > 5")
    generation = evolution.kernel("view.frame['generation']")
    evolution.slide(evolution.page.get_by_role("slider", name="λ"), -1)  # a slider of logarithms
    evolution.expect_kernel("view.strength > 0.3 and view.status == 'done'", timeout=60)
    assert evolution.kernel("view.frame['generation']") != generation


def test_a_class_of_the_legend_is_selected_and_its_trails_are_drawn(evolution):
    all_of_them = trails(evolution)
    side = evolution.page.locator(".nbviz-side")
    side.get_by_title("7", exact=True).click()
    evolution.expect_kernel("set(digits.labels[view.selection]) == {7}")
    assert evolution.kernel("len(view.selection)") == evolution.kernel("int((digits.labels == 7).sum())")
    evolution.page.wait_for_timeout(400)
    assert trails(evolution) != all_of_them
    evolution.page.wait_for_selector(".nbviz-below .nbviz-strip")
    side.get_by_title("1", exact=True).click(modifiers=["Shift"])
    evolution.expect_kernel("set(digits.labels[view.selection]) == {1, 7}")


def test_another_column_colours_and_bundles(notebook, shoot):
    cells = [
        OPEN[0] + "\nhalf = {'half': ['left', 'right'] * 75, 'ink': digits.inputs.mean((1, 2))}",
        "samples = nbviz.Samples(digits.inputs, digits.labels, metadata=half)",
        "view = nbviz.EvolutionExplorer(net, samples, iterations=60, height=340)\nview",
    ]
    page = notebook(cells, size=(1150, 1000))
    page.page.wait_for_selector(".nbviz-evolution[data-status=done] .nbviz-stage[data-frames]")
    page.page.wait_for_timeout(400)
    shown, paths = points(page), trails(page)
    colour = page.page.get_by_role("combobox", name="Colour")
    colour.select_option("half")
    page.expect_kernel("view.colour_by == 'half' and view.status == 'done'")
    page.page.wait_for_timeout(400)
    assert points(page) != shown
    assert trails(page) != paths
    assert "right" in page.page.locator(".nbviz-side").inner_text()
    colour.select_option("ink")
    page.expect_kernel("view.colour_by == 'ink' and view.status == 'done'")
    page.page.wait_for_selector(".nbviz-side .nbviz-colourbar")
    shoot(page.page, "evolution-numbers")
    assert page.widget_errors() == []


def test_dark_theme_narrow_page_and_no_errors(evolution, shoot):
    shoot(evolution.page, "evolution-light")
    evolution.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    evolution.page.wait_for_selector(".nbviz-evolution[data-theme=dark]")
    evolution.page.wait_for_timeout(500)
    shoot(evolution.page, "evolution-dark")
    evolution.page.set_viewport_size({"width": 480, "height": 900})
    evolution.page.wait_for_timeout(500)
    shoot(evolution.page, "evolution-narrow")
    line, facts = (
        evolution.page.locator(f".nbviz-{name}").bounding_box() for name in ("status-line", "facts")
    )
    assert facts["width"] == pytest.approx(line["width"], abs=1)
    for button in ("save", "info"):  # below the facts, beside each other
        top = evolution.page.locator(f".nbviz-{button}").bounding_box()["y"]
        assert facts["y"] + facts["height"] <= top < facts["y"] + facts["height"] + 30
    assert evolution.page.locator(".nbviz-curves").count() >= 1
    assert evolution.widget_errors() == []
