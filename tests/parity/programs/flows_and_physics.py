"""Normalizing flow, neural ODE by the adjoint method, Hamiltonian and physics-informed networks: gradients of gradients."""

import numpy as np
import torch
from torch import distributions, nn

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


class Coupling(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.scale = nn.Sequential(nn.Linear(2, 12), nn.LeakyReLU(), nn.Linear(12, 2), nn.Tanh())
        self.shift = nn.Sequential(nn.Linear(2, 12), nn.LeakyReLU(), nn.Linear(12, 2))

    def parts(self, x):
        kept = x * self.mask
        return kept, self.scale(kept) * (1 - self.mask), self.shift(kept) * (1 - self.mask)

    def forward(self, x):
        kept, s, t = self.parts(x)
        return kept + (1 - self.mask) * (x * s.exp() + t), s.sum(-1)

    def inverse(self, y):
        kept, s, t = self.parts(y)
        return kept + (1 - self.mask) * ((y - t) * torch.exp(-s))


class Flow(nn.Module):
    def __init__(self, layers=4):
        super().__init__()
        masks = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(layers // 2, 1)
        self.layers = nn.ModuleList([Coupling(m) for m in masks])
        self.base = distributions.Independent(distributions.Normal(torch.zeros(2), torch.ones(2)), 1)

    def log_prob(self, x):
        total = x.new_zeros(x.shape[0])
        for layer in self.layers:
            x, log_det = layer(x)
            total += log_det
        return self.base.log_prob(x) + total


flow = fill(Flow())
optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
angle = np.pi * rng.random(64)
moons = torch.tensor(np.stack([np.cos(angle), np.sin(angle)], 1), dtype=torch.get_default_dtype()) + 0.05 * normal(
    64, 2
)
for _ in range(4):
    loss = -flow.log_prob(moons).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("nll %.5f" % loss)
y, log_det = flow.layers[0](moons)
print((flow.layers[0].inverse(y) - moons).abs().max() < 1e-5)
J = torch.autograd.functional.jacobian(lambda x: flow.layers[0](x[None])[0][0], moons[0])
print(torch.allclose(torch.linalg.slogdet(J).logabsdet, log_det[0], atol=1e-5), J)


class Adjoint(torch.autograd.Function):
    """Euler steps; the way back solves the adjoint equation and keeps no step but the last."""

    @staticmethod
    def forward(ctx, f, y, step, count, *parameters):
        ctx.f, ctx.step, ctx.count = f, step, count
        for _ in range(count):
            y = y + step * f(y)
        ctx.save_for_backward(y, *parameters)
        return y

    @staticmethod
    def backward(ctx, g):
        y, *parameters = ctx.saved_tensors
        sums = [torch.zeros_like(p) for p in parameters]
        for _ in range(ctx.count):
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                out = ctx.f(y)
                gy, *gp = torch.autograd.grad(out, (y, *parameters), g, allow_unused=True)
            for total, part in zip(sums, gp):
                total.add_(part, alpha=ctx.step)
            g, y = g + ctx.step * gy, y.detach() - ctx.step * out.detach()
        return None, g, None, None, *sums


field = fill(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)))
start = normal(3, 2).requires_grad_()
end = Adjoint.apply(field, start, 0.01, 20, *field.parameters())
end.square().sum().backward()
y = start
for _ in range(20):
    y = y + 0.01 * field(y)
exact = torch.autograd.grad(y.square().sum(), start)[0]
print(end, start.grad, (start.grad - exact).abs().max() < 0.05, [p.grad.norm() for p in field.parameters()])


class Hamiltonian(nn.Module):
    def __init__(self):
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 1))
        self.register_buffer("turn", torch.tensor([[0.0, -1.0], [1.0, 0.0]]))

    def forward(self, x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)[0] @ self.turn


net = fill(Hamiltonian())
optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-2)
x = normal(16, 2)
for _ in range(4):
    loss = (net(x) - torch.stack((x[:, 1], -x[:, 0]), dim=1)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())

u = fill(nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)))
points = normal(20, 2).requires_grad_()
value = u(points)
slope = torch.autograd.grad(value, points, torch.ones_like(value), create_graph=True)[0]
bend = torch.autograd.grad(slope[:, 1].sum(), points, create_graph=True)[0][:, 1:]
residual = (slope[:, :1] + value * slope[:, 1:] - 0.01 / torch.pi * bend).pow(2).mean()
residual.backward()
print(residual, [p.grad.abs().sum() if p.grad is not None else None for p in u.parameters()])
