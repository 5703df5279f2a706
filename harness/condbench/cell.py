"""The life of one cell, read top to bottom: build, train, sample, measure, write.

``python -m condbench.cell RUN NAME`` lives the planned cell of that name; executors start it in a process of its own.
It always leaves a result.json, whose state says how it went, unless the process is killed.
"""

from __future__ import annotations

import datetime
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from condbench import pictures, sampling, training
from condbench.batches import Batches
from condbench.building import build, data_digest, load_dataset, settle
from condbench.data import Dataset
from condbench.energy import energy_meter
from condbench.errors import Diverged, UserError
from condbench.evaluation import Evaluation, Unavailable
from condbench.measuring import measure, metric_row
from condbench.model import Model
from condbench.npz import write_npz
from condbench.peak import matrix_rate, peak_memory
from condbench.provenance import distributions, involved, seed
from condbench.registry import Registry, installed
from condbench.results import TOLERANCE, CellResult, Checkpoint, Guided, MetricRow, PlannedCell, Redraw, Size, State
from condbench.specs import Better
from condbench.store import Run, write_atomically

Report = Callable[[str, float], None]


class Life:
    """One cell being lived; collects what its result will say."""

    def __init__(self, planned: PlannedCell, path: Path, registry: Registry, report: Report) -> None:
        self.planned, self.path, self.registry, self.report = planned, path, registry, report
        self.cell, self.settings = planned.cell, planned.provenance.settings
        self.started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.stages: dict[str, float] = {}
        self.metrics: list[MetricRow] = []
        self.guided: list[Guided] = []
        self.checkpoints: list[Checkpoint] = []
        self.redraws: list[Redraw] = []
        self.ended_by = ""
        self.labels: tuple[str, ...] = ()

    def live(self) -> CellResult:
        """From nothing to a result in state ok."""
        with self._stage("build"):
            self._check_sources()
            settle(self.settings.threads, seed(self.cell, "build"))
            dataset = load_dataset(self.planned, self.registry)
            self.labels = dataset.labels
            model = build(self.planned, dataset.task, self.registry).to(self.settings.device)
        with self._stage("train"):
            snapshots = self._train(model, dataset)
        with self._stage("sample"):
            samples = self._sample(model, dataset)
        with self._stage("measure"):
            self._measure(model, samples, dataset)
        if self.settings.guidance_scales and model.guidance is not None:
            with self._stage("guide"):
                self._sweep_guidance(model, dataset)
        if self.settings.redraws:
            with self._stage("redraw"):
                self._redraw(model, dataset)
        if snapshots:
            with self._stage("look back"):
                self._look_back(snapshots, model, dataset)
        return self.end("ok")

    def end(self, state: State, reason: str = "") -> CellResult:
        """The result of a life that ended in ``state``."""
        self._row("peak_memory", peak_memory(self.settings.device), "bytes", "lower")
        return CellResult(
            name=self.planned.name,
            state=state,
            reason=reason,
            ended_by=self.ended_by,
            provenance=self.planned.provenance,
            metrics=tuple(self.metrics),
            guided=tuple(self.guided),
            checkpoints=tuple(self.checkpoints),
            redraws=tuple(self.redraws),
            labels=self.labels,
            stages={stage: round(seconds, 3) for stage, seconds in self.stages.items()},
            started=self.started,
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.report(name, 0.0)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = time.perf_counter() - start

    def _row(self, name: str, value: float, unit: str, better: Better, n: int | None = None) -> None:
        self.metrics.append(MetricRow(name=name, value=value, unit=unit, better=better, n=n))

    def _train(self, model: Model, dataset: Dataset) -> list[training.Snapshot]:
        order = torch.Generator().manual_seed(seed(self.cell, "batches"))
        batches = Batches(
            dataset.train,
            dataset.task,
            model.batch_size,
            order,
            device=model.device,
            homogeneous=model.homogeneous,
        )
        bf16 = self.settings.precision == "bf16"
        rate = matrix_rate(model.device, bf16=bf16)
        torch.manual_seed(seed(self.cell, "train"))
        meter = energy_meter(self.settings.device)

        def report(progress: float) -> None:
            self.report("train", progress)
            if meter:
                meter.tick()

        done = training.train(
            model,
            iter(batches),
            self.cell.budget,
            condition_dropout=self.settings.condition_dropout,
            generator=torch.Generator().manual_seed(seed(self.cell, "dropout")),
            bf16=bf16,
            compiled=self.settings.compile,
            snapshots=self.settings.checkpoint_shares,
            report=report,
        )
        self.ended_by = done.ended_by
        self._row("training_flops", done.spent.flops, "FLOP", "neither")
        self._row("training_samples", done.spent.samples, "images", "neither")
        self._row("training_seconds", done.spent.seconds, "s", "neither")
        self._row("training_throughput", done.spent.samples / done.spent.seconds, "images/s", "higher")
        if meter:
            self._row("training_energy", meter.read() / done.spent.samples, "J/image", "lower")
        self._row("flops_per_image", done.flops_per_image, "FLOP/image", "neither")
        self._row("matrix_rate", rate, "FLOP/s", "neither")
        self._row("model_flop_utilisation", done.spent.flops / done.spent.seconds / rate, "share", "higher")
        parameters = sum(p.numel() for p in model.parameters())
        self._row("parameters", parameters, "parameters", "neither")
        self._check_size(Size(parameters=parameters, flops_per_image=done.flops_per_image))
        curve = "".join(json.dumps(asdict(point)) + "\n" for point in done.curve)
        write_atomically(self.path / "curve.jsonl", curve)
        state = {name: value.contiguous().clone() for name, value in model.state_dict().items()}
        write_atomically(self.path / "model.safetensors", save(state))
        return done.snapshots

    def _check_sources(self) -> None:
        """A result must not be filed under sources or data that it does not come from.

        Raises:
            UserError: if a distribution or the data have changed since the cell was planned.
        """
        now = distributions(involved(self.cell, self.settings, self.registry))
        if changed := [name for name, planned in self.planned.provenance.distributions.items() if now[name] != planned]:
            raise UserError(
                f"the sources of {', '.join(changed)} have changed since the cell was planned: plan it anew with "
                "`condbench run --resume RUN --retry failed`."
            )
        if data_digest(self.planned, self.registry) != self.planned.provenance.data:
            raise UserError(
                f"the data of '{self.cell.dataset.name}' have changed since the cell was planned: restore them, or "
                "begin a new run."
            )

    def _check_size(self, size: Size) -> None:
        """A cell that is not as large as its track says must not stand in its table."""
        if (target := self.planned.size) is not None and not size.agrees(target):
            raise UserError(
                f"the model is not as large as the track same-size asks for ({size.difference(target)}; "
                f"{TOLERANCE:.0%} are allowed): plan the run anew, since its widths were solved for other code."
            )

    def _draw(self, model: Model, dataset: Dataset, stage: str, noise: str = "sample") -> sampling.Samples:
        return sampling.draw(
            model,
            sampling.asked_for(dataset, self.settings.samples),
            dataset.task.target,
            seed(self.cell, noise),
            bf16=self.settings.precision == "bf16",
            report=lambda progress: self.report(stage, progress),
        )

    def _sample(self, model: Model, dataset: Dataset) -> sampling.Samples:
        drawn = self._draw(model, dataset, "sample")
        self._row("sampling_throughput", drawn.throughput, "images/s", "higher", n=drawn.timed)
        self._row("network_evaluations", drawn.evaluations, "evaluations/image", "lower")
        u = sampling.asked_for(dataset, 4 * max(sampling.LATENCY_BATCHES))
        bf16 = self.settings.precision == "bf16"
        self.metrics.append(sampling.latency(model, u, seed(self.cell, "latency"), bf16=bf16))
        return drawn

    def _measure(self, model: Model, drawn: sampling.Samples, dataset: Dataset) -> None:
        labels = self._asked(dataset)[0] if dataset.task.condition[0].kind == "class" else None
        if dataset.task.target.kind == "image":
            write_atomically(self.path / "samples.npz", write_npz(drawn.x, labels))
            write_atomically(self.path / "samples.png", pictures.grid(drawn.x, labels, dataset.task.condition[0].size))
        self.metrics += self._rows(self.settings.metrics, model, drawn, dataset)

    def _sweep_guidance(self, model: Model, dataset: Dataset) -> None:
        """Sample the trained model again at every scale of the sweep, from the same noise."""
        trained = model.guidance
        for scale in self.settings.guidance_scales:
            model.guidance = scale
            rows = self._again("guide", self.settings.guidance_metrics, model, dataset)
            self.guided.append(Guided(scale=scale, metrics=rows))
        model.guidance = trained

    def _look_back(self, snapshots: Sequence[training.Snapshot], model: Model, dataset: Dataset) -> None:
        """Sample the model as it was on its way, from the same noise. Its rate of learning had not fallen yet."""
        for snapshot in snapshots:
            model.load_state_dict(snapshot.state)
            rows = self._again("look back", self.settings.checkpoint_metrics, model, dataset)
            spent = snapshot.spent
            self.checkpoints.append(
                Checkpoint(
                    progress=snapshot.progress,
                    flops=spent.flops,
                    samples=spent.samples,
                    seconds=spent.seconds,
                    metrics=rows,
                )
            )

    def _redraw(self, model: Model, dataset: Dataset) -> None:
        """Sample the trained model again from other noise: what differs is due to drawing, not to training."""
        for number in range(1, self.settings.redraws + 1):
            rows = self._again("redraw", self.settings.redraw_metrics, model, dataset, noise=f"redraw {number}")
            self.redraws.append(Redraw(seed=number, metrics=rows))

    def _again(
        self, stage: str, metrics: Sequence[str], model: Model, dataset: Dataset, noise: str = "sample"
    ) -> tuple[MetricRow, ...]:
        """Draw and measure once more; samples that are not finite say nothing against the cell."""
        try:
            drawn = self._draw(model, dataset, stage, noise)
        except Diverged as error:
            specs = [self.registry.metrics.get(name).spec for name in metrics]
            return tuple(metric_row(spec, Unavailable(str(error))) for spec in specs)
        return tuple(self._rows(metrics, model, drawn, dataset))

    def _rows(self, metrics: Sequence[str], model: Model, drawn: sampling.Samples, dataset: Dataset) -> list[MetricRow]:
        """What metric plugins say of samples."""
        device = torch.device(self.settings.device)
        evaluation = Evaluation(dataset, drawn.x, self._asked(dataset), device, model, seed(self.cell, "measure"))
        return measure(evaluation, [self.registry.metrics.get(name) for name in metrics])

    def _asked(self, dataset: Dataset) -> tuple[NDArray[np.generic], ...]:
        """The conditions that samples are drawn for, as they are stored."""
        return tuple(part[sampling.cycled(dataset.test, self.settings.samples)] for part in dataset.test.u)


def _live_guarded(life: Life) -> CellResult:
    """Live; an exception becomes an end state, with the traceback in the log."""
    try:
        return life.live()
    except Diverged as error:
        return life.end("diverged", str(error))
    except UserError as error:  # a sentence of its own, e.g. a backbone's that this size of image does not suit
        return life.end("failed", str(error))
    except (MemoryError, torch.OutOfMemoryError) as error:
        traceback.print_exc()
        return life.end("out-of-memory", f"{type(error).__name__}: {error}")
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        state: State = "out-of-memory" if "can't allocate memory" in str(error) else "failed"
        return life.end(state, " ".join(f"{type(error).__name__}: {error}".split()))


def main(run_path: str, name: str, attached: str = "") -> None:
    """Live one planned cell of a run. Progress goes to standard output as JSON lines, all else to standard error.

    With ``--attached`` the process ends when its standard input does, so that no cell outlives a killed driver.
    """
    if attached == "--attached":
        threading.Thread(target=_die_with_parent, daemon=True).start()
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a plugin or library prints must not end up among the events

    def report(stage: str, progress: float) -> None:
        print(json.dumps({"stage": stage, "progress": round(progress, 4)}), file=events)

    run = Run(Path(run_path))
    planned = run.planned(name)
    life = Life(planned, run.cell_path(name), installed(), report)
    run.write_result(_live_guarded(life))


def _die_with_parent() -> None:
    sys.stdin.read()
    if os.getpgrp() == os.getpid():  # the executor gave the cell a group of its own: its children go too
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
