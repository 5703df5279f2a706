"""Who imports torch: a fresh process that registers a distribution, or imports what must not need torch.

``python -m condbench.testing.torchless DISTRIBUTION [REFERENCE ...]`` prints the first module that imports torch with
its line, e.g. ``my_plugin.register:3``, and ends there; or it prints an empty line. It is started by
`condbench.testing.checks.plugins`.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder

from condbench.discovery import discover
from condbench.registry import Registry, resolve


class _Watch(MetaPathFinder):
    """A finder that finds nothing, but sees who asks for torch."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "torch":
            frame = sys._getframe(1)
            while frame.f_back and frame.f_globals["__name__"].startswith("importlib"):
                frame = frame.f_back
            print(f"{frame.f_globals['__name__']}:{frame.f_lineno}", file=sys.__stdout__, flush=True)
            os._exit(0)  # torch itself would take seconds, and nothing else is asked


def main(distribution: str, *references: str) -> None:
    """Register the distribution, or import the ``references`` if there are any."""
    sys.meta_path.insert(0, _Watch())
    for reference in references:
        resolve(reference)
    if not references:
        Registry(found for found in discover() if found[0].distribution == distribution)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
