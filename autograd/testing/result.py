"""The outcome of a gradient check, and its text: what, where, how much, why, and how to see it again."""

from __future__ import annotations

import base64
import html as escaping
import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from autograd.testing.findings import KINK, OK, UNSEEN, UNSURE, WRONG, Failure, InputMap
from autograd.testing.heatmap import heat_map

__all__ = ["GradCheckError", "GradCheckResult"]


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
        return message(self)

    def __repr__(self) -> str:
        state = "ok" if self.ok else f"{len(self.failures)} failures"
        return f"<GradCheckResult {self.name}: {state}>"

    def _repr_html_(self) -> str:
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


def _jsonable(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


# ---- the text ---------------------------------------------------------------------------------

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


# ---- the page ---------------------------------------------------------------------------------


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
            "× wrong, ? undecided, k kink, grey: not examined</div>"
        )
    return "".join(pieces)
