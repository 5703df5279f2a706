"""Under which conditions a run took place: machine, settings, versions and digests. Called by the reporters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from condbench.results import Provenance, Settings
from condbench.store import Run
from condbench_reports import formats


@dataclass(frozen=True)
class Source:
    """Something that results depend on: a distribution, data or weights, with its version and digest."""

    kind: str
    name: str
    version: str
    digest: str


@dataclass(frozen=True)
class Facts:
    """``conditions`` are pairs of a name and its value in words; ``sources`` are sorted, each once."""

    conditions: tuple[tuple[str, str], ...]
    sources: tuple[Source, ...]


def facts(run: Run) -> Facts:
    """What the run and its cells say; where cells differ, e.g. after an upgrade in between, every value is named."""
    results = {result.name: result.provenance for result in run.results()}
    # A result's own provenance is what was; the plan's is what was meant.
    provenances = [results.get(planned.name, planned.provenance) for planned in run.plan]
    machine = run.info.machine
    cores = f"{machine.cores} core{'' if machine.cores == 1 else 's'}"
    conditions = {
        "Suite": run.info.suite,
        "Dataset": _words(str(p.cell.dataset) for p in provenances),
        "Budget per cell": _words(formats.budget(p.cell.budget) for p in provenances),
        "Track": _words(formats.track(p.settings.track) for p in provenances),
        "Settings": _words(_settings(p.settings) for p in provenances),
        "Machine": f"{machine.processor}, {cores}, {formats.number(machine.memory_bytes, 'bytes')}, {machine.platform}",
        "Versions": _versions(provenances),
        "Guidance": _words(_guidance(p.settings) for p in provenances),
        "Started": _when(run.info.created),
        "Time": _time(run),
        "Executor": f"{run.info.executor}, {run.info.jobs} cell{'' if run.info.jobs == 1 else 's'} at a time",
    }
    return Facts(
        conditions=tuple((name, value) for name, value in conditions.items() if value),
        sources=tuple(sorted(set(_sources(provenances)), key=lambda s: (s.kind, s.name, s.version, s.digest))),
    )


def _sources(provenances: Iterable[Provenance]) -> Iterable[Source]:
    for p in provenances:
        for name, distribution in p.distributions.items():
            yield Source("distribution", name, distribution.version, distribution.digest)
        yield Source("data", p.cell.dataset.name, "", p.data)
        for name, digest in p.assets.items():
            yield Source("weights", name, "", digest)
        for name, version in sorted(p.libraries.items()):
            yield Source("library", name, version, "")


def _versions(provenances: Iterable[Provenance]) -> str:
    named = []
    for p in provenances:
        versions = {name: distribution.version for name, distribution in p.distributions.items()} | p.libraries
        for name, version in versions.items():
            # The harness and the built-in plugins have digests of their own, but as a rule one version.
            whole = name.removesuffix(" (harness)")
            named.append(f"{whole if versions.get(whole, version) == version else name} {version}")
    return _words(named)


def _settings(settings: Settings) -> str:
    threads = f"{settings.threads} thread{'' if settings.threads == 1 else 's'}"
    compiled = ", compiled" if settings.compile else ""
    return (
        f"{settings.device} in {settings.precision}{compiled}, {threads}, {settings.samples:,} samples measured, "
        f"{settings.condition_dropout:.0%} of conditions dropped in training; limits "
        f"{formats.number(settings.timeout_seconds)} s and {formats.number(settings.memory_bytes, 'bytes')}"
    )


def _guidance(settings: Settings) -> str:
    if not settings.guidance_scales:
        return ""
    scales = ", ".join(f"{scale:g}" for scale in settings.guidance_scales)
    return (
        "none in the main tables but where a cell's options say so; "
        f"every cell that can be guided was sampled once more at scale {scales}"
    )


def _time(run: Run) -> str:
    """The time that the run was told to end in, and what it took to the end of its last cell, a pause included."""
    if run.info.within_seconds is None:
        return ""
    told = f"told to end within {formats.duration(run.info.within_seconds)}"
    results, begun = run.results(), _moment(run.info.created)
    ends = [
        start + timedelta(seconds=sum(result.stages.values()))
        for result in results
        if (start := _moment(result.started)) is not None
    ]
    if begun is None or not ends or len(results) < len(run.plan):
        return told
    return f"{told}; took {formats.duration((max(ends) - begun).total_seconds())}"


def _when(created: str) -> str:
    moment = _moment(created)
    return created if moment is None else moment.strftime("%d %B %Y, %H:%M %Z").strip()


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _words(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))
