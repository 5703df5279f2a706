"""FID label by label: whether the samples of each label look like the real images of that label.

"Intra-FID" after Miyato & Koyama 2018 (arXiv:1802.05637, section 5): the distance between the samples that were asked
to be of a label and the train images of it, averaged over labels. Other than `fid` it sees samples of the wrong label,
and labels within which all samples look the same. A label has few samples, so its bias is larger than that of `fid`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from condbench.evaluation import Evaluation, Measurement, Unavailable, class_part
from condbench.results import Table
from condbench_plugins.metrics.features import of_real, of_samples, shipped
from condbench_plugins.metrics.fid import distance, statistics
from condbench_plugins.metrics.labels import names


def measure(evaluation: Evaluation) -> Measurement:
    """The mean over labels; the table has each label's. No interval, as `fid` has none.

    Raises:
        Unavailable: if the condition holds no class, no extractor suits the data, or a label has too few images.
    """
    table = _by_label(evaluation)
    values = [value for value, _ in table.values if value is not None]
    return Measurement(float(np.mean(values)), n=len(evaluation.samples), table=table)


def measure_worst(evaluation: Evaluation) -> Measurement:
    """The largest of any label, which the note names. No interval, as `fid` has none.

    The count is that label's own number of samples.

    Raises:
        Unavailable: as for `measure`.
    """
    table = _by_label(evaluation)
    value, count, label = max(
        (value, count, label)
        for label, (value, count) in zip(table.rows, table.values, strict=True)
        if value is not None and count is not None
    )
    return Measurement(value, n=int(count), note=f"label: {label}")


def _by_label(evaluation: Evaluation) -> Table:
    """Each label's distance and number of samples; computed once per evaluation."""
    return evaluation.shared("condbench/intra-fid", lambda: _compute(evaluation))


def _compute(evaluation: Evaluation) -> Table:
    asked, space = evaluation.labels, shipped(evaluation)
    real: NDArray[np.generic] = evaluation.dataset.train.u[class_part(evaluation.dataset.task)]
    samples, train = of_samples(evaluation, space), of_real(evaluation, space, "train")
    present = [label for label in range(len(names(evaluation))) if (real == label).any()]
    needed = samples.shape[1] + 1
    counts = {label: int((asked == label).sum()) for label in present}
    if few := [label for label, count in counts.items() if count < needed]:
        fewest = min(few, key=counts.__getitem__)
        raise Unavailable(
            f"{len(few)} of {len(present)} labels have too few samples, e.g. '{names(evaluation)[fewest]}' "
            f"{counts[fewest]}: it takes at least {needed} of each label"
        )
    lines = []
    for label in present:
        try:
            value = distance(statistics(samples[asked == label]), statistics(train[real == label]))
        except Unavailable as reason:
            raise Unavailable(f"label '{names(evaluation)[label]}': {reason}") from None
        lines.append((value, float(counts[label])))
    return Table(
        title="FID within each label",
        rows=tuple(names(evaluation)[label] for label in present),
        columns=("FID", "samples"),
        values=tuple(lines),
    )
