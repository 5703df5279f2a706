"""The entry point of the built-in plugins: what there is, by name. It imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import BackboneSpec, ConditionerSpec, EncoderSpec, ExecutorSpec
from condbench_plugins.datasets.register import condbench_register_datasets as condbench_register_datasets
from condbench_plugins.metrics.register import condbench_register_metrics as condbench_register_metrics

_OPTIONS = "condbench_plugins.options"


@hookimpl
def condbench_register_backbones() -> Iterable[BackboneSpec]:
    """The families of generative model."""
    package = "condbench_plugins.backbones"
    yield BackboneSpec(
        name="ar",
        target=f"{package}.ar:build",
        options=f"{_OPTIONS}:ArOptions",
        summary="a transformer over learned discrete codes, one after the other",
        offers=frozenset({"gates", "norms", "sequence"}),
        sizes=("width", "code_width"),
        paper="van den Oord et al. 2017, arXiv:1711.00937; masked: Chang et al. 2022, arXiv:2202.04200",
    )
    yield BackboneSpec(
        name="ebm",
        target=f"{package}.ebm:build",
        options=f"{_OPTIONS}:EbmOptions",
        summary="an energy network, trained with a replay buffer, sampled by Langevin dynamics",
        offers=frozenset({"critic", "gates", "grid", "positions"}),
        sizes=("width", "fine_width"),
        paper="Du & Mordatch 2019, arXiv:1903.08689",
    )
    yield BackboneSpec(
        name="gan",
        target=f"{package}.gan:build",
        options=f"{_OPTIONS}:GanOptions",
        summary="a generator against a discriminator",
        offers=frozenset({"critic", "gates", "grid", "norms", "positions"}),
        sizes=("width", "fine_width"),
        paper="Goodfellow et al. 2014, arXiv:1406.2661",
    )
    yield BackboneSpec(
        name="stylegan",
        target=f"{package}.stylegan:build",
        options=f"{_OPTIONS}:StyleGanOptions",
        summary="a generator whose every layer is modulated by a mapped noise, against a discriminator",
        offers=frozenset({"critic", "gates", "grid", "norms", "positions"}),
        sizes=("width", "fine_width"),
        paper="Karras et al. 2019, arXiv:1812.04948; Karras et al. 2020, arXiv:1912.04958",
    )
    yield BackboneSpec(
        name="vae",
        target=f"{package}.vae:build",
        options=f"{_OPTIONS}:VaeOptions",
        summary="an encoder and a decoder, trained on a bound of the likelihood",
        offers=frozenset({"gates", "norms"}),
        sizes=("width", "encoder_width"),
        paper="Kingma & Welling 2014, arXiv:1312.6114; Sohn et al. 2015 (conditional)",
    )
    yield BackboneSpec(
        name="diffusion",
        target=f"{package}.diffusion:build",
        options=f"{_OPTIONS}:DiffusionOptions",
        summary="a denoiser at every noise level, sampled by a solver of a stochastic equation",
        offers=frozenset({"gates", "grid", "norms", "positions", "score"}),
        sizes=("width", "deep_width"),
        paper="Karras et al. 2022, arXiv:2206.00364",
    )
    yield BackboneSpec(
        name="flow",
        target=f"{package}.flow:build",
        options=f"{_OPTIONS}:FlowOptions",
        summary="a velocity field from noise to data, learned by flow matching",
        offers=frozenset({"gates", "grid", "norms", "positions", "score"}),
        sizes=("width", "deep_width"),
        paper="Lipman et al. 2023, arXiv:2210.02747",
    )
    yield BackboneSpec(
        name="latent-diffusion",
        target=f"{package}.latent_diffusion:build",
        options=f"{_OPTIONS}:LatentDiffusionOptions",
        summary="an autoencoder, and diffusion in its latent",
        offers=frozenset({"gates", "grid", "norms", "positions", "score"}),
        sizes=("width", "vector_width"),
        paper="Rombach et al. 2022, arXiv:2112.10752",
    )
    yield BackboneSpec(
        name="dit",
        target=f"{package}.dit:build",
        options=f"{_OPTIONS}:DitOptions",
        summary="diffusion by a transformer over patches",
        offers=frozenset({"gates", "norms", "positions", "score", "sequence"}),
        sizes=("width", "stem_width"),
        paper="Peebles & Xie 2023, arXiv:2212.09748",
    )
    yield BackboneSpec(
        name="nf",
        target=f"{package}.nf:build",
        options=f"{_OPTIONS}:NfOptions",
        summary="an invertible network from noisy images to noise, trained on their exact density",
        offers=frozenset({"gates", "norms"}),
        sizes=("width", "fine_width"),
        paper="Dinh et al. 2017, arXiv:1605.08803; Yu et al. 2020, arXiv:2010.13821",
    )


@hookimpl
def condbench_register_conditioners() -> Iterable[ConditionerSpec]:
    """The ways for u to get in."""
    package = "condbench_plugins.conditioners"
    yield ConditionerSpec(
        name="none",
        target=f"{package}.none:make",
        summary="the unconditional control, deaf to u",
        uses_encoder=False,
    )
    yield ConditionerSpec(
        name="label-sampling",
        target=f"{package}.label_sampling:make",
        summary="one unconditional model per label, all within one budget",
        accepts=frozenset({"class"}),
        uses_encoder=False,
    )
    yield ConditionerSpec(
        name="label-embedding",
        target=f"{package}.label_embedding:make",
        summary="the embedding is added at the input only",
        paper="Mirza & Osindero 2014, arXiv:1411.1784",
    )
    yield ConditionerSpec(
        name="film",
        target=f"{package}.film:make",
        summary="scale and shift of every layer's features",
        paper="Perez et al. 2018, arXiv:1709.07871",
    )
    yield ConditionerSpec(
        name="adain",
        target=f"{package}.adain:make",
        summary="instance norm in every layer, with scale and shift from u",
        needs=frozenset({"norms", "positions"}),
        paper="Huang & Belongie 2017, arXiv:1703.06868",
    )
    yield ConditionerSpec(
        name="cross-attention",
        target=f"{package}.cross_attention:make",
        options=f"{_OPTIONS}:CrossAttentionOptions",
        summary="every position attends to the tokens of u, in every layer",
        paper="Rombach et al. 2022, arXiv:2112.10752",
    )
    yield ConditionerSpec(
        name="concat",
        target=f"{package}.concat:make",
        options=f"{_OPTIONS}:ConcatOptions",
        summary="label planes are concatenated to the features at the input",
        needs=frozenset({"grid"}),
        paper="Reed et al. 2016, arXiv:1605.05396",
    )
    yield ConditionerSpec(
        name="projection",
        target=f"{package}.projection:make",
        summary="the critic's score gets an inner product with the embedding; FiLM where there is no score",
        needs=frozenset({"critic"}),
        paper="Miyato & Koyama 2018, arXiv:1802.05637",
    )
    yield ConditionerSpec(
        name="hyper",
        target=f"{package}.hyper:make",
        options=f"{_OPTIONS}:HyperOptions",
        summary="a low-rank change of the weights in every layer, generated from u",
        paper="Ha et al. 2017, arXiv:1609.09106; Hu et al. 2022, arXiv:2106.09685",
    )
    yield ConditionerSpec(
        name="adaln-zero",
        target=f"{package}.adaln_zero:make",
        needs=frozenset({"gates"}),
        summary="scale and shift of every layer's features, and a gate on every residual branch",
        paper="Peebles & Xie 2023, arXiv:2212.09748",
    )
    yield ConditionerSpec(
        name="in-context",
        target=f"{package}.in_context:make",
        summary="the tokens of u in front of the sequence",
        needs=frozenset({"sequence"}),
        paper="Peebles & Xie 2023, arXiv:2212.09748",
    )
    yield ConditionerSpec(
        name="classifier-guidance",
        target=f"{package}.classifier_guidance:make",
        summary="Bayes' rule: a classifier of noisy x steers the sampler of an unconditional model",
        accepts=frozenset({"class"}),
        needs=frozenset({"score"}),
        uses_encoder=False,
        paper="Dhariwal & Nichol 2021, arXiv:2105.05233",
    )


@hookimpl
def condbench_register_encoders() -> Iterable[EncoderSpec]:
    """Condition encoders."""
    yield EncoderSpec(
        name="table",
        target="condbench_plugins.encoders.table:make",
        summary="learned embeddings, four tokens per class",
        encodes="class",
    )


@hookimpl
def condbench_register_executors() -> Iterable[ExecutorSpec]:
    """Executors."""
    yield ExecutorSpec(
        name="local",
        target="condbench.executors.local:LocalExecutor",
        summary="a process per cell on this machine",
    )
