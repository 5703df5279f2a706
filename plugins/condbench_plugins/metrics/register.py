"""The built-in metrics, as descriptions; `condbench_plugins.register` yields them. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from condbench import hookimpl
from condbench.specs import MetricSpec


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
