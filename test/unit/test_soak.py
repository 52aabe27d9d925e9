"""The soak sees growth, and no growth where there is none."""

from __future__ import annotations

from test.soak.soak import Sample, growth


def test_steady_growth_is_seen() -> None:
    samples = [Sample(10_000 + 500 * number, 20 + number, 3) for number in range(40)]

    assert growth(samples) == Sample(15_000, 30, 0)


def test_noise_is_no_growth() -> None:
    samples = [Sample(10_000 + 900 * (number % 3), 20 + number % 2, 3) for number in range(40)]
    samples[17] = Sample(90_000, 900, 3)

    assert abs(growth(samples).memory) < 1000 and abs(growth(samples).descriptors) <= 1
