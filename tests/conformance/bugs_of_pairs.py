"""Bugs to plant in the toy distribution: in its backbones and its conditioner."""

from __future__ import annotations

from tests.conformance.planting import Bug

LOUD_PREFIX = """
from condbench.conditioning import prefixes


class Loud(nn.Linear):
    def forward(self, c: Context) -> Tensor:
        return super().forward(c.pooled)[:, None]


class LoudConditioner(ScaleConditioner):
    def fill(self, net: nn.Module, dim: int) -> None:
        super().fill(net, dim)
        for prefix in prefixes(net):
            prefix.fill(Loud(dim, prefix.channels), 1)


def make(options: None) -> ScaleConditioner:
    return LoudConditioner()
"""

LOUD_PLACE = """
from condbench.conditioning import Conditioned


class Louder(nn.Module):
    def __init__(self, net: nn.Module, dim: int) -> None:
        super().__init__()
        self.net, self.project = net, nn.Linear(dim, 1)

    def forward(self, *arguments, c: Context):
        out = self.net(*arguments, c=None)
        return out * self.project(c.pooled).view(-1, *[1] * (out.ndim - 1))


class PlaceOfItsOwn:
    def lift(self, build, task, make_encoder):
        def wrap(net):
            encoder = make_encoder()
            return Conditioned(Louder(net, encoder.dim), encoder)

        return build(task, wrap)


def make(options: None) -> PlaceOfItsOwn:
    return PlaceOfItsOwn()
"""

