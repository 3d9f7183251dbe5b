"""An exact Gaussian process as GPyTorch builds it: raw parameters with constraints and priors, kernels, marginal likelihood."""

import numpy as np
import torch
from torch import nn
from torch.distributions import (
    AffineTransform,
    ComposeTransform,
    Gamma,
    Independent,
    LogNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    SigmoidTransform,
    SoftplusTransform,
    TransformedDistribution,
    constraints,
    kl_divergence,
)
from torch.distributions.constraint_registry import ConstraintRegistry, transform_to

rng = np.random.default_rng(1)
softplus_to = ConstraintRegistry()  # as GPyTorch's constraints: softplus instead of exp


@softplus_to.register(constraints.greater_than)
@softplus_to.register(constraints.greater_than_eq)
def _(constraint):
    return ComposeTransform([SoftplusTransform(), AffineTransform(constraint.lower_bound, 1.0)])


@softplus_to.register(constraints.interval)
def _(constraint):
    width = constraint.upper_bound - constraint.lower_bound
    return ComposeTransform([SigmoidTransform(), AffineTransform(constraint.lower_bound, width)])


class Constrained(nn.Module):
    """A module whose parameters are called raw_x, and x as the constraint has them."""

    def __init__(self):
        super().__init__()
        self.constraints, self.priors = {}, {}

    def register(self, name, shape, constraint, prior=None):
        self.register_parameter(f"raw_{name}", nn.Parameter(torch.zeros(shape)))
        self.constraints[name], self.priors[name] = constraint, prior

    def value(self, name):
        return softplus_to(self.constraints[name])(getattr(self, f"raw_{name}"))

    def set(self, name, value):
        raw = getattr(self, f"raw_{name}")
        if not self.constraints[name].check(torch.as_tensor(value, dtype=raw.dtype)).all():
            raise ValueError(f"{name} is not {self.constraints[name]}")
        with torch.no_grad():
            raw.copy_(softplus_to(self.constraints[name]).inv(torch.full_like(raw, value)))

    def log_prior(self):
        own = sum(p.log_prob(self.value(name)).sum() for name, p in self.priors.items() if p is not None)
        return own + sum(m.log_prior() for m in self.children() if isinstance(m, Constrained))


class RBF(Constrained):
    def __init__(self, dims):
        super().__init__()
        self.register("lengthscale", (1, dims), constraints.positive, Gamma(3.0, 6.0))

    def forward(self, a, b):
        a, b = a / self.value("lengthscale"), b / self.value("lengthscale")
        return torch.exp(-0.5 * (a.unsqueeze(-2) - b.unsqueeze(-3)).square().sum(-1))


class Scale(Constrained):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.register("outputscale", (), constraints.interval(0.05, 10.0), LogNormal(0.0, 1.0))

    def forward(self, a, b):
        return self.value("outputscale") * self.base(a, b)


class ExactGP(Constrained):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.kernel = x, y, Scale(RBF(x.shape[-1]))
        self.mean = nn.Parameter(torch.zeros(()))
        self.register("noise", (), constraints.greater_than(1e-4), Gamma(1.1, 0.05))

    def forward(self, x):
        return MultivariateNormal(
            self.mean.expand(len(x)), covariance_matrix=self.kernel(x, x) + 1e-4 * torch.eye(len(x))
        )

    def likelihood(self, f):
        noise = self.value("noise") * torch.eye(f.event_shape[0])
        return MultivariateNormal(f.mean, covariance_matrix=f.covariance_matrix + noise)

    def posterior(self, new):
        p = self.likelihood(self(self.x))
        across = self.kernel(self.x, new)
        solved = torch.cholesky_solve(across, p.scale_tril)
        mean = self.mean + solved.mT @ (self.y - self.mean)
        covariance = self.kernel(new, new) - across.mT @ solved + 1e-4 * torch.eye(len(new))
        return MultivariateNormal(mean, covariance_matrix=covariance)


x = torch.tensor(rng.uniform(-2, 2, (18, 2)), dtype=torch.get_default_dtype())
noise = torch.tensor(rng.standard_normal(18), dtype=torch.get_default_dtype())
y = torch.sin(2 * x[:, 0]) * x[:, 1] + 0.1 * noise
model = ExactGP(x, y)
model.set("noise", 0.3)
print([name for name, _ in model.named_parameters()])
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for step in range(25):
    optimizer.zero_grad()
    loss = -(model.likelihood(model(x)).log_prob(y) + model.log_prior()) / len(y)
    loss.backward()
    optimizer.step()
    if step % 4 == 0:
        print(step, loss.item(), model.value("noise").item(), model.kernel.base.value("lengthscale"))
print(model.kernel.value("outputscale"), model.mean)

new = torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.5, 0.5]])
with torch.no_grad():
    f = model.posterior(new)
    print(f.mean, f.variance, f.stddev, f.entropy())
    print(f.covariance_matrix)
    low, high = f.mean - 2 * f.stddev, f.mean + 2 * f.stddev
    print(Independent(Normal(f.mean, f.stddev), 1).log_prob(torch.zeros(3)), low, high)
    same = MultivariateNormal(f.mean, precision_matrix=f.precision_matrix)
    print(kl_divergence(f, same).abs() < 1e-3, kl_divergence(f, model(new)))
    print(f.expand((2,)).log_prob(torch.zeros(2, 3)), f.arg_constraints["scale_tril"].check(f.scale_tril))
    low_rank = LowRankMultivariateNormal(f.mean, f.scale_tril[:, :1], f.variance)
    print(low_rank.log_prob(torch.zeros(3)), low_rank.variance, kl_divergence(low_rank, f))
    squashed = TransformedDistribution(f, [SigmoidTransform()])
    print(squashed.log_prob(torch.tensor([0.5, 0.6, 0.4])), squashed.support, squashed.event_shape)

# A free covariance by transform_to, fitted to the posterior.
raw = torch.zeros(3, 3, requires_grad=True)
to = transform_to(MultivariateNormal.arg_constraints["covariance_matrix"])
optimizer = torch.optim.Adam([raw], lr=0.1)
for step in range(12):
    optimizer.zero_grad()
    divergence = kl_divergence(MultivariateNormal(f.mean, to(raw)), f)
    divergence.backward()
    optimizer.step()
    if step % 3 == 0:
        print(step, divergence.item(), raw.grad.norm().item())
for wrong in (
    lambda: model.set("noise", 0.0),
    lambda: model.kernel.set("outputscale", 11.0),
    lambda: MultivariateNormal(torch.zeros(2), -torch.eye(2)),
    lambda: MultivariateNormal(torch.zeros(2), scale_tril=torch.ones(2, 2)),
    lambda: MultivariateNormal(torch.zeros(2)),
):
    try:
        wrong()
    except ValueError:
        print("refused")
