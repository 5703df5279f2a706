"""The conformance kit catches a planted bug of each kind that it checks, by the check that is named for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from condbench.testing.cases import cases, outcome
from condbench.testing.checks.catalogue import every_check
from tests.conformance.planting import plant

# name of the bug: (file, what stands there, what is planted), the case that must fail, what it must say
BUGS: dict[str, tuple[tuple[str, str, str], str, str]] = {
    # distributions, and any plugin
    "registering fails": (
        ("register.py", "from condbench import hookimpl", "from condbench import hookimpl, nonsense"),
        "planted: registration",
        "quarantined: ImportError",
    ),
    "registering imports torch": (
        ("register.py", "from condbench import hookimpl", "import torch  # noqa\nfrom condbench import hookimpl"),
        "planted: registration imports no torch",
        "register:7 imports torch",
    ),
    "the name is taken": (
        ("register.py", 'name="toy",', 'name="flow",'),
        "flow: names and options",
        "built-in",
    ),
    "code that is not there": (
        ("register.py", ".backbone:build", ".backbone:biuld"),
        "toy: names and options",
        "biuld' cannot be loaded",
    ),
    "options import torch": (
        ("options.py", "from pydantic", "import torch\nfrom pydantic"),
        "toy: names and options",
        "options:3 imports torch",
    ),
    "an option without a default": (
        ("options.py", "Field(8, ", "Field("),
        "toy: names and options",
        "no valid defaults: width",
    ),
    "a default that its own bounds refuse as text": (
        ("options.py", "Field(8, ge=4", "Field(2, ge=4"),
        "toy: names and options",
        "cannot be written as text",
    ),
    "options that take any name": (
        ("options.py", 'extra="forbid"', 'extra="allow"'),
        "toy: names and options",
        "unknown names",
    ),
    "a size that is no option": (
        ("register.py", 'sizes=("width",)', 'sizes=("depth",)'),
        "toy: names and options",
        "sizes names depth",
    ),
    # backbones
    "a loss for each sample": (
        ("backbone.py", ".square().mean()", ".square().mean((1, 2, 3))"),
        "toy: shapes",
        "shape (10,), not ()",
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
    "a network that sees the future": (
        ("sequence.py", "h.cumsum(1)", "h.sum(1, keepdim=True).expand_as(h)"),
        "toy-sequence: causality",
        "not causal",
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
    # encoders
    "a single token": (
        ("encoder.py", "return self.embedding(words)", "return self.embedding(words).mean(1, keepdim=True)"),
        "toy-words: embeddings",
        "becomes 1 tokens",
    ),
    "one embedding for all": (
        ("encoder.py", "self.embedding(words)", "self.embedding(words * 0)"),
        "toy-words: each condition on its own",
        "the same embedding",
    ),
    "embeddings that look across the batch": (
        ("encoder.py", "return self.embedding(words)", "return self.embedding(words) + self.embedding(words).mean(0)"),
        "toy-words: each condition on its own",
        "others in its batch",
    ),
    "an encoder with a dead parameter": (
        ("encoder.py", "        self.embedding =", "        self.dead = nn.Linear(3, 3)\n        self.embedding ="),
        "toy-words: gradients reach every parameter",
        "dead.weight",
    ),
    "an encoder that knows more than its state": (
        ("encoder.py", "return self.embedding(words)", "return self.embedding(words) + id(self) % 97"),
        "toy-words: determinism from the seed",
        "embeddings differ",
    ),
    # datasets
    "images as floats": (
        ("dataset.py", "return Split(x,", "return Split(x / 255,"),
        "toy-bars: data as declared",
        "float64, not uint8",
    ),
    "labels that count from 1": (
        ("dataset.py", "(labels,)", "(labels + 1,)"),
        "toy-bars: data as declared",
        "[1, 4], not in [0, 4)",
    ),
    "kinds that the spec does not say": (
        ("register.py", 'summary="bright rows"', 'summary="bright rows", condition_kinds=("tokens",)'),
        "toy-bars: data as declared",
        "its spec says tokens",
    ),
    "a label without images": (
        ("dataset.py", "np.int64) % CLASSES", "np.int64) % (CLASSES - 1)"),
        "toy-bars: every label has data",
        "no x of class 3",
    ),
    "a digest of the process": (
        ("digest.py", 'return "bars-1"', 'return str(hash("bars"))'),
        "toy-bars: a digest that identifies the data",
        "in another process",
    ),
    "data in another order each time": (
        ("dataset.py", "default_rng(seed)", "default_rng()"),
        "toy-bars: a digest that identifies the data",
        "another train split",
    ),
    # metrics
    "a value that is none": (
        ("metric.py", "value=float(np.mean(distances))", "value=float('nan')"),
        "toy-ink: measures real images",
        "its value is nan",
    ),
    "an interval beside the value": (
        ("metric.py", "n=len(labels)", "n=len(labels), low=-2.0, high=-1.0"),
        "toy-ink: measures real images",
        "is not around",
    ),
    "a metric that paints over samples": (
        ("metric.py", "    labels, real =", "    evaluation.samples[:] = 0\n    labels, real ="),
        "toy-ink: measures real images",
        "it changes the samples",
    ),
    "a metric that draws at random": (
        ("metric.py", "float(np.mean(distances))", "float(np.mean(distances) + np.random.rand())"),
        "toy-ink: deterministic",
        "measured twice",
    ),
    "better the wrong way round": (
        ("register.py", 'better="lower"', 'better="higher"'),
        "toy-ink: direction",
        "higher is better",
    ),
    "a metric that must have labels": (
        ("metric.py", "evaluation.labels, ", "evaluation.u[0], "),
        "toy-ink: samples without labels",
        "IndexError",
    ),
    # reporters and executors
    "markup from an error": (
        ("reporter.py", "{escape(result.reason)}", "{result.reason}"),
        "toy-page: renders",
        "not escaped",
    ),
    "a report with a clock": (
        ("reporter.py", 'return "<ul>"', 'return str(id(lines)) + str(__import__("time").time_ns()) + "<ul>"'),
        "toy-page: renders",
        "rendered twice",
    ),
    "a report of done cells only": (
        ("reporter.py", 'state = "not run yet" if result is None else', "state ="),
        "toy-page: renders a run that has only begun",
        "AttributeError",
    ),
    "an executor of another protocol": (
        ("executor.py", "jobs: int, ", ""),
        "toy-nowhere: follows the protocol",
        "cannot be called as",
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught_by_name(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted, name, says = BUGS[bug]
    registry = plant(tmp_path, monkeypatch, planted)
    (case,) = [case for case in cases("planted", registry) if case.name == name]
    found = outcome(case, {})
    assert found.state == "failed", found
    assert says in found.reason


def test_without_bugs_it_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = plant(tmp_path, monkeypatch)
    found = [outcome(case, {}) for case in cases("planted", registry)]
    assert [one for one in found if one.state == "failed"] == []
    assert {one.name for one in found} >= {name for _, name, _ in BUGS.values()} - {"flow: names and options"}


def test_each_check_has_caught_a_bug() -> None:
    caught = {name.partition(": ")[2] for _, name, _ in BUGS.values()}
    checks = {check.name for checks in every_check().values() for check in checks}
    assert {name if not name.startswith("composes with") else "composes with" for name in caught} == checks
