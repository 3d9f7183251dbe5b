"""Derivatives of functions: products with Jacobians and Hessians, and the matrices themselves.

The signatures are those of ``torch.autograd.functional``
(https://docs.pytorch.org/docs/stable/autograd.html#functional-higher-level-api).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .backward import grad
from .graph import enable_grad
from .ops.shape import identity
from .tensor import Tensor, share, wrap
from .utils.checkpoint import checkpoint

__all__ = ["checkpoint", "hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _many(value: Any) -> tuple:
    return (value,) if isinstance(value, Tensor) else tuple(value)


def _like(parts: tuple, given: Any) -> Any:
    """A tuple of results in the form of the argument they belong to: one tensor for one tensor."""
    return parts[0] if isinstance(given, Tensor) else tuple(parts)


def _prepared(inputs: Any, create_graph: bool) -> tuple:
    """The inputs as starting points: tied to the caller's graph only where that is to be differentiated."""
    made = []
    for x in _many(inputs):
        if not isinstance(x, Tensor):
            raise TypeError(f"inputs must be Tensors, got {type(x).__name__}")
        made.append(identity(x) if create_graph and x.needs_grad else x.detach().requires_grad_())
    return tuple(made)


def _refuse_independent(parts: tuple, what: str, create_graph: bool) -> None:
    """What `strict` forbids: a derivative that is zero whatever the inputs are."""
    for i, p in enumerate(parts):
        if p is None:
            raise RuntimeError(
                f"{what}: the output is independent of input {i}; with strict=False its derivative is zero"
            )
        if create_graph and not p.needs_grad:
            raise RuntimeError(
                f"{what}: the derivative is independent of input {i}, which strict=True with create_graph=True does not allow"
            )


def _zeros_for_none(parts: tuple, like: tuple, strict: bool, what: str, create_graph: bool = False) -> tuple:
    if strict:
        _refuse_independent(parts, what, create_graph)
    return tuple(wrap(np.zeros_like(x.array)) if p is None else p for p, x in zip(parts, like, strict=True))


def _released(parts: tuple, create_graph: bool) -> tuple:
    return parts if create_graph else tuple(p.detach() for p in parts)


def _outputs(func: Callable, xs: tuple) -> tuple[Any, tuple]:
    with enable_grad():
        result = func(*xs)
    outs = _many(result)
    if not all(isinstance(o, Tensor) for o in outs):
        raise TypeError("the function must return a Tensor or a tuple of Tensors")
    return result, outs


def _derivatives(outs: tuple, xs: tuple, vs: tuple | None, create_graph: bool) -> tuple:
    """`grad` that takes outputs which depend on nothing."""
    pairs = [(o, v) for o, v in zip(outs, vs or (None,) * len(outs), strict=True) if o.needs_grad]
    if not pairs:
        return (None,) * len(xs)
    return grad(
        [o for o, _ in pairs],
        xs,
        [v for _, v in pairs],
        create_graph=create_graph,
        allow_unused=True,
    )


def _directions(v: Any, like: tuple, what: str) -> tuple:
    if v is None:
        if len(like) != 1 or like[0].array.size != 1:
            raise RuntimeError(
                f"{what}: v can be left out only for a single element; give a tensor of shape {tuple(like[0].shape)}"
            )
        return (wrap(np.ones_like(like[0].array)),)
    vs = _many(v)
    for i, (part, x) in enumerate(zip(vs, like, strict=True)):
        if part.shape != x.shape:
            raise RuntimeError(f"{what}: v[{i}] has shape {tuple(part.shape)}, expected {tuple(x.shape)}")
    return vs


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """``(func(inputs), vᵀ J)``: the product of a vector with the Jacobian.

    Args:
        func: takes the tensors `inputs`, returns a tensor or several.
        inputs: a tensor or a tuple.
        v: one tensor of the shape of each output; may be left out for a scalar output.
        create_graph: make the result differentiable.
        strict: raise where the output, or with `create_graph` the product, does not depend on an input.

    >>> import autograd as ag
    >>> vjp(lambda x: x**2, ag.tensor([1.0, 2.0]), ag.tensor([1.0, 1.0]))[1]
    tensor([2., 4.])
    """
    xs = _prepared(inputs, create_graph)
    result, outs = _outputs(func, xs)
    vs = _directions(v, outs, "vjp")
    parts = _zeros_for_none(_derivatives(outs, xs, vs, create_graph), xs, strict, "vjp", create_graph)
    return _like(_released(outs, create_graph), result), _like(_released(parts, create_graph), inputs)


