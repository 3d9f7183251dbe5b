"""Stochastic variational inference as Pyro does it: a store of constrained parameters, a model, an automatic guide, the ELBO."""

import numpy as np
import torch
import torch.distributions as dist
from torch.distributions import biject_to, constraints, kl_divergence, transform_to
from torch.distributions.utils import broadcast_all, lazy_property

rng = np.random.default_rng(0)


def tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.get_default_dtype())


class ParamStore:
    """Unconstrained leaves; what a program sees satisfies its constraint."""

    def __init__(self):
        self.leaves, self.constraints = {}, {}

    def param(self, name, init=None, constraint=constraints.real):
        if name not in self.leaves:
            with torch.no_grad():
                self.leaves[name] = transform_to(constraint).inv(init).clone().requires_grad_()
            self.constraints[name] = constraint
        return transform_to(self.constraints[name])(self.leaves[name])


class AutoNormal:
    """A normal distribution for each latent variable, carried to its support."""

    def __init__(self, priors, store):
        self.priors, self.store = priors, store

    def __call__(self):
        for name, prior in self.priors.items():
            to = biject_to(prior.support)
            shape = to.inverse_shape(prior.batch_shape + prior.event_shape)
            loc = self.store.param(f"{name}.loc", torch.zeros(shape))
            scale = self.store.param(f"{name}.scale", torch.full(shape, 0.1), constraints.positive)
            yield name, to, dist.Independent(dist.Normal(loc, scale), len(shape))

    def draw(self, noise):
        """A draw of every variable, and the logarithm of its density under the guide."""
        latent, density = {}, 0.0
        for name, to, base in self():
            x = base.base_dist.icdf(torch.sigmoid(noise[name]))
            latent[name] = to(x)
            stretch = to.log_abs_det_jacobian(x, latent[name])
            density = density + base.log_prob(x) - stretch.sum()
        return latent, density


groups = 3
priors = {
    "weight": dist.Normal(torch.zeros(2), 2.0).expand([2]),
    "scale": dist.HalfCauchy(torch.tensor(1.0)),
    "share": dist.Dirichlet(torch.ones(groups)),
    "factor": dist.LKJCholesky(2, torch.tensor(2.0)),
    "rate": dist.Gamma(torch.tensor(2.0), torch.tensor(1.0)),
}
for name, prior in priors.items():
    print(name, prior.support, prior.support.event_dim, prior.batch_shape, prior.event_shape, biject_to(prior.support))

x = tensor(rng.standard_normal((40, 2)))
y = x @ tensor([1.0, -0.5]) + 0.3 * tensor(rng.standard_normal(40))
kind = torch.tensor(rng.integers(0, groups, 40))
counts = tensor(rng.poisson(3.0, 40))


def log_joint(latent):
    total = sum(prior.log_prob(latent[name]).sum() for name, prior in priors.items())
    rows = dist.MultivariateNormal(torch.zeros(2), scale_tril=latent["factor"])
    return (
        total
        + dist.Normal(x @ latent["weight"], latent["scale"]).log_prob(y).sum()
        + dist.Categorical(latent["share"]).log_prob(kind).sum()
        + dist.Poisson(latent["rate"]).log_prob(counts).sum()
        + rows.log_prob(x).sum()
    )


store = ParamStore()
guide = AutoNormal(priors, store)
sizes = {name: base.event_shape for name, _, base in guide()}
optimizer = torch.optim.Adam(store.leaves.values(), lr=0.05)
for step in range(25):
    noise = {name: tensor(rng.standard_normal(tuple(size))) for name, size in sizes.items()}
    latent, density = guide.draw(noise)
    loss = density - log_joint(latent)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 0:
        print(step, loss.item(), *(f"{leaf.grad.norm().item():.4e}" for leaf in store.leaves.values()))
for name, to, base in guide():
    print(name, to(base.mean))

# Variances of the family's members, and the divergence of the learned weights from their prior.
for name in store.leaves:
    print(name, store.constraints[name], store.param(name))
posterior = dist.Independent(dist.Normal(store.param("weight.loc"), store.param("weight.scale")), 1)
print(kl_divergence(posterior, dist.Independent(priors["weight"], 1)))


class ZeroInflatedPoisson(dist.Distribution):
    arg_constraints = {"gate": constraints.unit_interval, "rate": constraints.positive}
    support = constraints.nonnegative_integer

    def __init__(self, gate, rate, validate_args=None):
        self.gate, self.rate = broadcast_all(gate, rate)
        super().__init__(self.gate.shape, validate_args=validate_args)

    @lazy_property
    def base(self):
        return dist.Poisson(self.rate)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(ZeroInflatedPoisson, _instance)
        batch_shape = torch.Size(batch_shape)
        new.gate, new.rate = self.gate.expand(batch_shape), self.rate.expand(batch_shape)
        super(ZeroInflatedPoisson, new).__init__(batch_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        alone = torch.log1p(-self.gate) + self.base.log_prob(value)
        return torch.where(value == 0, torch.logaddexp(self.gate.log(), alone), alone)


p = ZeroInflatedPoisson(torch.tensor([0.2, 0.5]), 3.0)
print(p, p.expand([3, 2]).log_prob(torch.tensor([0.0, 2.0])), p.support)
for wrong in (
    lambda: ZeroInflatedPoisson(torch.tensor(1.5), 3.0),
    lambda: p.log_prob(torch.tensor([0.5, 1.0])),
    lambda: p.log_prob(torch.ones(3)),
    lambda: dist.Normal(0.0, torch.tensor(-1.0)),
    lambda: priors["share"].log_prob(torch.tensor([0.5, 0.5, 0.5])),
):
    try:
        wrong()
    except ValueError:
        print("refused")
