"""``torch.utils.checkpoint``: memory for time."""

from __future__ import annotations

from typing import Any

from ..functional import checkpoint

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint_sequential(functions: Any, segments: int, input: Any, **options: Any) -> Any:
    """`checkpoint` for a `Sequential` or a list of functions, in that many segments; the last keeps its values.

    >>> import autograd as ag
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> checkpoint_sequential([ag.exp, ag.sin, ag.exp], 2, x).backward()
    >>> x.grad
    tensor(8.0986)
    """
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments
    if not 0 < segments <= len(functions):
        raise ValueError(f"expected 1 to {len(functions)} segments, one function or more in each, got {segments}")

    def run(start: int, end: int, value: Any) -> Any:
        for function in functions[start:end]:
            value = function(value)
        return value

    for i in range(segments - 1):
        input = checkpoint(run, i * size, (i + 1) * size, input, **options)
    return run((segments - 1) * size, len(functions), input)
