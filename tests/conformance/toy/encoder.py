"""Four words become four embeddings each."""

from __future__ import annotations

from torch import Tensor, nn

from condbench.specs import Domain


class Words(nn.Module):
    def __init__(self, vocabulary: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)

    def forward(self, words: Tensor) -> Tensor:
        return self.embedding(words)


def make(domain: Domain, dim: int) -> Words:
    return Words(domain.size, dim)
