"""What the metrics are, in a sentence each, for the reports' last pages; names as the tables have them."""

from __future__ import annotations

_DEFINITIONS = {
    "fid": "Fréchet distance between Gaussians fitted to the features of samples and of real images (Heusel et al. "
    "2017). It falls with the sample count, so only equal counts and one feature extractor compare.",
    "fid_floor": "The same distance between real and real images at the same count: what a perfect model would get.",
    "kid": "Unbiased squared maximum mean discrepancy of features under a cubic kernel (Bińkowski et al. 2018).",
    "intra_fid": "Fréchet distance within one label, averaged over the labels.",
    "label_accuracy": "Share of samples in which a separate classifier, the judge, sees the label that they were drawn "
    "for. Chance is one over the number of labels.",
    "judge_accuracy": "The judge's accuracy on real test images: what a perfect model would get.",
    "classification_accuracy_score": "Accuracy on real test images of a classifier trained on samples only "
    "(Ravuri & Vinyals 2019).",
    "precision": "Share of samples within the manifold of real features (Kynkäänniemi et al. 2019).",
    "recall": "Share of real images within the manifold of the samples' features (Kynkäänniemi et al. 2019).",
    "density": "How many real neighbourhoods a sample lies in, on average (Naeem et al. 2020).",
    "coverage": "Share of real neighbourhoods that hold a sample (Naeem et al. 2020).",
    "bits_per_dimension": "Negative log-likelihood of test data, or a bound of it, in bits per dimension.",
    "training_throughput": "Training images per second of wall clock, building and evaluation not counted.",
    "sampling_throughput": "Sampled images per second of wall clock; the number of network evaluations stands beside.",
    "network_evaluations": "Forward passes of the network that one batch of samples takes.",
    "parameters": "Trainable parameters of everything that is trained, the conditioner's included.",
    "training_flops": "Floating point operations that training used, counted on real steps of every phase.",
    "training_samples": "Training images seen, with repetition.",
    "training_seconds": "Wall clock of training, building and evaluation not counted.",
    "peak_memory": "The largest memory that the cell's process held.",
    "model_flop_utilisation": "Counted floating point operations per second of training over the device's peak.",
}


def definition(metric: str) -> str:
    """What a metric is; a plugin's own metric is described by its plugin."""
    return _DEFINITIONS.get(metric, "A plugin's own metric; `condbench list metrics` describes it.")
