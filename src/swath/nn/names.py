"""Vectors for names, known or new: each is the sum of learnt vectors of its words and their trigrams (fastText)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@cache
def pieces(name: str) -> tuple[str, ...]:
    """The words of a name and the trigrams of each, lower-case: `Soil` -> `soil`, `<so`, `soi`, `oil`, `il>`."""
    words = "".join(char if char.isalnum() else " " for char in name.lower()).split() or [name]
    grams = [f"<{word}>"[i : i + 3] for word in words for i in range(len(word))]
    return (" ".join(words), *words, *grams)


class NameEmbedding(nn.Module):
    """Learnt vectors of names; a name that was never seen has one too, near to those it shares words with.

    Args:
        dimensions: length of the vectors.
        rows: rows of the table; pieces of names share them by hash.
    """

    def __init__(self, dimensions: int, rows: int = 1024) -> None:
        super().__init__()
        self.table = nn.Embedding(rows, dimensions)

    def forward(self, names: Sequence[str]) -> Tensor:
        """Vectors `[K, D]` of K names, of about unit deviation."""
        rows = self.table.num_embeddings
        vectors = []
        for name in names:
            at = [zlib.crc32(piece.encode()) % rows for piece in pieces(name)]
            found = F.embedding(torch.tensor(at, device=self.table.weight.device), self.table.weight)
            vectors.append(found.sum(0) / len(at) ** 0.5)
        return torch.stack(vectors)
