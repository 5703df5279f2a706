"""The reports that are text: Markdown and CSV; and how all of them are registered."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from importlib import import_module

import pandas as pd

from condbench.results import MetricRow
from condbench.store import Run
from condbench_reports import csv, markdown
from condbench_reports.register import condbench_register_reporters
from tests.made_runs import CONDITIONERS, HOSTILE, Make, bits, checkpoint, guided, planned, result, rows, solved


def test_markdown_of_a_small_run(make_run: Make) -> None:
    lines = [
        planned(b, c, skip="no" if b == "ar" and c == "adain" else "")
        for b in ("ar", "flow")
        for c in ("film", "adain")
    ]
    results = [
        result(lines[0], rows(7.44, 0.5, 36.2)[:3]),
        result(lines[2], rows(0.682, 0.912, 9000.0)[:3]),
        result(lines[3], state="failed", reason=HOSTILE),
    ]
    text = markdown.render(make_run(lines, results))
    assert text.startswith(
        "# quick: 2 backbones \N{MULTIPLICATION SIGN} 2 conditioners on mnist10k, same backbone\n\n"
        "Every backbone with every conditioner on 10,000 real digits\n\n"
        "4 cells: 2 ok, 1 skipped, 1 failed.\n\n"
        "- Suite: quick\n"
    )
    assert text.endswith("""
## mnist10k, same backbone

### fid (lower is better)

|  | film | adain |
|---|---:|---:|
| ar | 7.44 | skipped |
| flow | 0.682 | failed |

### label_accuracy (fraction, higher is better)

|  | film | adain |
|---|---:|---:|
| ar | 0.500 \\[0.482, 0.517\\] | skipped |
| flow | 0.912 \\[0.894, 0.929\\] | failed |

### Leaderboard

Brackets are 95 % intervals over the samples of one seed; they do not tell how much seeds differ.

fid_floor 0.142 in every cell that ended ok.

| backbone | conditioner | state | fid (n 1,996) | label_accuracy (fraction, n 1,996) |
|---|---|---|---:|---:|
| flow | film | ok | 0.682 | 0.912 \\[0.894, 0.929\\] |
| ar | film | ok | 7.44 | 0.500 \\[0.482, 0.517\\] |
| ar | adain | skipped |  |  |
| flow | adain | failed |  |  |

### Failures and skips

| cell | state | reason |
|---|---|---|
| mnist10k.ar.adain.s0 | skipped | no |
| mnist10k.flow.adain.s0 | failed | &lt;script&gt;alert("1")&lt;/script&gt; &amp; \\| \\`code\\` second line |
""")


def test_every_state_is_in_the_markdown(full_run: Run) -> None:
    text = markdown.render(full_run)
    for state in ("skipped", "failed", "diverged", "timeout", "out-of-memory", "lost"):
        assert text.count(f"| {state} |") == 3 + 1 + 2 + 1, "key metrics, leaderboard, sizes, list"
    assert text.count("| not run yet |") == 3 + 1 + 2
    assert "\n\n1 cell has not run yet.\n\n| cell |" in text
    assert "| mnist10k.vae.none.s0 | no fid | the features have a singular covariance |" in text


def test_cells_that_have_not_run_are_counted_and_not_listed(make_run: Make) -> None:
    text = markdown.render(make_run([planned(seed=seed) for seed in range(28)]))
    assert text.endswith("### Failures and skips\n\n28 cells have not run yet.\n")


def test_a_reason_that_many_cells_share_has_one_line(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in CONDITIONERS]
    lacking = MetricRow(name="bits_per_dimension", value=None, unit="bits", better="lower", reason="no likelihood")
    text = markdown.render(make_run(lines, [result(line, [lacking]) for line in lines]))
    names = ", ".join(line.name for line in lines[:3])
    assert text.endswith(f"| 6 cells: {names}, ... | no bits_per_dimension | no likelihood |\n")


def test_sizes_guidance_and_bounds_in_markdown(make_run: Make) -> None:
    lines = [planned(solved(50), "none", track="same-size"), planned(solved(44), "film", track="same-size")]
    base, film = rows(2.0, 0.1, 9.0, 1e6, 88.4e6), rows(0.7, 0.8, 9.0, 1.01e6, 87.5e6)
    note = "lower bound (ELBO)"
    run = make_run(
        lines,
        [
            result(lines[0], [base[0], base[6], base[7]]),
            result(lines[1], [film[0], film[6], film[7], bits(1.234, note)], sweep=[guided(2.0, 0.5, 0.97)]),
        ],
    )
    text = markdown.render(run)
    assert "- Track: same size: widths solved for the backbone's own parameters and FLOPs, within 2 %\n" in text
    _, _, sizes = text.partition("### Size\n")
    assert sizes.startswith("""
