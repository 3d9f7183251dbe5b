"""``torch.fx``, as far as models name it: nothing is traced.  `autograd.draw.graph` shows what a model computes.

>>> wrap("len")  # "a leaf when traced"
'len'
"""

from __future__ import annotations

from typing import Any

__all__ = ["Proxy", "wrap"]


class Proxy:
    """What PyTorch's tracer hands to a model in a Tensor's place; models ask whether something is one, and nothing is."""

    def __init__(self, *args: Any):
        raise TypeError("nothing is traced here: autograd.draw.graph(model, x) shows a model's graph")


def wrap(fn_or_name: Any) -> Any:
    """The function, or its name, itself."""
    return fn_or_name


def __getattr__(name: str) -> Any:
    raise AttributeError(f"gradloom has no fx.{name}: autograd.draw.graph(model, x) shows a model's graph")
