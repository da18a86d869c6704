"""Running commands in a clean environment."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(command, cwd, **environment):
    """Run a command; its output as one text, and an assertion that shows it when the command fails."""
    done = attempt(command, cwd, **environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def attempt(command, cwd, **environment):
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "NBVIZ_SKIP_JS")
    }
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**inherited, **{key: str(value) for key, value in environment.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=150,
        check=False,
    )


def pip_wheel(source, into, **environment):
    """Build a wheel with the tools that are installed here, so that nothing is downloaded."""
    return attempt(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", into, source],
        cwd=into,
        **environment,
    )
