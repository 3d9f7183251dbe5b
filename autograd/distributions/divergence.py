"""The Kullback-Leibler divergence of one distribution from another of its kind."""

from __future__ import annotations

from .. import linalg
from ..ops.activation import softplus
from ..tensor import Tensor
from .continuous import MultivariateNormal, Normal
from .discrete import Bernoulli, Categorical
from .distribution import Distribution, Independent

__all__ = ["kl_divergence"]


def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log()) / 2


def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    a = linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    b = linalg.solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False)
    squares = (a**2).sum((-2, -1)) + (b**2).sum((-2, -1))
    return q._half_log_det() - p._half_log_det() + (squares - p.event_shape[0]) / 2


def _categorical(p: Categorical, q: Categorical) -> Tensor:
    return (p.probs * (p.logits - q.logits)).sum(-1)


def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    return softplus(q.logits) - softplus(p.logits) + p.probs * (p.logits - q.logits)


def _independent(p: Independent, q: Independent) -> Tensor:
    return p._sum(kl_divergence(p.base_dist, q.base_dist))


_FORMULAS = {
    Normal: _normal,
    MultivariateNormal: _multivariate_normal,
    Categorical: _categorical,
    Bernoulli: _bernoulli,
    Independent: _independent,
}


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """E[log p(x) - log q(x)] where x is drawn from p.

    >>> from autograd.distributions import Normal
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    if type(p) is not type(q) or type(p) not in _FORMULAS:
        raise NotImplementedError(
            f"expected two {', '.join(kind.__name__ for kind in _FORMULAS)}, "
            f"got {type(p).__name__} and {type(q).__name__}: average p.log_prob(x) - q.log_prob(x) over draws of p"
        )
    return _FORMULAS[type(p)](p, q)