BUGS: dict[str, Bug] = {
    # backbones
    "a loss for each sample": (
        ("backbone.py", ".square().mean()", ".square().mean((1, 2, 3))"),
        "toy: shapes",
        "shape (10,), not ()",
    ),
    "a loss that is infinite": (
        ("backbone.py", ".square().mean()", ".square().mean() / 0"),
        "toy: shapes",
        "the loss of phase 'train' is inf",
    ),
    "samples that are not finite": (
        ("backbone.py", ".clamp(-1, 1)", ".clamp(-1, 1) / 0"),
        "toy: shapes",
        "samples are not finite",
    ),
    "a loss without a gradient": (
        ("backbone.py", ".square().mean()", ".square().mean().detach()"),
        "toy: shapes",
        "has no gradient",
    ),
    "samples from 0 to 255": (
        ("backbone.py", ".clamp(-1, 1)", ".clamp(-1, 1) * 255"),
        "toy: shapes",
        "not in [-1, 1]",
    ),
    "samples from 0 to 1": (
        ("backbone.py", ".clamp(-1, 1)", ".sigmoid()"),
        "toy: shapes",
        "not in [-1, 1]",
    ),
    "a squeeze": (
        ("backbone.py", ".clamp(-1, 1)", ".clamp(-1, 1).squeeze(0)"),
        "toy: sampling for every label",
        "for 1 conditions",
    ),
    "a sampler that must have conditions": (
        ("backbone.py", "        z = torch", "        assert u.kept.all()\n        z = torch"),
        "toy: sampling for every label",
        "AssertionError",
    ),
    "mixed types under autocast": (
        ("backbone.py", "u=u).float()", "u=u)"),
        "toy: mixed precision",
        "dtype",
    ),
    "a dead parameter": (
        ("backbone.py", "self.net, self.shape =", "self.dead, self.net, self.shape = nn.Parameter(torch.ones(3)),"),
        "toy: gradients reach every parameter and every adapter",
        "no gradient reaches dead",
    ),
    "an optimizer that leaves some out": (
        ("backbone.py", "Adam(self.parameters()", "Adam(self.net.net.parameters()"),
        "toy: gradients reach every parameter and every adapter",
        "no optimizer of that phase moves it",
    ),
    "a site that is not called": (
        ("backbone.py", "h = self.input(self.first(x), c)", "h = self.first(x)"),
        "toy: gradients reach every parameter and every adapter",
        "net.net.input.adapter",
    ),
    "a loss that is deaf": (
        ("backbone.py", "torch.randn_like(x), u)", "torch.randn_like(x), u.dropped())"),
        "toy: the loss depends on u",
        "whatever u is",
    ),
    "a sampler that is deaf": (
        ("backbone.py", "self.estimate(z, u)", "self.estimate(z, u.dropped())"),
        "toy: samples depend on u",
        "whatever u is",
    ),
    "a network that looks across the batch": (
        ("backbone.py", "return self.last(h)", "return self.last(h - h.mean(0))"),
        "toy: no leakage across the batch",
        "net gives for a sample depends on the others",
    ),
    "a sampler that looks across the batch": (
        ("backbone.py", "self.estimate(z, u).clamp", "(self.estimate(z, u) * self.estimate(z, u).std()).clamp"),
        "toy: no leakage across the batch",
        "a sample depends on the conditions of others",
    ),
    "a network with a clock": (
        ("backbone.py", "randperm(shape[-1]", "randperm(shape[-1], generator=(g := torch.Generator(), g.seed())[0]"),
        "toy: determinism from the seed",
        "built twice from one seed, 'order' differs",
    ),
    "a loss with a clock": (
        ("backbone.py", "torch.randn_like(x)", "torch.randn(x.shape, generator=(g := torch.Generator(), g.seed())[0])"),
        "toy: determinism from the seed",
        "the loss of phase 'train' differs",
    ),
    "a sampler that takes the global generator": (
        ("backbone.py", "*self.shape, generator=generator", "*self.shape"),
        "toy: determinism from the seed",
        "the same generator gives other samples",
    ),
    "a sampler with a seed of its own": (
        ("backbone.py", "generator=generator", "generator=torch.Generator().manual_seed(0)"),
        "toy: determinism from the seed",
        "another generator gives the same samples",
    ),
    "an order outside of the state": (
        ("backbone.py", 'self.register_buffer("order", ', "self.order = ("),
        "toy: save and load",
        "not in the state dict",
    ),
    "a step that grows": (
        (
            "backbone.py",
            "        return (self.estimate(x + ",
            "        self.calls = getattr(self, 'calls', 0) + 1\n"
            "        for _ in range(self.calls):\n"
            "            self.net(x, u=u)\n"
            "        return (self.estimate(x + ",
        ),
        "toy: the budget is obeyed",
        "all must be alike",
    ),
    "a sampler that learns": (
        ("backbone.py", "        z = torch", "        self.net.net.last.bias.add_(0.1)\n        z = torch"),
        "toy: the budget is obeyed",
        "sampling changes net.net.last.bias",
    ),
    "learning while it is built": (
        ("backbone.py", "    return Toy(", "    net(torch.randn(500, *task.target.shape), None)\n    return Toy("),
        "toy: the budget is obeyed",
        "building takes",
    ),
    "a network that looks at the context": (
        ("backbone.py", "        return self.last(h)", "        return self.last(h if c is None else 2 * h + 1)"),
        "toy: neutral start",
        "only sites may look at the context",
    ),
    "a sampler that looks at the encoder": (
        ("backbone.py", "u).clamp(-1, 1)", "u).clamp(-1, 1) / (2 if self.net.encoder else 1)"),
        "toy: neutral start",
        "samples differ between adapters that do nothing yet and empty sites",
    ),
    "no network is wrapped": (
        ("backbone.py", "Toy(wrap(net)", "Toy(net"),
        "toy: sites and offers",
        "build() wraps no network",
    ),
    "a network that is not wrapped": (
        ("backbone.py", "Toy(wrap(net)", "Toy(Conditioned(net)"),
        "toy: the loss depends on u",
        "whatever u is",
    ),
    "a capability that is not there": (
        ("register.py", 'frozenset({"gates",', 'frozenset({"score", "gates",'),
        "toy: sites and offers",
        "not a ScoreModel",
    ),
    "norms that are not there": (
        ("backbone.py", "norm=nn.BatchNorm2d(width)", "norm=None"),
        "toy: sites and offers",
        "none of its sites has a norm",
    ),
    "a network without sites": (
        (
            "backbone.py",
            "    return Toy(wrap(net), task.target.shape)",
            "    toy = Toy(wrap(net), task.target.shape)\n    toy.more = wrap(nn.Linear(1, 1))\n    return toy",
        ),
        "toy: sites and offers",
        "the network more is wrapped, but has no site",
    ),
    "a network that sees the future": (
        ("sequence.py", "h.cumsum(1)", "h.sum(1, keepdim=True).expand_as(h)"),
        "toy-sequence: causality",
        "not causal",
    ),
    "a pair that does not know its order": (
        ("backbone.py", 'self.register_buffer("order", ', "self.order = ("),
        "toy: composes with film",
        "a model that is loaded gives other samples",
    ),
    "a prefix that stays": (
        ("sequence.py", "h[:, self.prefix.length :]", "h"),
        "toy-sequence: composes with in-context",
        "",
    ),
    # conditioners
    "a loud start": (
        ("conditioner.py", "nn.init.zeros_(self.project.weight)", "nn.init.normal_(self.project.weight)"),
        "toy-scale: neutral start",
        "before any training",
    ),
    "a loud start in place of a norm": (
        (
            "conditioner.py",
            "        nn.init.zeros_(self.project.weight)",
            "        self.replaces_norm = True",
        ),
        "toy-scale: neutral start",
        "depends on u before any training",
    ),
    "a loud start in a prefix": (
        ("conditioner.py", "def make(options: None) -> ScaleConditioner:\n    return ScaleConditioner()", LOUD_PREFIX),
        "toy-scale: neutral start",
        "tokens in net.net.prefix depend on u before any training",
    ),
    "a loud start in a place of its own": (
        ("conditioner.py", "def make(options: None) -> ScaleConditioner:\n    return ScaleConditioner()", LOUD_PLACE),
        "toy-scale: neutral start",
        "the loss of phase 'train' depends on u before any training",
    ),
    "an adapter that mixes positions": (
        ("conditioner.py", "h * (1 + gamma)", "h + gamma * (h.mean(1, keepdim=True) if h.ndim > 2 else h)"),
        "toy-scale: causality",
        "mixes positions",
    ),
    "an adapter with a dead parameter": (
        ("conditioner.py", "        nn.init.zeros_(self.project.bias)", "        self.dead = nn.Linear(3, 3)"),
        "toy-scale: gradients reach every parameter and every adapter",
        "dead.weight",
    ),
    "an adapter that u cannot move": (
        ("conditioner.py", "self.project(c.pooled)", "self.project(c.pooled * 0)"),
        "toy-scale: the loss depends on u",
        "whatever u is",
    ),
    "an adapter that looks across the batch": (
        ("conditioner.py", "self.project(c.pooled)", "self.project(c.pooled.cumsum(0))"),
        "toy-scale: no leakage across the batch",
        "depends on the others",
    ),
    "an adapter for images only": (
        ("conditioner.py", "*[1] * (h.ndim - 2), -1)", "1, 1, -1)"),
        "toy-scale: composes with vae",
        "",
    ),
}  # fmt: skip
