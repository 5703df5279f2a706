"""Diffusion by a transformer over patches (Peebles & Xie 2023, "DiT", arXiv:2212.09748).

What is learned and how samples are drawn is `Diffusion`'s. The network is not a U-Net but a transformer, whose sequence
has room for u in front and whose every branch has a site for a gate. `build` is what the registry names.
"""

from __future__ import annotations

from typing import cast

import torch

from condbench.conditioning import Wrap
from condbench.specs import Task
from condbench_plugins.backbones.diffusion import Diffusion
from condbench_plugins.networks.guidance import Interval
from condbench_plugins.networks.optimizers import Muon
from condbench_plugins.networks.patch_transformer import PatchTransformer
from condbench_plugins.options import DitOptions


class Dit(Diffusion):
    """A denoiser whose network is a `PatchTransformer`."""

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Muon on the matrices that every patch goes through, AdamW on the rest.

        What the time or u goes through sees one vector per sample instead of 49. Muon's arithmetic depends on the size
        of a matrix only, and would cost more there than all the rest of a step.
        """
        hidden = cast(PatchTransformer, self.net.net).hidden_weights()
        chosen = {id(weight) for weight in hidden}
        rest = [p for p in self.phase_parameters(phase) if id(p) not in chosen]
        return [
            Muon(hidden, lr=0.03),
            torch.optim.AdamW(rest, lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True),
        ]


def build(task: Task, wrap: Wrap, options: DitOptions) -> Dit:
    """A denoiser of images whose height and width are divisible by 4."""
    shape = task.target.shape
    return Dit(
        wrap(PatchTransformer(shape, options.width, options.feed_forward, options.stem_width, options.layers)),
        shape,
        steps=options.steps,
        temperature=options.temperature,
        guidance=options.guidance,
        interval=Interval(options.guidance_low, options.guidance_high),
    )
