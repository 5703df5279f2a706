"""Autoregression over learned discrete codes: first an autoencoder finds the codes, then a transformer predicts them.

The two stages share one budget (van den Oord et al. 2017, arXiv:1711.00937). The autoencoder is unconditional and stays
as it is once the second stage has begun; all that u can change is which codes the transformer draws. Pixels one by one
would take 784 passes for a digit, codes take 49. `build` is what the registry names; its option ``order`` chooses:

- raster: in reading order, one pass of one position per code, with a cache of keys and values;
- masked: all at once, again and again, each time keeping what is most certain (MaskGIT, Chang et al. 2022,
  arXiv:2202.04200), in a few passes of all positions.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.conditioning import Condition, Wrap
from condbench.model import Model
from condbench.specs import Task
from condbench_plugins.networks.fsq import CodeAutoencoder
from condbench_plugins.networks.intensities import IntensityTable
from condbench_plugins.networks.optimizers import muon_and_adamw
from condbench_plugins.networks.transformer import Cache, Transformer
from condbench_plugins.options import ArOptions

_CHOICE_NOISE = 4.5  # of the masked order: how much chance decides, at first, which codes stay (MaskGIT's temperature)


class CodeModel(Model):
    """P(x|u) as P(codes|u), which subclasses tell how to learn and to draw, and a decoder of codes."""

    batch_size = 32
    causal: bool

    def __init__(self, task: Task, wrap: Wrap, options: ArOptions) -> None:
        super().__init__()
        self.codes_share, self.guidance = options.codes_share, options.guidance
        self.temperature = options.temperature
        levels = [int(count) for count in options.levels.split("x")]
        self.autoencoder = CodeAutoencoder(task.target.shape, levels, options.code_width)
        self.length = math.prod(self.autoencoder.grid)
        self.transformer = wrap(
            Transformer(
                self.autoencoder.quantizer.size,
                self.autoencoder.grid,
                options.width,
                options.heads,
                options.feed_forward,
                options.layers,
                causal=self.causal,
                dropout=options.dropout,
            )
        )

    @abstractmethod
    def codes_loss(self, codes: Tensor, x: Tensor, u: Condition) -> Tensor:
        """The transformer's loss on codes (B, length) of images x, a scalar."""

    @abstractmethod
    def draw(self, u: Condition, generator: torch.Generator) -> Tensor:
        """Draw codes: (B, length)."""

    def phases(self, progress: float) -> tuple[str, ...]:
        """First the codes, then the transformer over the frozen codes."""
        return ("codes",) if progress < self.codes_share else ("transformer",)

    def loss(self, phase: str, x: Tensor, u: Condition) -> Tensor:
        """Of the codes: the autoencoder's cross-entropy. Of the transformer: that of images' codes."""
        if phase == "codes":
            return self.autoencoder.loss(x)
        with torch.no_grad():
            codes = self.autoencoder.encode(x)
        return self.codes_loss(codes, x, u)

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
        """Draw codes, then decode them: (B, C, H, W)."""
        return self.autoencoder.decode(self.draw(u, generator))

    @property
    def net(self) -> Transformer:
        """The transformer without its conditioner."""
        net = self.transformer.net
        assert isinstance(net, Transformer)
        return net

    def drawing_logits(self, known: Tensor, u: Condition, cache: Cache | None = None) -> Tensor:
        """The logits (B, T, codes), in float32, that codes are drawn from: over the temperature, and guided.

        To guide is to extrapolate away from the unconditional logits. Both come from one batched call, as with images
        (Ho & Salimans 2022, arXiv:2207.12598); on logits of codes: Chang et al. 2023, arXiv:2301.00704, section 2.7.
        One cache must be used with one scale.
        """
        if self.guidance is None or self.guidance == 1:
            logits: Tensor = self.transformer(known, u=u, cache=cache)
            return logits.float() / self.temperature
        logits = self.transformer(known.repeat(2, 1), u=Condition.cat([u, u.dropped()]), cache=cache)
        kept, dropped = logits.float().chunk(2)
        return torch.lerp(dropped, kept, self.guidance) / self.temperature


