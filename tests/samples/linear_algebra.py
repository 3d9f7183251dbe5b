"""Samples of linear algebra and transforms: autograd/ops/linalg, solving, factorization, spectral, norms, distance, einsum, fourier."""

from __future__ import annotations

import numpy as np

import autograd as ag
from autograd.op import REGISTRY
from autograd.testing import OpCase, S

SQUARES = (S((3, 3)), S((2, 3, 3)), S((1, 1)), S((0, 0)), S((0, 2, 2)))
TALL, WIDE = S((4, 3)), S((2, 2, 4))
TWO = ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 1)), ((1, 3, 3), (2, 3, 2))


def square_first(rng, shape):
    """Well-conditioned matrices, where they are matrices."""
    plain = rng.normal(size=shape)
    return plain * 0.3 + 2 * np.eye(*shape[-2:]) if len(shape) > 1 else plain


def spread_singular_values(rng, shape):
    """Matrices whose singular values keep apart."""
    rows, columns = shape[-2:]
    u, v = (np.linalg.qr(rng.normal(size=(*shape[:-2], n, n)))[0] for n in (rows, columns))
    k = min(rows, columns)
    return (u[..., :k] * np.arange(1.0, k + 1)) @ v[..., :k, :].copy() if 0 not in shape else np.zeros(shape)


def linalg(name, op, *samples, **options):
    return OpCase(name, *samples, fn=f"linalg.{op}", torch=f"linalg.{op}", **options)


def signless_svd(module):
    """What the choice of signs leaves free does not count: sizes of the vectors' elements, and the values."""

    def svd(x):
        U, s, Vh = module().linalg.svd(x, full_matrices=False)
        return abs(U), s, abs(Vh)

    return svd


def torch():
    import torch

    return torch


def autograd():
    return ag


def signless_eigh(module):
    def eigh(x):
        values, vectors = module().linalg.eigh(x + x.mT)
        return values, abs(vectors)

    return eigh


def signless_eig(module):
    def eig(x):
        values, vectors = module().linalg.eig(x)
        order = np.argsort(values.detach().real.tolist()).tolist() if x.ndim == 2 and len(x) else slice(None)
        return abs(values[order]), abs(vectors[:, order])

    return eig


PRODUCTS = [
    OpCase("mv", S((3, 4), (4,)), S((0, 4), (4,)), S((3, 0), (0,)), reference=np.matmul),
    OpCase("dot", S((4,), (4,)), S((0,), (0,)), reference=np.dot, complex=True),
    OpCase("matmul_folded", S((2, 3, 4), (4, 5)), S((2, 2, 1, 3), (3, 2)), S((0, 3, 4), (4, 2)), fn="matmul",
           torch="matmul", reference=np.matmul),
    OpCase("einsum", S("ij,jk->ik", (3, 4), (4, 2)), S("bij,bkj,k->b", (2, 3, 4), (2, 5, 4), (5,)), S("ii->i", (3, 3)),
           S("...ij,...j->...i", (2, 3, 4), (4,)), S("ij->", (3, 4)), S("i,j", (0,), (3,)), S(",i->i", (), (3,)),
           reference=np.einsum, complex=True),
]  # fmt: skip

INVERSES = [
    linalg("inv", "inv", *SQUARES, domain="square", reference=np.linalg.inv, complex=True),
    linalg("solve", "solve", *(S(a, b) for a, b in TWO), S((3, 3), (3,)), S((0, 0), (0, 2)), domain=square_first),
    linalg("solve_triangular", "solve_triangular", *(S(a, b, upper=True) for a, b in TWO),
           S((3, 3), (3, 2), upper=False, unitriangular=True), S((2, 2), (3, 2), upper=False, left=False),
           domain=square_first),
    linalg("det", "det", *SQUARES, domain="square", reference=np.linalg.det, complex=True),
    linalg("slogdet", "slogdet", *SQUARES, domain="square", reference=np.linalg.slogdet),
    linalg("pinv", "pinv", S((3, 3)), TALL, WIDE, S((0, 3)), domain=spread_singular_values, reference=np.linalg.pinv),
    linalg("matrix_exp", "matrix_exp", S((3, 3)), S((2, 2, 2)), S((1, 1)), S((0, 0)), domain="unit"),
]  # fmt: skip

