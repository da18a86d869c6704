"""The table of layers and labels as a person uses it."""

import pytest

OPEN = [
    "import nbviz\nnet = nbviz.zoo.load('speech-mlp')\nspeech = nbviz.zoo.load_speech(2000)",
    "view = nbviz.LayerProbes(net, speech, columns=['phone', 'kind', 'speaker'], folds=3, n_samples=600,"
    " layers=['input', 'sigmoid1', 'sigmoid2', 'sigmoid3', 'sigmoid4', 'fc5'])\nview",
]
ROOT = ".nbviz-root"
GRID = ".nbviz-probe-grid table"


@pytest.fixture
def probes(notebook):
    page = notebook(OPEN, size=(1240, 1000))
    wait_for_result(page)
    return page


def wait_for_result(page):
    page.page.wait_for_selector(f"{ROOT}[data-status=done] .nbviz-stage[data-kind=result]", timeout=90_000)
    page.page.wait_for_timeout(100)


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
