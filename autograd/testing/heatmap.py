"""The picture of an `InputMap`: relative errors as colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograd.testing.findings import KINK, UNSEEN, UNSURE, WRONG, InputMap

__all__ = ["heat_map"]


def heat_map(item: InputMap, limit: int = 48) -> str:
    """An SVG of log10 relative error per element; blocks keep their worst element."""
    errors, verdicts = _as_grid(item, limit)
    rows, columns = errors.shape
    side = max(6, min(22, 420 // max(rows, columns)))
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{columns * side + 2}' "
        f"height='{rows * side + 2}' font-family='sans-serif' font-size='{side * 0.7:.0f}'>"
    ]
    for i in range(rows):
        for j in range(columns):
            x, y = 1 + j * side, 1 + i * side
            fill, mark = _colour(errors[i, j], verdicts[i, j])
            parts.append(f"<rect x='{x}' y='{y}' width='{side - 1}' height='{side - 1}' fill='{fill}'/>")
            if mark:
                parts.append(
                    f"<text x='{x + side / 2 - 0.5:.1f}' y='{y + side * 0.75:.1f}' "
                    f"text-anchor='middle' fill='white'>{mark}</text>"
                )
    return "".join([*parts, "</svg>"])


def _as_grid(item: InputMap, limit: int) -> tuple[np.ndarray, np.ndarray]:
    errors, verdicts = item.relative_errors(), item.verdict
    columns = item.shape[-1] if item.shape else 1
    grid = errors.reshape(-1, max(columns, 1)), verdicts.reshape(-1, max(columns, 1))
    steps = [-(-n // limit) for n in grid[0].shape]
    order = np.array([0, 1, 4, 2, 3])  # UNSEEN, OK, WRONG, KINK, UNSURE by importance
    back = np.argsort(order)
    rank = order[grid[1]]
    e = _blocks(np.nan_to_num(grid[0], nan=-1.0, posinf=1e9), steps)
    return np.where(e < 0, np.nan, e), back[_blocks(rank, steps)]


def _blocks(a: np.ndarray, steps: Sequence[int]) -> np.ndarray:
    for axis, step in enumerate(steps):
        a = np.maximum.reduceat(a, np.arange(0, a.shape[axis], step), axis=axis)
    return a


def _colour(error: float, verdict: int) -> tuple[str, str]:
    if verdict == UNSEEN or np.isnan(error):
        return "#e4e4e4", ""
    level = (np.log10(max(error, 1e-12)) + 12) / 12  # 0 … 1 for 1e-12 … 1
    level = float(min(max(level, 0.0), 1.0))
    pale, dark = np.array([222, 235, 247]), np.array([8, 48, 107])
    if verdict == WRONG:
        pale, dark = np.array([252, 146, 114]), np.array([165, 15, 21])
    if verdict in (KINK, UNSURE):
        pale, dark = np.array([253, 190, 90]), np.array([204, 102, 0])
    r, g, b = (pale + (dark - pale) * level).astype(int)
    return f"rgb({r},{g},{b})", {WRONG: "×", UNSURE: "?", KINK: "k"}.get(verdict, "")
