"""The energy that the processor takes, where Linux lets this user read its counters; it imports no torch.

Running average power limit (RAPL) counters stand under /sys/class/powercap, one per processor package, on Intel's and
AMD's alike. On many systems only root may read them, in most virtual machines there are none. They count all that runs
on a package, and neither memory nor GPUs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
_PACKAGES = "intel-rapl:*"  # also the name on AMD; intel-rapl-mmio:* are the same packages once more
_SECONDS = 60.0  # a counter goes around in a quarter of an hour at full load; reading it takes microseconds


@dataclass
class EnergyMeter:
    """Joules of all packages since the meter was made; reads now and then, since counters go around.

    Raises:
        OSError: when made, if there are no counters here or they cannot be read.
    """

    root: Path = POWERCAP
    joules: float = 0.0
    _packages: list[Path] = field(init=False)
    _last: list[int] = field(init=False)
    _read_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._packages = [
            zone
            for zone in sorted(self.root.glob(_PACKAGES))
            if (zone / "name").read_text().startswith("package")  # not their parts, nor psys, which has them all
        ]
        if not self._packages:
            raise FileNotFoundError(f"no processor package under {self.root}")
        self._last = self._counters()
        self._read_at = time.monotonic()

    def tick(self) -> None:
        """To be called often: reads the counters before they can have gone around unseen."""
        if time.monotonic() - self._read_at > _SECONDS:
            self.read()

    def read(self) -> float:
        """Joules until now."""
        counters = self._counters()
        for zone, before, after in zip(self._packages, self._last, counters, strict=True):
            around = int((zone / "max_energy_range_uj").read_text()) if after < before else 0
            self.joules += (after - before + around) / 1e6
        self._last, self._read_at = counters, time.monotonic()
        return self.joules

    def _counters(self) -> list[int]:
        return [int((zone / "energy_uj").read_text()) for zone in self._packages]


def energy_meter(device: str, root: Path = POWERCAP) -> EnergyMeter | None:
    """A running meter; None where the machine does not tell, or where a GPU does the work."""
    if device != "cpu":
        return None
    try:
        return EnergyMeter(root)
    except OSError:
        return None
