"""Assignment: ``x[index] = value``, copy_, fill_ and zero_; and other memory for a tensor: resize_, set_."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import mutated
from ..inplace import apply, inplace, recorded, writable
from ..op import REGISTRY, op
from ..sharing import living_views, register_view
from ..tensor import Tensor, share, wrap
from .dims import sizes
from .indexing import index_set, sliced, values_for
from .indices import parse
from .shape import expanded

__all__ = ["fill"]

# ---- values ------------------------------------------------------------------------------------------------------


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
    value = as_value(tensor, value)
    view, chosen = parse(index, tensor.array.shape)
    if chosen is None:
        region = sliced(tensor, view or ())
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
    region = tensor if view is None else sliced(tensor, view)
    value = value.to(dtype=tensor.dtype, device=tensor.device)
    value = values_for(value, chosen_shape(region.array, chosen))
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


# ---- other memory ------------------------------------------------------------------------------------------------


def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Make it that shape: its elements in their order as far as they go; new places are zero.  Returns itself."""
    if self.needs_grad:
        raise RuntimeError("cannot resize variables that require grad; use reshape")
    shape = sizes(size)
    if shape != self.array.shape:
        if self.view_of is not None or living_views(self):
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
