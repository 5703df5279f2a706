"""Mixtures of normals over vectors, one for each sample of a batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mixture:
    """K diagonal normals per sample: ``logits`` (B, K) of their weights, ``mean`` and ``log_variance`` (B, K, D)."""

    logits: Tensor
    mean: Tensor
    log_variance: Tensor

    @classmethod
    def normal(cls, mean: Tensor, log_variance: Tensor) -> Mixture:
        """One normal per sample, of ``mean`` and ``log_variance`` (B, D)."""
        return cls(torch.zeros_like(mean[:, :1]), mean[:, None], log_variance[:, None])

    def log_prob(self, z: Tensor) -> Tensor:
        """log density of z (B, D): (B,) nats."""
        distance = (z[:, None] - self.mean).square() * (-self.log_variance).exp()
        each = -0.5 * (distance + self.log_variance + math.log(2 * math.pi)).sum(-1)
        return (self.logits.log_softmax(-1) + each).logsumexp(-1)

    def draw(self, generator: torch.Generator | None = None) -> Tensor:
        """One z per sample, (B, D), differentiable with respect to the chosen normal; torch's generator by default."""
        chosen = torch.multinomial(self.logits.softmax(-1), 1, generator=generator)[..., None]
        index = chosen.expand(-1, -1, self.mean.shape[-1])
        mean, log_variance = self.mean.gather(1, index)[:, 0], self.log_variance.gather(1, index)[:, 0]
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return mean + (0.5 * log_variance).exp() * noise
