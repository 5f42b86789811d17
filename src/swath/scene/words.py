"""Numbers for people: counts, lengths on the ground, shares."""

from __future__ import annotations


def many(count: int, what: str, several: str | None = None) -> str:
    """A count of things: `1 scene`, `2,000 scenes`, `0 classes`.

    Args:
        count: of them.
        what: one of them.
        several: more of them, where an ending of its own does not make them.
    """
    if count != 1 and several is None:
        if what[-1] == "y" and what[-2] not in "aeiou":
            several = f"{what[:-1]}ies"
        else:
            several = f"{what}es" if what.endswith(("s", "x", "ch", "sh")) else f"{what}s"
    return f"{count:,} {what if count == 1 else several}"


def ground_words(length: float) -> str:
    """A length in m with three digits at most: `30 cm`, `9.98 m`, `500 km`."""
    factor, unit = (0.001, "km") if length >= 1000 else (1, "m") if length >= 1 else (100, "cm")
    return f"{float(f'{length * factor:.3g}'):g} {unit}"


def percent(share: float) -> str:
    """A share: nothing that is there reads as 0, and nothing that lacks a part as 100 %."""
    if share in (0, 1):
        return f"{100 * share:g} %"
    return "< 0.1 %" if share < 0.001 else "> 99.9 %" if share > 0.999 else f"{100 * share:.1f} %"
