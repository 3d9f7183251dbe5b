"""``torch.compiler`` and ``torch._dynamo``: nothing is compiled, so there is nothing to keep it away from.

>>> @disable(recursive=False)
... def double(x):
...     return 2 * x
>>> double(3), is_compiling()
(6, False)
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .switches import compile

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable", "graph_break",
    "is_compiling", "is_dynamo_compiling", "is_exporting", "mark_dynamic", "mark_static", "mark_static_address", "reset",
    "set_stance",
]  # fmt: skip

config = SimpleNamespace()  # programs set limits of PyTorch's compiler here


def disable(fn: Any = None, recursive: bool = True, **options: Any) -> Any:
    """The function itself, as ``@disable`` and as ``@disable(recursive=False)``."""
    return compile(fn)


allow_in_graph = assume_constant_result = disable


def is_compiling() -> bool:
    """False."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Nothing: there is nothing to forget."""


cudagraph_mark_step_begin = graph_break = reset


def mark_dynamic(t: Any, *args: Any, **kwargs: Any) -> None:
    """Nothing: every shape may change."""


mark_static = mark_static_address = set_stance = mark_dynamic
