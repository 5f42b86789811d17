"""Unit conversions against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from swath.sensors import UNITS, conversion
from swath.sensors.units import FloatArray


def convert(source: str, target: str, values: list[float]) -> FloatArray:
    function = conversion(source, target)
    assert function is not None
    return function(np.array(values, dtype=np.float32))


# 10 log10(2) = 3.0103, 10 log10(0.5) = -3.0103, 20 log10(2) = 6.0206, 10^0.3 = 1.995262
@pytest.mark.parametrize(
    ("source", "target", "values", "expected"),
    [
        ("linear", "db", [1, 10, 0.001, 2, 0.5], [0, 10, -30, 3.0103, -3.0103]),
        ("db", "linear", [0, 10, -30, 3], [1, 10, 0.001, 1.995262]),
        ("amplitude", "linear", [0, 1, 3, 0.1], [0, 1, 9, 0.01]),
        ("linear", "amplitude", [0, 1, 9, 0.01], [0, 1, 3, 0.1]),
        ("amplitude", "db", [1, 10, 2, 0.1], [0, 20, 6.0206, -20]),
        ("kelvin", "celsius", [273.15, 0, 300], [0, -273.15, 26.85]),
        ("celsius", "kelvin", [0, -273.15, 26.85], [273.15, 0, 300]),
        ("fraction", "percent", [0, 0.25, 1], [0, 25, 100]),
        ("percent", "fraction", [0, 25, 100], [0, 0.25, 1]),
    ],
)
def test_conversions(source: str, target: str, values: list[float], expected: list[float]) -> None:
    found = convert(source, target, values)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.array(expected, dtype=np.float32), rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("source", ["linear", "amplitude"])
def test_no_power_has_no_db(source: str) -> None:
    found = convert(source, "db", [0, np.nan, 1])
    assert np.isnan(found[:2]).all()
    assert found[2] == 0


def test_negative_power_has_no_db() -> None:
    assert np.isnan(convert("linear", "db", [-1e-4, -32768])).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [("linear", "db"), ("linear", "amplitude"), ("kelvin", "celsius"), ("fraction", "percent")],
)
def test_there_and_back(one: str, other: str) -> None:
    values = [0.003, 0.2, 0.9, 17.5, 290.0]
    np.testing.assert_allclose(convert(other, one, convert(one, other, values).tolist()), values, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("unit", UNITS)
def test_same_units_change_nothing(unit: str) -> None:
    values = np.array([1.5, np.nan], dtype=np.float32)
    same = conversion(unit, unit)
    assert same is not None
    assert same(values) is values


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("radiance", "reflectance"),  # needs the Sun
        ("dn", "reflectance"),
        ("dn", "db"),
        ("display", "reflectance"),
        ("db", "amplitude"),
        ("kelvin", "reflectance"),
    ],
)
def test_unsound_conversions_are_refused(source: str, target: str) -> None:
    assert conversion(source, target) is None


def test_units_have_words() -> None:
    assert all(text and text == text.strip() for text in UNITS.values())
