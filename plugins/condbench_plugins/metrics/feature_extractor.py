"""The shipped extractors as torch-fidelity knows them: one class in its registry for each family of data.

The registered name holds the digest of the weights, because torch-fidelity's own cache knows nothing but names. Any
code may use them: ``calculate_metrics(feature_extractor=register(weights), fid=True, cuda=False, ...)``.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch_fidelity import FeatureExtractorBase, register_feature_extractor
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from condbench_plugins.metrics.classifiers import Extractor, Weights, as_input, load

LAYER = "128"


class ShippedExtractor(FeatureExtractorBase):  # type: ignore[misc]  # torch-fidelity has no types
    """Images uint8 (B, C, H, W) -> ((B, 128),) in float64, so that means and covariances lose nothing."""

    weights: ClassVar[Weights]

    def __init__(self, name: str, features_list: list[str], **_: object) -> None:
        super().__init__(name, features_list)
        network = load(self.weights)
        assert isinstance(network, Extractor)
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """One tensor for the one layer."""
        return (self.network.features(as_input(images)).double(),)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """The one layer there is."""
        return (LAYER,)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """The same for every metric."""
        return LAYER

    @staticmethod
    def can_be_compiled() -> bool:
        """Compiling would take longer than running."""
        return False


def register(weights: Weights) -> str:
    """Make the extractor known to torch-fidelity; its name there."""
    name = f"condbench-{weights.path.stem}-{weights.sha256[:16]}"
    if name not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor(name, type(name, (ShippedExtractor,), {"weights": weights}))
    return name
