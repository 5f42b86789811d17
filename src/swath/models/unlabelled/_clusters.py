"""The parts of clusters, in the paper's order: features, k-means, neighbours."""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from swath.errors import CardError
from swath.scene.words import many

Floats = NDArray[np.float64]

UNSEEN = -1e9
"""What stands for invalid pixels; no measurement is that."""
_MOST_UNITS = 12
_BATCH = 512
_RATE = 5e-3
_SAMPLE = 20_000
"""Pixels that k-means and autoencoders learn from at most."""


class Features(Protocol):
    """What makes few numbers of a pixel."""

    count: int

    def fit(self, pixels: Floats) -> None:
        """Find all weights from pixels `[n, C]`."""

    def __call__(self, x: Tensor) -> Tensor:
        """`[P, C]` -> `[P, count]`, each of deviation 1 over the pixels that it was fitted to."""
        ...


class Components(nn.Module):
    """Principal components of standardised bands."""

    def __init__(self, bands: int, count: int, share: float) -> None:
        super().__init__()
        self.count, self.share = count, share
        self.mean = nn.Parameter(torch.zeros(bands))
        self.axes = nn.Parameter(torch.eye(bands)[:count])

    def fit(self, pixels: Floats) -> None:
        """See `Features.fit`."""
        mean, spread = pixels.mean(0), pixels.std(0)
        values, vectors = np.linalg.eigh(np.cov(((pixels - mean) / spread).T).reshape(len(mean), -1))
        values, vectors = values[::-1], vectors[:, ::-1]
        self.count = int(np.searchsorted(np.cumsum(values) / values.sum(), self.share) + 1)
        axes = vectors[:, : self.count].T
        axes = axes * np.sign(axes[np.arange(self.count), np.abs(axes).argmax(1)])[:, None]
        # Components keep their own spread: what varies more tells more.
        self.axes.data = torch.from_numpy(axes / spread).float()
        self.mean.data = torch.from_numpy(mean).float()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return (x - self.mean) @ self.axes.T


class Codes(nn.Module):
    """The codes of an autoencoder, one layer or several, of bands between 0 and 1."""

    def __init__(self, widths: tuple[int, ...], epochs: int) -> None:
        super().__init__()
        self.count, self.epochs = widths[-1], epochs
        self.low = nn.Parameter(torch.zeros(widths[0]))
        self.span = nn.Parameter(torch.ones(widths[0]))
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
        self.spread = nn.Parameter(torch.ones(self.count))

    def fit(self, pixels: Floats) -> None:
        """See `Features.fit`: each layer learns, with a decoder that is then thrown away, what the one before says."""
        low, high = np.percentile(pixels, [0.5, 99.5], axis=0)
        self.low.data, self.span.data = torch.from_numpy(low).float(), torch.from_numpy(high - low).float()
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            x = (torch.from_numpy(pixels).float() - self.low.data) / self.span.data
            for layer in self.layers:
                x = self._learnt(layer, x)
        self.spread.data = x.std(0).clamp(min=1e-6)

    def _learnt(self, layer: nn.Module, x: Tensor) -> Tensor:
        """Let one layer learn to keep what it is given; what it says of it then."""
        encode = layer.requires_grad_(True)
        width = x.shape[1]
        for parameter in encode.parameters():
            nn.init.normal_(parameter, std=width**-0.5) if parameter.ndim > 1 else nn.init.zeros_(parameter)
        decode = nn.Linear(self._width(encode), width)
        optimizer = torch.optim.Adam([*encode.parameters(), *decode.parameters()], lr=_RATE)
        for _ in range(self.epochs):
            for part in torch.split(torch.randperm(len(x)), _BATCH):
                loss = (decode(torch.tanh(encode(x[part]))) - x[part]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            return torch.tanh(encode(x))

    @staticmethod
    def _width(layer: nn.Module) -> int:
        return len(layer.bias) if isinstance(layer, nn.Linear) else 0

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = (x - self.low) / self.span
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x / self.spread


class Clusters(nn.Module):
    """`net(image) -> logits [B, K, H, W]`, in float32 whatever the rest runs in."""

    fill = UNSEEN

    def __init__(self, features: Components | Codes, classes: int | None, around: int) -> None:
        super().__init__()
        if not isinstance(around, int) or around < 1 or around % 2 == 0:
            raise CardError(f"around must be odd, 1 or more; found {around}")
        if classes is not None and (not isinstance(classes, int) or classes < 1):
            raise CardError(f"classes must be 1 or more; found {classes}")
        self.wanted, self.around, self.radius = classes, around, around // 2
        self.features = features
        count = classes or 2
        self.centres = nn.Parameter(torch.linspace(-1, 1, count)[:, None].repeat(1, features.count))
        self.spread = nn.Parameter(torch.ones(1))
        """Mean square distance of a feature from the centre of its unit."""

    def fit(self, pixels: Floats) -> tuple[str, ...]:
        """Find all numbers from pixels `[n, C]`.

        Returns:
            What a person should know of them.
        """
        from sklearn.cluster import KMeans

        step = -(-len(pixels) // _SAMPLE)
        self.features.fit(pixels[::step])
        with torch.no_grad():
            found = self.features(torch.from_numpy(pixels[::step]).float()).double().numpy()
        tried = [self.wanted] if self.wanted else list(range(1, min(_MOST_UNITS, len(found)) + 1))
        fits = [KMeans(count, n_init=3 if self.wanted is None else 10, random_state=0).fit(found) for count in tried]
        best = fits[0] if self.wanted else fits[elbow([one.inertia_ for one in fits])]
        order = np.argsort(-np.bincount(best.labels_), kind="stable")
        self.centres.data = torch.from_numpy(best.cluster_centers_[order]).float()
        self.spread.data = torch.tensor([max(best.inertia_ / found.size, 1e-9)]).float()
        said = "as asked" if self.wanted else f"the elbow of k-means from 1 to {tried[-1]}"
        return (f"{many(len(order), 'unit')} ({said}), in the order of their areas; their numbers mean nothing",)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        with torch.autocast(image.device.type, enabled=False):
            image = image.float()
            seen = (image != UNSEEN).all(1, keepdim=True)
            x = torch.where(seen, image, 0.0).movedim(1, -1)
            found = self.features(x.flatten(0, 2))
            distances = (found[:, None] - self.centres).square().sum(-1)
            likely = torch.softmax(-distances / (2 * self.spread), 1)
            likely = torch.unflatten(likely, 0, x.shape[:3]).movedim(-1, 1)
            likely = likely * seen
            if self.radius:
                # Beyond the scene and where nothing was seen nobody is asked.
                likely = functional.avg_pool2d(likely, self.around, 1, self.radius)
                likely = likely / likely.sum(1, keepdim=True).clamp(min=1e-6)
            odds: Tensor = likely.clamp(min=1e-6).log()
            return odds


def elbow(curve: list[float]) -> int:
    """Position of the point that lies farthest below the line from the first to the last."""
    y = np.array(curve) / max(curve[0], 1e-12)
    x = np.linspace(0, 1, len(y))
    line = y[0] + (y[-1] - y[0]) * x
    return max(1, int((line - y).argmax())) if len(y) > 1 else 0
