"""`Part`: a product that a page shows, and what a person says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swath.predict.product import Product
    from swath.scene.scene import Scene


@dataclass(frozen=True)
class Part:
    """A product on a page."""

    product: Product
    title: str = ""
    """A heading; empty: the name of the product's file."""
    text: str = ""
    """What a person says of it, in a sentence or two."""
    place: str = ""
    """Where it is; empty: longitudes and latitudes."""
    credit: str = ""
    """Whose imagery it is."""
    scene: Scene | None = None
    """What lies beneath; None: the scene that the product was made from."""
    files: tuple[Path, ...] | None = None
    """Files to link to; None: those of the product, and shapes of its name beside it."""
    min_area: float = 0.0
    """m² (pixels without a CRS): smaller shapes join their neighbours before the largest are listed."""
    most: int = 12
    """Shapes that are listed."""
