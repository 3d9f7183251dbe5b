"""Tensors that a module registers when they become its attributes: parameters and buffers, also with shapes still unknown."""

from __future__ import annotations

from typing import Any

from autograd.creation import zeros
from autograd.tensor import Tensor, share

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


def _around(kind: type, data: Tensor | None, requires_grad: bool) -> Any:
    """A tensor of class `kind` that shares the memory of `data`."""
    if data is None:
        data = zeros(0)
    if not isinstance(data, Tensor):
        raise TypeError(
            f"{kind.__name__} takes a Tensor, got {type(data).__name__}; use autograd.tensor(…) to make one"
        )
    made = Tensor.__new__(kind)
    made.array = share(data)
    made.grad = made.grad_fn = made.hooks = made.view_of = made.views = None
    made.needs_grad = False
    made.requires_grad = requires_grad
    return made


class Parameter(Tensor):
    """A Tensor that becomes a parameter of the module whose attribute it is set as.

    Args:
        data: the values; the memory is shared.
        requires_grad: is it trained?

    >>> import autograd as ag
    >>> Parameter(ag.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        return _around(cls, data, requires_grad)

    def __init__(self, data: Any = None, requires_grad: bool = True):
        pass  # __new__ has done it


class Buffer(Tensor):
    """A Tensor that becomes a buffer of the module whose attribute it is set as: state that is not trained.

    Args:
        data: the values; the memory is shared.
        persistent: does it belong to the module's `state_dict`?
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = _around(cls, data, False)
        made.persistent = persistent
        return made

    def __init__(self, data: Any = None, *, persistent: bool = True):
        pass


class _Uninitialized:
    """What has a type and a device, but no shape before `materialize`."""

    __slots__ = ()

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter (or buffer) of that shape, with arbitrary values."""
        made = zeros(tuple(shape), dtype=dtype or self.array.dtype, device=device or self.device)
        self.array = made.array
        self.__class__ = self.materialized

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            f"can't access the shape of an uninitialized {self.materialized.__name__.lower()}; "  # type: ignore[attr-defined]
            "call the module once on data, which fixes it"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet; see `LazyLinear` and its like."""

    __slots__ = ()
    materialized = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _around(cls, zeros(0, device=device, dtype=dtype), requires_grad)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None):
        pass


class UninitializedBuffer(_Uninitialized, Buffer):
    """A buffer whose shape is not known yet."""

    __slots__ = ()
    materialized = Buffer

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        made = _around(cls, zeros(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        return made

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True):
        pass


def is_lazy(tensor: Any) -> bool:
    """Is it a parameter or buffer without a shape yet?"""
    return isinstance(tensor, _Uninitialized)
