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

from .graph import Node, mutated, owner, state, whereabouts
from .op import REGISTRY, finish, observed, observers, op
from .tensor import Tensor, View, own, register_view, share, wrap

# ---- views, followed by their steps ------------------------------------------------------------------------------


def follow(x: Any, steps: tuple) -> Any:
    """The view of `x` (array or Tensor) that the steps of a `View` lead to."""
    for step, arguments in steps:
        x = step.call(x, **dict(zip(step.names[1:], arguments, strict=True)))
    return x


@op(
    method=False,
    x=lambda g, steps: view_scatter(g, np.zeros_like(g, shape=(), dtype=bool), steps=steps),
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


# ---- what may be changed -----------------------------------------------------------------------------------------


def recorded(tensor: Tensor, *others: Any) -> bool:
    """Will an operation in place on `tensor` be recorded?  Raises where PyTorch forbids it."""
    if not state.grad or not (tensor.needs_grad or any(isinstance(v, Tensor) and v.needs_grad for v in others)):
        return False
    if (view := tensor.view_of) is not None:
        if view.several:
            raise RuntimeError(
                "this view is the output of a function that returns multiple views (split, chunk, unbind, iteration). Such "
                "functions do not allow the output views to be modified inplace; index the tensor itself, x[i].add_(…), or "
                "replace the inplace operation by an out-of-place one"
            )
        if view.unrecorded:
            raise RuntimeError(
                "A view was created in no_grad mode and is being modified inplace with grad mode enabled; make the view and "
                "change it either both under no_grad() or both outside of it"
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
        if not (base.needs_grad or result.needs_grad):
            return
        # The forward of view_scatter has been done already, by writing into the memory: only its node is needed.
        made = REGISTRY["view_scatter"]

        def scatter(x: Tensor, y: Tensor, *, steps: tuple) -> Tensor:
            return finish(made, [x, y, steps], (x.needs_grad, y.needs_grad, False), [x.array, y.array, steps], x.array)

        scattered = (
            observed(made, scatter, base, result, steps=steps) if observers else scatter(base, result, steps=steps)
        )
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


# ---- writing values ----------------------------------------------------------------------------------------------


def as_value(tensor: Tensor, value: Any) -> Any:
    """What is to be written into a tensor: a Tensor of its device, or a number."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, float, complex)):
        if isinstance(value, complex) and tensor.dtype.kind != "c":
            raise RuntimeError(f"value cannot be converted to type {tensor.dtype} without overflow: {value}")
        return wrap(np.asarray(value).astype(tensor.dtype))
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return wrap(value)
    raise TypeError(f"can't assign a {type(value).__name__} to a Tensor of {tensor.dtype}; use autograd.tensor(…)")


@op("copy", method=False, x=lambda g: np.zeros_like(g), y=lambda g: g)
def _over(x, y):
    """`y` in the place of `x`, whose gradient is zero."""
    return y


def copied(tensor: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """`src` in the shape and type and on the device of `tensor`, in whose place it comes."""
    from .ops.shape import expanded

    made = as_value(tensor, src).to(dtype=tensor.dtype, device=tensor.device)
    if made.shape != tensor.shape:
        if made.ndim > tensor.ndim:
            raise RuntimeError(
                f"output with shape {list(tensor.shape)} doesn't match the broadcast shape {list(made.shape)}"
            )
        made = expanded(made, tuple(tensor.shape))
    return _over(tensor, made)


def setitem(tensor: Tensor, index: Any, value: Any) -> None:
    """``tensor[index] = value``."""
    from .ops.indexing import _slice, _values, index_set, parse

    value = as_value(tensor, value)
    view, chosen = parse(index, tensor.array.shape)
    if chosen is None:
        region = _slice(tensor, view or ())
        while value.ndim > region.ndim and value.shape[0] == 1:
            value = value[0]
        Tensor.copy_(region, value)  # type: ignore[attr-defined]
        return
    mask = len(chosen) == 1 and chosen[0].dtype.kind == "b" and not value.ndim
    if value.dtype != tensor.dtype and not mask:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {tensor.dtype} for the destination and "
            f"{value.dtype} for the source; convert the value first"
        )
    region = tensor if view is None else _slice(tensor, view)
    value = value.to(dtype=tensor.dtype, device=tensor.device)
    value = _values(region, value, chosen_shape(region.array, chosen))
    if recorded(region, value):
        apply("index_put_", index_set, region, value, chosen)
    else:
        array = writable(region)
        array[chosen] = value.array
        mutated(array)


def chosen_shape(array: Any, chosen: tuple) -> tuple[int, ...]:
    """The shape of ``array[chosen]``, without taking its elements where that is easy to say."""
    if len(chosen) == 1:
        (only,) = chosen
        lead = (int(np.count_nonzero(only)),) if only.dtype.kind == "b" else only.shape
        return (*lead, *array.shape[only.ndim if only.dtype.kind == "b" else 1 :])
    return array[chosen].shape


@op("fill", method=False, x=lambda g: np.zeros_like(g), value=lambda g: g.sum())
def _fill(x, value):
    """`value` in all places."""
    return np.full_like(x, value)


def fill(input: Tensor, value: Any) -> Tensor:
    """`value`, a number or 0-d tensor, in the shape and type of `input`."""
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions; use copy_"
        )
    if not isinstance(value, Tensor):
        as_value(input, value)  # raises for what does not fit
    return _fill(input, value)


def _zeros(input: Tensor) -> Tensor:
    return _fill(input, 0)


# ---- another shape in place --------------------------------------------------------------------------------------


def reshaping(function: Callable, name: str) -> Callable:
    """The method that makes a tensor what the view `function(tensor, …)` is: same memory, another shape."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        recorded(self)
        if any(reference() is not None for reference in self.views or ()):
            raise RuntimeError(f"{name}: there are views of this tensor; write x = x.{name.rstrip('_')}(…) instead")
        before = wrap(share(self))
        before.grad_fn, before.needs_grad = self.grad_fn, self.needs_grad and state.grad
        out = function(before, *args, **kwargs)
        if self.view_of is not None and out.view_of is not None:
            source = self.view_of
            self.view_of = View(source.base, (*source.steps, *out.view_of.steps), source.unrecorded, source.several)
        self.array = out.array
        if before.needs_grad:
            self.grad_fn = out.grad_fn
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name.rstrip('_')}` in place, without touching the elements; returns itself."
    return method


def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Make it that shape: its elements in their order as far as they go; new places are zero.  Returns itself."""
    from .ops.dims import sizes

    if self.needs_grad:
        raise RuntimeError("cannot resize variables that require grad; use reshape")
    shape = sizes(size)
    if shape != self.array.shape:
        if self.view_of is not None or any(reference() is not None for reference in self.views or ()):
            raise RuntimeError("resize_ of memory that several tensors share; use x = x.reshape(…), or resize a clone")
        flat = share(self).reshape(-1)
        count = int(np.prod(shape, dtype=np.int64))
        grown = np.zeros_like(flat, shape=(count,))
        grown[: min(count, flat.size)] = flat[:count]
        self.array = grown.reshape(shape)
    return self


def resize_as_(self: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """Make it the shape of another tensor; returns itself."""
    return resize_(self, *the_template.shape)


def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """Make it share the memory of `source`; returns itself."""
    recorded(self)
    self.array = np.zeros_like(self.array, shape=(0,)) if source is None else share(source)
    if source is not None and not source.needs_grad:
        register_view(self, source, (REGISTRY["slice"], ((),)))
    return self


Tensor.__setitem__ = setitem  # type: ignore[method-assign]
for _name, _method in {
    "copy_": inplace(copied, "copy_"),
    "fill_": inplace(fill, "fill_"),
    "zero_": inplace(_zeros, "zero_"),
    "resize_": resize_,
    "resize_as_": resize_as_,
    "set_": set_,
}.items():
    setattr(Tensor, _name, _method)

__all__ = ["Node", "apply", "fill", "inplace", "rebase", "reshaping", "view_scatter"]
