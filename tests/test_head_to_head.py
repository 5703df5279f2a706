"""benchmarks/head_to_head.py: pairs of the same backbone on the same data, typical values over seeds."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

from tests.made_runs import Make, planned, result, rows

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "head_to_head.py"


def head_to_head(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)


def test_ratios_are_of_geometric_means_and_never_across_data(make_run: Make) -> None:
    lines, results = [], []
    for dataset, factor in (("mnist10k", 1.0), ("fashion-mnist", 100.0)):
        for backbone, fid in (("flow", 2.0), ("gan", 4.0), ("vae", 8.0)):
            for conditioner, times in (("film", 1.0), ("concat", 3.0)):
                for seed, spread in ((0, math.e), (1, 1 / math.e)):
                    line = planned(backbone, conditioner, seed=seed, dataset=dataset)
                    lines.append(line)
                    wobble = 1.01 if backbone == "gan" and conditioner == "concat" else 1.0
                    results.append(result(line, rows(factor * fid * times * spread * wobble, 0.9, 10.0)))
    run = make_run(lines, results)
    out = head_to_head(run.path).stdout
    (row,) = [line for line in out.splitlines() if line.startswith("| concat")]
    _, name, backbones, ratio, better, *_ = (part.strip() for part in row.split("|"))
    assert (name, backbones, better) == ("concat", "6", "0")
    assert ratio.startswith("3.01 [")
    assert "| | film | concat |" in out
    assert "| flow on mnist10k | **14.1 / 0.900** | 42.3 / 0.900 |" in out, "multiples of 0.142, the least bold"


def test_what_has_no_figure_or_no_interval_is_left_out_and_no_floor_of_another_count_divides(make_run: Make) -> None:
    lines = [planned(backbone, name) for backbone in ("flow", "gan", "vae") for name in ("film", "concat")]
    results = []
    for line in lines:
        pair = line.cell.backbone.name, line.cell.conditioner.name
        measured = list(rows(6.0 if pair[1] == "concat" else 2.0, None if pair == ("gan", "concat") else 0.9, 10.0))
        if pair == ("vae", "concat"):
            measured[1] = measured[1].model_copy(update={"n": 500})
        results.append(result(line, measured))
    out = head_to_head(make_run(lines, results).path).stdout
    for backbone, concat in (("flow", "42.3 / 0.900"), ("gan", ""), ("vae", "")):
        assert f"| {backbone} | **14.1 / 0.900** | {concat} |" in out, "of one dataset, which no row names"
    assert "| concat | 3 | 3.00 | 0 | 1 | +0.000 | 0 | 1 |" in out, "the same everywhere, so without a spread"


def test_mistakes_are_sentences(make_run: Make, tmp_path: Path) -> None:
    line = planned()
    run = make_run([line], [result(line, rows(2.0, 0.9, 10.0))])
    for arguments, says in (
        ((run.path, "--against", "fillm"), "did you mean 'film'"),
        ((tmp_path / "nowhere",), "is not a run directory"),
    ):
        done = head_to_head(*arguments)
        assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (2, True, False)
