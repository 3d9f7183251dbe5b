"""``torch.utils._pytree``: functions of the leaves of nested dictionaries, lists and tuples.

>>> leaves, spec = tree_flatten({"a": 1, "b": (2, [3])})
>>> tree_unflatten([10 * leaf for leaf in leaves], spec)
{'a': 10, 'b': (20, [30])}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..nested import flatten

__all__ = [
    "TreeSpec", "tree_all", "tree_any", "tree_flatten", "tree_leaves", "tree_map", "tree_map_", "tree_map_only",
    "tree_structure", "tree_unflatten",
]  # fmt: skip


class TreeSpec:
    """A nesting without its leaves."""

    def __init__(self, tree: Any):
        leaves, self._rebuild = flatten(tree)
        self.num_leaves = len(leaves)
        self._shape = self._rebuild([None] * len(leaves))

    def unflatten(self, leaves: Any) -> Any:
        """The nesting with these leaves."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(f"expected {self.num_leaves} leaves, got {len(leaves)}")
        return self._rebuild(leaves)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and _same(self._shape, other._shape)

    __hash__ = None  # type: ignore[assignment]


def _same(a: Any, b: Any) -> bool:
    """Are both the same nesting of the same types?"""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return not isinstance(a, (list, tuple)) or (len(a) == len(b) and all(map(_same, a, b)))


def tree_flatten(tree: Any) -> tuple[list, TreeSpec]:
    """The leaves, and the nesting without them."""
    return flatten(tree)[0], TreeSpec(tree)


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """The nesting with these leaves."""
    return treespec.unflatten(leaves)


def tree_leaves(tree: Any) -> list:
    """The leaves, in order."""
    return flatten(tree)[0]


def tree_structure(tree: Any) -> TreeSpec:
    """The nesting without its leaves."""
    return TreeSpec(tree)


def tree_map(func: Callable, tree: Any, *rests: Any) -> Any:
    """The same nesting, of what `func` makes of each leaf (and of those in the same place of `rests`)."""
    leaves, spec = tree_flatten(tree)
    for rest in rests:
        if TreeSpec(rest) != spec:
            raise ValueError(f"expected nestings of one structure, got {tree!r} and {rest!r}")
    return spec.unflatten(map(func, leaves, *map(tree_leaves, rests)))


def tree_map_(func: Callable, tree: Any, *rests: Any) -> Any:
    """Call `func` on each leaf, for what it does there; returns the nesting."""
    tree_map(func, tree, *rests)
    return tree


def tree_map_only(kind: Any, func: Callable, tree: Any) -> Any:
    """`tree_map` of the leaves of one type; the others stay."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree)


def tree_all(predicate: Callable, tree: Any) -> bool:
    """Does it hold for all leaves?"""
    return all(map(predicate, tree_leaves(tree)))


def tree_any(predicate: Callable, tree: Any) -> bool:
    """Does it hold for a leaf?"""
    return any(map(predicate, tree_leaves(tree)))
