"""How alike local climate zones are, and accuracy that counts an answer by how like the label it is.

Bechtel, Demuzere and Stewart 2020, "A Weighted Accuracy Measure for Land Cover Mapping" (Remote Sensing 12(11), 1769,
doi:10.3390/rs12111769), after Bechtel et al. 2017 (doi:10.3390/urbansci1020015): zones differ by openness, height,
cover and thermal inertia. The weights are those of their Figure 3b, twelfths that are printed with two decimals; here
they are from a transcription of it, which was held against that of Figure 3a (they add up to 1) and not against the
figures themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swath.tasks.confusion import Confusion

# A row for each zone but the first, 2 to 10 and A to G, a column for each zone before it.
_TWELFTHS = (
    (11,),
    (10, 11),
    (8, 7, 6),
    (7, 8, 7, 11),
    (6, 7, 8, 10, 11),
    (7, 8, 9, 9, 10, 11),
    (9, 10, 11, 6, 8, 9, 8),
    (5, 5, 7, 9, 10, 11, 10, 9),
    (9, 10, 11, 7, 8, 9, 8, 11, 8),
    (4, 5, 6, 6, 7, 8, 9, 5, 7, 5),
    (3, 4, 5, 7, 8, 9, 8, 6, 8, 6, 11),
    (1, 3, 4, 6, 6, 8, 7, 5, 9, 5, 10, 11),
    (0, 1, 2, 4, 5, 7, 5, 3, 7, 3, 8, 9, 10),
    (3, 4, 5, 1, 2, 3, 2, 6, 4, 6, 5, 6, 7, 9),
    (0, 1, 2, 4, 5, 6, 5, 4, 7, 4, 8, 9, 10, 11, 9),
    (0, 1, 2, 4, 5, 6, 5, 4, 7, 4, 8, 9, 10, 11, 9, 11),
)  # fmt: skip


def likeness() -> NDArray[np.float64]:
    """How alike zones are, 0 to 1, `[17, 17]`: built 1 to 10, then land cover A to G."""
    found = np.eye(len(_TWELFTHS) + 1)
    for at, row in enumerate(_TWELFTHS, 1):
        found[at, :at] = found[:at, at] = [round(part / 12, 2) for part in row]
    return found


def by_likeness(table: Confusion, zones: Sequence[int]) -> float:
    """The mean likeness of answer and label; NaN where nothing was counted.

    Args:
        table: labels against answers.
        zones: positions of the zones 1 to 10 and A to G; an answer that is none of them is like nothing.
    """
    counts = table.counts[np.ix_(zones, zones)]
    return float((likeness() * counts).sum() / table.total) if table.total else float("nan")
