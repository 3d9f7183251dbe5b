"""Einstein summation, and every product that is a case of it, by way of one matrix product per pair of operands."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import promote_types
from ..op import function, op
from ..tensor import Tensor
from .shape import permuted

__all__ = ["einsum"]

# Dimensions have labels, which are single characters.  No label comes twice in one operand of `_product`, and all
# dimensions of one label have one length: `contraction` sees to that.

# ---- the product of two operands ---------------------------------------------------------------------------------


def _transposed(x: Any, labels: Sequence, wanted: Sequence) -> Any:
    """The dimensions in the order `wanted`."""
    order = tuple(labels.index(k) for k in wanted)
    return x if order == tuple(range(len(order))) else x.transpose(order)


def _summed(x: Any, labels: Sequence, keep: set) -> tuple[Any, list]:
    """Without the dimensions that nothing else needs."""
    dims = tuple(i for i, k in enumerate(labels) if k not in keep)
    return (x.sum(axis=dims) if dims else x), [k for k in labels if k in keep]


def _in_order(xs: str, ys: str, needed: set) -> str:
    """The labels of a product as the matrix product leaves them: those of both operands, of the first, of the second."""
    batch = [k for k in xs if k in ys and k in needed]
    return "".join([*batch, *(k for k in xs + ys if (k in xs) != (k in ys) and k in needed)])


def _parts(equation: str) -> list[str]:
    """The labels of the two operands and of the result."""
    return equation.replace("->", ",").split(",")


def _gradient(g: Any, y: Any, x_shape: tuple, xs: str, ys: str, result: str) -> Any:
    """Of one operand: the gradient times the other one, spread over what was summed in this operand alone."""
    known = {*result, *ys}
    part = _product(g, y, f"{result},{ys}->{''.join(k for k in xs if k in known)}")
    if known.issuperset(xs):
        return part
    part = part.reshape(tuple(n if k in known else 1 for k, n in zip(xs, x_shape, strict=True)))
    return np.broadcast_to(part, x_shape)


@op(
    "einsum",
    method=False,
    x=lambda g, y, x_shape, equation: _gradient(g, y, x_shape, *_parts(equation)),
    y=lambda g, x, y_shape, equation: _gradient(g, x, y_shape, *(_parts(equation)[i] for i in (1, 0, 2))),
)
def _product(x, y, equation):
    """The product of two arrays, such as "bij,bjk->bik", summed over what is not in the result."""
    xs, ys, result = _parts(equation)
    x, xs = _summed(x, xs, {*result, *ys})
    y, ys = _summed(y, ys, {*result, *xs})
    batch = [k for k in xs if k in ys and k in result]
    summed = [k for k in xs if k in ys and k not in result]
    left = [k for k in xs if k not in ys]
    right = [k for k in ys if k not in xs]
    lengths = dict(zip((*xs, *ys), (*x.shape, *y.shape), strict=True))
    size = lambda labels: math.prod(lengths[k] for k in labels)
    x = _transposed(x, xs, [*batch, *left, *summed])
    y = _transposed(y, ys, [*batch, *summed, *right])
    lead = tuple(lengths[k] for k in batch)
    if not summed:
        x = x.reshape((*lead, *(lengths[k] for k in left), *(1 for _ in right)))
        y = y.reshape((*lead, *(1 for _ in left), *(lengths[k] for k in right)))
        out = x * y
    else:
        x = x.reshape((*lead, size(left), size(summed)))
        y = y.reshape((*lead, size(summed), size(right)))
        out = (x @ y).reshape((*lead, *(lengths[k] for k in (*left, *right))))
    return _transposed(out, [*batch, *left, *right], result)


# ---- any number of operands --------------------------------------------------------------------------------------


def _cheapest(labels: list, lengths: dict, out: set) -> tuple[int, int]:
    """Which two operands to multiply next: those whose product is the smallest compared with themselves."""
    if len(labels) == 2:
        return 0, 1
    best, found = math.inf, (0, 1)
    for i in range(len(labels)):
        for j in range(i + 1, len(labels)):
            rest = out.union(*(s for k, s in enumerate(labels) if k not in (i, j)))
            both = set(labels[i]) | set(labels[j])
            cost = math.prod(lengths[k] for k in both & rest) - sum(
                math.prod(lengths[k] for k in labels[p]) for p in (i, j)
            )
            if cost < best:
                best, found = cost, (i, j)
    return found


def _without_ones(x: Any, labels: Sequence, lengths: dict) -> tuple[Any, list]:
    """Without dimensions of length 1 whose label is longer elsewhere: they broadcast, so they need not be there."""
    dims = [i for i, k in enumerate(labels) if x.shape[i] == 1 and lengths[k] != 1]
    return (x.squeeze(tuple(dims)), [k for i, k in enumerate(labels) if i not in dims]) if dims else (x, list(labels))


def _without_repeats(x: Any, labels: list) -> tuple[Any, list]:
    """The diagonal over dimensions with the same label."""
    labels = list(labels)
    for k in dict.fromkeys(labels):
        while labels.count(k) > 1:
            i = labels.index(k)
            j = labels.index(k, i + 1)
            x = x.diagonal(0, i, j)
            labels = [*labels[:i], *labels[i + 1 : j], *labels[j + 1 :], k]
    return x, labels


def contraction(operands: Sequence, labels: Sequence, out: Sequence) -> Any:
    """`einsum` with labels that are characters."""
    lengths: dict[str, int] = {}
    for x, named in zip(operands, labels, strict=True):
        for k, n in zip(named, x.shape, strict=True):
            known = lengths.setdefault(k, n)
            if known != n:
                if 1 not in (known, n):
                    raise RuntimeError(
                        f"einsum(): operands do not broadcast: one label has the lengths {known} and {n}; shapes "
                        f"{', '.join(str(tuple(x.shape)) for x in operands)}"
                    )
                lengths[k] = max(known, n) if 0 not in (known, n) else 0
    dtype = operands[0].dtype
    for x in operands[1:]:
        if x.dtype != dtype:
            if any(isinstance(v, Tensor) for v in operands):
                raise RuntimeError(f"einsum: expected operands of one dtype, got {dtype} and {x.dtype}; convert one")
            dtype = promote_types(dtype, x.dtype)
    prepared = []
    for x, named in zip(operands, labels, strict=True):
        prepared.append(_without_repeats(*_without_ones(x, named, lengths)))
    xs, named = [x for x, _ in prepared], ["".join(s) for _, s in prepared]
    while len(xs) > 1:
        i, j = _cheapest(named, lengths, set(out))
        y, b, x, a = xs.pop(j), named.pop(j), xs.pop(i), named.pop(i)
        result = _in_order(a, b, set(out).union(*named)) if named else "".join(out)
        xs.append(_product(x, y, f"{a},{b}->{result}"))
        named.append(result)
    if len(operands) > 1:
        return xs[0]
    x, left = _summed(xs[0], named[0], set(out))
    return permuted(x, tuple(left.index(k) for k in out))


# ---- the notation ------------------------------------------------------------------------------------------------


def _dotted(count: int) -> str:
    """Labels for the dimensions of "...", counted from the last."""
    return "".join(chr(ord("α") + k) for k in reversed(range(count)))


def _parse(part: str, ndim: int | None, dots: int) -> tuple[str, int]:
    """The labels of one operand (or of the output, whose `ndim` is not known), and how many dimensions `...` stands for."""
    if part.count(".") not in (0, 3) or (part.count(".") == 3 and "..." not in part):
        raise RuntimeError(
            f"einsum(): found '.' in {part!r} that is not part of any ellipsis, which there can be one of"
        )
    letters = part.replace("...", "")
    if unknown := [c for c in letters if c not in string.ascii_letters]:
        raise RuntimeError(f"einsum(): invalid subscript {unknown[0]!r} in {part!r}, subscripts must be in [a-zA-Z]")
    if "..." in part:
        dots = dots if ndim is None else ndim - len(letters)
    elif ndim is not None and len(letters) != ndim:
        raise RuntimeError(
            f"einsum(): the number of subscripts in {part!r} does not match the number of dimensions ({ndim}) for an operand "
            "without ellipsis"
        )
    if dots < 0:
        raise RuntimeError(f"einsum(): more subscripts in {part!r} than the {ndim} dimensions of the operand")
    return part.replace("...", _dotted(dots)), dots if "..." in part else 0


def _from_lists(args: tuple) -> tuple[str, list]:
    """``einsum(x, [0, 1], y, [1, 2], [0, 2])`` in letters."""
    letters = string.ascii_uppercase + string.ascii_lowercase
    spell = lambda labels: "".join("..." if k is Ellipsis else letters[k] for k in labels)
    operands, parts = list(args[0 : len(args) // 2 * 2 : 2]), [spell(s) for s in args[1::2]]
    equation = ",".join(parts)
    return (f"{equation}->{spell(args[-1])}" if len(args) % 2 else equation), operands


@function(method=False)
def einsum(equation, *operands):
    """Products of tensors, summed over dimensions that letters name.

    Args:
        equation: one letter per dimension of each operand, then ``->`` and those of the result (without it: the letters
            that come once, in alphabetical order).  ``...`` stands for the dimensions that are left.
        operands: the tensors, or one list of them.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.einsum.html

    >>> import autograd as ag
    >>> ag.einsum("ij,jk->ik", ag.ones(1, 2), ag.ones(2, 2))
    tensor([[2., 2.]])
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != len(operands):
        raise RuntimeError(
            f"einsum(): {len(operands)} operands were provided, but {equation!r} has subscripts for {len(parts)}"
        )
    parsed = [_parse(p, x.ndim, 0) for p, x in zip(parts, operands, strict=True)]
    labels, dots = [s for s, _ in parsed], max(n for _, n in parsed)
    if arrow:
        out, _ = _parse(result, None, dots)
        for k in out:
            if out.count(k) > 1:
                raise RuntimeError(f"einsum(): an output subscript appears more than once in {equation!r}")
            if k.isascii() and not any(k in s for s in labels):
                raise RuntimeError(
                    f"einsum(): an output subscript of {equation!r} does not appear in any input operand"
                )
    else:
        every = [k for s in labels for k in s]
        once = sorted(k for k in set(every) if k.isascii() and every.count(k) == 1)
        out = _dotted(dots) + "".join(once)
    return contraction(operands, labels, out)
