"""Finding the operation that made the first NaN or infinity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import op as ops
from .graph import Node, state, whereabouts
from .tensor import Tensor, unwrap
from .user_code import user_line


def _place() -> str:
    """``file:line`` of the user's program."""
    line = user_line()
    return "" if line is None else f"{line[0]}:{line[1]}"


def _finite(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    array = unwrap(value)
    if getattr(array, "dtype", None) is None:
        return not isinstance(value, float) or bool(np.isfinite(value))
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = next(part for part in value if not _finite(part))
    return "NaN" if bool(np.isnan(unwrap(value)).any()) else "infinity"


def check_forward(op: Any, call: Callable, *args: Any, **kwargs: Any) -> Any:
    """An observer: raises when an op makes a value that is not finite out of values that are."""
    out = call(*args, **kwargs)
    source = _place()
    for part in out if isinstance(out, tuple) else (out,):
        if isinstance(part, Tensor):
            if part.grad_fn is not None:
                part.grad_fn.source = source
            if not _finite(part) and _finite([*args, *kwargs.values()]):
                raise RuntimeError(
                    f"{op.name} returned {_kind(part.array)} for finite arguments{whereabouts()}, at {source}: "
                    f"result of shape {tuple(part.shape)}"
                )
    return out


def check_backward(node: Node, g: Any, parts: Any) -> list:
    """The gradients of a node, checked in the same way."""
    parts = list(parts)
    place = f"{node.op.name}{f' in {node.call.scope.path or node.call.scope.kind}' if node.call is not None else ''}"
    recorded = f"the operation was recorded at {node.source or 'a line outside detect_anomaly()'}"
    if not _finite(g):
        raise RuntimeError(
            f"the gradient that reaches {place} has {_kind(g)}, which no operation made: a hook did, or the gradient given to "
            f"backward(), or a sum of gradients overflowed; {recorded}"
        )
    for i, part in parts:
        if part is not None and not _finite(part):
            name = node.op.names[min(i, len(node.op.names) - 1)]
            raise RuntimeError(
                f"the gradient of {place} with respect to {name!r} has {_kind(part)} for a finite incoming gradient; {recorded}"
            )
    return parts


class detect_anomaly:
    """Raise where the first NaN or infinity appears, forward or backward: ``with detect_anomaly(): …``.

    The error names the operation, the module it ran in, and the line of your program.  A value that is infinite because
    you asked for it (``masked_fill(mask, -inf)``) is no anomaly.  Everything is slower inside.

    Args:
        check_nan: False only notes the lines, without checking values.

    >>> import autograd as ag
    >>> with detect_anomaly():
    ...     ag.tensor([0.0]).log()
    Traceback (most recent call last):
        ...
    RuntimeError: log returned infinity for finite arguments, at ...
    """

    def __init__(self, check_nan: bool = True):
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self.before = state.anomaly
        _switch(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        _switch(self.before)


class set_detect_anomaly(detect_anomaly):
    """`detect_anomaly` on or off: at once when called, undone at the end of a ``with`` block."""

    def __init__(self, mode: bool, check_nan: bool = True):
        self.before = state.anomaly
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        pass


def is_anomaly_enabled() -> bool:
    """True while `detect_anomaly` is on."""
    return state.anomaly


def _switch(on: bool, check_nan: bool = True) -> None:
    state.anomaly = on and check_nan
    if check_forward in ops.observers:
        ops.observers.remove(check_forward)
    if on:
        ops.observers.append(check_forward)
