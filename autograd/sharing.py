"""Tensors that share memory: which is a view of which, and by what steps.

An operation in place needs to know it (see `inplace.py`): what it changes, others see.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from .graph import changed_since, clock, enable_grad, owner, state

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["View", "changed_views", "follow", "living_views", "register_view", "renew"]


class View:
    """How a Tensor shares the memory of another: the one it comes from in the end, and the ops that lead from there.

    `unrecorded`: a step was made under `no_grad`.  `several`: it came with other views, as those of `split` do.
    PyTorch does not record a change in place of either.
    """

    __slots__ = ("base", "order", "several", "steps", "unrecorded")

    def __init__(self, base: Tensor, steps: tuple, unrecorded: bool):
        self.base, self.steps, self.unrecorded, self.several = base, steps, unrecorded, False
        self.order = clock()


def register_view(out: Tensor, source: Tensor, step: tuple) -> None:
    """Note that `out` was made from `source` by a step, if it shares its memory: changes of one are changes of the
    other."""
    memory = getattr(out.array, "base", None)
    if memory is None and out.array is not source.array:
        return
    base, steps, unrecorded = source, (), not state.grad
    if (way := source.view_of) is not None:
        base, steps, unrecorded = way.base, way.steps, unrecorded or way.unrecorded
    if memory is not base.array and owner(out.array) is not owner(base.array):
        return
    out.view_of = View(base, (*steps, step), unrecorded)
    if base.needs_grad and base.grad_fn is None:
        return  # in place it cannot be changed and recorded, so its views need not be told
    if base.views is None:
        base.views = set()
    base.views.add(weakref.ref(out, base.views.discard))


def follow(x: Any, steps: tuple) -> Any:
    """The view of `x` (array or Tensor) that the steps of a `View` lead to."""
    for step, arguments in steps:
        x = step.call(x, **dict(zip(step.names[1:], arguments, strict=True)))
    return x


def living_views(base: Tensor) -> list[Any]:
    """The views of a tensor that still exist."""
    views = [reference() for reference in base.views or ()]
    return [view for view in views if view is not None and view.view_of is not None]


def changed_views(base: Tensor) -> list[Any]:
    """The views of a tensor whose memory has been changed in place since they were made."""
    return [view for view in living_views(base) if changed_since(base.array, view.view_of.order)]


def renew(base: Tensor, views: list[Any]) -> None:
    """Give views of a tensor their places in the graph anew."""
    for view in views:
        with enable_grad():
            again = follow(base, view.view_of.steps)
        view.grad_fn, view.needs_grad = again.grad_fn, again.needs_grad
