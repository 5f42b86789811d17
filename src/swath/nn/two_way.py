"""Queries and an image that look at each other, the decoder's layer of SAM (arXiv:2304.02643), named as there."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

_HEADS = 8


class Attention(nn.Module):
    """Attention whose inside is narrower by `narrower`."""

    def __init__(self, width: int, narrower: int = 1) -> None:
        super().__init__()
        inner = width // narrower
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """`q [B, N, C]` looks at `k`, `v [B, M, C]` -> `[B, N, C]`."""
        parts = (self.q_proj(q), self.k_proj(k), self.v_proj(v))
        found = F.scaled_dot_product_attention(*(part.unflatten(-1, (_HEADS, -1)).transpose(1, 2) for part in parts))
        y: Tensor = self.out_proj(found.transpose(1, 2).flatten(2))
        return y


class MLP(nn.Module):
    """Two layers."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` -> the same shape."""
        y: Tensor = self.lin2(self.lin1(x).relu())
        return y


class TwoWay(nn.Module):
    """Queries look at one another and at the image, then the image at the queries."""

    def __init__(self, width: int, hidden: int = 2048) -> None:
        super().__init__()
        self.self_attn = Attention(width)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width) for _ in range(4))
        self.cross_attn_token_to_image, self.cross_attn_image_to_token = (Attention(width, 2) for _ in range(2))
        self.mlp = MLP(width, hidden)

    def forward(self, queries: Tensor, image: Tensor, asked: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Queries `[B, Q, C]` and image `[B, N, C]`, with what is added to know them by -> both anew."""
        known = queries + asked
        queries = self.norm1(queries + self.self_attn(known, known, queries))
        seen = image + places
        queries = self.norm2(queries + self.cross_attn_token_to_image(queries + asked, seen, image))
        queries = self.norm3(queries + self.mlp(queries))
        image = self.norm4(image + self.cross_attn_image_to_token(seen, queries + asked, queries))
        return queries, image
