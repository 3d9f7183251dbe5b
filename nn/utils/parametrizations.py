"""Ready-made parametrizations: weight normalisation, spectral normalisation, orthogonal matrices."""

from __future__ import annotations

from typing import Any

import autograd
from autograd.graph import no_grad
from autograd.tensor import Tensor

from .. import functional as F
from ..module import Module
from .parametrize import register_parametrization
from .spectral_norm import as_matrix
from .weight_norm import norm_except_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train length and direction of a weight separately: g · v / |v|, with one length for each index of `dim`.

    Source: Salimans and Kingma, https://arxiv.org/abs/1602.07868

    >>> import nn
    >>> [n for n, _ in weight_norm(nn.Linear(2, 3)).named_parameters()]
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state: dict, prefix: str, *_: Any) -> None:
        """Accept the names of the older form."""
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{name}.original{i}"] = state.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, {weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps, self.n_power_iterations = dim % weight.ndim, eps, n_power_iterations
        if weight.ndim > 1:
            matrix = as_matrix(weight.detach(), self.dim)
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                self.register_buffer(name, F.normalize(matrix.new_empty(size).normal_(), dim=0, eps=eps))
            self._iterate(matrix, 15)

    @no_grad()
    def _iterate(self, matrix: Tensor, count: int) -> None:
        for _ in range(count):
            self._u.copy_(F.normalize(matrix @ self._v, dim=0, eps=self.eps))
            self._v.copy_(F.normalize(matrix.mH @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the graph of this call outlives the next iteration
        return weight / (u.conj() @ (matrix @ v) if u.is_complex() else u @ (matrix @ v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, which is followed by power iteration while training.

    Args:
        dim: what counts as rows: by default the outputs.

    Source: Miyato et al., https://arxiv.org/abs/1802.05957
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{type(module).__name__}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


class _Orthogonal(Module):
    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool = True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape, self.orthogonal_map = tuple(weight.shape), orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        n, k = X.shape[-2:]
        wide = n < k
        if wide:
            X, n, k = X.mT, k, n
        Q = self._reflections(X) if self.orthogonal_map == "householder" else self._rotation(X, n, k)
        if "base" in self._buffers:
            Q = self.base @ Q
        return Q.mT if wide else Q

    def _rotation(self, X: Tensor, n: int, k: int) -> Tensor:
        """The exponential, or the Cayley transform (I − A/2)⁻¹ (I + A/2), of the skew-symmetric A = tril(X) − tril(X)ᵀ."""
        X = X.tril()
        if n != k:
            X = autograd.cat([X, X.new_zeros((*X.shape[:-2], n, n - k))], dim=-1)
        A = X - X.mH
        if self.orthogonal_map == "matrix_exp":
            Q = autograd.linalg.matrix_exp(A)
        else:
            one = autograd.eye(n, dtype=A.dtype, device=A.device)
            Q = autograd.linalg.solve(one - A * 0.5, one + A * 0.5)
        return Q[..., :k]

    def _reflections(self, X: Tensor) -> Tensor:
        """A product of Householder reflections, one for each column below the diagonal, with the diagonal's signs."""
        A = X.tril(-1)
        Q = autograd.linalg.householder_product(A, 2.0 / (1.0 + (A * A).sum(-2)))
        return Q * X.detach().diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if tuple(Q.shape) != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {tuple(Q.shape)}."
            )
        n, k = Q.shape[-2:]
        tall = Q.mT if n < k else Q
        n, k = max(n, k), min(n, k)
        if "base" not in self._buffers:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            made, tau = autograd.geqrf(tall)
            diagonal = made.diagonal(dim1=-2, dim2=-1)
            diagonal.copy_(diagonal.sign() * autograd.where(tau == 0, -1, 1))
            return made.mT if Q.shape[-2] < Q.shape[-1] else made
        if n != k:
            tall = autograd.cat([tall, tall.new_empty((*tall.shape[:-2], n, n - k)).normal_()], dim=-1)
        self.base = _orthogonalized(tall)
        made = autograd.zeros_like(Q)
        made.diagonal(dim1=-2, dim2=-1).fill_(-1)  # of which the map is the identity
        return made


def _orthogonalized(matrix: Tensor) -> Tensor:
    """A square matrix if it is orthogonal, else Q of its QR decomposition with a positive diagonal of R."""
    n = matrix.shape[-1]
    one = autograd.eye(n, dtype=matrix.dtype, device=matrix.device)
    if autograd.allclose(matrix.mH @ matrix, one, rtol=0, atol=10 * n * autograd.finfo(matrix.dtype).eps):
        return matrix.clone()
    Q, R = autograd.linalg.qr(matrix)
    return Q * R.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a matrix, or a batch of them, orthogonal (unitary).

    Args:
        orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for square matrices.
        use_trivialization: parametrize around the present value, which is better conditioned.

    Source: Lezcano-Casado, https://arxiv.org/abs/1909.09501
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{type(module).__name__}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
