"""The plots of gate saturation as a person uses them."""

import pytest

OPEN = [
    "import nbviz, traitlets\n"
    "net = nbviz.zoo.load('python-char-lstm')\n"
    "text = nbviz.zoo.load_python_source(2000).text",
    "view = nbviz.GateSaturation(net, text)\nview",
]
LEFT, TOP, BOTTOM, GAP = 46, 30, 40, 10  # as in plots.ts


@pytest.fixture
def gates(notebook):
    page = notebook(OPEN, size=(1200, 900))
    page.page.wait_for_selector(".nbviz-gates-view[data-status=done]", timeout=90_000)
    page.page.wait_for_timeout(300)
    return page


def plots(page):
    return page.page.locator(".nbviz-gates-plots")


def at(page, gate, x, y, panels=3):
    """Place on the page of a point of plot number `gate`."""
    box = plots(page).bounding_box()
    side = min(box["width"] / panels - LEFT - GAP, 330 - TOP - BOTTOM)
    return box["x"] + LEFT + gate * box["width"] / panels + x * side, box["y"] + TOP + (1 - y) * side


def shares(page, gate, cell):
    """Open and closed shares of one cell of the first layer."""
    code = (
        f"[float(part['{gate}']['rnn.0'][{cell}]) for part in (view.saturation.right, view.saturation.left)]"
    )
    return [float(v) for v in page.kernel(code).strip("[]").split(",")]


def test_hover_names_a_cell_with_its_numbers_and_a_click_selects_it(gates):
    before = gates.pixels(plots(gates))
    gates.page.mouse.move(*at(gates, 1, *shares(gates, "f", 5)))
    tip = gates.page.locator(".nbviz-gates-tip")
    tip.wait_for(state="visible")
    assert "forget gate, f: open " in tip.inner_text()
    assert gates.pixels(plots(gates)) != before
    name = tip.inner_text().split(",")[0]
    gates.page.mouse.down()
    gates.page.mouse.up()
    gates.expect_kernel("len(view.pinned) == 1")
    cell = int(gates.kernel("view.pinned[0]"))
    assert name == f"rnn.{cell // 128} · {cell % 128}"
    assert name in gates.page.locator(".nbviz-gates-side").inner_text()
    gates.page.keyboard.press("Escape")
    gates.expect_kernel("view.pinned == []")


def test_a_lasso_selects_the_cells_inside_it(gates):
    corners = [(0.55, -0.05), (1.04, -0.05), (1.04, 0.2), (0.55, 0.2)]
    mouse = gates.page.mouse
    mouse.move(*at(gates, 1, *corners[0]))
    mouse.down()
    for corner in (*corners[1:], corners[0]):
        mouse.move(*at(gates, 1, *corner), steps=5)
    mouse.up()
    gates.execute(
        "import numpy as np\nfound = view.saturation\n"
        "r = np.concatenate([found.right['f'][x] for x in found.layers])\n"
        "l = np.concatenate([found.left['f'][x] for x in found.layers])\n"
        "sure = np.flatnonzero((r > .57) & (l < .18)).tolist()\n"
        "may = np.flatnonzero((r > .53) & (l < .22)).tolist()"
    )
    gates.expect_kernel("len(sure) > 10 and set(sure) <= set(view.pinned) <= set(may)")
    count = int(gates.kernel("len(view.pinned)"))
    assert f"{count} cells: open / closed" in gates.page.locator(".nbviz-gates-side").inner_text()
    gates.page.get_by_role("button", name="Clear selection").click()
    gates.expect_kernel("view.pinned == []")


def test_keys_go_from_point_to_point_and_from_plot_to_plot(gates):
    plots(gates).focus()
    keys = gates.page.keyboard
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "PageDown", "Enter"):
        keys.press(key)
    live = gates.page.locator(".nbviz-gates-view > [aria-live]")
    gates.expect_kernel("len(view.pinned) == 1")
    assert "selected: rnn." in live.inner_text()
    keys.press("ArrowUp")
    assert "forget gate" in live.inner_text()
    keys.press("Shift+Enter")
    gates.expect_kernel("len(view.pinned) == 2")


def test_thresholds_move_the_points_and_the_words(gates):
    words = gates.page.locator(".nbviz-gates-words")
    before, said = gates.pixels(plots(gates)), words.inner_text()
    gates.slide(gates.page.get_by_role("slider", name="Open above"), 0.6)
    gates.expect_kernel("view.right == 0.6 and view.status == 'done'")
    gates.page.wait_for_timeout(300)
    assert gates.pixels(plots(gates)) != before
    assert words.inner_text() != said
    many = int(gates.kernel("int((view.saturation.right['f']['rnn.1'] >= .9).sum())"))
    assert f"Of 128 cells, {many} nearly always keep their memory" in words.inner_text()


def test_a_selection_is_linked_with_the_other_views(notebook):
    page = notebook(
        [
            OPEN[0],
            OPEN[1],
            "other = nbviz.CellText(net, text[:300], height=300)\n"
            "states = nbviz.HiddenStates(net, text[:300], height=260)\n"
            "links = [traitlets.link((view, 'pinned'), (x, 'pinned')) for x in (states, other)]\nother",
        ],
        size=(1200, 1400),
    )
    page.page.wait_for_selector(".nbviz-gates-view[data-status=done]", timeout=90_000)
    page.page.wait_for_selector(".nbviz-celltext-view[data-status=done]", timeout=90_000)
    page.page.wait_for_timeout(300)
    page.page.mouse.click(*at(page, 1, *shares(page, "f", 5)))
    page.expect_kernel("len(view.pinned) == 1 and states.pinned == view.pinned == [other.cell]")
    before = page.pixels(plots(page))
    page.page.get_by_role("button", name="Next ›").click()
    page.expect_kernel("view.pinned == states.pinned == [other.cell]")
    page.page.wait_for_timeout(300)
    assert page.pixels(plots(page)) != before


def test_gates_of_a_gru(notebook):
    page = notebook(
        [
            "import nbviz, torch\nfrom torch import nn\ntorch.manual_seed(0)\n"
            "gru = nn.GRU(3, 20, 3, batch_first=True)\n"
            "[p.data.mul_(6) for p in gru.parameters()]\n"
            "view = nbviz.GateSaturation(gru, torch.randn(200, 3))\nview"
        ]
    )
    page.page.wait_for_selector(".nbviz-gates-view[data-status=done]", timeout=60_000)
    words = page.page.locator(".nbviz-gates-words").inner_text()
    assert "reset gate, r" in words
    assert "update gate, z" in words
    assert words.count("Of 20 cells") == 6
    page.page.wait_for_timeout(300)
    assert page.ink(plots(page)) > 0


def test_dark_theme_narrow_page_and_no_errors(gates, shoot):
    shoot(gates.page, "gate-saturation-light")
    before = gates.pixels(plots(gates))
    gates.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    gates.page.wait_for_selector(".nbviz-gates-view[data-theme=dark]")
    gates.page.wait_for_timeout(500)
    assert gates.pixels(plots(gates)) != before
    shoot(gates.page, "gate-saturation-dark")
    gates.page.set_viewport_size({"width": 400, "height": 900})
    gates.page.wait_for_timeout(500)
    shoot(gates.page, "gate-saturation-narrow")
    width = "e => e.scrollWidth <= e.clientWidth + 1"
    assert gates.page.locator(".nbviz-gates-view").evaluate(width)
    assert gates.ink(plots(gates)) > 0
    assert gates.widget_errors() == []