FACTORS = [
    OpCase("cholesky", *(S(s) for s in [(3, 3), (2, 3, 3), (1, 1)]), fn=lambda x: ag.linalg.cholesky((x + x.mT) / 2),
           torch=lambda x: torch().linalg.cholesky((x + x.mT) / 2), domain="positive definite",
           reference=np.linalg.cholesky),
    linalg("qr", "qr", S((3, 3)), TALL, S((2, 4, 2)), S((0, 3)), domain=spread_singular_values, reference=np.linalg.qr),
    OpCase("svd", S((3, 3)), TALL, WIDE, S((0, 3)), fn=signless_svd(autograd), torch=signless_svd(torch),
           domain=spread_singular_values),
    OpCase("eigh", S((3, 3)), S((2, 3, 3)), S((1, 1)), S((0, 0)), fn=signless_eigh(autograd), torch=signless_eigh(torch),
           domain="positive definite"),
    OpCase("eig", S((3, 3)), S((1, 1)), fn=signless_eig(autograd), torch=signless_eig(torch), domain="positive definite"),
    linalg("lu_factor", "lu_factor", S((3, 3)), S((2, 3, 3)), S((1, 1)), S((3, 4)), S((4, 3)), domain=square_first),
]  # fmt: skip

NORMS = [
    linalg("vector_norm", "vector_norm", *(S((3, 4), ord) for ord in (2, 1, 3, 0.5, np.inf, -np.inf, 0)), S(()),
           S((2, 3, 2), 2, dim=(0, 2), keepdim=True), S((0, 3), 1, dim=0)),
    OpCase("cdist", S((3, 2), (4, 2)), S((2, 3, 2), (2, 1, 2)), S((0, 2), (3, 2)),
           reference=lambda x, y: np.sqrt(((x[..., :, None, :] - y[..., None, :, :]) ** 2).sum(-1))),
]  # fmt: skip


def resized(x, shape):
    """Cut off, and filled up with zeros."""
    out = np.zeros(shape, x.dtype)
    part = tuple(slice(0, min(n, m)) for n, m in zip(x.shape, shape, strict=True))
    out[part] = x[part]
    return out


LENGTHS = (S((4,)), S((3, 5)), S((2, 4), n=3, dim=0), S((2, 3), n=5, norm="ortho"))

TRANSFORMS = [
    # No empty ones: torch's fft raises for them.
    *(OpCase(name, *LENGTHS, fn=f"fft.{name}", torch=f"fft.{name}", complex=True,
             reference=lambda x, n=None, dim=-1, norm=None, name=name: getattr(np.fft, name)(x, n, dim, norm))
      for name in ("fft", "ifft")),
    OpCase("rfft", *LENGTHS, fn="fft.rfft", torch="fft.rfft",
           reference=lambda x, n=None, dim=-1, norm=None: np.fft.rfft(x, n, dim, norm)),
    OpCase("irfft", S((4,)), S((3, 5)), S((2, 4), n=5, dim=1), S((3, 2), n=4, dim=0, norm="ortho"), fn="fft.irfft",
           torch="fft.irfft", dtypes=("complex64", "complex128"),
           reference=lambda x, n=None, dim=-1, norm=None: np.fft.irfft(x, n, dim, norm)),
    OpCase("resize_dims", S((3, 4), shape=(3, 6)), S((3, 4), shape=(2, 4)), S((2, 3), shape=(4, 2)), S((0,), shape=(2,)),
           fn=REGISTRY["resize_dims"].call, reference=resized),
    OpCase("rfft_adjoint", S((3,), n=4), S((2, 3), n=5), fn=lambda x, n: REGISTRY["rfft_adjoint"].call(x, n, x.ndim - 1, "backward"),
           dtypes=("complex64", "complex128"),
           reference=lambda x, n: np.fft.ifft(np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])]), norm="forward").real),
]  # fmt: skip

CASES = [*PRODUCTS, *INVERSES, *FACTORS, *NORMS, *TRANSFORMS]
