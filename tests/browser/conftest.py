from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest
from labharness import LabServer, NotebookPage, chromium
from playwright.sync_api import Error

ROOT = Path(__file__).parents[2]
ARTIFACTS = Path(os.environ.get("NBVIZ_ARTIFACTS", ROOT / "browser-artifacts"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    setattr(item, f"report_{report.when}", report)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("notebooks")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, root)
    server = LabServer(root).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chrome():
    with chromium() as browser:
        yield browser


@pytest.fixture
def shoot():
    """shoot(page or locator, name): keep a screenshot among the artefacts of CI."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)

    def take(target, name):
        target.screenshot(path=ARTIFACTS / f"{name}.png")

    return take


@pytest.fixture
def notebook(lab, chrome, request):
    """notebook(cells or file name): an open notebook with all cells run; evidence is kept on failure."""
    opened = []

    def make(cells, ui="doc", size=(1200, 900), run=True):
        context = chrome.new_context(viewport={"width": size[0], "height": size[1]})
        page = NotebookPage(context.new_page(), lab)
        opened.append((context, page))
        stem = re.sub(r"\W+", "_", request.node.name)
        name = cells if isinstance(cells, str) else lab.write(f"{stem}_{len(opened)}.ipynb", cells)
        page.open(name, ui)
        if run:
            page.run_all()
        return page

    yield make
    failed = getattr(request.node, "report_call", None) and request.node.report_call.failed
    for i, (context, page) in enumerate(opened):
        if failed:
            ARTIFACTS.mkdir(parents=True, exist_ok=True)
            stem = "FAILED_" + re.sub(r"\W+", "_", request.node.name) + f"_{i}"
            page.page.screenshot(path=ARTIFACTS / f"{stem}.png")
            (ARTIFACTS / f"{stem}.txt").write_text("\n".join(page.console + page.failed))
        with contextlib.suppress(Error):  # the kernel may have been shut down by the test
            page.shutdown()
        context.close()
        if not failed:
            assert not page.widget_errors(), page.widget_errors()
            assert not page.failed, f"requests that left the machine or failed: {page.failed}"
