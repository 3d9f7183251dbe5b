"""Distributions: draws have the moments they should; parity/test_distributions.py has densities, entropies, divergences."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd import distributions as D
from tests.conftest import referee

torch = referee()

POSITIVE = np.array([[0.5, 1.5, 2.0], [0.1, 0.7, 0.9]])
REAL = np.array([[0.3, -1.2, 2.0], [0.0, 4.0, -0.7]])
SHARE = np.array([[0.2, 0.5, 0.3], [0.1, 0.0, 0.9]])
NO_MEAN = ("relaxed", "relaxed one-hot", "logistic normal")  # in closed form
HEAVY_TAILS = ("cauchy", "half-cauchy", "pareto", "generalized pareto", "inverse gamma")
COVARIANCE = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.7]])
CORRELATION = np.linalg.cholesky(np.array([[1.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.0]]))

CASES = {
    "normal": ("Normal", {"loc": REAL, "scale": POSITIVE}, REAL + 0.3),
    "laplace": ("Laplace", {"loc": REAL, "scale": POSITIVE}, REAL + 0.3),
    "exponential": ("Exponential", {"rate": POSITIVE}, POSITIVE + 0.3),
    "uniform": ("Uniform", {"low": REAL, "high": REAL + POSITIVE}, REAL + 0.05),
    "multivariate": ("MultivariateNormal", {"loc": REAL, "covariance_matrix": COVARIANCE}, REAL + 0.3),
    "precision": ("MultivariateNormal", {"loc": REAL, "precision_matrix": COVARIANCE}, REAL + 0.3),
    "bernoulli": ("Bernoulli", {"probs": SHARE}, np.round(SHARE)),
    "bernoulli logits": ("Bernoulli", {"logits": REAL}, np.round(SHARE)),
    "categorical": ("Categorical", {"probs": SHARE}, np.array([2, 0])),
    "gamma": ("Gamma", {"concentration": POSITIVE, "rate": POSITIVE[::-1].copy()}, POSITIVE + 0.3),
    "beta": ("Beta", {"concentration1": POSITIVE, "concentration0": POSITIVE[::-1].copy()}, SHARE * 0.8 + 0.1),
    "dirichlet": ("Dirichlet", {"concentration": POSITIVE}, SHARE * 0.7 + 0.1),
    "chi2": ("Chi2", {"df": POSITIVE}, POSITIVE + 0.3),
    "student": ("StudentT", {"df": POSITIVE + 2.5, "loc": REAL, "scale": POSITIVE}, REAL + 0.3),
    "gumbel": ("Gumbel", {"loc": REAL, "scale": POSITIVE}, REAL + 0.3),
    "log-normal": ("LogNormal", {"loc": REAL / 4, "scale": POSITIVE / 2}, POSITIVE + 0.3),
    "half-normal": ("HalfNormal", {"scale": POSITIVE}, POSITIVE + 0.3),
    "poisson": ("Poisson", {"rate": POSITIVE}, np.array([[0.0, 1, 3], [2, 0, 1]])),
    "geometric": ("Geometric", {"probs": SHARE + 0.05}, np.array([[0.0, 1, 3], [2, 0, 1]])),
    "geometric logits": ("Geometric", {"logits": REAL}, np.array([[0.0, 1, 3], [2, 0, 1]])),
    "binomial": (
        "Binomial",
        {"total_count": np.array(5.0), "probs": SHARE * 0.8 + 0.1},
        np.array([[0.0, 1, 3], [2, 0, 1]]),
    ),
    "negative binomial": (
        "NegativeBinomial",
        {"total_count": POSITIVE + 1, "logits": REAL},
        np.array([[0.0, 1, 3], [2, 0, 1]]),
    ),
    "multinomial": ("Multinomial", {"probs": SHARE + 0.1}, np.array([[1.0, 0, 0], [0, 0, 1]])),
    "one-hot": ("OneHotCategorical", {"logits": REAL}, np.array([[0.0, 1, 0], [0, 0, 1]])),
    "straight-through": ("OneHotCategoricalStraightThrough", {"logits": REAL}, np.array([[0.0, 1, 0], [0, 0, 1]])),
    "relaxed": ("RelaxedBernoulli", {"temperature": np.array(0.7), "logits": REAL}, SHARE * 0.8 + 0.1),
    "relaxed one-hot": (
        "RelaxedOneHotCategorical",
        {"temperature": np.array(0.7), "logits": REAL},
        (SHARE + 0.1) / (SHARE + 0.1).sum(1)[:, None],
    ),
    "categorical logits": ("Categorical", {"logits": REAL}, np.array([[2, 0], [1, 1], [0, 1]])),
    "factor": ("MultivariateNormal", {"loc": REAL, "scale_tril": np.linalg.cholesky(COVARIANCE)}, REAL + 0.3),
    "low rank": (
        "LowRankMultivariateNormal",
        {"loc": REAL, "cov_factor": REAL.T.copy(), "cov_diag": POSITIVE},
        REAL + 0.3,
    ),
    "wishart": (
        "Wishart",
        {"df": np.array([3.5, 7.0]), "covariance_matrix": COVARIANCE},
        np.stack([COVARIANCE * 3, COVARIANCE + np.eye(3)]),
    ),
    "correlations": (
        "LKJCholesky",
        {"dim": 3, "concentration": np.array([0.7, 2.0])},
        np.stack([np.eye(3), CORRELATION]),
    ),
    "cauchy": ("Cauchy", {"loc": REAL, "scale": POSITIVE}, REAL + 0.3),
    "half-cauchy": ("HalfCauchy", {"scale": POSITIVE}, POSITIVE + 0.3),
    "continuous": ("ContinuousBernoulli", {"probs": np.array([[0.2, 0.5, 0.5004], [0.9, 0.4, 0.03]])}, SHARE),
    "continuous logits": ("ContinuousBernoulli", {"logits": REAL}, SHARE),
    "fisher": ("FisherSnedecor", {"df1": POSITIVE + 2, "df2": POSITIVE * 4 + 4.5}, POSITIVE + 0.3),
    "inverse gamma": ("InverseGamma", {"concentration": POSITIVE + 2.5, "rate": POSITIVE}, POSITIVE + 0.3),
    "kumaraswamy": (
        "Kumaraswamy",
        {"concentration1": POSITIVE + 0.3, "concentration0": POSITIVE[::-1] + 0.4},
        SHARE * 0.8 + 0.1,
    ),
    "weibull": ("Weibull", {"scale": POSITIVE, "concentration": POSITIVE + 1.1}, POSITIVE + 0.3),
    "pareto": ("Pareto", {"scale": POSITIVE, "alpha": POSITIVE * 2 + 2.5}, POSITIVE + 0.3),
    "generalized pareto": (
        "GeneralizedPareto",
        {"loc": REAL, "scale": POSITIVE, "concentration": np.array([[0.2, -0.5, 0.0], [0.1, 0.3, -0.1]])},
        REAL + 0.2,
    ),
    "angles": ("VonMises", {"loc": REAL / 4, "concentration": POSITIVE * 3}, REAL / 4 + 0.3),
    "logistic normal": (
        "LogisticNormal",
        {"loc": REAL, "scale": POSITIVE},
        np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.15, 0.05]]),
    ),
}


def pair(name):
    kind, parameters, value = CASES[name]
    theirs = {k: v if k == "dim" else torch.tensor(v, requires_grad=True) for k, v in parameters.items()}
    ours = {k: v if k == "dim" else ag.tensor(v, requires_grad=True) for k, v in parameters.items()}
    make_theirs = getattr(torch.distributions, kind)(**theirs, validate_args=False)
    return getattr(D, kind)(**ours), make_theirs, ours, theirs, value


@pytest.mark.filterwarnings("ignore:Singular sample")  # PyTorch's Wishart
@pytest.mark.parametrize("name", [name for name in CASES if name != "correlations"])
def test_draws(name):
    """They have the moments that the formulas say, or are spread as the cdf says, or else as PyTorch's are."""
    p, q, ours, *_ = pair(name)
    draws = p.sample((4000,))
    assert not draws.requires_grad
    assert tuple(draws.shape) == tuple(q.sample((4000,)).shape)
    if name in HEAVY_TAILS:
        place = p.cdf(draws)
        np.testing.assert_allclose(place.mean(0).detach().numpy(), 0.5, atol=0.03)
        np.testing.assert_allclose(place.std(0).detach().numpy(), 12**-0.5, rtol=0.05)
    elif name == "angles":
        away = draws - p.loc.detach()
        np.testing.assert_allclose(away.sin().mean(0).numpy(), 0.0, atol=0.05)
        np.testing.assert_allclose(1 - away.cos().mean(0).numpy(), p.variance.detach().numpy(), atol=0.05)
    elif name.startswith("categorical"):
        counts = np.stack([(draws == i).float().mean(0).numpy() for i in range(3)], -1)
        np.testing.assert_allclose(counts, q.probs.detach().numpy(), atol=0.04)
    elif name in NO_MEAN:
        theirs = q.sample((4000,))
        spread = theirs.std(0).numpy()
        np.testing.assert_allclose(draws.mean(0).numpy(), theirs.mean(0).numpy(), atol=0.1 * spread.max())
        np.testing.assert_allclose(draws.std(0).numpy(), spread, rtol=0.2, atol=1e-2)
    else:
        spread = p.stddev.detach().numpy()
        np.testing.assert_allclose(draws.mean(0).numpy(), p.mean.detach().numpy(), atol=0.1 * spread.max() + 1e-9)
        np.testing.assert_allclose(draws.std(0).numpy(), spread, rtol=0.2, atol=1e-2)
    if p.has_rsample:
        p.rsample().sum().backward()
        assert all(t.grad is not None for t in ours.values())
    else:
        with pytest.raises(NotImplementedError, match="use sample\\(\\) and log_prob\\(\\)"):
            p.rsample()


def test_draws_of_correlations():
    """All correlations of a matrix have one distribution, with variance 1 / (2 concentration + n - 1): PyTorch's have not."""
    factor = D.LKJCholesky(4, ag.tensor([0.7, 2.0])).sample((3000,)).numpy()
    correlations = np.einsum("...ij,...kj->...ik", factor, factor)[..., *np.tril_indices(4, -1)]
    np.testing.assert_allclose(correlations.mean(0), 0.0, atol=0.05)
    np.testing.assert_allclose(correlations.var(0), 1 / (2 * np.array([[0.7], [2.0]]) + 3) + np.zeros(6), rtol=0.15)


def test_independent():
    p, q, *_ = pair("normal")
    mine, theirs = D.Independent(p, 1, validate_args=False), torch.distributions.Independent(q, 1)
    np.testing.assert_allclose(
        mine.log_prob(ag.tensor(REAL)).detach().numpy(), theirs.log_prob(torch.tensor(REAL)).detach().numpy()
    )
    assert repr(mine).replace("autograd", "torch") == repr(theirs)
    assert D.kl_divergence(mine, mine).tolist() == [0.0, 0.0]


def test_mistakes():
    with pytest.raises(NotImplementedError, match="no entropy in closed form: average -log_prob"):
        D.Poisson(1.0).entropy()
    with pytest.raises(ValueError, match="expected scale of Normal to satisfy the constraint GreaterThan"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="either probs or logits, got neither"):
        D.Categorical()
    with pytest.raises(
        ValueError, match=r"constraint Interval\(lower_bound=0.0, upper_bound=1.0\), got tensor\(\[2.\]\)"
    ):
        D.Bernoulli(2.0)
    with pytest.raises(NotImplementedError, match=r"average p\.log_prob"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.StudentT(3.0))


