"""Dictionaries, lists and tuples of values, nested in each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tensor import Tensor

__all__ = ["flatten", "tensors_in"]


def flatten(tree: Any) -> tuple[list, Callable[[list], Any]]:
    """The leaves of a nesting, in order, and the function that puts others in their places.

    >>> leaves, rebuild = flatten({"a": 1, "b": (2, [3])})
    >>> rebuild([10 * leaf for leaf in leaves])
    {'a': 10, 'b': (20, [30])}
    """
    if isinstance(tree, dict):
        keys, values, make = list(tree), list(tree.values()), None
    elif isinstance(tree, (list, tuple)):
        keys, values, make = None, list(tree), type(tree)
    else:
        return [tree], lambda leaves: leaves[0]
    parts = [flatten(value) for value in values]
    counts = [len(leaves) for leaves, _ in parts]

    def rebuild(leaves: list) -> Any:
        made, start = [], 0
        for (_, again), count in zip(parts, counts, strict=True):
            made.append(again(leaves[start : start + count]))
            start += count
        if keys is not None:
            return type(tree)(zip(keys, made, strict=True))
        return make(*made) if hasattr(tree, "_fields") else make(made)  # type: ignore[misc]

    return [leaf for leaves, _ in parts for leaf in leaves], rebuild


def tensors_in(tree: Any) -> list[Tensor]:
    """The tensors of a nesting, in order."""
    return [leaf for leaf in flatten(tree)[0] if isinstance(leaf, Tensor)]
