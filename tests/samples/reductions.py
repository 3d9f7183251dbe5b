"""Samples of the ops along dimensions: autograd/ops/reduction, scan, sorting, softmax."""

from __future__ import annotations

import numpy as np

import nn.functional as F
from autograd.op import REGISTRY
from autograd.testing import OpCase, S, draw

WHOLE = (S((3, 4)), S(()), S((2, 1, 3), dim=(0, 2), keepdim=True))
ALONG = (S((3, 4), dim=1), S((2, 3, 2), dim=-2, keepdim=True), S((), dim=0), S((0, 3), dim=1))
SUMS = (*WHOLE, S((3, 4), dim=0), S((0, 3)), S((0, 3), dim=0), S((), dim=-1))
SCANS = (S((3, 4), 0), S((2, 3, 2), -1), S((), 0), S((0, 3), 1))


def numpys(function):
    """A NumPy reduction under PyTorch's argument names."""
    return lambda x, dim=None, keepdim=False: function(x, axis=dim if x.ndim else None, keepdims=keepdim)


def recurrence(a, b, dim):
    """y_k = a_k y_(k-1) + b_k, one by one."""
    a, b = np.moveaxis(a, dim, 0), np.moveaxis(b, dim, 0)
    out = [b[0]]
    for k in range(1, len(b)):
        out.append(a[k] * out[-1] + b[k])
    return np.moveaxis(np.array(out), 0, dim)


def spread(function):
    """NumPy's variance and its root, unbiased unless said otherwise."""
    return lambda x, dim=None, correction=1, keepdim=False: function(x, axis=dim, ddof=correction, keepdims=keepdim)


# Variances of nothing and of a single number: torch warns, so they are tested elsewhere; ties of amax too.
REDUCTIONS = [
    OpCase("sum", *SUMS, reference=numpys(np.sum), complex=True),
    OpCase("mean", *WHOLE, S((3, 4), dim=0), S((0, 3), dim=1), reference=numpys(np.mean), complex=True),
    OpCase("nansum", *SUMS, reference=numpys(np.nansum)),
    OpCase("prod", S((3, 4)), S((3, 4), dim=0), S((), dim=0), S((0, 3)), S((2, 3, 2), dim=1, keepdim=True),
           S(np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]]), dim=1), reference=numpys(np.prod)),
    OpCase("logsumexp", S((3, 4), dim=1), S((2, 3, 2), dim=(0, 2), keepdim=True), S((), dim=0), S((2, 0), dim=0),
           reference=numpys(lambda x, **axis: np.log(np.sum(np.exp(x), **axis)))),
    OpCase("var", *WHOLE[::2], S((3, 4), dim=0, correction=0), reference=spread(np.var)),
    OpCase("std", *WHOLE[::2], S((3, 4), dim=0, correction=0), reference=spread(np.std)),
    *(OpCase(name, S((3, 4), dim=1), S((2, 1, 3), dim=(0, 2), keepdim=True), S((), dim=0), S((0, 3), dim=1), S((3, 4)),
             reference=numpys(getattr(np, name))) for name in ("amax", "amin")),
    *(OpCase(name, S((3, 4)), S(()), reference=getattr(np, name)) for name in ("max", "min")),
    *(OpCase(f"{name}_dim", *ALONG, fn=name, torch=name) for name in ("max", "min")),
    *(OpCase(name, S((3, 4)), S((3, 4), dim=1), S((2, 3), dim=0, keepdim=True), S(()), S((0, 3), dim=1),
             reference=numpys(getattr(np, name)), order=0) for name in ("argmax", "argmin")),
    *(OpCase(name, S(draw("bool", (3, 4))), S(draw("bool", (3, 4)), dim=1), S((3, 4), dim=0, keepdim=True), S(()),
             S((0, 3), dim=0), reference=numpys(getattr(np, name)), order=0) for name in ("all", "any")),
    OpCase("count_nonzero", S(draw("bool", (3, 4))), S((3, 4), dim=1), S(()), S((0, 3), dim=0), order=0,
           reference=lambda x, dim=None: np.count_nonzero(x, axis=dim)),
]  # fmt: skip

RUNNING = [
    OpCase("cumsum", *SCANS, complex=True, reference=lambda x, dim: np.cumsum(x, dim).reshape(x.shape)),
    OpCase("cumprod", *SCANS, S(np.array([2.0, 0.0, 3.0, 0.0, 1.0]), 0),
           reference=lambda x, dim: np.cumprod(x, dim).reshape(x.shape)),
    OpCase("logcumsumexp", *SCANS, reference=lambda x, dim: np.log(np.cumsum(np.exp(x), dim)).reshape(x.shape)),
    OpCase("recurrence", S((4, 3), (4, 3), dim=0), S((2, 3), (2, 3), dim=1), S((1, 0), (1, 0), dim=0),
           fn=REGISTRY["recurrence"].call, reference=recurrence),
    OpCase("cummax", *SCANS),
    OpCase("cummin", *SCANS),
]  # fmt: skip

SORTING = [
    OpCase("sort", S((3, 4)), S((2, 3, 2), dim=1, descending=True), S(()), S((0, 3))),
    OpCase("topk", S((3, 5), 2), S((5, 2), 3, dim=0, largest=False), S((2, 9), 2), S((), 1), S((0, 3), 2)),
    OpCase("kthvalue", S((3, 5), 2), S((5, 2), 5, dim=0, keepdim=True), S((), 1), S((0, 3), 2)),
    *(OpCase(name, S((3, 5)), S((2, 3)), S(())) for name in ("median", "nanmedian")),
    *(OpCase(f"{name}_dim", S((3, 5), dim=1), S((4, 2), dim=0, keepdim=True), S((), dim=0), S((0, 3), dim=1), fn=name,
             torch=name) for name in ("median", "nanmedian")),
    OpCase("mode", S((3, 4), dim=1), S((4, 2), dim=0, keepdim=True), S((0, 3), dim=1), S(())),
]  # fmt: skip

SOFTMAX = [
    *(OpCase(name, S((3, 4), dim=1), S((2, 3, 2), dim=-2), S((), dim=0), S((0, 3), dim=1), S((3, 0), dim=1),
             fn=getattr(F, name)) for name in ("softmax", "log_softmax")),
]  # fmt: skip

CASES = [*REDUCTIONS, *RUNNING, *SORTING, *SOFTMAX]
