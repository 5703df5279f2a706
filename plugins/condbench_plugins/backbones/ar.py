"""Autoregression over learned discrete codes: first an autoencoder finds the codes, then a transformer predicts them.

The two stages share one budget (van den Oord et al. 2017, arXiv:1711.00937). The autoencoder is unconditional and stays
as it is once the second stage has begun; all that u can change is which codes the transformer draws. Pixels one by one
would take 784 passes for a digit, codes take 49.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.fsq import CodeAutoencoder
from condbench_plugins.networks.optimizers import muon_and_adamw
from condbench_plugins.networks.transformer import Cache, CausalTransformer
from condbench_plugins.options import ArOptions

_HEAD_WIDTH = 64


class Autoregression(Model):
    """P(x|u) as the product over codes of P(code | codes before it, u), and a decoder of codes."""

    batch_size = 48

    def __init__(self, task: Task, wrap: Wrap, options: ArOptions) -> None:
        super().__init__()
        self.codes_share = options.codes_share
        levels = [int(count) for count in options.levels.split("x")]
        self.autoencoder = CodeAutoencoder(task.target.shape, levels, options.code_width)
        self.length = self.autoencoder.grid[0] * self.autoencoder.grid[1]
        self.vocabulary = self.autoencoder.quantizer.size
        heads = options.width // _HEAD_WIDTH
        self.layers = options.layers
        self.transformer = wrap(CausalTransformer(self.vocabulary, self.length, options.width, options.layers, heads))

    def phases(self, progress: float) -> tuple[str, ...]:
        """First the codes, then the transformer over the frozen codes."""
        return ("codes",) if progress < self.codes_share else ("transformer",)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """Of the codes: mean squared error of x in [-1, 1]. Of the transformer: nats per image's codes."""
        if phase == "codes":
            return F.mse_loss(self.autoencoder(x), x)
        with torch.no_grad():
            codes = self.autoencoder.encode(x)
        previous = torch.cat([self._net.start(len(x)), codes[:, :-1]], dim=1)
        logits = self.transformer(previous, u=u)
        return F.cross_entropy(logits.flatten(0, 1).float(), codes.flatten()) * self.length

    def phase_parameters(self, phase: str) -> Iterable[nn.Parameter]:
        """The autoencoder's, then the transformer's."""
        return (self.autoencoder if phase == "codes" else self.transformer).parameters()

    def optimizers(self, phase: str) -> list[torch.optim.Optimizer]:
        """Muon on the matrices, AdamW on embeddings, biases and thin layers."""
        return muon_and_adamw(self, self.phase_parameters(phase))

    def learning_rate(self, phase: str, progress: float) -> float:
        """The default schedule, over each phase's own part of the budget."""
        if phase == "codes":
            own = progress / self.codes_share
        else:
            own = (progress - self.codes_share) / (1 - self.codes_share)
        return super().learning_rate(phase, own)

    def averaged_parameters(self) -> Iterable[nn.Parameter]:
        """The transformer's only: it learned the codes of the autoencoder as it is, not of its average."""
        return self.transformer.parameters()

    def sample(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Draw the codes one after the other at temperature 1, then decode them: (B, C, H, W)."""
        cache = Cache(self.layers)
        codes = [self._net.start(len(u))]
        for _ in range(self.length):
            logits = self.transformer(codes[-1], u=u, cache=cache)[:, 0]
            codes.append(torch.multinomial(logits.float().softmax(-1), 1, generator=generator))
        return self.autoencoder.decode(torch.cat(codes[1:], dim=1))

    @property
    def _net(self) -> CausalTransformer:
        net = self.transformer.net
        assert isinstance(net, CausalTransformer)
        return net


def build(task: Task, wrap: Wrap, options: ArOptions) -> Autoregression:
    """A model of images whose height and width are divisible by 4."""
    return Autoregression(task, wrap, options)
