"""How long each operation takes: ``torch.profiler``, for the forward operations of one process on the CPU.

>>> import autograd as ag
>>> with profile() as prof, record_function("forward"):
...     y = ag.ones(4, 4) @ ag.ones(4, 4)
>>> [row.key for row in prof.key_averages()]
['forward', 'matmul']

A backward pass runs the gradient rules on plain arrays, unseen; ``with record_function("backward"):`` times it as a whole.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from . import op as ops
from .graph import state
from .tensor import Tensor

__all__ = ["ProfilerActivity", "profile", "record_function", "schedule"]


class ProfilerActivity(enum.Enum):
    """What to watch; here only what Python waits for."""

    CPU = 0
    CUDA = 1


@dataclass
class Row:
    """All calls of one operation, or of one `record_function` block: times in microseconds."""

    key: str
    input_shapes: tuple = ()
    module: str = ""
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0

    @property
    def cpu_time(self) -> float:
        """The mean of one call."""
        return self.cpu_time_total / self.count


class Rows(list):
    """The rows of a profile, printed by `table`."""

    def table(self, sort_by: str | None = None, row_limit: int = 100, **_: Any) -> str:
        """The rows as text, the largest of ``sort_by`` first ("cpu_time_total", "self_cpu_time_total", "count", …)."""
        rows = list(self)
        if sort_by is not None:
            key = sort_by.replace("cuda", "cpu").replace("device", "cpu")
            if not rows or hasattr(rows[0], key):
                rows.sort(key=lambda row: getattr(row, key), reverse=True)
            else:
                raise ValueError(f"expected sort_by to be one of {sorted(vars(rows[0]))}, got {sort_by!r}")
        shapes, modules = any(r.input_shapes for r in rows), any(r.module for r in rows)
        whole = sum(r.self_cpu_time_total for r in self) or 1.0
        heads = ["Name", "Self CPU %", "Self CPU", "CPU total", "CPU time avg", "# of Calls"]
        lines = [heads + ["Input Shapes"] * shapes + ["Module"] * modules]
        for r in rows if row_limit < 0 else rows[:row_limit]:
            times = [_written(t) for t in (r.self_cpu_time_total, r.cpu_time_total, r.cpu_time)]
            line = [r.key, f"{100 * r.self_cpu_time_total / whole:.2f}%", *times, str(r.count)]
            lines.append(line + [str(list(r.input_shapes))] * shapes + [r.module] * modules)
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rule = "  ".join("-" * w for w in widths)
        text = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([rule, text[0], rule, *text[1:], rule, f"Self CPU time total: {_written(whole)}", ""])


def _written(microseconds: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.3f}{unit}"
    return f"{microseconds:.3f}us"


_running: list[profile] = []  # the profile that is on, if any


class profile(contextlib.ContextDecorator):
    """Time every operation on tensors inside the block.

    Args:
        activities: accepted for PyTorch's sake, as are those that are not named here.
        record_shapes: keep calls on different shapes apart.
        with_modules: keep calls in different modules apart, by their dotted paths.
        schedule: which steps to watch, made by `schedule`; without it all.
        on_trace_ready: called with the profile when the steps to watch are over.

    Source: https://docs.pytorch.org/docs/stable/profiler.html
    """

    def __init__(
        self,
        activities: Iterable | bool | None = None,
        *,
        record_shapes: bool = False,
        with_modules: bool = False,
        schedule: Callable[[int], str] | None = None,
        on_trace_ready: Callable | None = None,
        enabled: bool = True,
        **_: Any,
    ):
        self.record_shapes, self.with_modules, self.enabled = record_shapes, with_modules, enabled
        self.plan, self.on_trace_ready, self.step_num = schedule, on_trace_ready, 0
        self.rows: dict[tuple, Row] = {}
        self.inside: list[float] = []  # per running call, the time of the calls in it

    def start(self) -> None:
        """Begin to watch."""
        if self.enabled:
            ops.observers.append(self._observe)
            _running.append(self)

    def stop(self) -> None:
        """Watch no longer."""
        if self.enabled and self in _running:
            ops.observers.remove(self._observe)
            _running.remove(self)
            if self.on_trace_ready is not None and self.plan is None:
                self.on_trace_ready(self)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def step(self) -> None:
        """Say that a step of the program is over, for `schedule`."""
        before = None if self.plan is None else self.plan(self.step_num)
        self.step_num += 1
        if before == "save" and self.on_trace_ready is not None:
            self.on_trace_ready(self)
            self.rows.clear()

    def key_averages(self, group_by_input_shape: bool = False, **_: Any) -> Rows:
        """One row per operation (and shapes, and module, where those were kept)."""
        return Rows(self.rows.values())

    events = key_averages

    def table(self, **options: Any) -> str:
        """`Rows.table` of all rows."""
        return self.key_averages().table(**options)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds in all operations together."""
        return sum(row.self_cpu_time_total for row in self.rows.values())

    def export_chrome_trace(self, path: str) -> None:
        """Not kept: rows are sums, not events."""
        raise RuntimeError(
            "a profile keeps sums, not the times of single calls: write print(prof.key_averages().table())"
        )

    def _observe(self, op: Any, call: Callable, *args: Any, **kwargs: Any) -> Any:
        shapes = tuple(list(v.shape) for v in args if isinstance(v, Tensor)) if self.record_shapes else ()
        with self.timed(op.name, shapes):
            return call(*args, **kwargs)

    @contextlib.contextmanager
    def timed(self, name: str, shapes: tuple = ()) -> Iterator[None]:
        """Add a block to the row of its name."""
        watched = self.plan is None or self.plan(self.step_num) in ("record", "save")
        module = (
            (state.call.scope.path or state.call.scope.kind) if self.with_modules and state.call is not None else ""
        )
        key = (name, str(shapes), module)
        if watched and key not in self.rows:  # in the order of their beginnings
            self.rows[key] = Row(name, shapes, module)
        self.inside.append(0.0)
        begin = perf_counter()
        try:
            yield
        finally:
            time = (perf_counter() - begin) * 1e6
            own = time - self.inside.pop()
            if self.inside:
                self.inside[-1] += time
            if watched and key in self.rows:
                row = self.rows[key]
                row.count, row.cpu_time_total = row.count + 1, row.cpu_time_total + time
                row.self_cpu_time_total += own


class record_function(contextlib.ContextDecorator):
    """Give a block of the program a row of its own in the profiles that are running.

    Args:
        name: the row's.
        args: accepted for PyTorch's sake.
    """

    def __init__(self, name: str, args: str | None = None):
        self.name = name

    def __enter__(self) -> record_function:
        self.blocks = contextlib.ExitStack()
        for running in _running:
            self.blocks.enter_context(running.timed(self.name))
        return self

    def __exit__(self, *exc: object) -> None:
        self.blocks.close()


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, **_: Any
) -> Callable[[int], str]:
    """Which steps a `profile` watches: after `skip_first`, again and again `wait` and `warmup` not, then `active` of them.

    Args:
        repeat: how many times in all; 0 for ever.
    """
    cycle = wait + warmup + active

    def plan(step: int) -> str:
        number, place = divmod(step - skip_first, cycle)
        if number < 0 or (repeat and number >= repeat) or place < wait + warmup:
            return "none"
        return "save" if place == cycle - 1 else "record"

    return plan


def tensorboard_trace_handler(*args: Any, **kwargs: Any) -> Callable:
    """There is no trace to hand on."""
    raise RuntimeError(
        "a profile keeps sums, not a trace: write on_trace_ready=lambda prof: print(prof.key_averages().table())"
    )
