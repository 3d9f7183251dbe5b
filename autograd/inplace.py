"""Operations in place, with PyTorch's meaning: what shares the memory sees the change, and so does the graph.

An operation in place is the ordinary operation, whose result is then written into the tensor's memory and becomes the
tensor's new place in the graph.  For a view the tensor it is a view of gets a new place too (`view_scatter`), and with it
every other view.  Values that the graph had saved before are protected by `graph.mutated`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import Node, mutated, owner, state, whereabouts
from .op import REGISTRY, finish, op
from .tensor import Tensor, own, wrap


def follow(x: Any, steps: tuple) -> Any:
    """The view of `x` (array or Tensor) that the steps of a `View` lead to."""
    for step, arguments in steps:
        x = step.call(x, **dict(zip(step.names[1:], arguments, strict=True)))
    return x


@op(
    method=False,
    x=lambda g, y_shape, steps: view_scatter(g, np.zeros((), g.dtype), steps=steps),
    y=lambda g, steps: follow(g, steps),
)
def view_scatter(x, y, *, steps):
    """A copy of `x` whose view by `steps` has the values `y`."""
    out = x.copy(order="K")
    region = follow(out, steps)
    if owner(region) is out:
        region[...] = y
    else:  # a layout in which the steps have to copy: write by positions
        places = follow(np.arange(out.size).reshape(out.shape), steps)
        flat = out.reshape(-1)
        flat[places] = y
        out = flat.reshape(out.shape)
    return out


def recorded(tensor: Tensor, *others: Any) -> bool:
    """Will an operation in place on `tensor` be recorded?  Raises where PyTorch forbids it."""
    if not state.grad:
        return False
    if tensor.needs_grad and tensor.grad_fn is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation; do it under no_grad(), or on a clone"
        )
    base = tensor.view_of.base if tensor.view_of is not None else tensor
    if base.needs_grad and base.grad_fn is None:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation; do it under no_grad(), "
            "or on a view of a clone"
        )
    return tensor.needs_grad or any(isinstance(v, Tensor) and v.needs_grad for v in others)


def writable(tensor: Tensor) -> Any:
    """The array of a tensor, to write into; an error where several indices share one place in memory."""
    array = own(tensor)
    flags = getattr(array, "flags", None)
    if flags is not None and not getattr(flags, "writeable", True):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location "
            "(or its memory is read-only); clone() the tensor before performing the operation"
        )
    return array


def fits(name: str, tensor: Tensor, result: Any) -> None:
    """Raise unless `result` can be written into `tensor`."""
    if result.shape != tensor.array.shape:
        raise RuntimeError(
            f"{name}: output with shape {tuple(tensor.array.shape)} doesn't match the broadcast shape "
            f"{tuple(result.shape)}{whereabouts()}; write it out of place: x = x.{name.rstrip('_')}(…)"
        )
    if "buifc".index(result.dtype.kind.replace("i", "u")) > "buifc".index(tensor.array.dtype.kind.replace("i", "u")):
        raise RuntimeError(
            f"{name}: result type {result.dtype} can't be cast to the desired output type {tensor.array.dtype}; "
            f"write it out of place: x = x.{name.rstrip('_')}(…)"
        )


def apply(name: str, function: Callable, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Do `function(tensor, …)` in place."""
    array = writable(tensor)
    if not recorded(tensor, *args, *kwargs.values()):
        grad, state.grad = state.grad, False
        try:
            result = function(tensor, *args, **kwargs).array
        finally:
            state.grad = grad
        fits(name, tensor, result)
        array[...] = result
        mutated(array)
        return tensor
    before = wrap(array.copy(order="K"))  # the graph may save it
    before.grad_fn, before.needs_grad = tensor.grad_fn, tensor.needs_grad
    result = function(before, *args, **kwargs)
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
        # The forward of view_scatter has been done already, by writing into the memory: only its node is needed.
        made = REGISTRY["view_scatter"]
        scattered = finish(made, [base, result, steps], [base.array, result.array, steps], base.array)
        base.grad_fn, base.needs_grad = scattered.grad_fn, True
    for reference in tuple(base.views or ()):
        view = reference()
        if view is not None and view.view_of is not None:
            again = follow(base, view.view_of.steps)
            view.grad_fn, view.needs_grad = again.grad_fn, again.needs_grad


def inplace(function: Callable, name: str) -> Callable:
    """The method that does in place what `function` does."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return apply(name, function, self, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name.rstrip('_')}` in place; returns itself."
    return method


def setitem(tensor: Tensor, index: Any, value: Any) -> None:
    """``tensor[index] = value``."""
    from .ops.indexing import index_put_values, is_basic, unwrap_index

    where = unwrap_index(index)
    if not recorded(tensor, value):
        array = writable(tensor)
        given = value.array if isinstance(value, Tensor) else value
        if isinstance(given, complex) and array.dtype.kind != "c":
            raise RuntimeError(f"value of type complex cannot be written into a tensor of type {array.dtype}")
        try:
            array[where] = given
        except ValueError as error:
            raise RuntimeError(f"setitem: shape mismatch: {error}{whereabouts()}") from None
        mutated(array)
    elif is_basic(where):
        region = tensor[index]
        if region.view_of is None:  # a single element: NumPy hands out a copy
            apply("setitem", index_put_values, tensor, value, index=where)
        else:
            region.copy_(value)
    else:
        apply("setitem", index_put_values, tensor, value, index=where)


Tensor.__setitem__ = setitem  # type: ignore[method-assign]
__all__ = ["Node", "apply", "inplace", "rebase", "view_scatter"]