# Parameters that only `validate_args=False` lets through, and what is then computed as PyTorch does.
UNCHECKED = {
    "Normal": ((0.5, -1.0), "variance"),
    "Laplace": ((0.5, -1.0), "variance"),
    "Exponential": ((-2.0,), "mean"),
    "Uniform": ((1.0, 1.0), "mean"),
    "Gamma": ((-1.0, 2.0), "mean"),
    "Chi2": ((-1.0,), "mean"),
    "Beta": ((-1.0, 2.0), "mean"),
    "StudentT": ((3.0, 0.5, -1.0), "variance"),
    "Poisson": ((-1.0,), "mean"),
    "Bernoulli": ((1.5,), "mean"),
    "Geometric": ((1.5,), "mean"),
    "Binomial": ((3, 1.5), "mean"),
    "NegativeBinomial": ((3, 1.5), "probs"),
    "LogNormal": ((0.5, -1.0), "mean"),
    "HalfNormal": ((-1.0,), "mean"),
    "Gumbel": ((0.5, -1.0), "mean"),
}


@pytest.mark.parametrize("name", UNCHECKED)
def test_parameters_are_not_looked_at_where_a_program_says_so(name, monkeypatch):
    args, what = UNCHECKED[name]
    ours, theirs = getattr(D, name), getattr(torch.distributions, name)
    with pytest.raises(ValueError, match="expected"):
        ours(*args)
    expected = getattr(theirs(*args, validate_args=False), what)
    np.testing.assert_allclose(getattr(ours(*args, validate_args=False), what).numpy(), expected.numpy(), rtol=1e-6)
    monkeypatch.setattr(D.Distribution, "_validate_args", True)
    D.Distribution.set_default_validate_args(False)
    np.testing.assert_allclose(getattr(ours(*args), what).numpy(), expected.numpy(), rtol=1e-6)
    with pytest.raises(ValueError, match="expected"):
        ours(*args, validate_args=True)


