"""An environment of its own that sees all that this one has installed, and into which distributions are installed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


class Environment:
    """A virtual environment in ``folder``: made at once, since it takes over what is installed here by its path."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.scripts = folder / "bin"
        site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
        # Within a .pth file nobody reads others, so it names what they have brought onto the path here, too.
        (site / "here.pth").write_text("\n".join(path for path in sys.path if Path(path).is_dir()))
        for command, module in {"condbench": "condbench", "pip": "pip", "pytest": "pytest", "mypy": "mypy"}.items():
            script = self.scripts / command
            script.write_text(f'#!/bin/sh\nexec "{self.scripts}/python" -m {module} "$@"\n')
            script.chmod(0o755)
        nowhere = "http://127.0.0.1:9"  # whatever a command would fetch, it cannot
        self.variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
            "PATH": f"{self.scripts}{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_DEPS": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the value of "build isolation"
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "CONDBENCH_CACHE": str(folder / "cache"),
            "MYPY_CACHE_DIR": str(folder / "mypy"),  # one for all, since torch takes long to read
            "COLUMNS": "200",
            "OMP_NUM_THREADS": "1",
            "http_proxy": nowhere,
            "https_proxy": nowhere,
        }

    def shell(self, script: str, cwd: Path, *, timeout: float = 600) -> str:
        """Run lines of a shell, each of which must succeed; what they print."""
        done = subprocess.run(
            ["sh", "-euc", script],
            cwd=cwd,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout
