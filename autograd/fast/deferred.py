"""Formulas that wait for those that use them: neighbours in the backward pass are computed as one, block by block.

What the rule of sigmoid makes of a gradient is read once, by the rule of the op before it; to write a large array to memory and to
read it again takes longer than the arithmetic.  So a `fused` formula that is given a `Deferred` array returns another
one, and who needs its elements asks for them with `now`.  This is for NumPy alone: a loop compiled for each combination would
take longer than it saves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Deferred", "deferring", "now"]

MOST = 8  # formulas in one: what they read stays alive until it is computed


class Deferred(np.lib.mixins.NDArrayOperatorsMixin):
    """What a formula makes of arrays of one shape and type, as soon as somebody asks for it.

    NumPy's functions ask for it themselves.
    """

    __slots__ = ("args", "array", "count", "dtype", "formula", "shape")

    def __init__(self, formula: Callable | None, args: tuple, like: Any, array: Any = None):
        self.formula, self.args, self.array = formula, args, array
        self.shape, self.dtype = like.shape, like.dtype
        self.count = 0 if formula is None else 1 + sum(a.count for a in args if type(a) is Deferred)

    def now(self) -> np.ndarray:
        """The array."""
        if self.array is None:
            leaves, steps = [], []
            self.place({}, leaves, steps)
            self.array = as_one(tuple(steps))(*leaves).astype(self.dtype, copy=False)
            self.args = ()
        return self.array

    def place(self, places: dict[int, int], leaves: list, steps: list) -> int:
        """Note what this is made of, each once: the arrays and numbers, and the formulas in the order to run them.

        Returns:
            Where its value will be: among the leaves, or, counted from -1 downwards, among the results of the steps.
        """
        operands = []
        for a in self.args:
            if type(a) is Deferred and a.array is not None:
                a = a.array
            if id(a) not in places:
                if type(a) is Deferred:
                    places[id(a)] = a.place(places, leaves, steps)
                else:
                    places[id(a)] = len(leaves)
                    leaves.append(a)
            operands.append(places[id(a)])
        steps.append((self.formula, tuple(operands)))
        return -len(steps)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return self.now().__array__(*args, **kwargs)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*map(now, operands), **options)


def now(x: Any) -> Any:
    """The array that is meant, if it was deferred; anything else is itself."""
    return x.now() if type(x) is Deferred else x


@functools.lru_cache(256)
def as_one(steps: tuple) -> Callable:
    """Formulas, each with the places of its operands, as one: the result of the last."""
    from . import fused

    def formula(*leaves: Any) -> Any:
        results: list = []
        for f, operands in steps:
            results.append(f(*[leaves[i] if i >= 0 else results[-1 - i] for i in operands]))
        return results[-1]

    return fused(formula)


def extended(formula: Callable, args: tuple) -> Deferred | None:
    """A formula of arguments some of which are deferred, deferred itself; None if it cannot wait."""
    like = next(a for a in args if type(a) is Deferred)
    for a in args:
        if getattr(a, "ndim", 0) and (a.shape != like.shape or a.dtype != like.dtype):
            return None
    made = Deferred(formula, args, like)
    return made if made.count <= MOST else None


def deferring(rule: Callable) -> Callable:
    """Mark a gradient rule that does nothing with `g` but hand it on or to `fused` formulas: it may be deferred."""
    rule.deferring = True
    return rule
