"""Any backbone composes with any conditioner, in a matrix without duplicates, for images of any size, to the same bits.

That each pair trains, is stored and samples is checked by the conformance kit (`tests/conformance/test_builtin.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from condbench import building
from condbench.conditioning import Condition, Prefix, Site
from condbench.matrix import plan
from condbench.model import Model
from condbench.registry import installed
from condbench.results import PlannedCell
from condbench.specs import Domain, Task
from condbench.suite import load_suite

PLAN = plan(load_suite("smoke"), installed(), None)
CELLS = {f"{p.cell.backbone.name} x {p.cell.conditioner.name}": p for p in PLAN if not p.skip}
DIGITS = Task(Domain("image", (1, 28, 28)), (Domain("class", (), 10),))
COLOUR = Task(Domain("image", (3, 32, 32)), (Domain("class", (), 4),))


def build(planned: PlannedCell, task: Task = DIGITS) -> Model:
    torch.manual_seed(0)
    return building.build(planned, task, installed())


def batch(task: Task, size: int = 8) -> tuple[torch.Tensor, Condition]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(size, *task.target.shape, generator=generator) * 2 - 1
    return x, Condition.of(torch.arange(size) % task.condition[0].size)


def all_phases(model: Model) -> list[str]:
    """Every phase that a training goes through, in order."""
    return list(dict.fromkeys(phase for step in range(21) for phase in model.phases(step / 20)))


def step(model: Model, x: torch.Tensor, u: Condition) -> dict[str, float]:
    losses = {}
    for phase in all_phases(model):
        loss = model(phase, x, u)
        loss.backward()
        for optimizer in model.optimizers(phase):
            optimizer.step()
            optimizer.zero_grad()
        model.after_step(phase)
        losses[phase] = float(loss.detach())
    return losses


def sample(model: Model, u: Condition, seed: int = 2) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval().sample(u, torch.Generator().manual_seed(seed)).clone()


def test_the_matrix_explains_its_holes() -> None:
    assert len({p.cell.backbone.name for p in PLAN}) >= 10 and len({p.cell.conditioner.name for p in PLAN}) >= 12
    skipped = {(p.cell.backbone.name, p.cell.conditioner.name): p.skip for p in PLAN if p.skip}
    by_conditioner: dict[str, set[str]] = {}
    for backbone, conditioner in skipped:
        by_conditioner.setdefault(conditioner, set()).add(backbone)
    assert by_conditioner == {
        "adain": {"ar", "ebm", "vae", "nf"},
        "concat": {"ar", "vae", "nf", "dit"},
        "projection": {"ar", "vae", "nf", "dit", "flow", "diffusion", "latent-diffusion"},
        "in-context": {"vae", "nf", "flow", "diffusion", "latent-diffusion", "gan", "stylegan", "ebm"},
        "classifier-guidance": {"ar", "vae", "nf", "gan", "stylegan", "ebm"},
    }
    assert skipped["ebm", "adain"] == "adain needs norms of its own at its sites, which ebm does not have"
    assert skipped["ar", "adain"] == "adain needs features with positions that a site may mix, which ar does not have"


def test_no_two_cells_are_the_same_model() -> None:
    """A pair whose conditioner fills the same slots with the same adapters as another's would be counted twice."""
    seen: dict[tuple[str, ...], str] = {}
    for name, planned in CELLS.items():
        model = build(planned)
        slots = [
            f"{key}: {type(slot.adapter).__name__}"
            for key, slot in model.named_modules()
            if isinstance(slot, Site | Prefix) and slot.adapter is not None
        ]
        signature = (planned.cell.backbone.name, type(model).__name__, *slots)
        assert signature not in seen, f"{name} is {seen[signature]}"
        seen[signature] = name


@pytest.mark.parametrize("backbone", installed().backbones.names())
def test_colour_images_of_another_size(backbone: str) -> None:
    model = build(CELLS[f"{backbone} x film"], COLOUR)
    x, u = batch(COLOUR, 4)
    step(model, x, u)
    assert sample(model, u).shape == x.shape


def test_the_bits_of_a_cell_do_not_depend_on_where_it_is_lived(tmp_path: Path) -> None:
    """Two lives of one cell: the same weights and samples."""
    from condbench.budget import Budget
    from condbench.cell import Life

    planned = CELLS["vae x film"]
    cell = planned.cell.model_copy(update={"budget": Budget(samples=500)})
    planned = planned.model_copy(update={"provenance": planned.provenance.model_copy(update={"cell": cell})})
    digests = []
    for number in range(2):
        path = tmp_path / str(number)
        path.mkdir()
        torch.manual_seed(number)  # whatever ran before in a process must not matter
        result = Life(planned, path, installed(), lambda stage, progress: None).live()
        assert result.state == "ok"
        digests.append([(path / file).read_bytes() for file in ("model.safetensors", "samples.npz", "samples.png")])
    assert digests[0] == digests[1]
