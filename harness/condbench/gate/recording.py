"""From a run to a baseline: every combination that ended ok, with enough seeds, made under the same conditions."""

from __future__ import annotations

from collections.abc import Sequence

from condbench import __version__
from condbench.combinations import Combination, combinations
from condbench.errors import UserError
from condbench.gate import digests
from condbench.gate.baseline import GATED, Baseline, BaselineCell, GatedMetric, Recorded, SeedValues, gated, round_value
from condbench.results import CellResult, Provenance
from condbench.statistics import scale_of
from condbench.statistics.scales import to_scale
from condbench.store import Run

SEEDS = 10
"""As many as a check can use: fewer see large changes only (docs/regression.md has the table)."""


def record(run: Run, seeds_at_least: int = SEEDS) -> Baseline:
    """A run's baseline; it reads the run's files and changes nothing.

    Raises:
        UserError: if nothing that a check looks at was measured, a combination has too few seeds that ended ok, or the
            run's cells were not all made under the same conditions.
    """
    members = [member for member in combinations(run).values() if not _skipped(run, member)]
    measured = [name for name in GATED if any(member.values(name) for member in members)]
    if not measured:
        raise UserError(
            f"the run '{run.path}' has no values of {' or '.join(GATED)}, which a check looks at: run a suite that "
            'measures them, e.g. metrics = ["fid", "label_accuracy"].'
        )
    cells = [_cell(run, member, measured, seeds_at_least) for member in members]
    provenances = [gated(result.provenance) for member in members for result in member.results]
    _check_alike(run, provenances)
    return Baseline(
        recorded=Recorded(run=run.name, suite=run.info.suite, started=run.info.created, condbench=__version__),
        metrics=tuple(_metric(name, members) for name in measured),
        budget=provenances[0].cell.budget,
        settings=provenances[0].settings,
        distributions=dict(sorted({n: d for p in provenances for n, d in p.distributions.items()}.items())),
        libraries=dict(sorted({n: v for p in provenances for n, v in p.libraries.items()}.items())),
        processor=provenances[0].processor,
        cells=tuple(sorted(cells, key=lambda cell: cell.name)),
    )


def _skipped(run: Run, member: Combination) -> bool:
    """Whether all seeds of a combination are skipped: it cannot be, and a check has nothing to look at."""
    names = [planned for planned in run.plan if planned.name.rpartition(".s")[0] == member.cell]
    return all(planned.skip for planned in names)


def _cell(run: Run, member: Combination, measured: Sequence[str], seeds_at_least: int) -> BaselineCell:
    """A combination's seeds that have all values; a metric that none has, e.g. for want of labels, is left out."""
    names = [name for name in measured if member.values(name)]
    complete = [
        result
        for result in sorted(member.results, key=lambda result: result.provenance.cell.seed)
        if all(result.provenance.cell.seed in member.values(name) for name in names)
    ]
    if len(complete) < seeds_at_least or not names:
        raise UserError(
            f"{member.cell} has {len(complete)} seeds that ended ok with {' and '.join(measured)}, and a baseline "
            f"needs {seeds_at_least}: run it with --seeds {seeds_at_least}, mend what failed with `condbench run "
            f"--resume {run.path} --retry failed`, or ask for fewer with --seeds-at-least {max(2, len(complete))}."
        )
    for name in names:
        row = complete[0].metric(name)
        assert row is not None
        try:
            to_scale(list(member.values(name).values()), scale_of(name, row.unit), row.n)
        except ValueError as reason:
            raise UserError(
                f"{member.cell} cannot be tested by its {name} ({reason}): mend the metric, or leave it out of the "
                "suite."
            ) from None
    first = complete[0].provenance
    return BaselineCell(
        name=member.cell,
        dataset=first.cell.dataset,
        backbone=first.cell.backbone,
        conditioner=first.cell.conditioner,
        data=first.data,
        assets=dict(sorted(gated(first).assets.items())),
        seeds=tuple(_seed(run, result, names) for result in complete),
    )


def _seed(run: Run, result: CellResult, names: Sequence[str]) -> SeedValues:
    rows = {name: row.value for name in names if (row := result.metric(name)) is not None}
    return SeedValues(
        seed=result.provenance.cell.seed,
        values={name: round_value(value) for name, value in rows.items() if value is not None},
        samples=digests.of_samples(run, result.name),
        weights=digests.of_weights(run, result.name),
    )


def _metric(name: str, members: Sequence[Combination]) -> GatedMetric:
    rows = [row for member in members for row in member.rows(name).values()]
    return GatedMetric(name=name, unit=rows[0].unit, better=rows[0].better, n=rows[0].n)


def _check_alike(run: Run, provenances: Sequence[Provenance]) -> None:
    """That all cells share what a baseline says once for all of them.

    Raises:
        UserError: if they do not, e.g. since some were run again with another version of a library.
    """
    versions: dict[str, str] = {}
    for provenance in provenances:
        shared = {
            "the settings": provenance.settings.model_dump_json(),
            "the budget": str(provenance.cell.budget),
            "the processor": provenance.processor,
            **{f"the library {name}": version for name, version in provenance.libraries.items()},
            **{f"the sources of {name}": whole.digest for name, whole in provenance.distributions.items()},
        }
        for what, value in shared.items():
            if versions.setdefault(what, value) != value:
                raise UserError(
                    f"not all cells of '{run.path}' were made under the same conditions ({what} differs): go on with "
                    f"`condbench run --resume {run.path}`, which runs those again that have changed."
                )
