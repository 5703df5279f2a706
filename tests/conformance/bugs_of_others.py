"""Bugs to plant in the toy distribution: in what it says of itself, and in all but backbones and conditioners."""

from __future__ import annotations

from tests.conformance.planting import Bug

BUGS: dict[str, Bug] = {
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
    "a trainer that is not there": (
        ("register.py", 'better="lower",', 'better="lower", trainer=f"{__package__}.metric:train",'),
        "toy-ink: names and options",
        "metric:train' cannot be loaded",
    ),
    "code that cannot be called": (
        ("register.py", "options:ToyOptions", "options:annotations"),
        "toy: names and options",
        "options:annotations is not callable",
    ),
    "a summary of two lines": (
        ("register.py", "a denoiser of one step", "a denoiser\\nof one step"),
        "toy: names and options",
        "no summary of one line",
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
    "a default that is another as text": (
        ("options.py", "float | None = Field(None", "str = Field(1"),
        "toy: names and options",
        "written as text, are read as",
    ),
    "options that are no model": (
        ("register.py", "options:ToyOptions", "options:Field"),
        "toy: names and options",
        "not a pydantic model",
    ),
    "an option that is not described": (
        ("options.py", ', description="channels"', ""),
        "toy: names and options",
        "the option width has no description",
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
    # encoders
    "a single token": (
        ("encoder.py", "return self.embedding(words)", "return self.embedding(words).mean(1, keepdim=True)"),
        "toy-words: embeddings",
        "becomes 1 tokens",
    ),
    "embeddings of another size": (
        ("encoder.py", "Words(domain.size, dim)", "Words(domain.size, dim + 1)"),
        "toy-words: embeddings",
        "have 129 numbers, and 128",
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
    "images without channels": (
        ("dataset.py", "return Split(x,", "return Split(x[:, 0],"),
        "toy-bars: data as declared",
        "has shape (32, 8, 8), not (32, 1, 8, 8)",
    ),
    "a split without images": (
        ("dataset.py", "split(1, 16)", "split(1, 0)"),
        "toy-bars: data as declared",
        "the test split is empty",
    ),
    "a part of u too many": (
        ("dataset.py", "(labels,)", "(labels, labels)"),
        "toy-bars: data as declared",
        "has 2 parts",
    ),
    "another kind of x": (
        ("register.py", 'summary="bright rows"', 'summary="bright rows", target_kind="video"'),
        "toy-bars: data as declared",
        "its x are image, its spec says video",
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
    "names for some labels": (
        ("dataset.py", '("a", "b", "c", "d")', '("a", "b")'),
        "toy-bars: every label has data",
        "names 2 labels for 4 classes",
    ),
    "a digest that says nothing": (
        ("digest.py", 'return "bars-1"', 'return ""'),
        "toy-bars: a digest that identifies the data",
        "not text that identifies the data",
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
    "a bare number": (
        ("metric.py", "Measurement(value=float(np.mean(distances)), n=len(labels))", "float(np.mean(distances))"),
        "toy-ink: measures real images",
        "a float, not a Measurement",
    ),
    "a value of no samples": (
        ("metric.py", "n=len(labels)", "n=0"),
        "toy-ink: measures real images",
        "its n is 0",
    ),
    "half an interval": (
        ("metric.py", "n=len(labels)", "n=len(labels), low=0.0"),
        "toy-ink: measures real images",
        "one end of an interval",
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
    "a metric that gives no reason": (
        ("metric.py", "labels, real =", "from condbench.evaluation import Unavailable as No; raise No; labels, real ="),
        "toy-ink: measures real images",
        "Unavailable without a reason",
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
    "markup in a figure": (
        ("reporter.py", "{escape(result.reason)}", "{result.reason}"),
        "toy-figure: renders",
        "not escaped",
    ),
    "a suffix without a dot": (
        ("register.py", 'suffix=".html"', 'suffix="html"'),
        "toy-page: renders",
        "must start with a dot",
    ),
    "a report of bytes": (
        ("reporter.py", 'return "<ul>"', 'return b"" and "<ul>"'),
        "toy-page: renders",
        "a bytes, not text",
    ),
    "a report of nothing": (
        ("reporter.py", 'return "<ul>"', 'return "" and "<ul>"'),
        "toy-page: renders",
        "an empty text",
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
    "an executor that cannot execute": (
        ("executor.py", "def execute", "def run"),
        "toy-nowhere: follows the protocol",
        "has no method execute",
    ),
    "an executor of another protocol": (
        ("executor.py", "jobs: int, ", ""),
        "toy-nowhere: follows the protocol",
        "cannot be called as",
    ),
}  # fmt: skip
