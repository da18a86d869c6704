"""The time-scale view as a person uses it."""

import math

import pytest

OPEN = [
    "import nbviz\n"
    "net = nbviz.zoo.load('python-char-lstm')\n"
    "from nbviz.zoo.python_source import load_python_source\n"
    "corpus = load_python_source(120_000).text\n"
    "text = '''def read_header(self, name, default=None):\n"
    '    """Return the value of a header."""\n'
    "    if name not in self.headers:\n"
    "        return default\n"
    "    values = [value.strip() for value in self.headers[name]]\n"
    '    return ", ".join(values)\n'
    "'''",
    "view = nbviz.TimeScales(net, text, corpus=corpus, position=16, replacement='(')\nview",
]
GUTTER, ABOVE, PITCH, STEP = 26, 15, 62, 11  # pixels: see js/src/views/time_scales/layout.ts
FIRST_LINE = len("def read_header(self, name, default=None):\n")


@pytest.fixture
def times(notebook):
    page = notebook(OPEN, size=(1200, 1000))
    page.page.wait_for_selector(".nbviz-times-view[data-status=done]", timeout=60_000)
    page.page.wait_for_timeout(300)
    return page


def strip(page):
    return page.page.locator(".nbviz-times-text")


def click_token(page, column, line=0):
    strip(page).click(position={"x": GUTTER + STEP * (column + 0.5), "y": PITCH * line + ABOVE + 8})


def done(page):
    page.expect_kernel("view.status", "'done'")
    page.page.wait_for_timeout(300)


def test_click_and_type_replace_a_character(times):
    before = times.pixels(strip(times))
    click_token(times, 4, line=1)  # the first quotation mark
    times.expect_kernel(f"view.position == {FIRST_LINE + 4}")
    times.page.keyboard.press("x")
    times.expect_kernel("view.replacement", "'x'")
    done(times)
    assert times.kernel("view.result.original, view.result.replacement") == repr(('"', "x"))
    assert times.pixels(strip(times)) != before
    side = times.page.locator(".nbviz-times-side")
    assert f"Token {FIRST_LINE + 4}" in side.inner_text()
    tau = times.kernel("f'{view.result.tau[0]:.1f}'").strip("'")
    assert tau in side.locator("tbody tr").first.inner_text()
    assert side.locator("code").inner_text() == '"'
    live = times.page.locator(".nbviz-times-view > [aria-live]").inner_text()
    assert "is replaced by “x”" in live


def test_the_colours_are_the_distances(times):
    """Pixels of the strips: nothing before the typo, the two ends of viridis where they belong."""
    ratio = times.page.evaluate("() => devicePixelRatio")

    def colour(column, layer, line=0):
        x = GUTTER + STEP * (column + 0.5)
        y = PITCH * line + ABOVE + 20 + layer * 10 + 4
        return strip(times).evaluate(
            "(c, [x, y]) => [...c.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)",
            [round(x * ratio), round(y * ratio)],
        )

    for layer in (0, 1):
        assert min(colour(10, layer)) > 235  # the panel: not changed yet
        red, green, blue = colour(16, layer)  # the typo itself: yellow
        assert red > 240
        assert green > 220
        assert blue < 60
    far = times.kernel("view.result.relative[0, 12]")
    share = 1 + math.log10(float(far.removeprefix("np.float64(").rstrip(")"))) / 3
    from_legend = times.page.evaluate(
        """share => { const bar = document.querySelector('.nbviz-times-side .nbviz-colourbar-ramp');
            const stops = getComputedStyle(bar).backgroundImage.match(/rgb\\([^)]*\\)/g);
            return stops[Math.round(share * (stops.length - 1))].match(/\\d+/g).map(Number); }""",
        share,
    )
    assert all(abs(a - b) < 30 for a, b in zip(colour(28, 0), from_legend, strict=True))


def test_keys_move_type_and_undo(times):
    strip(times).focus()
    keys = times.page.keyboard
    keys.press("ArrowRight")
    times.expect_kernel("view.position == 17")
    keys.press("ArrowDown")
    times.expect_kernel(f"view.position == {FIRST_LINE + 17}")
    keys.press("Home")
    times.expect_kernel("view.position == 0")
    for key, token in (("Z", "Z"), ("Space", " "), ("Enter", "\n"), ("Escape", "d")):
        keys.press(key)
        times.expect_kernel("view.replacement", repr(token))
    done(times)
    assert times.kernel("bool(view.result.distance.any())") == "False"
    # What is typed here is no shortcut of JupyterLab: no cell was cut, made or run.
    assert times.page.locator(".jp-CodeCell").count() == 2


def test_the_field_beside_the_text_types_too(times):
    field = times.page.get_by_role("textbox", name="Replacement")
    field.fill("")
    field.type("=")
    times.expect_kernel("view.replacement", "'='")
    field.type("#")
    times.expect_kernel("view.replacement", "'#'")


def test_slider_choices_and_python_are_one(times):
    times.slide(times.page.get_by_role("slider", name="Token", exact=True), 30)
    times.expect_kernel("view.position == 30")
    times.page.get_by_role("combobox", name="States").select_option("cell")
    times.expect_kernel("view.source == 'cell' and view.result.source == 'cell'")
    done(times)
    assert "‖c" in times.page.locator(".nbviz-curves-title").first.text_content()
    before = times.pixels(strip(times))
    times.execute("view.position = 60; view.replacement = 'q'")
    times.expect_kernel("view.status == 'done' and view.result.position == 60")
    times.page.wait_for_timeout(400)
    assert times.pixels(strip(times)) != before
    assert "Token 60" in times.page.locator(".nbviz-times-side").inner_text()


