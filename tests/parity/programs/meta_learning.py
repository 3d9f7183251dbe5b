"""Learning to learn: MAML by hand and with torch.func, ensembles, gradients per sample, and optimizers of one's own."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


model = fill(nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1)))


def wave(amplitude, phase, n=10):
    x = normal(n, 1)
    return x, amplitude * torch.sin(x + phase)


def run(x, weights):
    return F.linear(torch.tanh(F.linear(x, weights[0], weights[1])), weights[2], weights[3])


outer = optim.Adam(model.parameters(), lr=1e-2)
for step in range(3):
    total = 0
    for task in range(3):
        weights = [w.clone() for w in model.parameters()]
        for _ in range(2):
            x, y = wave(task + 1, task)
            slopes = torch.autograd.grad(F.mse_loss(run(x, weights), y), weights, create_graph=True)
            weights = [w - 0.1 * g for w, g in zip(weights, slopes)]
        x, y = wave(task + 1, task)
        total += F.mse_loss(run(x, weights), y)
    for w, g in zip(model.parameters(), torch.autograd.grad(total, model.parameters())):
        w.grad = g
    outer.step()
    print(step, total.item())

params = {k: v.detach() for k, v in model.named_parameters()}


def loss_of(params, x, y):
    return F.mse_loss(functional_call(model, params, (x,)), y)


def adapted(params, x, y, x2, y2):
    slopes = grad(loss_of)(params, x, y)
    return loss_of({k: params[k] - 0.1 * slopes[k] for k in params}, x2, y2)


batch = [normal(4, 5, 1) for _ in range(4)]
slopes, value = grad_and_value(lambda p: vmap(adapted, in_dims=(None, 0, 0, 0, 0))(p, *batch).mean())(params)
print(value, {k: v.norm().item() for k, v in slopes.items()})
each = vmap(grad(loss_of), in_dims=(None, 0, 0))(params, batch[0][0].unsqueeze(1), batch[1][0].unsqueeze(1))
print({k: tuple(v.shape) for k, v in each.items()}, each["0.weight"].mean(0).norm())

members = [fill(nn.Linear(3, 2)) for _ in range(4)]
stacked, buffers = stack_module_state(members)
one, x = copy.deepcopy(members[0]), normal(5, 3)
together = vmap(lambda p, b: functional_call(one, (p, b), (x,)))(stacked, buffers)
print(together.shape, torch.allclose(together[2], members[2](x)))


def f(x):
    return (x.sin() * x.roll(1)).cumsum(0)


x, v = normal(4), normal(4)
print(jacrev(f)(x), torch.allclose(jacfwd(f)(x), jacrev(f)(x)), hessian(lambda x: f(x).sum())(x))
out, pull = vjp(f, x)
print(torch.allclose(pull(v)[0] @ v, v @ jvp(f, (x,), (v,))[1]))


class SharpnessAware(optim.Optimizer):
    def __init__(self, params, base, rho=0.05, **kwargs):
        super().__init__(params, dict(rho=rho, **kwargs))
        self.base = base(self.param_groups, **kwargs)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def step(self, closure=None):
        closure = torch.enable_grad()(closure)
        norm = torch.norm(torch.stack([p.grad.norm() for g in self.param_groups for p in g["params"]]))
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["before"] = p.data.clone()
                p.add_(p.grad, alpha=(group["rho"] / (norm + 1e-12)).item())
        self.zero_grad()
        closure()
        for group in self.param_groups:
            for p in group["params"]:
                p.data = self.state[p]["before"]
        self.base.step()
        self.zero_grad()


class SignedMomentum(optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.99)):
        if lr < 0.0:
            raise ValueError("Invalid learning rate: {}".format(lr))
        super().__init__(params, {"lr": lr, "betas": betas})

    def step(self, closure=None):
        for group in self.param_groups:
            fast, slow = group["betas"]
            for p in filter(lambda p: p.grad is not None, group["params"]):
                state = self.state[p]
                if len(state) == 0:
                    state["step"], state["mean"] = 0, torch.zeros_like(p.data)
                state["step"] += 1
                p.data.add_((state["mean"] * fast + p.grad.data * (1 - fast)).sign_(), alpha=-group["lr"])
                state["mean"].mul_(slow).add_(p.grad.data, alpha=1 - slow)


x, y = normal(20, 4), torch.from_numpy(rng.integers(0, 3, 20))
net = fill(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)))
for make in (lambda p: SharpnessAware(p, optim.SGD, lr=0.1, momentum=0.9), lambda p: SignedMomentum(p, 1e-2)):
    trained = copy.deepcopy(net)
    optimizer = make(trained.parameters())
    decay = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)
    for _ in range(3):

        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(trained(x), y)
            loss.backward()
            return loss

        loss = closure()
        optimizer.step(closure)
        decay.step()
    print(type(optimizer).__name__, loss.item(), optimizer.param_groups[0]["lr"], math.isfinite(loss))
    print(sorted(optimizer.state_dict()["state"][0]))
