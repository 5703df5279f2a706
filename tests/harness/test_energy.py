"""The energy meter, on counters that the test turns."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from condbench.energy import EnergyMeter, energy_meter

RANGE = 1_000_000_000


def zone(root: Path, folder: str, name: str, microjoules: int) -> Path:
    path = root / folder
    path.mkdir(exist_ok=True)
    (path / "name").write_text(name + "\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text(f"{RANGE}\n")
    return path / "energy_uj"


def test_packages_are_added_and_nothing_counts_twice(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 0)
    others = [
        zone(tmp_path, "intel-rapl:0:0", "core", 0),
        zone(tmp_path, "intel-rapl:2", "psys", 0),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0),
    ]
    meter = EnergyMeter(tmp_path)
    first.write_text("7500000")
    second.write_text("1000000")
    for other in others:
        other.write_text("900000000")
    assert meter.read() == pytest.approx(2.5 + 1.0)
    first.write_text("8500000")
    assert meter.read() == pytest.approx(4.5), "it goes on from there"


def test_a_counter_that_goes_around_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times: it is read about once a minute, however often it is ticked."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    meter = EnergyMeter(tmp_path)
    for second in range(2, 10 * 62 + 1, 2):
        now = float(second)
        counter.write_text(str(second * 16_000_000 % RANGE))  # 16 W go around every 62.5 s
        meter.tick()
    assert meter.read() == pytest.approx(10 * 62 * 16)


def test_where_the_machine_does_not_tell(tmp_path: Path) -> None:
    assert energy_meter("cpu", tmp_path / "none") is None
    zone(tmp_path, "intel-rapl:0:0", "core", 0)
    assert energy_meter("cpu", tmp_path) is None, "a part of a package is not a package"
    zone(tmp_path, "intel-rapl:0", "package-0", 0).unlink()
    assert energy_meter("cpu", tmp_path) is None, "as where it cannot be read"
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    assert energy_meter("cpu", tmp_path) is not None
    assert energy_meter("cuda", tmp_path) is None, "the processor's energy is not the GPU's"
