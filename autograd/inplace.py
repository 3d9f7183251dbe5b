"""Operations in place, with PyTorch's meaning: what shares the memory sees the change, and so does the graph.

An operation in place is the ordinary operation, whose result is then written into the tensor's memory and becomes the
tensor's new place in the graph.  For a view the tensor it is a view of gets a new place too (`view_scatter`), and with it
every other view.  Values that the graph had saved before are protected by `graph.mutated`.
"""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import mark_of, mutated, owner, state, whereabouts
from .op import REGISTRY, finish, observed, observers, op
from .sharing import follow, living_views, renew
from .tensor import Tensor, share, wrap

__all__ = ["apply", "fits", "inplace", "rebase", "recorded", "reshaping", "view_scatter", "writable"]


@op(
    method=False,
    x=lambda g, steps: view_scatter(g, np.zeros_like(g, shape=(), dtype=bool), steps=steps),
    y=lambda g, steps: follow(g, steps),
)
def view_scatter(x, y, *, steps):
    """A copy of `x` whose view by `steps` has the values `y`."""
    out = x.copy(order="K")
    region = follow(out, steps)
    if owner(region) is out and getattr(region.flags, "writeable", True):
        region[...] = y
    else:  # a layout in which the steps have to copy, or to spread: write by positions
        places = follow(np.arange(out.size).reshape(out.shape), steps)
        flat = out.reshape(-1)
        flat[places] = y
        out = flat.reshape(out.shape)
    return out


# ---- what may be changed -----------------------------------------------------------------------------------------


def recorded(tensor: Tensor, *others: Any) -> bool:
    """Will an operation in place on `tensor` be recorded?  Raises where PyTorch forbids it."""
    if not state.grad:
        return False
    view = tensor.view_of
    needed = tensor.needs_grad or any(isinstance(v, Tensor) and v.needs_grad for v in others)
    if view is not None and view.unrecorded and (needed or view.base.needs_grad):
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled; make the view and "
            "change it either both under no_grad() or both outside of it"
        )
    if not needed:
        return False
    if view is not None:
        if view.several:
            raise RuntimeError(
                "this view is the output of a function that returns multiple views (split, chunk, unbind, iteration). Such "
                "functions do not allow the output views to be modified inplace; index the tensor itself, x[i].add_(…), or "
                "replace the inplace operation by an out-of-place one"
            )
        if tensor.needs_grad and view.base.grad_fn is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation; do it under no_grad(), "
                "or on a view of a clone"
            )
    if tensor.needs_grad and tensor.grad_fn is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation; do it under no_grad(), or on a clone"
        )
    return True


def writable(tensor: Tensor) -> Any:
    """The array of a tensor, to write into; an error where several indices share one place in memory."""
    array = share(tensor)
    # NumPy's arrays say it by their flags, but one that was spread counts as read-only, however; CuPy's have none.
    apart = getattr(array.flags, "writeable", False) or not overlaps(array.shape, array.strides)
    if apart and isinstance(array, np.ndarray) and not array.flags.writeable:
        try:
            array.flags.writeable = True
        except ValueError:  # somebody has lent us memory to read only
            apart = False
    if not apart or mark_of(array).read_only:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location "
            "(or its memory is read-only); clone() the tensor before performing the operation"
        )
    return array


def overlaps(size: tuple, stride: tuple) -> bool:
    """May several indices lead to one place?"""
    if 0 in size:
        return False
    reach = 0
    for s, n in sorted((s, n) for s, n in zip(stride, size, strict=True) if n > 1):
        if s <= reach:
            return True
        reach += s * (n - 1)
    return False


def fits(name: str, tensor: Tensor, result: Any) -> None:
    """Raise unless `result` can be written into `tensor`."""
    if result.shape != tensor.array.shape:
        raise RuntimeError(
            f"{name}: output with shape {list(tensor.array.shape)} doesn't match the broadcast shape "
            f"{list(result.shape)}{whereabouts()}; write it out of place: x = x.{name.rstrip('_')}(…)"
        )
    if "buifc".index(result.dtype.kind.replace("i", "u")) > "buifc".index(tensor.array.dtype.kind.replace("i", "u")):
        raise RuntimeError(
            f"{name}: result type {result.dtype} can't be cast to the desired output type {tensor.array.dtype}; "
            f"write it out of place: x = x.{name.rstrip('_')}(…)"
        )


# ---- doing it ----------------------------------------------------------------------------------------------------


def apply(name: str, function: Callable, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Do `function(tensor, …)` in place."""
    array = writable(tensor)
    if not recorded(tensor, *args, *kwargs.values()):
        grad, state.grad = state.grad, False
        try:
            result = function(tensor, *args, **kwargs)
        finally:
            state.grad = grad
        if result is tensor:  # nothing to do, such as dropout of none
            return tensor
        fits(name, tensor, result.array)
        array[...] = result.array
        mutated(array)
        return tensor
    before = wrap(array.copy(order="K"))  # the graph may save it
    before.grad_fn, before.needs_grad = tensor.grad_fn, tensor.needs_grad
    result = function(before, *args, **kwargs)
    if result is before:
        return tensor
    fits(name, tensor, result.array)
    array[...] = result.array
    mutated(array)
    if result.dtype != tensor.dtype:
        result = result.to(tensor.dtype)
    rebase(tensor, result)
    return tensor


def rebase(tensor: Tensor, result: Tensor) -> None:
    """Give a tensor whose memory now holds `result` the place of `result` in the graph, and all that share its memory."""
    if tensor.view_of is None:
        base = tensor
        base.grad_fn, base.needs_grad = result.grad_fn, result.needs_grad
    else:
        base, steps = tensor.view_of.base, tensor.view_of.steps
        if not (base.needs_grad or result.needs_grad):
            return
        # The forward of view_scatter has been done already, by writing into the memory: only its node is needed.
        made = REGISTRY["view_scatter"]

        def scatter(x: Tensor, y: Tensor, *, steps: tuple) -> Tensor:
            parents = [(v.grad_fn or v) if v.needs_grad else None for v in (x, y)]
            needs = (x.needs_grad, y.needs_grad, False)
            return finish(made, [x, y, steps], needs, [*parents, None], [x.array, y.array, steps], x.array)

        scattered = (
            observed(made, scatter, base, result, steps=steps) if observers else scatter(base, result, steps=steps)
        )
        base.grad_fn, base.needs_grad = scattered.grad_fn, True
    renew(base, living_views(base))


def inplace(function: Callable, name: str) -> Callable:
    """The method that does in place what `function` does."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return apply(name, function, self, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name.rstrip('_')}` in place; returns itself."
    return method


# ---- another shape in place --------------------------------------------------------------------------------------


def reshaping(function: Callable, name: str) -> Callable:
    """The method that makes a tensor what the view `function(tensor, …)` is: same memory, another shape."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        recorded(self)
        if living_views(self):
            raise RuntimeError(f"{name}: there are views of this tensor; write x = x.{name.rstrip('_')}(…) instead")
        before = wrap(share(self))
        before.grad_fn, before.needs_grad = self.grad_fn, self.needs_grad and state.grad
        out = function(before, *args, **kwargs)
        if self.view_of is not None and out.view_of is not None:
            self.view_of.steps += out.view_of.steps
        self.array = out.array
        if before.needs_grad:
            self.grad_fn = out.grad_fn
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name.rstrip('_')}` in place, without touching the elements; returns itself."
    return method
