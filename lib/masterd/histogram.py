"""How long things took: a distribution in little space."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

#: upper ends of the classes of seconds; what is longer goes into one more
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class Histogram:
    """Counts values by class; never forgets, never grows."""

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value; what is below 0, by a clock that was set, is 0."""
        value = max(0.0, value)
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.sum += value

    def to_wire(self) -> dict[str, Any]:
        """Return {"bounds", "counts", "sum"}; one count more than bounds, not cumulative."""
        return {"bounds": list(self.bounds), "counts": list(self.counts), "sum": self.sum}
