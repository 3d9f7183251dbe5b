"""The Kullback-Leibler divergence of one distribution from another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import as_tensor, digamma, lgamma, linalg, xlogy
from ..tensor import Tensor
from .continuous import Cauchy, Exponential, Laplace, Normal, Uniform
from .counts import Binomial, Geometric, Poisson
from .discrete import Bernoulli, Categorical, ContinuousBernoulli, OneHotCategorical
from .distribution import Distribution, Independent
from .gammas import Beta, Dirichlet, Gamma
from .multivariate import LowRankMultivariateNormal, MultivariateNormal, Wishart, log_det
from .transformed import Gumbel, HalfNormal, Pareto, TransformedDistribution
from .transforms.transform import sum_rightmost

__all__ = ["kl_divergence", "register_kl"]


# ---- of two of a kind --------------------------------------------------------------------------------------------


def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log()) / 2


def _multivariate_normal(p: Any, q: Any) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(f"expected vectors of one length, got {p.event_shape[0]} and {q.event_shape[0]}")
    a = linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    b = linalg.solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False)
    squares = (a**2).sum((-2, -1)) + (b**2).sum((-2, -1))
    return log_det(q.scale_tril) - log_det(p.scale_tril) + (squares - p.event_shape[0]) / 2


def _categorical(p: Any, q: Any) -> Tensor:
    each = (p.probs * (p.logits - q.logits)).masked_fill(q.probs == 0, math.inf)
    return each.masked_fill(p.probs == 0, 0.0).sum(-1)


def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    each = xlogy(p.probs, p.probs / q.probs), xlogy(1 - p.probs, (1 - p.probs) / (1 - q.probs))
    return each[0] + each[1]


def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("expected no fewer trials than in the other distribution")
    return (p.total_count * _bernoulli(p, q)).masked_fill(p.total_count > q.total_count, math.inf)  # type: ignore[arg-type]


def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("expected events of as many dimensions")
    return p._sum(kl_divergence(p.base_dist, q.base_dist))


def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("expected distributions of the same function of random numbers")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), len(p.event_shape) - len(p.base_dist.event_shape))


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


def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    squares = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return (squares / (4 * p.scale * q.scale)).log()


def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - p.rate + q.rate


def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


def _wishart(p: Wishart, q: Wishart) -> Tensor:
    ratio = linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    expected = q._power() * p._mean_log_det() - p.df * (ratio**2).sum((-2, -1)) / 2 - q._log_size()  # of log q(x)
    return -p.entropy() - expected


_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {
    (Normal, Normal): _normal,
    (MultivariateNormal, MultivariateNormal): _multivariate_normal,
    (MultivariateNormal, LowRankMultivariateNormal): _multivariate_normal,
    (LowRankMultivariateNormal, MultivariateNormal): _multivariate_normal,
    (LowRankMultivariateNormal, LowRankMultivariateNormal): _multivariate_normal,
    (Categorical, Categorical): _categorical,
    (Bernoulli, Bernoulli): _bernoulli,
    (Binomial, Binomial): _binomial,
    (Independent, Independent): _independent,
    (Dirichlet, Dirichlet): _dirichlet,
    (Beta, Beta): lambda p, q: _dirichlet(p._pair, q._pair),
    (Gamma, Gamma): _gamma,
    (Exponential, Exponential): _exponential,
    (Laplace, Laplace): _laplace,
    (Cauchy, Cauchy): _cauchy,
    (Poisson, Poisson): _poisson,
    (Geometric, Geometric): _geometric,
    (OneHotCategorical, OneHotCategorical): _categorical,
    (HalfNormal, HalfNormal): lambda p, q: _normal(p.base_dist, q.base_dist),
    (TransformedDistribution, TransformedDistribution): _transformed,
    (Wishart, Wishart): _wishart,
}


# ---- of numbers, of two kinds: -H(p) - E[log q(x)] -----------------------------------------------------------------

# Expected values of functions of a draw, where they are known in closed form.
_MEAN_LOG: dict[type, Callable[[Any], Tensor]] = {
    Beta: lambda p: digamma(p.concentration1) - digamma(p.concentration1 + p.concentration0),
    Exponential: lambda p: digamma(p.rate.new_ones(())) - p.rate.log(),
    Gamma: lambda p: digamma(p.concentration) - p.rate.log(),
    Pareto: lambda p: p.scale.log() + 1 / p.alpha,
    Uniform: lambda p: (xlogy(p.high, p.high) - xlogy(p.low, p.low)) / (p.high - p.low) - 1,
}
_MEAN_LOG_OF_REST: dict[type, Callable[[Any], Tensor]] = {  # of 1 - x
    Beta: lambda p: digamma(p.concentration0) - digamma(p.concentration1 + p.concentration0),
    Uniform: lambda p: (xlogy(1 - p.low, 1 - p.low) - xlogy(1 - p.high, 1 - p.high)) / (p.high - p.low) - 1,
}
_MEAN_EXP: dict[type, Callable[[Any, Tensor], Tensor]] = {  # of exp(-x t)
    Exponential: lambda p, t: p.rate / (p.rate + t),
    Gamma: lambda p, t: (1 + t / p.rate) ** -p.concentration,
    Gumbel: lambda p, t: (lgamma(1 + p.scale * t) - p.loc * t).exp(),
    Normal: lambda p, t: ((p.scale * t) ** 2 / 2 - p.loc * t).exp(),
    Uniform: lambda p, t: ((-p.low * t).exp() - (-p.high * t).exp()) / ((p.high - p.low) * t),
}


def _known(table: dict[type, Callable], p: Distribution) -> Callable:
    """What is known about distributions of the class of p, or of the nearest that it is derived from."""
    for kind in type(p).__mro__:
        if kind in table:
            return table[kind]
    raise NotImplementedError(f"an expected value that the divergence needs is not known for {type(p).__name__}")


def _beta(p: Any, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    expected = (a - 1) * _known(_MEAN_LOG, p)(p) + (b - 1) * _known(_MEAN_LOG_OF_REST, p)(p)
    return expected + lgamma(a + b) - lgamma(a) - lgamma(b)


def _gamma_density(p: Any, q: Gamma) -> Tensor:
    a, b = q.concentration, q.rate
    return xlogy(a, b) - lgamma(a) + (a - 1) * _known(_MEAN_LOG, p)(p) - b * p.mean


def _gumbel(p: Any, q: Gumbel) -> Tensor:
    powers = (q.loc / q.scale).exp() * _known(_MEAN_EXP, p)(p, 1 / q.scale)
    return -(p.mean - q.loc) / q.scale - powers - q.scale.log()


def _normal_density(p: Any, q: Normal) -> Tensor:
    return q.log_prob(p.mean) - p.variance / (2 * q.scale**2)


def _pareto(p: Any, q: Pareto) -> Tensor:
    return q.alpha.log() + xlogy(q.alpha, q.scale) - (q.alpha + 1) * _known(_MEAN_LOG, p)(p)


def _continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return p.mean * q.logits + (-q.probs).log1p() + q._log_norm()


_EXPECTED: dict[type, Callable[[Any, Any], Tensor]] = {  # of log q(x), where x is drawn from p
    Beta: _beta,
    ContinuousBernoulli: _continuous_bernoulli,
    Exponential: lambda p, q: q.rate.log() - q.rate * p.mean,
    Gamma: _gamma_density,
    Gumbel: _gumbel,
    Normal: _normal_density,
    Pareto: _pareto,
    Uniform: lambda p, q: -q.entropy(),
}


def _bounds(p: Distribution) -> tuple[Any, Any]:
    return getattr(p.support, "lower_bound", -math.inf), getattr(p.support, "upper_bound", math.inf)


def _of_numbers(p: Distribution, q: Distribution) -> Tensor:
    """Infinite where p has values that q does not have: their supports say so."""
    (low, high), (least, most) = _bounds(p), _bounds(q)
    inside = (as_tensor(least) <= low) & (high <= as_tensor(most))
    finite = p.mean + q.mean  # for the shape
    if not inside.any():
        return finite.new_full(finite.shape, math.inf)
    return (-p.entropy() - _known(_EXPECTED, q)(p, q)).masked_fill(~inside, math.inf)


_NUMBERS = (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Normal, Pareto, Uniform)
_FORMULAS |= {(p, q): _of_numbers for p in _NUMBERS for q in _EXPECTED if (p, q) not in _FORMULAS}
_FORMULAS |= {
    (Normal, Laplace): lambda p, q: -p.entropy() + (2 * q.scale).log() + _mean_distance(p, q.loc) / q.scale,
    (Bernoulli, Poisson): lambda p, q: -p.entropy() - p.probs * q.rate.log() + q.rate,
    (Poisson, Bernoulli): _of_numbers,
    (Poisson, Binomial): _of_numbers,
}


def _mean_distance(p: Normal, x: Tensor) -> Tensor:
    """E|draw - x|."""
    z = (p.loc - x) / p.scale
    return p.scale * (math.sqrt(2 / math.pi) * (-(z**2) / 2).exp() + z * (z / math.sqrt(2)).erf())


# ---- which formula -----------------------------------------------------------------------------------------------


def register_kl(type_p: type, type_q: type) -> Callable:
    """Declare the divergence of two kinds of distributions: ``@register_kl(Mine, Normal)`` above a function of both."""
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"expected two classes of distributions, got {kind!r}")

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
        raise NotImplementedError(
            f"no divergence of {type(p).__name__} from {type(q).__name__} is known: declare one with register_kl, or average "
            "p.log_prob(x) - q.log_prob(x) over draws of p"
        )
    return formula(p, q)
