"""Distributions: densities, entropies and divergences are PyTorch's; draws have the moments they should."""

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
NO_ENTROPY = (
    "Poisson",
    "Binomial",
    "NegativeBinomial",
    "Multinomial",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
)  # in closed form
NO_MEAN = ("RelaxedBernoulli", "RelaxedOneHotCategorical")
COVARIANCE = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.7]])

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
}


def pair(name):
    kind, parameters, value = CASES[name]
    theirs = {k: torch.tensor(v, requires_grad=True) for k, v in parameters.items()}
    ours = {k: ag.tensor(v, requires_grad=True) for k, v in parameters.items()}
    make_theirs = getattr(torch.distributions, kind)(**theirs, validate_args=False)
    return getattr(D, kind)(**ours), make_theirs, ours, theirs, value


@pytest.mark.parametrize("name", CASES)
def test_log_prob_entropy_and_their_gradients(name):
    p, q, ours, theirs, value = pair(name)
    assert tuple(p.batch_shape) == tuple(q.batch_shape)
    assert tuple(p.event_shape) == tuple(q.event_shape)
    np.testing.assert_allclose(
        p.log_prob(ag.tensor(value)).detach().numpy(),
        q.log_prob(torch.tensor(value)).detach().numpy(),
        rtol=1e-10,
        atol=1e-14,
    )
    end, end_q = p.log_prob(ag.tensor(value)).sum(), q.log_prob(torch.tensor(value)).sum()
    if type(p).__name__ not in NO_ENTROPY:
        np.testing.assert_allclose(p.entropy().detach().numpy(), q.entropy().detach().numpy(), rtol=1e-10, atol=1e-14)
        end, end_q = end + p.entropy().sum(), end_q + q.entropy().sum()
    end.backward()
    end_q.backward()
    for k in ours:
        if theirs[k].grad is None:
            continue
        np.testing.assert_allclose(ours[k].grad.numpy(), theirs[k].grad.numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_draws(name):
    p, q, ours, _, _ = pair(name)
    draws = p.sample((4000,))
    assert not draws.requires_grad
    assert tuple(draws.shape) == tuple(q.sample((4000,)).shape)
    if type(p).__name__ in NO_MEAN:
        p.rsample().sum().backward()
        assert 0 < draws.min() < draws.max() < 1
        return
    if name.startswith("categorical"):
        counts = np.stack([(draws == i).float().mean(0).numpy() for i in range(3)], -1)
        np.testing.assert_allclose(counts, q.probs.detach().numpy(), atol=0.04)
        return
    np.testing.assert_allclose(p.mean.detach().numpy(), q.mean.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(p.stddev.detach().numpy(), q.stddev.detach().numpy(), rtol=1e-10)
    spread = p.stddev.detach().numpy()
    np.testing.assert_allclose(draws.mean(0).numpy(), p.mean.detach().numpy(), atol=0.1 * spread.max() + 1e-9)
    np.testing.assert_allclose(draws.std(0).numpy(), spread, rtol=0.2, atol=1e-2)
    if p.has_rsample:
        p.rsample().sum().backward()
        assert all(t.grad is not None for t in ours.values())
    else:
        with pytest.raises(NotImplementedError, match="use sample\\(\\) and log_prob\\(\\)"):
            p.rsample()


@pytest.mark.parametrize(
    "name",
    [
        "normal", "multivariate", "bernoulli logits", "categorical logits", "gamma", "beta", "dirichlet", "exponential",
        "laplace", "uniform", "poisson", "geometric logits", "one-hot", "log-normal", "chi2",
    ],
)  # fmt: skip
def test_divergence(name):
    kind, parameters, _ = CASES[name]
    other = {k: v if v.ndim == 2 and v.shape == (3, 3) else v + 0.2 for k, v in parameters.items()}

    def divergence(module, tensor):
        p = getattr(module, kind)(**{k: tensor(v) for k, v in parameters.items()})
        q = getattr(module, kind)(**{k: tensor(v) for k, v in other.items()})
        return module.kl_divergence(p, q)

    expected = divergence(torch.distributions, torch.tensor)
    np.testing.assert_allclose(divergence(D, ag.tensor).numpy(), expected.numpy(), rtol=1e-10, atol=1e-13)


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
    with pytest.raises(ValueError, match="expected scale to be positive"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="either probs or logits, got neither"):
        D.Categorical()
    with pytest.raises(ValueError, match="between 0 and 1"):
        D.Bernoulli(2.0)
    with pytest.raises(NotImplementedError, match=r"average p\.log_prob"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Uniform(0.0, 1.0))


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
    with pytest.raises(AttributeError, match="no distribution 'VonMises': write its log_prob"):
        _ = D.VonMises


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("one-hot", "straight-through", "multivariate")])
def test_shown_as_pytorch_shows_them(name):
    p, q, *_ = pair(name)
    assert repr(p).replace("autograd.", "torch.") == repr(q)
