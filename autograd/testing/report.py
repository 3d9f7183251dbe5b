"""The text and the picture of a `GradCheckResult`."""

from __future__ import annotations

import base64
import html as escaping
from collections.abc import Sequence

import numpy as np

from autograd.testing.result import KINK, OK, UNSEEN, UNSURE, WRONG, GradCheckResult, InputMap

__all__ = ["html", "message"]

MARKS = {UNSEEN: " ", OK: ".", WRONG: "x", KINK: "k", UNSURE: "?"}
LINES = 25


def message(result: GradCheckResult) -> str:
    """At most 25 lines: what, where, how much, why, and how to see it again."""
    lines = [_headline(result)]
    if result.location:
        lines.append(f"  defined at {result.location}")
    tail = [f"  hint: {hint}" for hint in result.hints[:3]]
    if result.ok:
        tail += [f"  note: {note}" for note in result.notes[:3]]
        more = len(result.notes) - 3
        tail += [f"  … and {more} more"] if more > 0 else []
    if result.saved:
        tail.append(f"  saved: {result.saved}")
    if result.repro and not result.ok:
        tail.append(f"  repro: {result.repro}")
    detail = _failures(result)
    room = LINES - len(lines) - len(tail)
    maps = _maps(result, room - min(len(detail), room))
    return "\n".join([*lines, *detail[: room - len(maps)], *maps, *tail])


def _headline(result: GradCheckResult) -> str:
    cost = f"[{result.mode}, seed={result.seed}, {result.n_forward} forward calls, "
    cost += f"{1000 * result.seconds:.0f} ms]"
    if result.ok:
        order = f", order {result.order}" if result.order > 1 else ""
        return f"{result.name}: gradients are right{order}   {cost}"
    wrong = [m for m in result.maps if m.n_wrong]
    order = result.failures[0].order
    prefix = "" if order == 1 else f"order {order}: "
    if not wrong:
        kinds = ", ".join(dict.fromkeys(failure.kind for failure in result.failures))
        return f"{result.name}: {prefix}gradient check failed ({kinds})   {cost}"
    count = sum(m.n_wrong for m in wrong)
    total = sum(m.verdict.size for m in result.maps)
    of = f"{count} of {total}" if result.complete else f"at least {count} of {total}"
    inputs = ", ".join(f"{m.name!r} {m.shape}" for m in wrong[:4])
    return f"{result.name}: {prefix}analytic and numeric gradient disagree in {of} elements (input {inputs})   {cost}"


def _failures(result: GradCheckResult) -> list[str]:
    lines: list[str] = []
    for failure in result.failures[: result.max_report]:
        lines += [f"  {line}" for line in str(failure).split("\n")]
    more = len(result.failures) - result.max_report
    if more > 0:
        lines.append(f"  … and {more} more")
    return lines


def _maps(result: GradCheckResult, room: int) -> list[str]:
    lines: list[str] = []
    for item in result.maps:
        if not item.n_wrong or item.verdict.size < 2:
            continue
        drawn = _map(item)
        if len(lines) + len(drawn) <= room:
            lines += drawn
    return lines


def _map(item: InputMap) -> list[str]:
    """A small picture of which elements are wrong; a table of slices for larger inputs."""
    head = f"  where in {item.name!r} (x wrong, . right"
    shape = item.shape if len(item.shape) != 1 else (1, item.shape[0])
    if len(shape) == 2 and shape[0] <= 12 and shape[1] <= 40:
        grid = item.verdict.reshape(shape)
        head += ", k kink" if np.any(grid == KINK) else ""
        head += ", ? undecided" if np.any(grid == UNSURE) else ""
        rows = ["       " + " ".join(MARKS[int(v)] for v in row).rstrip() for row in grid]
        return [head + "):", *rows]
    wrong = np.argwhere(item.verdict.reshape(item.shape) == WRONG)
    parts = []
    for axis in range(len(item.shape)):
        values, counts = np.unique(wrong[:, axis], return_counts=True)
        if len(values) < item.shape[axis]:
            shown = ", ".join(str(v) for v in values[:6]) + (", …" if len(values) > 6 else "")
            parts.append(
                f"axis {axis} at {shown} ({counts.max()} each)" if len(values) > 1 else f"axis {axis} at {shown}"
            )
    return [f"  wrong elements of {item.name!r} lie at: " + "; ".join(parts)] if parts else []


# The heat map ----------------------------------------------------------------------------------


def html(result: GradCheckResult) -> str:
    """The message, and a heat map of relative errors for each input that was examined."""
    pieces = [f"<pre style='line-height:1.3'>{escaping.escape(message(result))}</pre>"]
    seen = [m for m in result.maps if m.verdict.size and np.any(m.verdict != UNSEEN)]
    for item in sorted(seen, key=lambda m: -m.n_wrong)[:6]:
        picture = base64.b64encode(heat_map(item).encode()).decode()
        title = escaping.escape(f"{item.name} {item.shape}")
        # An <img> is shown in untrusted notebooks too, where inline SVG is not.
        pieces.append(
            f"<figure style='display:inline-block;margin:4px 12px 4px 0'>"
            f"<img alt='relative errors of {title}' src='data:image/svg+xml;base64,{picture}'>"
            f"<figcaption style='font:12px sans-serif'>{title}</figcaption></figure>"
        )
    if seen:
        pieces.append(
            "<div style='font:12px sans-serif'>relative error of the gradient: pale 1e-12 … dark 1; "
            "× wrong, ? undecided, k kink, hatched grey: not examined</div>"
        )
    return "".join(pieces)


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
