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
    np.testing.assert_allclose(p.entropy().detach().numpy(), q.entropy().detach().numpy(), rtol=1e-10, atol=1e-14)
    (p.log_prob(ag.tensor(value)).sum() + p.entropy().sum()).backward()
    (q.log_prob(torch.tensor(value)).sum() + q.entropy().sum()).backward()
    for k in ours:
        np.testing.assert_allclose(ours[k].grad.numpy(), theirs[k].grad.numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_draws(name):
    p, q, ours, _, _ = pair(name)
    draws = p.sample((4000,))
    assert not draws.requires_grad
    assert tuple(draws.shape) == tuple(q.sample((4000,)).shape)
    if name.startswith("categorical"):
        counts = np.stack([(draws == i).float().mean(0).numpy() for i in range(3)], -1)
        np.testing.assert_allclose(counts, q.probs.detach().numpy(), atol=0.04)
        return
    np.testing.assert_allclose(p.mean.detach().numpy(), q.mean.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(p.stddev.detach().numpy(), q.stddev.detach().numpy(), rtol=1e-10)
    spread = p.stddev.detach().numpy()
    np.testing.assert_allclose(draws.mean(0).numpy(), p.mean.detach().numpy(), atol=0.1 * spread.max() + 1e-9)
    np.testing.assert_allclose(draws.std(0).numpy(), spread, rtol=0.15, atol=1e-3)
    if p.has_rsample:
        p.rsample().sum().backward()
        assert all(t.grad is not None for t in ours.values())
    else:
        with pytest.raises(NotImplementedError, match="use sample\\(\\) and log_prob\\(\\)"):
            p.rsample()


@pytest.mark.parametrize("name", ["normal", "multivariate", "bernoulli logits", "categorical logits"])
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
    mine, theirs = D.Independent(p, 1), torch.distributions.Independent(q, 1)
    np.testing.assert_allclose(
        mine.log_prob(ag.tensor(REAL)).detach().numpy(), theirs.log_prob(torch.tensor(REAL)).detach().numpy()
    )
    assert repr(mine) == "Independent(batch_shape: (2,), event_shape: (3,))"
    assert D.kl_divergence(mine, mine).tolist() == [0.0, 0.0]


def test_mistakes():
    with pytest.raises(ValueError, match="expected scale to be positive"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="either probs or logits, got neither"):
        D.Categorical()
    with pytest.raises(ValueError, match="between 0 and 1"):
        D.Bernoulli(2.0)
    with pytest.raises(NotImplementedError, match=r"average p\.log_prob"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Uniform(0.0, 1.0))
