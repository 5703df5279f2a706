"""pythae's VAE as a third party's backbone: where u gets in, whose loss it is, and a real cell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from condbench_pythae.options import VaeOptions
from condbench_pythae.vae import PythaeVae, SitedVae, build
from pythae.models import VAE, VAEConfig
from torch import Tensor

from condbench.conditioning import Condition, ConditionEncoder, Conditioner
from condbench.specs import Domain, Task
from condbench_plugins.conditioners import film, label_embedding
from condbench_plugins.encoders.table import Table

OPTIONS = VaeOptions(latent=4)


def lifted(conditioner: Conditioner, *shape: int) -> PythaeVae:
    torch.manual_seed(0)
    task = Task(Domain("image", shape), (Domain("class", (), 3),))
    model = conditioner.lift(
        lambda t, wrap: build(t, wrap, OPTIONS), task, lambda: ConditionEncoder([Table(3, 16)], 16)
    )
    assert isinstance(model, PythaeVae)
    return model


def painted(model: PythaeVae) -> Tensor:
    """What each label makes of the same latent: (3, *shape)."""
    with torch.no_grad():
        ink: Tensor = model.net(torch.zeros(3, OPTIONS.latent), u=Condition.of(torch.arange(3)), decode=True)
    return ink.view(3, -1)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("conditioner", [label_embedding.make(None), film.make(None)])
def test_it_starts_deaf_to_u_and_learns_to_hear(conditioner: Conditioner, shape: tuple[int, ...]) -> None:
    model = lifted(conditioner, *shape)
    assert float(painted(model).std(0, correction=0).max()) < 1e-6
    x, u = torch.full((3, *shape), -1.0), Condition.of(torch.arange(3))
    x[1] = 1.0
    (optimizer,) = model.optimizers("train")
    for _ in range(30):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):  # as condbench trains
            loss = model.loss("train", x, u)
        loss.backward()
        optimizer.step()
    dark, light, _ = painted(model).mean(1)
    assert light > dark + 0.02
    with torch.inference_mode():
        assert model.sample(u, torch.Generator().manual_seed(0)).shape == x.shape


def test_the_loss_is_pythaes() -> None:
    model = lifted(film.make(None), 1, 8, 8)
    untouched = VAE(VAEConfig(input_dim=(1, 8, 8), latent_dim=OPTIONS.latent, reconstruction_loss="bce"))
    sited = model.net.net
    assert isinstance(sited, SitedVae)
    for theirs, ours in zip(untouched.parameters(), _pythaes_own(sited), strict=True):
        theirs.data.copy_(ours)
    x = torch.rand(5, 1, 8, 8) * 2 - 1
    torch.manual_seed(1)
    loss = model.loss("train", x, Condition.of(torch.zeros(5, dtype=torch.long)))
    torch.manual_seed(1)
    torch.testing.assert_close(loss, untouched({"data": (x + 1) / 2}).loss)


def _pythaes_own(net: SitedVae) -> list[torch.nn.Parameter]:
    return [parameter for name, parameter in net.vae.named_parameters() if "adapter" not in name]


def test_a_cell_ends_ok(tmp_path: Path) -> None:
    code = "from condbench.cli import main; main()"
    command = ["run", "--suite", "smoke", "-b", "pythae-vae", "-c", "film,adain", "--json"]
    done = subprocess.run([sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    states = {cell["name"]: (cell["state"], cell["reason"]) for cell in json.loads(done.stdout)["cells"]}
    assert states["mnist10k.pythae-vae.film.s0"] == ("ok", "")
    assert states["mnist10k.pythae-vae.adain.s0"][0] == "skipped", "its features are vectors"


def test_registering_imports_neither_torch_nor_pythae() -> None:
    code = "import sys, condbench_pythae.register, condbench_pythae.options; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'torch'" not in loaded and "'pythae'" not in loaded
