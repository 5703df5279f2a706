"""A table of learned embeddings: the condition encoder of class labels."""

from __future__ import annotations

from torch import Tensor, nn

from condbench.specs import Domain

_TOKENS = 4  # per class: fewer would make cross-attention blind to its query


class Table(nn.Module):
    """Labels (B,) -> embeddings (B, 4, dim), four learned tokens per class."""

    def __init__(self, classes: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, _TOKENS * dim)

    def forward(self, labels: Tensor) -> Tensor:
        """Look the labels up."""
        embeddings: Tensor = self.embedding(labels)
        return embeddings.view(len(labels), _TOKENS, -1)


def make(domain: Domain, dim: int) -> Table:
    """A table for the classes of ``domain``."""
    return Table(domain.size, dim)
