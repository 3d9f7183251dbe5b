"""NumPy's own functions on Tensors: ``np.exp(t)`` comes back to our op, through NumPy's two protocols, and is recorded.

Sources: https://numpy.org/neps/nep-0013-ufunc-overrides.html, https://numpy.org/neps/nep-0018-array-function-protocol.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .op import NUMPY
from .tensor import Tensor

__all__: list[str] = []

# What to write instead of NumPy's keywords that PyTorch's functions do not have.
_INSTEAD = {
    "where": "choose with np.where(mask, …, …) before or after",
    "initial": "put the initial value in afterwards, as in np.maximum(initial, …)",
    "dtype": "convert with tensor.to(dtype) first",
    "order": "the order is C; use tensor.permute(…) first for another",
}


def _call_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`Tensor.__array_ufunc__`: a ufunc, or a method of one such as ``np.add.reduce``, got a Tensor."""
    ours = NUMPY.get(ufunc)
    if ours is None or method != "__call__" or kwargs.get("out") is not None:
        what = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        why = ": autograd has no gradient for it" if ours is None else " with out=" if "out" in kwargs else ""
        raise TypeError(f"{what} cannot be recorded on a Tensor{why}; use tensor.detach().numpy() for its values")
    return _call(ufunc, ours, inputs, kwargs) if kwargs else ours(*inputs)


def _call_function(self: Tensor, function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
    """`Tensor.__array_function__`: any other function of NumPy's got a Tensor."""
    ours = NUMPY.get(function)
    if ours is None:
        name = f"{getattr(function, '__module__', 'numpy')}.{function.__name__}".replace("numpy", "np", 1)
        raise TypeError(
            f"{name} cannot be recorded on a Tensor: autograd has no gradient for it; use tensor.detach().numpy() for its "
            "values"
        )
    return _call(function, ours, args, kwargs)


def _call(function: Any, ours: Callable, args: tuple, kwargs: dict) -> Any:
    """Our function for NumPy's, called with its arguments; the error for a keyword that ours has not says what to write."""
    try:
        return ours(*args, **kwargs)
    except TypeError as error:
        name = next((n for n in kwargs if str(error).endswith(f"unexpected keyword argument '{n}'")), None)
        if name is None:
            raise
        advice = _INSTEAD.get(name, "leave it out")
        raise TypeError(f"np.{function.__name__} on a Tensor does not take {name}=; {advice}") from None


Tensor.__array_ufunc__, Tensor.__array_function__ = _call_ufunc, _call_function  # type: ignore[attr-defined]
