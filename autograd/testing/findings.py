"""What is found wrong with a gradient: failures one by one, and a map of verdicts for each input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["KINK", "OK", "UNSEEN", "UNSURE", "WRONG", "Failure", "InputMap"]

# Verdicts on one element, as numbers in a map.
UNSEEN, OK, WRONG, KINK, UNSURE = range(5)


@dataclass
class Failure:
    """One thing that is wrong, with everything that is known about it.

    `kind` is "value", "kink", "inconclusive", "none", "nan", "shape", "dtype", "linearity",
    "mutation", "accumulation", "repeat", "aliasing", "layout", "leak", "precision", "snapshot".
    """

    kind: str
    message: str = ""
    order: int = 1
    input: str = ""
    in_index: tuple[int, ...] | None = None
    output: str = ""
    out_index: tuple[int, ...] | None = None
    where: str = ""  # "d out[1] / d x[0, 2]", spelled out
    x: float | complex | None = None
    analytic: float | None = None
    numeric: float | None = None
    error: float | None = None
    left: float | None = None
    right: float | None = None

    @property
    def rel(self) -> float:
        """Relative error; infinite for failures that are not a matter of degree."""
        if self.analytic is None or self.numeric is None:
            return float("inf")
        size = max(abs(self.analytic), abs(self.numeric))
        return abs(self.analytic - self.numeric) / size if size else 0.0

    def __str__(self) -> str:
        text = f"{self.where}: " if self.where else ""
        if self.analytic is not None and self.numeric is not None:
            at = f"at x={self.x:+.6g}:  " if self.x is not None else ""
            error = "" if self.error is None else f" (±{self.error:.0e})"
            analytic, numeric = spell_pair(self.analytic, self.numeric)
            text = f"{self.where}  {at}analytic {analytic}   numeric {numeric}{error}"
            text += f"   rel.err {self.rel:.1e}"
        if self.left is not None and self.right is not None:
            text += f"\n    kink: left slope {self.left:+.6g}, right slope {self.right:+.6g}"
        return text + (f"\n    {self.message}" if text and self.message else self.message)


@dataclass
class InputMap:
    """Verdicts and numbers for each element of one input."""

    name: str
    shape: tuple[int, ...]
    verdict: np.ndarray
    analytic: np.ndarray
    numeric: np.ndarray

    @property
    def n_wrong(self) -> int:
        return int(np.sum(self.verdict == WRONG))

    def relative_errors(self) -> np.ndarray:
        """Relative error of each examined element, NaN elsewhere."""
        with np.errstate(all="ignore"):
            size = np.maximum(np.abs(self.analytic), np.abs(self.numeric))
            error = np.abs(self.analytic - self.numeric)
            return np.where(size > 0, error / size, error)


def spell_pair(a: float, b: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    for digits in range(7, 18):
        first, second = f"{a:+.{digits}g}", f"{b:+.{digits}g}"
        if first != second:
            digits = min(17, digits + 2)
            return f"{a:+.{digits}g}", f"{b:+.{digits}g}"
    return f"{a:+.17g}", f"{b:+.17g}"
