"""`condbench sample`: draw from a trained cell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from condbench.data import Dataset

_ACROSS = 8


def sample(
    cell: Annotated[str, typer.Argument(help="A cell's directory, or its name within --run.")],
    out: Annotated[Path, typer.Option(metavar="FILE.png|FILE.npz", help="A picture, or arrays images and labels.")],
    label: Annotated[list[str] | None, typer.Option(help="Labels to draw; all in turn if left out.")] = None,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 64,
    guidance: Annotated[
        float | None, typer.Option(min=0, help="How strongly to lean towards u; 1 is not at all.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other samples.")] = 0,
    run: Annotated[Path | None, typer.Option(help="The run; the newest under runs/ if left out.")] = None,
) -> None:
    """Draw samples from a trained cell into a picture or an npz file."""
    from condbench.cli.cells import find_cell
    from condbench.cli.installed import installed
    from condbench.errors import Diverged, UserError
    from condbench.store import write_atomically

    if out.suffix not in (".png", ".npz"):
        raise UserError(f"--out {out} must end in .png or .npz, e.g. seven.png.")
    if not out.parent.is_dir():
        raise UserError(f"the folder '{out.parent}' of --out does not exist: make it first, or choose another.")
    opened, planned = find_cell(cell, run)

    import torch

    from condbench import building
    from condbench.condition import Condition
    from condbench.npz import write_npz
    from condbench.provenance import seed as derive
    from condbench.sampling import draw

    registry = installed()
    settings = planned.provenance.settings
    building.settle(settings.threads, 0)
    dataset = building.load_dataset(planned, registry)
    labels = _labels(dataset, label or [], count)
    device = settings.device
    if device != "cpu" and not torch.cuda.is_available():
        print(f"condbench: no GPU here: sampling on the CPU what was trained on {device}", file=sys.stderr)
        device = "cpu"
    model = building.load_model(opened, planned, dataset.task, registry).to(device)
    if guidance is not None:
        if model.guidance is None:
            raise UserError(f"the cell '{planned.name}' cannot be guided: leave out --guidance.")
        model.guidance = guidance
    try:
        samples = draw(
            model,
            Condition.of(torch.from_numpy(labels)),
            dataset.task.target,
            derive(planned.cell, f"sample command {seed}"),
            bf16=settings.precision == "bf16",
        )
    except Diverged as error:
        raise UserError(f"{error}: lean less towards u, e.g. --guidance 1, or draw others, e.g. --seed 1.") from None
    if out.suffix == ".npz":
        write_atomically(out, write_npz(samples.x, labels))
    else:
        write_atomically(out, _picture(samples.x))
    print(f"{len(labels)} samples: {out}", file=sys.stderr)


def _labels(dataset: Dataset, wanted: list[str], count: int) -> NDArray[np.int64]:
    """``count`` labels, taking turns among those wanted; each is a class's number or its name."""
    import numpy as np

    from condbench.errors import UserError, unknown

    domain = dataset.task.condition[0]
    if domain.kind != "class" or dataset.task.target.kind != "image":
        raise UserError(f"`condbench sample` draws images of labels, and {dataset.name} has none.")
    names = dataset.labels or tuple(str(number) for number in range(domain.size))
    numbers = {name: number for number, name in enumerate(names)} | {str(n): n for n in range(domain.size)}
    chosen: list[int] = []
    for text in (part.strip() for item in wanted for part in item.split(",")):
        if text not in numbers:
            raise unknown("label", text, numbers)
        chosen.append(numbers[text])
    turns = chosen or list(range(domain.size))
    return np.resize(np.array(turns, dtype=np.int64), count)


def _picture(images: NDArray[np.generic]) -> bytes:
    """A picture of all images in reading order."""
    import numpy as np

    from condbench.pictures import png

    count, channels, height, width = images.shape
    across = min(_ACROSS, count) if count <= _ACROSS**2 else int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    canvas = np.full((down * across, height, width, channels), 255, dtype=np.uint8)
    canvas[:count] = images.transpose(0, 2, 3, 1)
    sheet = canvas.reshape(down, across, height, width, channels).swapaxes(1, 2)
    return png(sheet.reshape(down * height, across * width, channels))
