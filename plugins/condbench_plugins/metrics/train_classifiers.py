"""How extractors and judges are trained, and the recipes of the shipped ones.

    python -m condbench_plugins.metrics.train_classifiers mnist10k --out plugins/condbench_plugins/metrics/weights

trains both networks on the train split, deterministically for one machine kind, torch version and number of threads,
and writes their weights with a card of how they were made.
"""

from __future__ import annotations

import argparse
import json
import math
import pkgutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.batches import to_model_range
from condbench.data import Dataset, Split
from condbench_plugins.datasets.register import condbench_register_datasets
from condbench_plugins.metrics.assets import Role, sha256
from condbench_plugins.metrics.classifiers import ARCHITECTURES, Classifier, Extractor


@dataclass(frozen=True)
class Recipe:
    """How one classifier is trained: AdamW with a one-cycle rate on randomly warped images.

    ``degrees``, ``scale``, ``shear`` and ``shift`` (pixels) bound uniform random warps; ``flip`` mirrors half of the
    images. The loss is cross-entropy with label smoothing.
    """

    seed: int
    images: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    smoothing: float
    degrees: float
    scale: float
    shear: float
    shift: float
    flip: bool


RECIPES: dict[tuple[Role, str], Recipe] = {
    ("extractor", "mnist"): Recipe(0, 120_000, 128, 2e-3, 1e-2, 0.0, 8, 0.1, 0.0, 2, False),
    ("judge", "mnist"): Recipe(1, 200_000, 128, 4e-3, 5e-2, 0.1, 12, 0.15, 0.2, 2, False),
    ("extractor", "fashion-mnist"): Recipe(0, 240_000, 128, 2e-3, 1e-2, 0.0, 0, 0.05, 0.0, 1, True),
    ("judge", "fashion-mnist"): Recipe(1, 260_000, 128, 3e-3, 2e-2, 0.0, 0, 0.0, 0.0, 1, True),
}


def train(
    role: Role, dataset: Dataset, recipe: Recipe, *, bf16: bool = True, report: Callable[[float], None] = lambda _: None
) -> Classifier:
    """Train one classifier on the train split; returned in evaluation mode.

    ``bf16`` multiplies in that precision, which a processor should do natively; ``report`` gets the progress in [0, 1].
    """
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    network = ARCHITECTURES[role](dataset.task.target.shape[0], dataset.task.condition[0].size)
    network.to(memory_format=torch.channels_last)
    x, labels = _tensors(dataset, dataset.train)
    steps = recipe.images // recipe.batch_size
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, steps, pct_start=0.15)
    left = torch.empty(0, dtype=torch.int64)
    for step in range(steps):
        if len(left) < recipe.batch_size:
            left = torch.randperm(len(x), generator=generator)
        index, left = left[: recipe.batch_size], left[recipe.batch_size :]
        batch = _warp(x[index], recipe, generator).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = network(batch)
        loss = F.cross_entropy(logits.float(), labels[index], label_smoothing=recipe.smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        report((step + 1) / steps)
    network.eval()
    if isinstance(network, Extractor):
        _scale_features(network, dataset)
    return network


def _tensors(dataset: Dataset, split: Split) -> tuple[Tensor, Tensor]:
    """Images in [-1, 1] and labels."""
    return to_model_range(torch.from_numpy(split.x), dataset.task.target), torch.from_numpy(split.u[0])


def _warp(x: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """A random affine warp of each image (B, C, H, W); what comes in from outside is background (-1)."""

    def uniform(bound: float) -> Tensor:
        return (2 * torch.rand(len(x), generator=generator) - 1) * bound

    angle = uniform(math.radians(recipe.degrees))
    scale_x, scale_y = 1 + uniform(recipe.scale), 1 + uniform(recipe.scale)
    shear = uniform(recipe.shear)
    if recipe.flip:
        scale_x = scale_x * torch.where(torch.rand(len(x), generator=generator) < 0.5, -1.0, 1.0)
    pixels = 2 / x.shape[-1]  # one pixel in the grid's units
    rows = [
        torch.stack([angle.cos() * scale_x, shear - angle.sin(), uniform(recipe.shift) * pixels], 1),
        torch.stack([angle.sin(), angle.cos() * scale_y, uniform(recipe.shift) * pixels], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x + 1, grid, align_corners=False) - 1


@torch.inference_mode()
def accuracy(network: nn.Module, dataset: Dataset) -> float:
    """The share of the test split that the network classifies correctly."""
    x, labels = _tensors(dataset, dataset.test)
    judged = torch.cat([network(part).argmax(1) for part in torch.split(x, 500)])
    return float((judged == labels).float().mean())


@torch.inference_mode()
def _scale_features(extractor: Extractor, dataset: Dataset) -> None:
    """Scale the features so that their total variance over the train split is 100; the logits stay the same.

    A network's scale is arbitrary and FID has its square: so scaled, an FID is a percentage of the data's own variance,
    whatever the data. The activation behind the scaled layer is homogeneous, so the factor can go into its weights.
    """
    x, _ = _tensors(dataset, dataset.train)
    features = torch.cat([extractor.features(part) for part in torch.split(x, 500)])
    factor = (100 / features.double().var(0).sum()).sqrt().item()
    extractor.last.weight.mul_(factor)
    extractor.last.bias.mul_(factor)
    extractor.head.weight.div_(factor)


def write(
    role: Role,
    dataset: Dataset,
    recipe: Recipe,
    weights: Path,
    *,
    bf16: bool = True,
    report: Callable[[float], None] = lambda _: None,
) -> None:
    """Train one classifier (see `train`) and write its weights, and its card beside them."""
    network = train(role, dataset, recipe, bf16=bf16, report=report)
    weights.write_bytes(save({name: tensor.contiguous() for name, tensor in network.state_dict().items()}))
    card = {
        "role": role,
        "family": dataset.family,
        "architecture": type(network).__name__,
        "parameters": sum(p.numel() for p in network.parameters()),
        "shape": dataset.task.target.shape,
        "classes": dataset.task.condition[0].size,
        "sha256": sha256(weights),
        "trained_on": {"dataset": dataset.name, "images": len(dataset.train), "digest": dataset.digest},
        "test_accuracy": round(accuracy(network, dataset), 4),
        "test_images": len(dataset.test),
        "recipe": asdict(recipe),
        "precision": "bf16" if bf16 else "fp32",
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    weights.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


def main() -> None:
    """Train the pair that ships for one built-in dataset."""
    specs = {spec.name: spec for spec in condbench_register_datasets()}
    parser = argparse.ArgumentParser(description="train the extractor and the judge of a family of data")
    parser.add_argument("dataset", choices=sorted(specs))
    parser.add_argument("--out", type=Path, required=True, help="the folder for weights and cards")
    parser.add_argument("--data-root", type=Path, help="the folder of the data, where they do not ship")
    parser.add_argument("--role", choices=sorted(ARCHITECTURES), action="append", help="both if left out")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    spec = specs[arguments.dataset]
    loaded: Dataset = pkgutil.resolve_name(spec.target)(arguments.data_root)
    dataset = replace(loaded, digest=pkgutil.resolve_name(spec.fingerprint)(arguments.data_root))
    for role in arguments.role or ARCHITECTURES:
        weights = arguments.out / f"{role}-{dataset.family}.safetensors"
        start = time.perf_counter()
        write(role, dataset, RECIPES[role, dataset.family], weights)
        print(f"{weights.name}: trained in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