Differences are from the cell with none of the same backbone.

Widths are solved so that parameters and FLOPs are those of the backbone alone, within 2 %.

| parameters | none | film |
|---|---:|---:|
| flow | 1 M | 1.01 M (+1 %) |

| flops_per_image (FLOP/image) | none | film |
|---|---:|---:|
| flow | 88.4 M | 87.5 M (\N{MINUS SIGN}1 %) |

| combination | solved |
|---|---|
| flow \N{MULTIPLICATION SIGN} none | width=50 |
| flow \N{MULTIPLICATION SIGN} film | width=44 |

### Guidance

At scale 1 the condition has no more than its own weight, as in all other tables unless a cell's options say otherwise.

| backbone | conditioner | fid at scale 1 (unguided) | fid at scale 2 |
|---|---|---:|---:|
| flow | film | 0.700 | 0.500 |
""")
    assert f"| 1.23 ({note}) |" in text


def test_checkpoints_in_markdown_leave_a_gap_where_training_was_too_short_for_one(make_run: Make) -> None:
    lines = [planned(conditioner=name, shares=(0.1, 0.5)) for name in ("film", "adain")]
    early, late = checkpoint(0.1, 16.0, 0.2), checkpoint(0.5, 4.0, 0.6)
    results = [
        result(line, rows(2.0, 0.8, 9.0), checkpoints=found)
        for line, found in zip(lines, ([early, late], [early]), strict=True)
    ]
    _, _, text = markdown.render(make_run(lines, results)).partition("### Quality over compute\n")
    assert text.startswith("""
| backbone | conditioner | fid at 10% | fid at 50% | fid in the end |
|---|---|---:|---:|---:|
| flow | film | 16 | 4 | 2 |
| flow | adain | 16 |  | 2 |
""")


def test_csv_reads_back_as_the_table(full_run: Run) -> None:
    text = csv.render(full_run)
    table = full_run.table()
    back = pd.read_csv(
        io.StringIO(text), keep_default_na=False, na_values={"value": "", "low": "", "high": "", "n": ""}
    )
    assert list(back.columns) == list(table.columns)
    for column in ("value", "low", "high", "n"):
        pairs = zip(table[column], back[column], strict=True)
        assert all((pd.isna(a) and math.isnan(b)) if pd.isna(a) else a == b for a, b in pairs)
    assert HOSTILE in set(back["reason"])


def test_reporters_name_code_that_exists_and_registering_is_light() -> None:
    specs = {spec.name: spec for spec in condbench_register_reporters()}
    assert {name: spec.suffix for name, spec in specs.items()} == {"html": ".html", "md": ".md", "csv": ".csv"}
    for spec in specs.values():
        module, _, attribute = spec.target.partition(":")
        assert callable(getattr(import_module(module), attribute))
    program = "import sys, condbench_reports.register; print({'torch', 'jinja2', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "set()\n"


def test_rendering_imports_no_torch() -> None:
    program = "import sys, condbench_reports.html, condbench_reports.markdown; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
