"""What the metrics are, in a sentence each, for the reports' last pages; names as the tables have them."""

from __future__ import annotations

from condbench.combinations import Metric

_DEFINITIONS = {
    "fid": "Fréchet distance between Gaussians fitted to the features of samples and of real images (Heusel et al. "
    "2017). It falls with the sample count, so only equal counts and one feature extractor compare.",
    "fid_floor": "The same distance between real and real images at the same count: what a perfect model would get.",
    "label_accuracy": "Share of samples in which a separate classifier, the judge, sees the label that they were drawn "
    "for. Chance is one over the number of labels.",
    "label_accuracy_worst": "Label accuracy of the label that is obeyed least, which stands beside it. Its interval "
    "knows that the label was chosen.",
    "classification_accuracy_score": "Share of real test images that a small classifier classifies correctly after "
    "being trained on the samples and the labels that they were drawn for (Ravuri & Vinyals 2019). Beside it stands "
    "what as many real images reach.",
    "judge_accuracy": "The judge's accuracy on real test images: what a perfect model would get.",
    "training_throughput": "Training images per second of wall clock, building and evaluation not counted.",
    "sampling_throughput": "Sampled images per second of wall clock; the number of network evaluations stands beside.",
    "sampling_latency": "Seconds that the sampler takes for one sample: the median of up to 200 calls after a warm-up. "
    "Its table has percentiles at batch 1 and 64, as far as so many calls can tell them.",
    "training_energy": "Joules per training image of all processor packages, whatever else ran on them, where the "
    "machine tells (RAPL); memory and GPUs are not counted.",
    "network_evaluations": "Evaluations, per sampled image, of the networks that may see u.",
    "parameters": "Trainable parameters of everything that is trained, the conditioner's included.",
    "training_flops": "Floating point operations that training used, counted on real steps of every phase.",
    "flops_per_image": "Floating point operations per training image: forward, backward and optimizer of all phases of "
    "the last step.",
    "model_flop_utilisation": "Training FLOPs per second as a share of matrix_rate: how much of what the machine can "
    "multiply went into training (Chowdhery et al. 2022). Norms and elementwise work cost time but few FLOPs, so 1 is "
    "out of reach. The rate is that of one size of matrix, so compare shares within one machine only.",
    "matrix_rate": "FLOPs per second of a square matrix product, measured in the cell's own process just before it "
    "trains, in the same precision. It is the machine's, not the model's, and drops where something else runs beside.",
    "bits_per_dimension": "Bits that a model needs for an 8-bit number of a real test image, being told its condition "
    "(Theis et al. 2016). What its likelihood is stands beside each value. Where that is a lower bound, the model "
    "needs as many bits or fewer, by how many is not known: values of different kinds of bound compare only as bounds.",
    "training_samples": "Training images seen, with repetition.",
    "training_seconds": "Wall clock of training, building and evaluation not counted.",
    "peak_memory": "The largest memory that the cell's process held.",
}


def definition(metric: Metric) -> str:
    """What a metric is: in our words, or in those of the plugin that it is from."""
    return _DEFINITIONS.get(metric.name) or metric.summary or "Its plugin does not say what it is."
