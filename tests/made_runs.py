"""What runs are made of by hand, with every state and with strings that must be escaped; for this folder's tests."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from condbench.budget import Budget
from condbench.results import (
    Cell,
    CellResult,
    Checkpoint,
    Choice,
    Distribution,
    Guided,
    MetricRow,
    PlannedCell,
    Provenance,
    Settings,
    State,
    Track,
)
from condbench.store import Run

BACKBONES = ("ar", "ebm", "gan", "vae", "diffusion", "flow")
CONDITIONERS = ("none", "label-sampling", "label-embedding", "film", "adain", "cross-attention")
HOSTILE = '<script>alert("1")</script> & | `code`\nsecond line'

TROUBLE: dict[tuple[str, str], tuple[State, str]] = {
    ("ar", "adain"): ("skipped", "adain needs features with positions that a site may mix, which ar does not have"),
    ("ebm", "none"): ("diverged", "the loss was not finite after 812 of 4,100 steps"),
    ("ebm", "film"): ("timeout", "not done after 600 s"),
    ("gan", "label-sampling"): ("failed", HOSTILE),
    ("vae", "cross-attention"): ("out-of-memory", "killed at 4.1 GiB; the limit is 4 GiB"),
    ("diffusion", "none"): ("lost", "its process ended with signal 9"),
}
ALL_BACKBONES = (*BACKBONES, "dit", "latent-diffusion", "stylegan", "nf", "diffusers-unet")
ALL_CONDITIONERS = (*CONDITIONERS, "concat", "adaln-zero", "in-context", "projection", "classifier-guidance", "hyper")
GUIDED = ("diffusion", "flow", "dit", "latent-diffusion")
UNFINISHED = ("flow", "cross-attention")

Make = Callable[..., Run]


def choice(name: str, **changed: bool | int | float | str | None) -> Choice:
    defaults: dict[str, bool | int | float | str | None] = {"width": 48, "depth": 2}
    options = {**defaults, **changed}
    return Choice(name=name, distribution="condbench", options=options, changed=changed)


def solved(width: int) -> Choice:
    """flow, with a width that the track same-size has found."""
    flow = choice("flow")
    return flow.model_copy(update={"options": {**flow.options, "width": width}, "sized": {"width": width}})


def planned(
    backbone: str | Choice = "flow",
    conditioner: str | Choice = "film",
    dataset: str = "mnist10k",
    seed: int = 0,
    budget: Budget | None = None,
    skip: str = "",
    track: Track = "same-backbone",
    shares: tuple[float, ...] = (),
) -> PlannedCell:
    b = choice(backbone) if isinstance(backbone, str) else backbone
    c = choice(conditioner) if isinstance(conditioner, str) else conditioner
    cell = Cell(
        dataset=Choice(name=dataset, distribution="condbench"),
        backbone=b,
        conditioner=c,
        budget=budget or Budget(flops=5e12),
        seed=seed,
    )
    settings = Settings(
        device="cpu",
        precision="bf16",
        threads=2,
        condition_dropout=0.1,
        samples=1996,
        metrics=("condbench:fid", "condbench:label_accuracy"),
        encoders=("condbench:table",),
        timeout_seconds=600.0,
        memory_bytes=4 * 2**30,
        track=track,
        checkpoint_shares=shares,
    )
    provenance = Provenance(
        cell=cell,
        settings=settings,
        distributions={"condbench": Distribution(version="0.1.0", digest="5f0c2b7de19a4e61")},
        data="9d41c0ffee5b2a7e",
        assets={"fid": "17ac8e0b5d3f9921"},
        libraries={"torch": "2.14.1", "numpy": "2.4.6"},
        processor="Example Processor @ 2.0 GHz",
    )
    name = re.sub(r"[^A-Za-z0-9._~]+", "-", f"{dataset}.{b}.{c}.s{seed}").strip("-.")
    return PlannedCell(name=name, provenance=provenance, skip=skip)


def rows(
    fid: float | None,
    accuracy: float | None,
    throughput: float | None,
    parameters: float = 961_234.0,
    flops_per_image: float = 88.4e6,
) -> tuple[MetricRow, ...]:
    reason = "" if fid is not None else "the features have a singular covariance"
    low, high = (None, None) if accuracy is None else (accuracy - 0.018, accuracy + 0.017)
    return (
        MetricRow(name="fid", value=fid, unit="", better="lower", n=1996, reason=reason),
        MetricRow(name="fid_floor", value=0.142, unit="", better="lower", n=1996),
        MetricRow(name="label_accuracy", value=accuracy, unit="fraction", better="higher", n=1996, low=low, high=high),
        MetricRow(name="sampling_throughput", value=throughput, unit="images/s", better="higher", n=512),
        MetricRow(name="network_evaluations", value=16.0, unit="", better="lower"),
        MetricRow(name="training_throughput", value=1540.0, unit="images/s", better="higher"),
        MetricRow(name="parameters", value=parameters, unit="", better="neither"),
        MetricRow(name="flops_per_image", value=flops_per_image, unit="FLOP/image", better="neither"),
        MetricRow(name="training_flops", value=5.0e12, unit="FLOPs", better="neither"),
        MetricRow(name="training_seconds", value=31.4, unit="s", better="lower"),
        MetricRow(name="matrix_rate", value=1.02e12, unit="FLOP/s", better="neither"),
        MetricRow(name="model_flop_utilisation", value=0.156, unit="share", better="higher"),
        MetricRow(name="peak_memory", value=812.0 * 2**20, unit="bytes", better="lower"),
    )


def bits(value: float, note: str) -> MetricRow:
    return MetricRow(name="bits_per_dimension", value=value, unit="bits/dim", better="lower", n=1996, note=note)


def guided(scale: float, fid: float, accuracy: float) -> Guided:
    return Guided(scale=scale, metrics=rows(fid, accuracy, None)[:3:2])


def checkpoint(progress: float, fid: float, accuracy: float) -> Checkpoint:
    measured = rows(fid, accuracy, None)[:3:2]
    return Checkpoint(progress=progress, flops=5e12 * progress, samples=6e4 * progress, seconds=31.4, metrics=measured)


def result(
    line: PlannedCell,
    metrics: Iterable[MetricRow] = (),
    state: State = "ok",
    reason: str = "",
    sweep: Iterable[Guided] = (),
    checkpoints: Iterable[Checkpoint] = (),
) -> CellResult:
    return CellResult(
        name=line.name,
        state=state,
        reason=reason,
        ended_by="flops" if state == "ok" else "",
        provenance=line.provenance,
        metrics=tuple(metrics),
        guided=tuple(sweep),
        checkpoints=tuple(checkpoints),
        labels=tuple("0123456789"),
        stages={"build": 0.8, "train": 31.4, "sample": 4.2, "measure": 2.9},
        started="2025-03-01T12:00:00+00:00",
    )


def grid(seed: int = 0) -> bytes:
    """A small PNG of the shape that the harness writes: 10 columns, 8 rows, 28 pixels each."""
    pixels = np.random.default_rng(seed).integers(0, 255, (8 * 28, 10 * 28), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def large_matrix(seeds: int = 1) -> tuple[list[PlannedCell], list[CellResult]]:
    """All that the project means to have: 11 backbones x 12 conditioners, sizes, bounds and a guidance sweep."""
    plan, results = [], []
    for i, backbone in enumerate(ALL_BACKBONES):
        for j, conditioner in enumerate(ALL_CONDITIONERS):
            state, reason = TROUBLE.get((backbone, conditioner), ("ok", ""))
            if conditioner == "projection" and "gan" not in backbone:
                state, reason = "skipped", f"projection needs a critic, which {backbone} does not have"
            for seed in range(seeds):
                line = planned(backbone, conditioner, skip=reason if state == "skipped" else "", seed=seed)
                plan.append(line)
                fid, accuracy = 30.0 * 0.62 ** (i + 1.3 * j % 4), 0.1 + 0.88 * (j / 11) ** 0.3 * (0.6 + 0.04 * i)
                size = 10.0 if conditioner == "label-sampling" else 1.0 + 0.043 * j
                work = 1.0 if conditioner == "label-sampling" else 1.0 + 0.007 * j
                metrics = rows(fid, accuracy, 40.0 * 2.1**i / (1 + 0.1 * j), 961_234 * size, 88.4e6 * work)
                if backbone in ("nf", "ar", "vae"):
                    metrics += (bits(1.3 + 0.1 * j, "exact" if backbone == "nf" else "lower bound (ELBO)"),)
                sweep = [
                    guided(s, fid * (1 + 0.3 * (s - 1) * (s - 2.2)), accuracy + (1 - accuracy) * (1 - 1 / s))
                    for s in (1.5, 2.0, 3.0, 4.0)
                    if backbone in GUIDED and conditioner != "none"
                ]
                ok = state == "ok"
                results.append(result(line, metrics if ok else (), state, reason, sweep if ok else ()))
    return plan, results
