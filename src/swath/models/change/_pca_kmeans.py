"""The parts of `pca-kmeans`, in the paper's order: difference image, patches, components, clusters."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from swath.errors import MatchError
from swath.models.change._cva import Difference
from swath.models.change._decide import otsu
from swath.models.pair import Pair, chosen
from swath.scene.words import many

Floats = NDArray[np.float64]

_UNSEEN = -1e9
"""What stands for invalid pixels; no measurement is that."""
_MOST = 300


class PatchClusters(nn.Module):
    """`net(before, after) -> logits [B, 1, H, W]`, in float32 whatever the rest runs in.

    The patch of a pixel begins `(side - 1) // 2` above and left of it. Of what lies beyond the scene or is invalid the
    difference is taken to be the mean of the rest of the patch.
    """

    above, fill = 0.5, _UNSEEN

    def __init__(self, in_channels: int, side: int, components: int) -> None:
        super().__init__()
        if not 1 <= components <= side * side:
            raise MatchError(f"a patch of {side} x {side} px has {side * side} components at most; found {components}")
        self.side, self.radius = side, side // 2
        self.margins = ((side - 1) // 2, side // 2)
        self.difference = Difference(in_channels)
        self.mean = nn.Parameter(torch.zeros(side * side))
        basis = torch.eye(side * side)[:components]
        self.components = nn.Parameter(basis)
        """Eigenvectors `[S, side * side]`."""
        self.centres = nn.Parameter(torch.stack([torch.zeros(components), torch.ones(components)]))
        """Of unchanged and changed patches, `[2, S]`."""
        self.spread = nn.Parameter(torch.ones(1))
        """Mean square distance of a component from the centre of its cluster."""

    def fit(self, pair: Pair) -> tuple[str, ...]:
        """See `Fitted.fit`; the sample is of patches around pixels, all of them in a small scene."""
        self.difference.set(*pair.pixels())
        patches = self._patches(pair)
        mean = patches.mean(0)
        _, vectors = np.linalg.eigh(np.cov((patches - mean).T).reshape(len(mean), -1))
        components = vectors[:, ::-1][:, : len(self.components)].T
        components *= np.sign(components[np.arange(len(components)), np.abs(components).argmax(1)])[:, None]
        features = (patches - mean) @ components.T
        centres, changed = _clusters(features, patches.mean(1))
        spread = ((features - centres[changed.astype(int)]) ** 2).mean()
        self.mean.data, self.components.data = torch.tensor(mean), torch.tensor(components.copy())
        self.centres.data, self.spread.data = torch.tensor(centres), torch.tensor([max(spread, 1e-9)])
        return ()

    def _patches(self, pair: Pair) -> Floats:
        """Differences in the patches around pixels that are wholly valid, `[n, side * side]`.

        Raises:
            MatchError: there are hardly any.
        """
        found, size = [], self.side**2
        for top, left, before, after, valid in pair.windows(self.margins):
            bands = len(before)
            lengths = self.difference.lengths(before.reshape(bands, -1).T, after.reshape(bands, -1).T)
            around, whole = (
                np.lib.stride_tricks.sliding_window_view(plane, (self.side, self.side))
                for plane in (lengths.reshape(valid.shape), valid)
            )
            taken = whole.all((2, 3)) & chosen(top, left, around.shape[:2], pair.share(size))
            found.append(around[taken].reshape(-1, size))
        patches: Floats = np.concatenate(found)
        if len(patches) < 16 * size:
            raise MatchError(
                f"only {many(len(patches), 'patch')} of {self.side} x {self.side} px are valid at both dates, and "
                f"{16 * size} are needed; take cva, which looks at single pixels"
            )
        return patches

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """See the class."""
        with torch.autocast(before.device.type, enabled=False):
            before, after = before.float(), after.float()
            seen = ((before != _UNSEEN) & (after != _UNSEEN)).all(1, keepdim=True)
            lengths = torch.linalg.vector_norm(self.difference(before, after), dim=1, keepdim=True)
            features = self._features(torch.where(seen, lengths, 0.0), seen.to(lengths.dtype))
            distances = [(features - one[:, None, None]).square().sum(1, keepdim=True) for one in self.centres]
            odds: Tensor = (distances[0] - distances[1]) / (2 * self.spread)
            return odds

    def _features(self, lengths: Tensor, seen: Tensor) -> Tensor:
        """Components `[B, S, H, W]` of the patch around each pixel."""
        ahead, behind = self.margins
        around = (ahead, behind, ahead, behind)
        lengths, seen = functional.pad(lengths, around), functional.pad(seen, around)
        filters = self.components.reshape(-1, 1, self.side, self.side)
        box = torch.ones_like(filters[:1])
        level = functional.conv2d(lengths, box) / functional.conv2d(seen, box).clamp_min(1.0)
        unseen = functional.conv2d(1 - seen, filters)
        known = functional.conv2d(lengths, filters)
        return known + level * unseen - (self.components @ self.mean)[:, None, None]


def _clusters(features: Floats, differences: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Centres of two clusters `[2, S]` and which features belong to the second, that of the larger differences.

    Lloyd's iterations, from the two parts of the differences that Otsu's threshold makes: no chance is involved.
    """
    (constant, slope, _), _ = otsu(differences)
    changed = differences > -constant / slope
    centres = np.zeros((2, features.shape[1]))
    for _ in range(_MOST):
        centres = np.stack([features[~changed].mean(0), features[changed].mean(0)])
        distances = ((features[:, None] - centres) ** 2).sum(2)
        moved = distances[:, 1] < distances[:, 0]
        if (moved == changed).all() or not moved.any() or moved.all():
            break
        changed = moved
    if differences[changed].mean() < differences[~changed].mean():
        return centres[::-1].copy(), ~changed
    return centres, changed