def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """``(func(inputs), J v)``: the derivative along a direction, by two backward passes.

    The product vᵀ J is linear in its vector; its own derivative with respect to that vector is J v.

    >>> import autograd as ag
    >>> jvp(lambda x: x**3, ag.tensor([1.0, 2.0]), ag.tensor([1.0, 0.0]))[1]
    tensor([3., 0.])
    """
    xs = _prepared(inputs, create_graph)
    vs = _directions(v, xs, "jvp")
    result, outs = _outputs(func, xs)
    us = tuple(wrap(np.zeros_like(o.array)).requires_grad_() for o in outs)
    with enable_grad():
        parts = _derivatives(outs, xs, us, create_graph=True)
        parts = _zeros_for_none(parts, xs, strict, "jvp")
        tangents = _derivatives(parts, us, vs, create_graph)
    tangents = _zeros_for_none(tangents, outs, strict, "jvp", create_graph)
    return _like(_released(outs, create_graph), result), _like(_released(tangents, create_graph), result)


def jacobian_of(out: Tensor, xs: Any, create_graph: bool, strict: bool = False) -> tuple:
    """The derivatives of one recorded output with respect to `xs`, one backward pass a row: (*out, *x) for each x."""
    count, parts = out.array.size, (None,) * len(xs)
    if out.needs_grad and count:
        units = wrap(np.identity(count, dtype=out.dtype, like=share(out)).reshape(count, *out.shape))
        parts = grad(out, xs, units, True, create_graph, allow_unused=True, is_grads_batched=True)
    if strict and count:
        _refuse_independent(parts, "jacobian", create_graph)
    shapes = [(*out.shape, *x.shape) for x in xs]
    return tuple(
        wrap(np.zeros_like(x.array, shape=shape)) if p is None else p.reshape(shape)
        for p, x, shape in zip(parts, xs, shapes, strict=True)
    )


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: for output of shape S and input of shape T a tensor of shape S + T; tuples for several of them.

    `vectorize` and `strategy` are accepted for PyTorch's sake; rows come from backward passes.

    >>> import autograd as ag
    >>> jacobian(lambda x: x * x, ag.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(f"strategy must be 'reverse-mode' or 'forward-mode', got {strategy!r}")
    xs = _prepared(inputs, create_graph)
    result, outs = _outputs(func, xs)
    table = [_released(jacobian_of(out, xs, create_graph, strict), create_graph) for out in outs]
    return _like(tuple(_like(row, inputs) for row in table), result)


def _scalar(func: Callable) -> Callable:
    def wrapped(*xs: Tensor) -> Tensor:
        out = func(*xs)
        if not isinstance(out, Tensor) or out.array.size != 1:
            shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise RuntimeError(f"the function must return a Tensor with a single element, got {shape}")
        return out.reshape(())

    return wrapped


def _gradient(func: Callable, strict: bool) -> Callable:
    """The gradient of a scalar function, as a function that can be differentiated."""

    def gradient(*xs: Tensor) -> tuple:
        out = _scalar(func)(*xs)
        return _zeros_for_none(_derivatives((out,), xs, None, create_graph=True), xs, strict, "gradient")

    return gradient


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a scalar function: for an input of shape T a tensor of shape T + T; tuples for several inputs.

    >>> import autograd as ag
    >>> hessian(lambda x: (x**3).sum(), ag.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    table = jacobian(_gradient(func, strict), _many(inputs), create_graph, strict)
    return table[0][0] if isinstance(inputs, Tensor) else table


def vhp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """``(func(inputs), vᵀ H)``: the product of a vector with the Hessian of a scalar function."""
    xs = _prepared(inputs, create_graph)
    vs = _directions(v, xs, "vhp")
    with enable_grad():
        out = _scalar(func)(*xs)
        firsts = _zeros_for_none(_derivatives((out,), xs, None, create_graph=True), xs, strict, "vhp")
        parts = _zeros_for_none(_derivatives(firsts, xs, vs, create_graph), xs, strict, "vhp", create_graph)
    return (out if create_graph else out.detach()), _like(_released(parts, create_graph), inputs)


def hvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """``(func(inputs), H v)``: the product of the Hessian of a scalar function with a vector.

    The Hessian is symmetric, so it is `vhp`'s product.

    >>> import autograd as ag
    >>> hvp(lambda x: (x**3).sum(), ag.tensor([1.0, 2.0]), ag.tensor([1.0, 1.0]))[1]
    tensor([ 6., 12.])
    """
    return vhp(func, inputs, v, create_graph, strict)
