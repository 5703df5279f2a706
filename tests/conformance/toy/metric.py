from __future__ import annotations

import numpy as np

from condbench.evaluation import Evaluation, Measurement


def measure(evaluation: Evaluation) -> Measurement:
    labels, real = evaluation.labels, evaluation.dataset.test
    distances = []
    for label in sorted(set(labels.tolist())):
        mine = evaluation.samples[labels == label].mean(0)
        theirs = real.x[real.u[0] == label].mean(0)
        distances.append(float(np.abs(mine - theirs).mean()))
    return Measurement(value=float(np.mean(distances)), n=len(labels))
