"""The entry point of the built-in plugins: what there is, by name. It imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import BackboneSpec, ConditionerSpec, EncoderSpec, ExecutorSpec, MetricSpec
from condbench_plugins.datasets.register import condbench_register_datasets as condbench_register_datasets

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
        offers=frozenset({"gates", "sequence"}),
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
        offers=frozenset({"critic", "gates", "grid", "positions"}),
        sizes=("width", "fine_width"),
        paper="Goodfellow et al. 2014, arXiv:1406.2661",
    )
    yield BackboneSpec(
        name="stylegan",
        target=f"{package}.stylegan:build",
        options=f"{_OPTIONS}:StyleGanOptions",
        summary="a generator whose every layer is modulated by a mapped noise, against a discriminator",
        offers=frozenset({"critic", "gates", "grid", "positions"}),
        sizes=("width", "fine_width"),
        paper="Karras et al. 2019, arXiv:1812.04948; Karras et al. 2020, arXiv:1912.04958",
    )
    yield BackboneSpec(
        name="vae",
        target=f"{package}.vae:build",
        options=f"{_OPTIONS}:VaeOptions",
        summary="an encoder and a decoder, trained on a bound of the likelihood",
        offers=frozenset({"gates"}),
        sizes=("width", "encoder_width"),
        paper="Kingma & Welling 2014, arXiv:1312.6114; Sohn et al. 2015 (conditional)",
    )
    yield BackboneSpec(
        name="diffusion",
        target=f"{package}.diffusion:build",
        options=f"{_OPTIONS}:DiffusionOptions",
        summary="a denoiser at every noise level, sampled by an ODE solver",
        offers=frozenset({"gates", "grid", "positions", "score"}),
        sizes=("width", "deep_width"),
        paper="Karras et al. 2022, arXiv:2206.00364",
    )
    yield BackboneSpec(
        name="flow",
        target=f"{package}.flow:build",
        options=f"{_OPTIONS}:FlowOptions",
        summary="a velocity field from noise to data, learned by flow matching",
        offers=frozenset({"gates", "grid", "positions", "score"}),
        sizes=("width", "deep_width"),
        paper="Lipman et al. 2023, arXiv:2210.02747",
    )
    yield BackboneSpec(
        name="latent-diffusion",
        target=f"{package}.latent_diffusion:build",
        options=f"{_OPTIONS}:LatentDiffusionOptions",
        summary="an autoencoder, and diffusion in its latent",
        offers=frozenset({"gates", "grid", "positions", "score"}),
        sizes=("width", "vector_width"),
        paper="Rombach et al. 2022, arXiv:2112.10752",
    )
    yield BackboneSpec(
        name="dit",
        target=f"{package}.dit:build",
        options=f"{_OPTIONS}:DitOptions",
        summary="diffusion by a transformer over patches",
        offers=frozenset({"gates", "positions", "score", "sequence"}),
        sizes=("width", "stem_width"),
        paper="Peebles & Xie 2023, arXiv:2212.09748",
    )
    yield BackboneSpec(
        name="nf",
        target=f"{package}.nf:build",
        options=f"{_OPTIONS}:NfOptions",
        summary="an invertible network from images to noise, trained on their exact density",
        offers=frozenset({"gates"}),
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
        needs=frozenset({"positions"}),
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


@hookimpl
def condbench_register_metrics() -> Iterable[MetricSpec]:
    """Quality of samples, and how far it can be measured."""
    package = "condbench_plugins.metrics"
    yield MetricSpec(
        name="fid",
        target=f"{package}.fid:measure",
        summary="Fréchet distance to the train split on the features of the data's extractor",
        unit="",
        better="lower",
        assets=f"{package}.assets:extractor_digest",
        trainer=f"{package}.train_pair:train_extractor",
        paper="Heusel et al. 2017, arXiv:1706.08500",
    )
    yield MetricSpec(
        name="fid_floor",
        target=f"{package}.fid:measure_floor",
        summary="the FID of as many real test images",
        unit="",
        better="neither",
        assets=f"{package}.assets:extractor_digest",
        trainer=f"{package}.train_pair:train_extractor",
    )
    yield MetricSpec(
        name="fid_test",
        target=f"{package}.fid_test:measure",
        summary="Fréchet distance to the test split; as many train images of the same labels stand beside",
        unit="",
        better="lower",
        assets=f"{package}.assets:extractor_digest",
        paper="Heusel et al. 2017, arXiv:1706.08500",
    )
    yield MetricSpec(
        name="fid_bias",
        target=f"{package}.fid:measure_bias",
        summary="how much of the FID is due to the number of samples",
        unit="",
        better="neither",
        assets=f"{package}.assets:extractor_digest",
        paper="Chong & Forsyth 2020, arXiv:1911.07023",
    )
    yield MetricSpec(
        name="fid_random",
        target=f"{package}.fid_random:measure",
        summary="Fréchet distance to the train split on the features of a fixed random network",
        unit="% of variance",
        better="lower",
        assets=f"{package}.random_network_digest:random_network_digest",
        paper="Naeem et al. 2020, arXiv:2002.09797",
    )
    yield MetricSpec(
        name="fid_inception",
        target=f"{package}.inception:measure",
        summary="Fréchet distance to the train split on Inception's features, as papers report it",
        unit="",
        better="lower",
        assets=f"{package}.inception_weights:inception_digest",
        by_default=False,
        paper="Heusel et al. 2017, arXiv:1706.08500; Szegedy et al. 2016, arXiv:1512.00567",
    )
    yield MetricSpec(
        name="kid",
        target=f"{package}.kid:measure",
        summary="unbiased kernel distance between the features of samples and of real images",
        unit="",
        better="lower",
        assets=f"{package}.assets:extractor_digest",
        paper="Binkowski et al. 2018, arXiv:1801.01401",
    )
    yield MetricSpec(
        name="intra_fid",
        target=f"{package}.intra_fid:measure",
        summary="Fréchet distance within each label, averaged over labels",
        unit="",
        better="lower",
        assets=f"{package}.assets:extractor_digest",
        paper="Miyato & Koyama 2018, arXiv:1802.05637",
    )
    yield MetricSpec(
        name="intra_fid_worst",
        target=f"{package}.intra_fid:measure_worst",
        summary="the largest Fréchet distance within any label",
        unit="",
        better="lower",
        assets=f"{package}.assets:extractor_digest",
        paper="Miyato & Koyama 2018, arXiv:1802.05637",
    )
    yield MetricSpec(
        name="precision",
        target=f"{package}.prdc:measure_precision",
        summary="share of samples within the neighbourhood of a real image",
        unit="share",
        better="higher",
        assets=f"{package}.assets:extractor_digest",
        paper="Kynkäänniemi et al. 2019, arXiv:1904.06991",
    )
    yield MetricSpec(
        name="recall",
        target=f"{package}.prdc:measure_recall",
        summary="share of real images within the neighbourhood of a sample",
        unit="share",
        better="higher",
        assets=f"{package}.assets:extractor_digest",
        paper="Kynkäänniemi et al. 2019, arXiv:1904.06991",
    )
    yield MetricSpec(
        name="density",
        target=f"{package}.prdc:measure_density",
        summary="how many real images' neighbourhoods a sample lies in; about 1 for real images",
        unit="",
        better="higher",
        assets=f"{package}.assets:extractor_digest",
        paper="Naeem et al. 2020, arXiv:2002.09797",
    )
    yield MetricSpec(
        name="coverage",
        target=f"{package}.prdc:measure_coverage",
        summary="share of real images whose neighbourhood holds a sample",
        unit="share",
        better="higher",
        assets=f"{package}.assets:extractor_digest",
        paper="Naeem et al. 2020, arXiv:2002.09797",
    )
    yield MetricSpec(
        name="memorisation",
        target=f"{package}.memorisation:measure",
        summary="probability that a sample is closer to a train image than a test image is; 0.5 is neither",
        unit="probability",
        better="neither",
        assets=f"{package}.assets:extractor_digest",
        paper="Meehan et al. 2020, arXiv:2004.05675",
    )
    yield MetricSpec(
        name="diversity",
        target=f"{package}.diversity:measure",
        summary="variance of features within a label, as a share of real test images'",
        unit="",
        better="neither",
        assets=f"{package}.assets:extractor_digest",
    )
    yield MetricSpec(
        name="label_accuracy",
        target=f"{package}.label_accuracy:measure",
        summary="share of samples in which the judge sees the class that was asked for",
        unit="share",
        better="higher",
        assets=f"{package}.assets:judge_digest",
        trainer=f"{package}.train_pair:train_judge",
    )
    yield MetricSpec(
        name="label_accuracy_worst",
        target=f"{package}.label_accuracy:measure_worst",
        summary="label accuracy of the label that is obeyed least",
        unit="share",
        better="higher",
        assets=f"{package}.assets:judge_digest",
    )
    yield MetricSpec(
        name="judge_accuracy",
        target=f"{package}.label_accuracy:measure_judge",
        summary="share of real test images that the judge classifies correctly",
        unit="share",
        better="neither",
        assets=f"{package}.assets:judge_digest",
        trainer=f"{package}.train_pair:train_judge",
    )
    yield MetricSpec(
        name="classification_accuracy_score",
        target=f"{package}.classification_accuracy_score:measure",
        summary="share of real test images that a classifier trained on the samples classifies correctly",
        unit="share",
        better="higher",
        by_default=False,
        paper="Ravuri & Vinyals 2019, arXiv:1905.10887",
    )
    yield MetricSpec(
        name="bits_per_dimension",
        target=f"{package}.bits_per_dimension:measure",
        summary="bits that the model needs for a number of a real test image, given its condition",
        unit="bits",
        better="lower",
        paper="Theis et al. 2016, arXiv:1511.01844",
    )
