"""benchmarks/head_to_head.py: pairs of the same backbone on the same data, typical values over seeds."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

from tests.made_runs import Make, planned, result, rows

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "head_to_head.py"


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
    done = subprocess.run([sys.executable, SCRIPT, run.path], capture_output=True, text=True, check=True)
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| concat")]
    _, name, backbones, ratio, better, *_ = (part.strip() for part in row.split("|"))
    assert (name, backbones, better) == ("concat", "6", "0")
    assert ratio.startswith("3.01 [")
    assert "| | film | concat |" in done.stdout
    assert "| flow on mnist10k | **14.1 / 0.900** | 42.3 / 0.900 |" in done.stdout, "multiples of 0.142, the least bold"
