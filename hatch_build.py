"""Build hook: js/src/views/*.ts becomes nbviz/static/*.js, one self-contained module per view.

In this order: NBVIZ_SKIP_JS=1, bundles newer than their sources, or an sdist (which ships the bundles):
nothing to do. Else npm builds them. Without npm the build fails and says what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class JavaScriptHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        js, static = root / "js", root / "nbviz" / "static"
        views = sorted((js / "src" / "views").glob("*.ts"))
        targets = [static / f"{view.stem}.js" for view in views]
        complete = all(target.exists() for target in targets)
        sources = [p for p in js.rglob("*") if p.is_file() and "node_modules" not in p.parts]
        newest = max((p.stat().st_mtime for p in sources), default=0.0)
        fresh = complete and min((t.stat().st_mtime for t in targets), default=0.0) >= newest
        shipped = complete and (root / "PKG-INFO").exists()
        npm = shutil.which("npm")
        if os.environ.get("NBVIZ_SKIP_JS") == "1" or fresh or shipped:
            return
        if npm:
            lock, marker = js / "package-lock.json", js / "node_modules" / ".package-lock.json"
            if not marker.exists() or marker.stat().st_mtime < lock.stat().st_mtime:
                _run([npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], js)
            _run([npm, "run", "build"], js)
        missing = [target.name for target in targets if not target.exists()]
        if missing:
            raise RuntimeError(
                f"nbviz: the JavaScript bundles {missing} are missing and npm was "
                f"{'found, but did not build them' if npm else 'not found'}. Install Node.js >= 20 with npm "
                "and try again, or install from a wheel or an sdist, which hold the bundles."
            )


def _run(command: list[str], folder: Path) -> None:
    print("+", *command, file=sys.stderr, flush=True)
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
