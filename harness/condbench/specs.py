"""Frozen descriptions that plugins yield and the harness passes around; importing this file imports no torch.

A spec names its code as ``"package.module:attribute"``; the harness imports it only in the process that needs it,
so that listing plugins stays instant. A plugin author imports these names from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "tokens", "class", "video"]
"""What an x, or a part of u, is; `Domain` says how each is stored."""

Better = Literal["lower", "higher", "neither"]
"""The good direction of a metric, if it has one."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The kind and shape of one x or of one part of u, without the batch dimension.

    ========  ===============  =====================================================  ==================
    kind      shape            tensor in a batch                                      size
    ========  ===============  =====================================================  ==================
    image     (C, H, W)        float (B, C, H, W) in [-1, 1]                          0 (continuous)
    video     (T, C, H, W)     float (B, T, C, H, W) in [-1, 1]                       0 (continuous)
    tokens    (T,)             int64 (B, T) in [0, size)                              vocabulary
    class     ()               int64 (B,) in [0, size)                                number of classes
    ========  ===============  =====================================================  ==================
    """

    kind: Kind
    shape: tuple[int, ...]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """What a dataset demands: the domain of x (target) and of each part of u (condition).

    Most tasks have one part, e.g. a class; "an answer given a video and a question" has two.
    """

    target: Domain
    condition: tuple[Domain, ...]


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """A family of generative model.

    ``target`` names a function ``build(task, wrap, options) -> Model`` (see `condbench.model.Model`), ``options`` a
    pydantic model of its options, importable without torch. ``sizes`` names integer options that set its size, for the
    track in which all conditioners' models are made equally large. ``offers`` lists capabilities that a conditioner
    may need:

    - "positions": its features have several positions, and its sites may mix them;
    - "norms": some of its sites have a norm, which an adapter may take the place of;
    - "sequence": its networks have a `condbench.conditioning.Prefix`;
    - "score": its model is a `condbench.model.ScoreModel`;
    - "grid": convolutions run over the features of an input site of its, so that a plane is more than a bias;
    - "gates": its networks have sites of role "branch";
    - "critic": a network of its gives each sample a number, and has a site of role "score".
    """

    name: str
    target: str
    summary: str
    options: str | None = None
    models: frozenset[Kind] = frozenset({"image"})
    offers: frozenset[str] = frozenset()
    sizes: tuple[str, ...] = ()
    paper: str = ""


@dataclass(frozen=True, slots=True)
class ConditionerSpec:
    """A way for u to get into a backbone.

    ``target`` names a function ``make(options) -> Conditioner`` (see `condbench.conditioning.Conditioner`).
    ``accepts`` lists the kinds of condition it can use, ``needs`` the backbone capabilities it cannot do without, and
    ``uses_encoder`` says whether it embeds u: a pair that does not fit is a skipped cell with the reason in words.
    """

    name: str
    target: str
    summary: str
    options: str | None = None
    accepts: frozenset[Kind] = frozenset({"class", "tokens", "image", "video"})
    needs: frozenset[str] = frozenset()
    uses_encoder: bool = True
    paper: str = ""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """A condition encoder for one kind of condition.

    ``target`` names a function ``make(domain, dim) -> nn.Module`` whose module maps a part of u to embeddings
    (B, T, dim); T is 4 or more, since cross-attention over a single token ignores its query.
    """

    name: str
    target: str
    summary: str
    encodes: Kind


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A dataset: ``target`` names ``load(root) -> Dataset`` (`condbench.data.Dataset`); ``fingerprint`` names
    ``digest(root) -> str``, importable without torch, which identifies the data without reading them as arrays.

    Both take the ``--data-root`` folder or None and raise `condbench.errors.UserError` where the data are not to be
    had. ``family`` (the name, if empty), ``target_kind`` and ``condition_kinds`` say what the loaded dataset will, so
    that cells can be planned without loading anything.
    """

    name: str
    target: str
    fingerprint: str
    summary: str
    family: str = ""
    target_kind: Kind = "image"
    condition_kinds: tuple[Kind, ...] = ("class",)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A measure of sample quality: ``target`` names ``measure(evaluation) -> Measurement``.

    See `condbench.evaluation.Evaluation`. A metric that depends on weights names in ``assets`` a torch-free function
    ``(family, data) -> str``: the digest of those it uses for data of this family and with this digest, "" if there are
    none; it becomes part of a result's provenance. Where weights can be made for any data, ``trainer`` names
    ``train(dataset, report) -> str``, which `condbench judge train` calls: it makes them unless they are there, calls
    ``report`` with its progress in [0, 1], and returns a line that says what there is. One that is dear, or needs what
    not everybody has, is not measured ``by_default``, but where it is named.
    """

    name: str
    target: str
    summary: str
    unit: str
    better: Better
    assets: str | None = None
    trainer: str | None = None
    by_default: bool = True
    paper: str = ""


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """A way to run cells off the driver: ``target`` names a class that follows `condbench.executors.Executor`."""

    name: str
    target: str
    summary: str


@dataclass(frozen=True, slots=True)
class ReporterSpec:
    """A renderer of runs: ``target`` names ``render(run) -> str`` which takes a `condbench.store.Run` and returns
    the text of the one file with the given ``suffix``."""

    name: str
    target: str
    summary: str
    suffix: str


Spec = BackboneSpec | ConditionerSpec | EncoderSpec | DatasetSpec | MetricSpec | ExecutorSpec | ReporterSpec
