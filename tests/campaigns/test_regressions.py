"""Regressions planted in real cells, and changes that do no harm: what `condbench check` says of them.

Cells are those of benchmarks/suites/small.toml. Ten seeds of each are trained first and their weights kept. Then a copy
of the project's sources is edited and checked with the command that a job uses. A sleep in a step is planted in
tests/gate/speed/test_planted.py.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Condbench

pytestmark = pytest.mark.campaign

SMALL = ROOT / "benchmarks" / "suites" / "small.toml"
PACKAGES = ("harness/condbench", "plugins/condbench_plugins", "reports/condbench_reports")
HOUR = 3600.0


@dataclass(frozen=True)
class Fault:
    """A line of the project's sources, what it becomes, and the stage that must say so of a cell."""

    file: str
    line: str
    planted: str
    cell: str
    stage: str


FAULTS = {
    "wrong sign in FiLM": Fault(
        "plugins/condbench_plugins/conditioners/film.py",
        "return h * (1 + gamma) + beta",
        "return h * (1 + gamma) - beta",
        "gan.film",
        "frozen weights",
    ),
    "label off by one": Fault(
        "plugins/condbench_plugins/encoders/table.py",
        "self.embedding(labels)",
        "self.embedding((labels + 1) % 10)",
        "gan.cross-attention",
        "frozen weights",
    ),
    "another image's label in cross-attention": Fault(
        "plugins/condbench_plugins/conditioners/cross_attention.py",
        "self.key_value(c.tokens)",
        "self.key_value(c.tokens.roll(1, 0))",
        "gan.cross-attention",
        "frozen weights",
    ),
    "half of the sampler's steps": Fault(
        "plugins/condbench_plugins/backbones/flow.py",
        "steps=options.steps,",
        "steps=options.steps // 2,",
        "flow",
        "frozen weights",
    ),
    "no moving average": Fault(
        "harness/condbench/average.py",
        "weight = 1.0 - (1.0 - 1.0 / self.steps) ** (_GAMMA + 1.0)",
        "weight = 1.0",
        "gan.film",
        "seeds",
    ),
}
OTHER_NOISE = Fault("harness/condbench/provenance.py", 'f"{cell.model_dump_json()}/{stream}"', "", "", "")


class Project(Condbench):
    """The command line of a copy of the project's sources."""

    def copy(self) -> None:
        for package in PACKAGES:
            shutil.copytree(ROOT / package, self.cwd / package, ignore=shutil.ignore_patterns("__pycache__"))
            self.planted.append((self.cwd / package).parent)
        shutil.copytree(SMALL.parent, self.cwd / "benchmarks" / "suites")  # sources look for them beside themselves

    def edit(self, fault: Fault, planted: str) -> None:
        path = self.cwd / fault.file
        whole = path.read_text(encoding="utf-8")
        assert whole.count(fault.line) == 1, f"{fault.file} has changed: plant it anew"
        path.write_text(whole.replace(fault.line, planted), encoding="utf-8")

    def check(self, baseline: Path, code: int) -> list[dict[str, Any]]:
        """The findings of a check that must exit with ``code``."""
        said = json.loads(self("check", "--baseline", str(baseline), "--jobs", "2", "--json", code=code, timeout=HOUR))
        print(said["headline"])
        findings: list[dict[str, Any]] = said["findings"]
        for one in findings:
            values = [f"{side['value']:.4g}" for side in (one["base"], one["head"]) if side]
            print(f"  {one['cell']} {one['metric']} {one['result']} ({one['stage']}): {' -> '.join(values)}")
        return findings


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.copy()
    return made


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seeds of the suite as the sources are, and weights of one."""
    good = Project(tmp_path_factory.mktemp("good"))
    good.copy()
    good("run", "--suite", str(SMALL), "--seeds", "10", "--jobs", "2", "--out", "run", timeout=HOUR)
    good("baseline", "record", "run", "--out", "small.json", "--with-checkpoints", "weights", timeout=HOUR)
    return good.cwd / "small.json"


@pytest.mark.parametrize("name", FAULTS)
def test_harm_is_caught_by_the_stage_that_it_is_for(name: str, project: Project, baseline: Path) -> None:
    fault = FAULTS[name]
    project.edit(fault, fault.planted)
    caught = [one for one in project.check(baseline, code=1) if one["result"] == "regressed"]
    assert any(fault.cell in one["cell"] and one["stage"] == fault.stage for one in caught)


@pytest.mark.parametrize("number", range(10))
def test_other_noise_is_no_harm(number: int, project: Project, baseline: Path) -> None:
    """Every seed of a cell derives from its identity and from this number, so that all of training is another draw."""
    project.edit(OTHER_NOISE, f'f"{{cell.model_dump_json()}}/{{stream}}/{number}"')
    findings = project.check(baseline, code=0)
    assert {one["result"] for one in findings} <= {"pass", "improved", "inconclusive"}
    assert all(one["stage"] == "seeds" for one in findings)


def test_an_edit_that_changes_no_number_costs_a_seed_of_each_cell(project: Project, baseline: Path) -> None:
    with (project.cwd / "plugins/condbench_plugins/backbones/gan.py").open("a", encoding="utf-8") as file:
        file.write("\n# Another line.\n")
    assert {(one["result"], one["stage"]) for one in project.check(baseline, code=0)} == {("pass", "same samples")}
