"""What a gradient check found."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

__all__ = ["Failure", "GradCheckError", "GradCheckResult", "InputMap"]

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


@dataclass
class GradCheckResult:
    """The outcome of `gradcheck`: what is wrong, what was noted, and what it cost.

    `str(result)` is the message of the error; in a notebook it shows a heat map.
    """

    name: str
    location: str = ""
    seed: int = 0
    mode: str = "fast"
    order: int = 1
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    maps: list[InputMap] = field(default_factory=list)
    complete: bool = True  # was every element examined, or only until enough were found?
    n_elements: int = 0
    n_forward: int = 0
    n_backward: int = 0
    seconds: float = 0.0
    repro: str = ""
    max_report: int = 5
    saved: str = ""

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.failures

    @property
    def worst(self) -> Failure | None:
        """The failure with the largest relative error."""
        return max(self.failures, key=lambda failure: failure.rel, default=None)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        from autograd.testing.report import message

        return message(self)

    def __repr__(self) -> str:
        state = "ok" if self.ok else f"{len(self.failures)} failures"
        return f"<GradCheckResult {self.name}: {state}>"

    def _repr_html_(self) -> str:
        from autograd.testing.report import html

        return html(self)

    def to_json(self) -> str:
        """Everything but the maps as JSON text."""
        data = {
            key: getattr(self, key) for key in ("name", "location", "seed", "mode", "order", "ok", "notes", "hints")
        }
        data |= {key: getattr(self, key) for key in ("n_elements", "n_forward", "n_backward")}
        data["seconds"] = round(self.seconds, 6)
        data["failures"] = [asdict(failure) | {"rel": failure.rel} for failure in self.failures]
        return json.dumps(data, default=_jsonable)


class GradCheckError(AssertionError):
    """A gradient check failed; `.result` is the `GradCheckResult`."""

    def __init__(self, result: GradCheckResult) -> None:
        super().__init__(str(result))
        self.result = result


def spell_pair(a: float, b: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    for digits in range(7, 18):
        first, second = f"{a:+.{digits}g}", f"{b:+.{digits}g}"
        if first != second:
            digits = min(17, digits + 2)
            return f"{a:+.{digits}g}", f"{b:+.{digits}g}"
    return f"{a:+.17g}", f"{b:+.17g}"


def _jsonable(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