@pytest.mark.parametrize(
    "name",
    ["Categorical", "OneHotCategorical", "RelaxedOneHotCategorical", "RelaxedBernoulli", "Multinomial", "Dirichlet"],
)
def test_shares_are_not_looked_at_where_a_program_says_so(name):
    first = {"RelaxedOneHotCategorical": (0.5,), "RelaxedBernoulli": (0.5,), "Multinomial": (3,)}.get(name, ())
    wrong = ag.tensor([-1.0, 2.0])
    with pytest.raises(ValueError, match="expected"):
        getattr(D, name)(*first, wrong)
    made = getattr(D, name)(*first, wrong, validate_args=False)
    kept = made.concentration if name == "Dirichlet" else made.probs
    np.testing.assert_allclose(kept.numpy(), [-1.0, 2.0])
    with pytest.raises(ValueError, match="expected True or False"):
        D.Distribution.set_default_validate_args("no")


@pytest.mark.parametrize("concentration", [0.05, 0.5, 3.0, 60.0])
def test_draws_of_gamma_move_with_the_concentration(concentration):
    """At a place among all draws that is kept: d x / d a, by the difference of quantiles."""
    special = pytest.importorskip("scipy.special")
    a = ag.full((200,), concentration, dtype=ag.float64, requires_grad=True)
    x = D.Gamma(a, 1.0).rsample()
    (slope,) = ag.autograd.grad(x.sum(), a)
    place, step = special.gammainc(concentration, x.detach().numpy()), 1e-5 * concentration
    expected = special.gammaincinv(concentration + step, place) - special.gammaincinv(concentration - step, place)
    kept = (place > 1e-8) & (place < 1 - 1e-8)
    np.testing.assert_allclose(slope.numpy()[kept], expected[kept] / (2 * step), rtol=1e-4, atol=1e-7)


def test_transforms():
    chain = [D.AffineTransform(0.5, -2.0), D.TanhTransform(), D.AffineTransform(1.5, 1.0), D.ExpTransform()]
    theirs = [
        torch.distributions.AffineTransform(0.5, -2.0),
        torch.distributions.TanhTransform(),
        torch.distributions.AffineTransform(1.5, 1.0),
        torch.distributions.ExpTransform(),
    ]
    x = np.linspace(-0.8, 0.9, 6).reshape(2, 3)
    mine, other = D.ComposeTransform(chain), torch.distributions.ComposeTransform(theirs)
    y = mine(ag.tensor(x))
    np.testing.assert_allclose(y.numpy(), other(torch.tensor(x)).numpy(), rtol=1e-12)
    np.testing.assert_allclose(mine.inv(y).numpy(), x, rtol=1e-9)
    p = D.TransformedDistribution(
        D.Independent(D.Normal(ag.zeros(3), 1.0), 1), [D.SigmoidTransform(), D.SoftplusTransform()]
    )
    q = torch.distributions.TransformedDistribution(
        torch.distributions.Independent(torch.distributions.Normal(torch.zeros(3), 1.0), 1),
        [torch.distributions.SigmoidTransform(), torch.distributions.SoftplusTransform()],
    )
    drawn = p.rsample((5,))
    np.testing.assert_allclose(p.log_prob(drawn).numpy(), q.log_prob(torch.tensor(drawn.numpy())).numpy(), rtol=1e-4)
    z = ag.tensor(x)
    np.testing.assert_allclose(
        mine.log_abs_det_jacobian(z, mine(z)).numpy(),
        other.log_abs_det_jacobian(torch.tensor(x), other(torch.tensor(x))).numpy(),
        rtol=1e-9,
    )


def test_mixture():
    def mixture(module, tensor, batch):
        weights, loc = tensor(SHARE[0] if batch else SHARE + 0.1), tensor(REAL)
        return module.MixtureSameFamily(module.Categorical(weights), module.Normal(loc, tensor(POSITIVE)))

    for batch in (False, True):
        p, q = mixture(D, ag.tensor, batch), mixture(torch.distributions, torch.tensor, batch)
        value = np.array([0.3, -1.0])
        np.testing.assert_allclose(
            p.log_prob(ag.tensor(value)).numpy(), q.log_prob(torch.tensor(value)).numpy(), rtol=1e-9
        )
        np.testing.assert_allclose(p.mean.numpy(), q.mean.numpy())
        np.testing.assert_allclose(p.stddev.numpy(), q.stddev.numpy())
        draws = p.sample((4000,))
        np.testing.assert_allclose(draws.mean(0).numpy(), p.mean.numpy(), atol=0.2)
        assert draws.shape == (4000, 2)
    with pytest.raises(ValueError, match="as many components"):
        D.MixtureSameFamily(D.Categorical(ag.ones(2)), D.Normal(ag.zeros(3), 1.0))


def test_a_divergence_of_ones_own():
    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Uniform)
    def _(p, q):
        return p.loc * 0 + 7

    assert D.kl_divergence(Mine(0.0, 1.0), D.Uniform(0.0, 1.0)) == 7
    assert D.kl_divergence(Mine(0.0, 1.0), D.Normal(0.0, 1.0)) == 0
