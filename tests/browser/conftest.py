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


@pytest.fixture(scope="session")
def idle_pages(lab, chrome):
    """Pages of tests that passed, each with a kernel that has loaded torch: most tests begin in one."""
    pages = []
    yield pages
    for page in pages:
        leave(page)


def leave(page):
    with contextlib.suppress(Error):  # the kernel may have been shut down by the test
        page.shutdown()
    page.page.context.close()


@pytest.fixture
def notebook(lab, chrome, idle_pages, request):
    """notebook(cells or file name): an open notebook with all cells run; evidence is kept on failure.

    A test's first notebook of cells may get the page and kernel of an earlier test, emptied. The notebooks
    that ship, other front ends, and what measures time always get new ones.
    """
    opened = []
    stem = re.sub(r"\W+", "_", request.node.name)

    def make(cells, ui="doc", size=(1200, 900), run=True):
        ordinary = isinstance(cells, list) and ui == "doc" and not request.node.get_closest_marker("timing")
        if ordinary and idle_pages:
            page = idle_pages.pop()
            opened.append((page, True))
            page.begin_again(cells, size)
        else:
            context = chrome.new_context(viewport={"width": size[0], "height": size[1]})
            page = NotebookPage(context.new_page(), lab)
            opened.append((page, ordinary))
            name = cells if isinstance(cells, str) else lab.write(f"{stem}_{len(opened)}.ipynb", cells)
            page.open(name, ui)
        if run:
            page.run_all()
        return page

    yield make
    failed = getattr(request.node, "report_call", None) and request.node.report_call.failed
    for i, (page, is_ordinary) in enumerate(opened):
        if failed:
            ARTIFACTS.mkdir(parents=True, exist_ok=True)
            page.page.screenshot(path=ARTIFACTS / f"FAILED_{stem}_{i}.png")
            (ARTIFACTS / f"FAILED_{stem}_{i}.txt").write_text("\n".join(page.console + page.failed))
        if failed or not is_ordinary or idle_pages or page.widget_errors() or page.failed:
            leave(page)
        else:
            idle_pages.append(page)
        if not failed:
            assert not page.widget_errors(), page.widget_errors()
            assert not page.failed, f"requests that left the machine or failed: {page.failed}"
