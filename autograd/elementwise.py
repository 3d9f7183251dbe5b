"""Elementwise ops: the hot path of small computations.

What every op does (op.py), written out for functions of one or two arrays that work element by element: no argument to
bind, nothing to loop over, one look at the types.  Whatever is out of the ordinary (mixed types, NumPy arrays beside Tensors,
``out=``, observers, an error) goes through `general`, and so do large arrays: for them most ops have a twin, whose
function and rules are the same formulas, compiled (fast/).
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .dtypes import expect_real, get_default_dtype, result_type
from .fast import LARGE, fused
from .fast.deferred import deferring
from .formulas import FORMULAS
from .forward import run
from .graph import Node, state, whereabouts
from .op import NOTHING, Op, Plan, cast, observed, observers, parameters, publish, write_out
from .tensor import Tensor, wrap

__all__ = ["elementwise", "same"]


def elementwise(
    ufunc: Callable,
    name: str | None = None,
    *,
    compute: Callable | None = None,
    fast: bool | Callable = False,
    dtype: str = "same",
    numpy: Any = None,
    method: bool | str = True,
    holomorphic: bool = True,
    real: bool = False,
    **rules: Callable,
) -> Any:
    """Declare an op that works element by element, with broadcasting, by a function of one or two arrays `x` and `y`.

    Args:
        ufunc: a NumPy ufunc, or a function of arrays with one or two parameters (then name it).
        name: the op's name; the ufunc's own unless given.
        compute: what to call instead of the ufunc where it is faster, such as `operator.mul`.
        fast: the function and the rules are formulas for one element as `fused` takes them.  (A formula: it is what the function
            says in other words.)
        dtype: of the result: "same" as the operands' common type, "float" (integers become the default float), "real"
            (the same, and complex becomes real), or "bool".
        real: complex numbers are refused.
        rules: the gradient with respect to `x`, and to `y`.  No rule: not differentiable.

    >>> from autograd.op import REGISTRY
    >>> REGISTRY["multiply"].rules["x"](g=2.0, y=3.0)
    6.0
    """
    count = ufunc.nin if isinstance(ufunc, np.ufunc) else len(parameters(ufunc)[0])
    f = compute or ufunc
    if real:
        f = of_real_numbers(name or ufunc.__name__, f, count)
    forward = (lambda x: f(x)) if count == 1 else (lambda x, y: f(x, y))
    made = Op(name or ufunc.__name__, forward, rules, holomorphic=holomorphic)
    made.dtype = dtype
    if isinstance(ufunc, np.ufunc):
        numpy = (ufunc,) if numpy is None else (ufunc, *numpy) if isinstance(numpy, tuple) else (ufunc, numpy)
    twin = None
    if fast:
        kernel = fused(ufunc, ufunc if fast is True else fast)
        if real:
            kernel = of_real_numbers(made.name, kernel, count)
        forward = (lambda x: kernel(x)) if count == 1 else (lambda x, y: kernel(x, y))
        twin = Op(
            made.name, forward, {n: r if r is same else fused(r) for n, r in rules.items()}, holomorphic=holomorphic
        )
        twin.dtype = dtype
    call = (unary if count == 1 else binary)(made, f, twin)
    call.__name__ = call.__qualname__ = made.name
    call.__doc__ = described(made, ufunc)
    publish(made, call, numpy, method)
    if twin is not None:
        twin.call = call
    return call


def of_real_numbers(name: str, f: Callable, count: int) -> Callable:
    """`f` of that many operands, none of which may be complex."""

    def unary(x: Any) -> Any:
        if x.dtype.kind == "c":
            expect_real(name, x)
        return f(x)

    def binary(x: Any, y: Any) -> Any:
        expect_real(name, x, y)
        return f(x, y)

    return unary if count == 1 else binary


def described(op: Op, ufunc: Callable) -> str | None:
    """The help text of an elementwise op."""
    if op.name not in FORMULAS:
        return f"{op.name} of each element." if isinstance(ufunc, np.ufunc) else ufunc.__doc__
    operands = "x is `input`" if len(op.names) == 1 else "x is `input`, y is `other`, and they broadcast"
    formula = FORMULAS[op.name]
    return f"{formula}{'' if formula.endswith('?') else '.'}\n\nElement by element: {operands}."


@deferring
def same(g: Any) -> Any:
    """The rule of what adds: the gradient as it is."""
    return g


def keeps(plan: Plan) -> tuple[bool, ...]:
    """Which of (x, y, out) an elementwise plan keeps; its nodes save that triple (None for the others), or nothing."""
    triple = ("x", "y", "out")
    kept = tuple(name in plan.saves for name in triple)
    plan.arrange(triple, plan.rules)
    plan.data = tuple(i for i, k in enumerate(kept) if k)
    return kept


def converted(op: Any, operands: tuple) -> list:
    """The operands' arrays in the type the op computes in, by PyTorch's rules of promotion."""
    # A NumPy scalar from the user is a Python number to PyTorch; inside a Tensor it is a 0-d array.
    operands = tuple(v.item() if isinstance(v, np.generic) else v for v in operands)
    target = result_type(*operands)
    if op.dtype in ("float", "real") and target.kind in "biu":
        target = get_default_dtype()
    return [cast(v.array if isinstance(v, Tensor) else v, target) for v in operands]


def general(op: Any, operands: tuple, destination: Any = None) -> Any:
    """An elementwise op on anything: mixed types, NumPy arrays beside Tensors or alone, ``out=``, with observers."""
    for v in operands:
        if not isinstance(v, (Tensor, int, float, complex, np.generic)) and not hasattr(v, "__array_ufunc__"):
            raise TypeError(f"{op.name}: expected Tensors or numbers, got {type(v).__name__}{whereabouts()}")
    if not any(isinstance(v, Tensor) for v in operands):
        return run(op, list(operands))
    call = functools.partial(compute, op)
    result = observed(op, call, *operands) if observers else call(*operands)
    return result if destination is None else write_out(result, destination)


def compute(op: Any, *operands: Any) -> Tensor:
    """Convert, run and record."""
    arrays = converted(op, operands)
    return finish_elementwise(op, operands, arrays, run(op, arrays))


def finish_elementwise(op: Op, operands: tuple, arrays: list, data: Any) -> Any:
    """Wrap the result, recording it where a gradient is due."""
    out = wrap(data)
    if op.rules and state.grad:
        needs = tuple(
            isinstance(v, Tensor) and v.needs_grad and n in op.rules for v, n in zip(operands, op.names, strict=True)
        )
        if True in needs and data.dtype.kind in "fc":
            plan, kept = op.triples[needs]
            x, y = arrays[0], arrays[-1]
            saved = (
                tuple(v if k else None for v, k in zip((x, y, data), kept, strict=True)) if True in kept else NOTHING
            )
            parents = tuple((v.grad_fn or v) if n else None for v, n in zip(operands, needs, strict=True))
            out.grad_fn = Node(plan, parents, saved, data.shape, data.dtype)
            out.needs_grad = True
    return out


class _Triples(dict):
    """Plans of an elementwise op, with what each keeps, made when first asked for."""

    def __init__(self, op: Op):
        super().__init__()
        self.op = op

    def __missing__(self, needs: tuple[bool, ...]) -> tuple[Plan, tuple[bool, ...]]:
        plan = Plan(self.op, needs)
        self[needs] = made = plan, keeps(plan)
        return made


def for_large(twin: Any, calling: Callable) -> tuple[int, Any]:
    """From how many elements on the twin is called, and the function that does it: never, if there is none."""
    return (LARGE, calling(twin, twin.forward, None)) if twin else (sys.maxsize, None)


def unary(op: Any, f: Callable, twin: Any) -> Callable:
    """The function that calls an elementwise op of one argument, or its twin for large arrays."""
    op.triples = _Triples(op)
    large, call_large = for_large(twin, unary)
    ndarray = np.ndarray
    differentiable, boolean = bool(op.rules), op.dtype == "bool"
    if differentiable:
        plan, (keep_x, _, keep_out) = op.triples[(True,)]
        nothing = not (keep_x or keep_out)

    def call(input: Any, *, out: Any = None) -> Any:
        if out is not None or observers or not isinstance(input, Tensor):
            return general(op, (input,), out)
        x = input.array
        if type(x) is ndarray and x.size >= large:
            return call_large(input)
        try:
            data = f(x)
        except (RuntimeWarning, TypeError, ValueError):
            return general(op, (input,))
        dtype = data.dtype
        if dtype is not x.dtype and not boolean:
            return general(op, (input,))
        result = wrap(data)
        if differentiable and input.needs_grad and state.grad:
            saved = NOTHING if nothing else (x if keep_x else None, None, data if keep_out else None)
            result.grad_fn = Node(plan, (input.grad_fn or input,), saved, data.shape, dtype)
            result.needs_grad = True
        return result

    return call


def binary(op: Any, f: Callable, twin: Any) -> Callable:
    """The function that calls an elementwise op of two arguments, or its twin for large arrays."""
    op.triples = _Triples(op)
    large, call_large = for_large(twin, binary)
    triples, differentiable, boolean = op.triples, bool(op.rules), op.dtype == "bool"
    ndarray, float32, float64 = np.ndarray, np.float32, np.float64

    def call(input: Any, other: Any, *, out: Any = None) -> Any:
        x_is, y_is = isinstance(input, Tensor), isinstance(other, Tensor)
        x = input.array if x_is else input
        y = other.array if y_is else other
        kind = type(y)
        if out is not None or observers:
            return general(op, (input, other), out)
        scalars = x_is and y_is and kind is type(x) and (kind is float32 or kind is float64)  # two of NumPy's: ready
        if not scalars:
            if x_is:
                ready = x.dtype is y.dtype if y_is else kind is float or kind is int
            else:
                ready = y_is and (type(x) is float or type(x) is int)
            if not ready:
                return general(op, (input, other))
            if (kind is ndarray and y.size >= large) or (type(x) is ndarray and x.size >= large):
                return call_large(input, other)
        try:
            data = f(x, y)
        except (RuntimeWarning, TypeError, ValueError, OverflowError):
            return general(op, (input, other))
        dtype = data.dtype
        if dtype is not (x if x_is else y).dtype and not boolean:
            return general(op, (input, other))
        result = wrap(data)
        if differentiable:
            x_needs = x_is and input.needs_grad
            y_needs = y_is and other.needs_grad
            if (x_needs or y_needs) and state.grad:
                plan, (keep_x, keep_y, keep_out) = triples[x_needs, y_needs]
                result.grad_fn = Node(
                    plan,
                    ((input.grad_fn or input) if x_needs else None, (other.grad_fn or other) if y_needs else None),
                    (x if keep_x else None, y if keep_y else None, data if keep_out else None)
                    if keep_x or keep_y or keep_out
                    else NOTHING,
                    data.shape,
                    dtype,
                )
                result.needs_grad = True
        return result

    return call
