"""diffusers' U-Net as a third party's backbone: where u gets in, what guidance does, and real cells."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from condbench_diffusers import class_embedding
from condbench_diffusers.ddpm import Ddpm, build
from condbench_diffusers.options import UnetOptions
from diffusers import DDPMScheduler
from torch import Tensor, nn

from condbench.conditioning import Condition, Conditioned, ConditionEncoder, Conditioner
from condbench.errors import UserError
from condbench.specs import Domain, Task
from condbench_plugins.conditioners import adain, cross_attention, film, label_embedding
from condbench_plugins.encoders.table import Table
from condbench_plugins.options import CrossAttentionOptions

CONDITIONERS = {
    "label-embedding": label_embedding.make(None),
    "film": film.make(None),
    "adain": adain.make(None),
    "cross-attention": cross_attention.make(CrossAttentionOptions()),
    "diffusers-class-embedding": class_embedding.make(None),
}
SMALL = UnetOptions(width=4, half_width=4, quarter_width=4, steps=4)


def task(*shape: int) -> Task:
    return Task(Domain("image", shape), (Domain("class", (), 3),))


def lifted(conditioner: Conditioner, *shape: int) -> Ddpm:
    torch.manual_seed(0)
    model = conditioner.lift(
        lambda t, wrap: build(t, wrap, SMALL), task(*shape), lambda: ConditionEncoder([Table(3, 16)], 16)
    )
    assert isinstance(model, Ddpm)
    return model


def spread_over_labels(model: Ddpm, *shape: int) -> float:
    """How far the estimates of the same noisy image differ between labels."""
    x, t = torch.randn(1, *shape).repeat(3, 1, 1, 1), torch.full((3,), 500)
    with torch.no_grad():
        out = model.net(x, t, u=Condition.of(torch.arange(3)))
    return float(out.std(0, correction=0).max())


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("name", CONDITIONERS)
def test_it_starts_deaf_to_u_and_can_learn_to_hear(name: str, shape: tuple[int, ...]) -> None:
    model = lifted(CONDITIONERS[name], *shape)
    assert spread_over_labels(model, *shape) < 1e-6
    x, u = torch.rand(3, *shape) * 2 - 1, Condition.of(torch.arange(3))
    for _ in range(3):
        for optimizer in model.optimizers("train"):
            model.loss("train", x, u).backward()
            optimizer.step()
    assert spread_over_labels(model, *shape) > 1e-4


def test_adain_in_place_of_the_norms_leaves_time_its_say() -> None:
    model = lifted(CONDITIONERS["adain"], 1, 28, 28)
    x, u = torch.randn(1, 1, 28, 28).repeat(2, 1, 1, 1), Condition.of(torch.zeros(2, dtype=torch.long))
    with torch.no_grad():
        early, late = model.net(x, torch.tensor([10, 900]), u=u)
    assert float((early - late).abs().max()) > 0.01


class ExactVelocity(nn.Module):
    """The velocity at x_t where the data are Gaussian of mean 0 and deviation DATA."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))  # tells the model its device

    def forward(self, x: Tensor, t: Tensor, c: object) -> Tensor:
        level = DDPMScheduler(beta_schedule="squaredcos_cap_v2").alphas_cumprod[t]
        return (level * (1 - level)).sqrt() * (1 - DATA**2) * x / (level * DATA**2 + 1 - level)


DATA, ERROR, SEEN = 0.3, 0.3, 0.4


def bayes(z: Tensor, sigma: Tensor, u: Condition) -> Tensor:
    """The gradient of log P(u|z) where u is the number SEEN: the data plus Gaussian noise of deviation ERROR."""
    assert sigma.shape == (len(z),)
    sigma = sigma[:, None, None, None]
    kept = DATA**2 / (DATA**2 + sigma**2)
    return kept * (SEEN - kept * z) / (kept * sigma**2 + ERROR**2)


def test_a_guide_turns_samples_of_the_prior_into_samples_of_the_posterior() -> None:
    model = Ddpm(Conditioned(ExactVelocity()), (1, 8, 8), UnetOptions(steps=500))
    u = Condition.of(torch.zeros(64, dtype=torch.long))
    prior = model.sample(u, torch.Generator().manual_seed(0))
    model.guide = bayes
    posterior = model.sample(u, torch.Generator().manual_seed(0))
    assert (prior.mean(), prior.std()) == (pytest.approx(0.0, abs=0.01), pytest.approx(DATA, rel=0.05))
    share = DATA**2 / (DATA**2 + ERROR**2)
    assert float(posterior.mean()) == pytest.approx(share * SEEN, abs=0.01)
    assert float(posterior.std()) == pytest.approx(math.sqrt(share) * ERROR, rel=0.05)


def test_noised_images_have_the_deviation_that_they_are_said_to_have() -> None:
    model = lifted(CONDITIONERS["film"], 1, 8, 8)
    z, sigma = model.noised(torch.zeros(256, 1, 8, 8))
    ratio = z.flatten(1).std(1) / sigma
    assert float(ratio.mean()) == pytest.approx(1.0, abs=0.02)
    assert float(sigma.max()) > 50 * float(sigma.min())


def test_scale_1_is_no_guidance_and_scale_0_forgets_u() -> None:
    model = lifted(CONDITIONERS["film"], 1, 8, 8)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    u, other = Condition.of(torch.zeros(2, dtype=torch.long)), Condition.of(torch.ones(2, dtype=torch.long))

    def sample(u: Condition, scale: float | None) -> Tensor:
        model.guidance = scale
        with torch.inference_mode():
            return model.sample(u, torch.Generator().manual_seed(0))

    assert torch.equal(sample(u, 1.0), sample(u, None))
    assert not torch.allclose(sample(u, 1.0), sample(u, 3.0), atol=1e-3)
    torch.testing.assert_close(sample(u, 0.0), sample(other, 0.0))
    assert not torch.allclose(sample(u, 1.0), sample(other, 1.0), atol=1e-3)


def test_a_size_that_cannot_be_halved_twice_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="multiples of 4, not 30 x 28"):
        lifted(CONDITIONERS["film"], 1, 30, 28)


def condbench(cwd: Path, *arguments: str) -> Any:
    code = "from condbench.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *arguments, "--json"], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_cells_end_ok_and_the_conditioner_says_where_it_does_not_fit(tmp_path: Path) -> None:
    own = "diffusers-class-embedding"
    run = condbench(tmp_path, "run", "--suite", "smoke", "-b", "diffusers-unet,flow", "-c", f"film,{own}")
    states = {cell["name"]: (cell["state"], cell["reason"]) for cell in run["cells"]}
    assert states["mnist10k.diffusers-unet.film.s0"] == ("ok", "")
    assert states[f"mnist10k.diffusers-unet.{own}.s0"] == ("ok", "")
    assert states[f"mnist10k.flow.{own}.s0"] == (
        "skipped",
        f"{own} needs diffusers' network, which flow does not have",
    )


def test_registering_imports_neither_torch_nor_diffusers() -> None:
    code = "import sys, condbench_diffusers.register, condbench_diffusers.options; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'torch'" not in loaded and "'diffusers'" not in loaded