class Autoregression(CodeModel):
    """P(codes|u) as the product over codes of P(code | codes before it, u)."""

    causal = True
    likelihood = "lower bound (one code per image)"

    def __init__(self, task: Task, wrap: Wrap, options: ArOptions) -> None:
        super().__init__(task, wrap, options)
        self.intensities = IntensityTable()
        self.code_dropout = options.code_dropout

    def codes_loss(self, codes: Tensor, x: Tensor, u: Condition) -> Tensor:
        """-log P(codes|u), nats per image. What the codes paint of x is counted for the likelihood.

        Some codes are hidden from those after them (word dropout, Bowman et al. 2016, arXiv:1511.06349): who has to do
        without some of its past listens to u, and to the whole of the past, and does not learn images by heart.
        """
        with torch.no_grad():
            self.intensities.count(self.autoencoder.paint(codes), x)
        hidden = torch.rand(codes.shape, device=codes.device) < self.code_dropout
        return -self._log_probability(codes, u, hidden).mean()

    def draw(self, u: Condition, generator: torch.Generator) -> Tensor:
        """One code after the other."""
        cache = Cache(len(self.net.blocks))
        codes = [self.net.blank(len(u), 1)]
        for _ in range(self.length):
            logits = self.drawing_logits(codes[-1], u, cache)[:, 0]
            codes.append(torch.multinomial(logits.softmax(-1), 1, generator=generator))
        return torch.cat(codes[1:], dim=1)

    def log_likelihood(self, x: Tensor, u: Condition, generator: torch.Generator) -> Tensor:
        """log P(codes of x | u) + log P(x | those codes), (B,) nats: other codes could have led to x too."""
        codes = self.autoencoder.encode(x)
        of_intensities = self.intensities.log_prob(self.autoencoder.paint(codes), x)
        return self._log_probability(codes, u) + of_intensities

    def _log_probability(self, codes: Tensor, u: Condition, hidden: Tensor | None = None) -> Tensor:
        """log P(codes|u) of codes (B, length): (B,) nats; those ``hidden`` are predicted, but nothing is from them."""
        seen = codes if hidden is None else codes.masked_fill(hidden, self.net.codes)
        before = torch.cat([self.net.blank(len(codes), 1), seen[:, :-1]], dim=1)
        logits: Tensor = self.transformer(before, u=u)
        return -F.cross_entropy(logits.float().movedim(-1, 1), codes, reduction="none").sum(1)


class MaskedPrediction(CodeModel):
    """P(any codes | any others, u), every code on its own: drawing few codes a pass, it approximates P(codes|u)."""

    causal = False

    def __init__(self, task: Task, wrap: Wrap, options: ArOptions) -> None:
        super().__init__(task, wrap, options)
        self.steps = options.steps

    def codes_loss(self, codes: Tensor, x: Tensor, u: Condition) -> Tensor:
        """-log P(hidden codes | the others, u), nats per code times their number; how many are hidden is random."""
        hidden_share = torch.cos(math.pi / 2 * torch.rand(len(codes), 1, device=codes.device))
        rank = torch.rand(codes.shape, device=codes.device).argsort(1)
        hidden = rank < (hidden_share * self.length).ceil().clamp(min=1)
        logits: Tensor = self.transformer(codes.where(~hidden, self.net.codes), u=u)
        return F.cross_entropy(logits[hidden].float(), codes[hidden]) * self.length

    def draw(self, u: Condition, generator: torch.Generator) -> Tensor:
        """In ``steps`` passes: draw all unknown codes, then forget the least certain ones again."""
        codes = self.net.blank(len(u), self.length)
        for step in range(1, self.steps + 1):
            log_probabilities = self.drawing_logits(codes, u).log_softmax(-1)
            drawn = torch.multinomial(log_probabilities.exp().flatten(0, 1), 1, generator=generator).view_as(codes)
            known = codes != self.net.codes
            codes = codes.where(known, drawn)
            chance = -torch.empty_like(log_probabilities[..., 0]).exponential_(generator=generator).log()  # Gumbel's
            certainty = log_probabilities.gather(2, codes[..., None])[..., 0]
            certainty = certainty + _CHOICE_NOISE * (1 - step / self.steps) * chance
            unknown = math.floor(math.cos(math.pi / 2 * step / self.steps) * self.length)
            forgotten = certainty.masked_fill(known, math.inf).argsort(1)[:, :unknown]
            codes = codes.scatter(1, forgotten, self.net.codes)
        return codes


def build(task: Task, wrap: Wrap, options: ArOptions) -> CodeModel:
    """A model of images whose height and width are divisible by 4."""
    return (MaskedPrediction if options.order == "masked" else Autoregression)(task, wrap, options)
