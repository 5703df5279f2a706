from __future__ import annotations

from collections.abc import Sequence

from condbench.executors import Observer
from condbench.results import PlannedCell
from condbench.store import Run


class Nowhere:
    def execute(self, run: Run, cells: Sequence[PlannedCell], jobs: int, observer: Observer) -> None:
        return None