def test_curve_and_text_share_the_pointer(times):
    chart = times.page.locator(".nbviz-curves-chart")
    chart.scroll_into_view_if_needed()
    chart.focus()
    for _ in range(3):
        times.page.keyboard.press("ArrowRight")
    head = times.page.locator(".nbviz-times-side thead")
    assert "at +3" in head.inner_text()
    value = times.kernel("f'{view.result.relative[0, 3]:.2f}'").strip("'")
    assert value in times.page.locator(".nbviz-times-side tbody tr").first.inner_text()


def test_text_is_edited(times):
    times.page.get_by_role("button", name="Edit text").click()
    box = times.page.get_by_role("textbox", name="Text that the network reads")
    box.fill("x = (1, 2)\ny = x")
    times.expect_kernel("view.text == 'x = (1, 2)\\ny = x' and view.position == 15")
    times.expect_kernel("view.status == 'done' and view.result.distance.shape == (2, 1)")


def test_a_mean_over_a_short_text_tells_or_refuses(notebook, shoot):
    page = notebook(
        [OPEN[0], "view = nbviz.TimeScales(net, text[:24], average=True, trials=50)\nview"], size=(900, 900)
    )
    page.page.wait_for_selector(".nbviz-times-view[data-status=done]", timeout=90_000)
    page.page.wait_for_timeout(300)
    facts = page.page.locator(".nbviz-facts").inner_text()
    assert "mean of 50 typos at 6 positions" in facts
    assert "only 6 positions of the text" in facts
    shoot(page.page, "time-scales-short")
    ink = page.ink(strip(page))
    page.execute("view.text = text[:12]")
    page.page.wait_for_selector(".nbviz-problem")
    assert "room at 3 positions, and 5 or more are wanted" in page.page.locator(".nbviz-problem").inner_text()
    assert page.ink(strip(page)) > 0.2 * ink
    page.page.get_by_role("button", name="Average over 50 typos").click()
    page.expect_kernel("view.average is False and view.status == 'done' and view.mean is None")
    assert page.page.locator(".nbviz-problem").count() == 0


def test_average_bracket_themes_and_narrow(times, shoot):
    shoot(times.page, "time-scales-light")
    times.page.get_by_role("button", name="Average over 200 typos").click()
    times.expect_kernel("view.status == 'done' and view.mean is not None", timeout=90)
    times.page.get_by_role("combobox", name="States").select_option("cell")
    times.expect_kernel("view.source == 'cell' and view.status == 'done'", timeout=90)
    times.page.wait_for_timeout(400)
    assert times.page.locator(".nbviz-curves-band").count() == 2
    facts = times.page.locator(".nbviz-facts").inner_text()
    assert f"mean of 200 typos at {times.kernel('view.mean.n_positions')} positions" in facts
    tau = times.kernel("f'{view.mean.tau[0]:.1f}'").strip("'")
    assert tau in times.page.locator(".nbviz-times-taus tbody").inner_text()
    assert "τ₁" in times.page.locator(".nbviz-curves-chart").text_content()
    shoot(times.page, "time-scales-average")
    times.page.get_by_role("tab", name="Typo").focus()
    times.page.keyboard.press("ArrowRight")
    times.expect_kernel("view.experiment", "'bracket'")
    times.expect_kernel("view.status == 'done' and view.latest().bracket is not None", timeout=90)
    times.execute("view.pinned = list(range(128, 148))")
    times.page.get_by_role("button", name="Switch off 20 cells").click()
    times.expect_kernel("view.status == 'done' and len(view.latest().off) == 20", timeout=90)
    field = times.page.get_by_role("textbox", name="Cells off")
    assert field.input_value() == "128-147"
    field.fill("128-166, 200")
    field.press("Enter")
    times.expect_kernel("view.off == [*range(128, 167), 200] and view.status == 'done'", timeout=90)
    times.page.wait_for_timeout(400)
    rows = times.page.locator(".nbviz-times-bracket .nbviz-times-taus tbody tr")
    assert rows.count() == 3
    assert "40 cells off" in rows.last.inner_text()
    assert times.kernel("view.result.memory('cells off') < view.result.memory()") == "True"
    shoot(times.page, "time-scales-bracket")
    times.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    times.page.wait_for_selector(".nbviz-times-view[data-theme=dark]")
    times.page.wait_for_timeout(500)
    shoot(times.page, "time-scales-bracket-dark")
    times.page.get_by_role("tab", name="Typo").click()
    times.expect_kernel("view.experiment == 'typo' and view.status == 'done'", timeout=90)
    times.page.wait_for_timeout(500)
    assert times.ink(strip(times)) > 0
    shoot(times.page, "time-scales-dark")
    times.page.set_viewport_size({"width": 460, "height": 1300})
    times.page.wait_for_timeout(600)
    assert times.ink(strip(times)) > 0
    wide = times.page.evaluate(
        "() => { const e = document.querySelector('.nbviz-times-view');"
        " return e.scrollWidth - e.clientWidth; }"
    )
    assert wide <= 1
    shoot(times.page, "time-scales-narrow")
    assert times.widget_errors() == []
