"""The Kullback-Leibler divergence of one distribution from another of its kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import linalg
from ..ops.activation import softplus
from ..ops.special import digamma, lgamma
from ..tensor import Tensor
from .continuous import Exponential, Laplace, MultivariateNormal, Normal, Uniform
from .counts import Geometric, OneHotCategorical, Poisson
from .discrete import Bernoulli, Categorical
from .distribution import Distribution, Independent
from .gammas import Beta, Dirichlet, Gamma
from .transformed import LogNormal

__all__ = ["kl_divergence", "register_kl"]


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


def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    sizes = lgamma(a.sum(-1)) - lgamma(b.sum(-1)) + (lgamma(b) - lgamma(a)).sum(-1)
    return sizes + ((a - b) * (digamma(a) - digamma(a.sum(-1, keepdim=True)))).sum(-1)


def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    sizes = b * (p.rate / q.rate).log() + lgamma(b) - lgamma(a)
    return sizes + (a - b) * digamma(a) + a * (q.rate / p.rate - 1)


def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, apart = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * (-apart / p.scale).exp() - 1


def _uniform(p: Uniform, q: Uniform) -> Tensor:
    inside = (q.low <= p.low) & (p.high <= q.high)
    return ((q.high - q.low) / (p.high - p.low)).log().masked_fill(~inside, math.inf)


def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - p.rate + q.rate


def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {
    (Normal, Normal): _normal,
    (MultivariateNormal, MultivariateNormal): _multivariate_normal,
    (Categorical, Categorical): _categorical,
    (Bernoulli, Bernoulli): _bernoulli,
    (Independent, Independent): _independent,
    (Dirichlet, Dirichlet): _dirichlet,
    (Beta, Beta): lambda p, q: _dirichlet(p._pair, q._pair),
    (Gamma, Gamma): _gamma,
    (Exponential, Exponential): _exponential,
    (Laplace, Laplace): _laplace,
    (Uniform, Uniform): _uniform,
    (Poisson, Poisson): _poisson,
    (Geometric, Geometric): _geometric,
    (OneHotCategorical, OneHotCategorical): _categorical,
    (LogNormal, LogNormal): lambda p, q: _normal(p.base_dist, q.base_dist),
}


def register_kl(type_p: type, type_q: type) -> Callable:
    """Declare the divergence of two kinds of distributions: ``@register_kl(Mine, Normal)`` above a function of both."""

    def declare(formula: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
        _FORMULAS[type_p, type_q] = formula
        return formula

    return declare


def _formula(p: Distribution, q: Distribution) -> Callable[[Any, Any], Tensor] | None:
    """The formula of the classes, or of the nearest that they are derived from."""
    pairs = ((a, b) for a in type(p).__mro__ for b in type(q).__mro__)
    return next((_FORMULAS[pair] for pair in pairs if pair in _FORMULAS), None)


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """E[log p(x) - log q(x)] where x is drawn from p.

    >>> from autograd.distributions import Normal
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    formula = _formula(p, q)
    if formula is None:
        kinds = ", ".join(a.__name__ for a, b in _FORMULAS if a is b)
        raise NotImplementedError(
            f"expected two {kinds}, or what register_kl declares, got {type(p).__name__} and {type(q).__name__}: average "
            "p.log_prob(x) - q.log_prob(x) over draws of p"
        )
    return formula(p, q)
