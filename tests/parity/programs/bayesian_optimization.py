"""Bayesian optimisation as BoTorch does it: analytic acquisition functions of a Gaussian process, by L-BFGS inside bounds."""

import math

import numpy as np
import torch
from torch import nn
from torch.distributions import Gamma, MultivariateNormal, Normal, biject_to, constraints

rng = np.random.default_rng(2)
torch.set_default_dtype(torch.float64)  # as BoTorch says


def objective(x):
    return -(torch.sin(3 * x[..., 0]) + (x[..., 0] - 0.6) ** 2 + (x[..., 1] + 0.3) ** 2)


class SingleTaskGP(nn.Module):
    """Matérn 5/2 with a length for each dimension, standardised outcomes."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.shift, self.stretch = x, y.mean(), y.std()
        self.y = (y - self.shift) / self.stretch
        self.raw = nn.ParameterDict(
            {"lengthscale": nn.Parameter(torch.zeros(2)), "noise": nn.Parameter(torch.tensor(-4.0))}
        )
        self.priors = {"lengthscale": Gamma(3.0, 6.0), "noise": Gamma(1.1, 0.05)}

    def value(self, name):
        return biject_to(self.priors[name].support)(self.raw[name])

    def kernel(self, a, b):
        length = self.value("lengthscale")
        d = math.sqrt(5) * (((a / length).unsqueeze(-2) - (b / length).unsqueeze(-3)).square().sum(-1) + 1e-12).sqrt()
        return (1 + d + d**2 / 3) * torch.exp(-d)

    def prior(self):
        noise = (self.value("noise") + 1e-6) * torch.eye(len(self.x))
        return MultivariateNormal(torch.zeros(len(self.x)), self.kernel(self.x, self.x) + noise)

    def loss(self):
        prior = sum(p.log_prob(self.value(name)).sum() for name, p in self.priors.items())
        return -(self.prior().log_prob(self.y) + prior) / len(self.y)

    def posterior(self, x):
        L, across = self.prior().scale_tril, self.kernel(self.x, x)
        A = torch.linalg.solve_triangular(L, across, upper=False)
        v = torch.linalg.solve_triangular(L, self.y.unsqueeze(-1), upper=False)
        mean, variance = (A.mT @ v).squeeze(-1), (1 - A.square().sum(-2)).clamp_min(1e-9)
        return Normal(self.shift + self.stretch * mean, self.stretch * variance.sqrt())


def fit(model):
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=20, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = model.loss()
        loss.backward()
        return loss

    optimizer.step(closure)
    return model.loss()


def expected_improvement(model, x, best):
    p, standard = model.posterior(x), Normal(torch.zeros(()), 1.0)
    z = (p.mean - best) / p.stddev
    return p.stddev * (standard.log_prob(z).exp() + z * standard.cdf(z))


def probability_of_improvement(model, x, best):
    return 1 - model.posterior(x).cdf(best)


def upper_confidence_bound(model, x, best):
    return model.posterior(x).icdf(torch.tensor(0.9))


bounds = constraints.independent(constraints.interval(torch.tensor([-1.0, -1.0]), torch.tensor([2.0, 1.0])), 1)
to = biject_to(bounds)


def optimize(acquisition, model, best, starts=4):
    """The best of several starts, all in one batch, each inside the bounds."""
    raw = torch.tensor(rng.standard_normal((64, 2)))
    with torch.no_grad():
        raw = raw[acquisition(model, to(raw), best).topk(starts).indices]
    raw.requires_grad_()
    optimizer = torch.optim.LBFGS([raw], max_iter=8, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = -acquisition(model, to(raw), best).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        x = to(raw)
        values = acquisition(model, x, best)
        return x[values.argmax()], values.max(), bounds.check(x)


with torch.no_grad():
    x = to(torch.tensor(rng.standard_normal((6, 2))))
    y = objective(x)
print(to, bounds, bounds.check(x))
for turn, acquisition in enumerate((expected_improvement, probability_of_improvement, upper_confidence_bound) * 2):
    model = SingleTaskGP(x, y)
    loss = fit(model)
    print(turn, acquisition.__name__, loss.item(), model.value("lengthscale"), model.value("noise"))
    candidate, value, inside = optimize(acquisition, model, y.max())
    print(turn, candidate, value, inside)
    x, y = torch.cat([x, candidate[None]]), torch.cat([y, objective(candidate)[None]])
print(x)
print(y.max(), x[y.argmax()])
grid = torch.stack(torch.meshgrid(torch.linspace(-1, 2, 4), torch.linspace(-1, 1, 3), indexing="ij"), -1).reshape(-1, 2)
grid.requires_grad_()
total = expected_improvement(model, grid, y.max()).sum()
(slope,) = torch.autograd.grad(total, grid, create_graph=True)
(bend,) = torch.autograd.grad(slope.square().sum(), grid)
print(total, slope.norm(), bend.norm())
