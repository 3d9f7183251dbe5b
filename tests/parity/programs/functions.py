"""Functions with gradients of one's own, hooks on tensors and modules, gradients of gradients, recomputation."""

import math

import numpy as np
import torch
import torch.nn as nn
from torch.autograd import Function, grad, gradcheck, gradgradcheck
from torch.autograd.function import once_differentiable
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


class Affine(Function):
    @staticmethod
    def forward(ctx, x, weight, bias=None):
        ctx.save_for_backward(x, weight, bias)
        out = x.mm(weight.t())
        if bias is not None:
            out += bias.unsqueeze(0).expand_as(out)
        return out

    @staticmethod
    def backward(ctx, g):
        x, weight, bias = ctx.saved_tensors
        gx = g.mm(weight) if ctx.needs_input_grad[0] else None
        gw = g.t().mm(x) if ctx.needs_input_grad[1] else None
        return gx, gw, g.sum(0) if bias is not None and ctx.needs_input_grad[2] else None


class Rounded(Function):
    @staticmethod
    def forward(ctx, x, levels):
        return (x * levels).round() / levels

    @staticmethod
    def backward(ctx, g):
        return g, None


class Reversed(Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return g.neg() * ctx.strength, None


class Cube(Function):
    @staticmethod
    def forward(x):
        return x**3, 3 * x**2

    @staticmethod
    def setup_context(ctx, inputs, output):
        (x,) = inputs
        ctx.save_for_backward(x)
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx, g, _):
        (x,) = ctx.saved_tensors
        return g * 3 * x**2


class Sinh(Function):
    @staticmethod
    def forward(ctx, x):
        up, down = torch.exp(x), torch.exp(-x)
        ctx.save_for_backward(up, down)
        return (up - down) / 2, up, down

    @staticmethod
    def backward(ctx, g, g_up, g_down):
        up, down = ctx.saved_tensors
        return g * (up + down) / 2 + g_up * up - g_down * down


class Legendre(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 1.5 * (5 * x**2 - 1)


class Largest(Function):
    @staticmethod
    def forward(ctx, x, k):
        values, places = x.topk(k)
        ctx.save_for_backward(places)
        ctx.shape = x.shape
        ctx.mark_non_differentiable(places)
        ctx.set_materialize_grads(False)
        return values, places

    @staticmethod
    def backward(ctx, g, _):
        (places,) = ctx.saved_tensors
        return None if g is None else torch.zeros(ctx.shape, dtype=g.dtype).scatter(-1, places, g), None


x, w, b = normal(3, 4).requires_grad_(), normal(2, 4).requires_grad_(), normal(2).requires_grad_()
Affine.apply(x, w, b).sum().backward()
print(x.grad, w.grad, b.grad)
print(gradcheck(Affine.apply, [t.detach().double().requires_grad_() for t in (x, w, b)], eps=1e-6, atol=1e-4))
print(gradgradcheck(lambda t: Cube.apply(t)[0], x.detach().double().requires_grad_()))
print(gradgradcheck(lambda t: Sinh.apply(t)[0], x.detach().double().requires_grad_()))
print(grad(Rounded.apply(x, 4).sum() + Reversed.apply(x, 0.5).sum(), x)[0][0], Rounded.apply(x, 4)[0])
out, slope = Cube.apply(x)
(first,) = grad(out.sum(), x, create_graph=True)
print(torch.allclose(grad(first.sum(), x)[0], 6 * x), slope.requires_grad)
values, places = Largest.apply(x, 2)
values.sum().backward()
print(x.grad, places)

t = torch.linspace(-math.pi, math.pi, 200)
a, b, c, d = (torch.full((), value, requires_grad=True) for value in (0.0, -1.0, 0.0, 0.3))
for _ in range(30):
    loss = (a + b * Legendre.apply(c + d * t) - torch.sin(t)).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 5e-6 * p.grad
            p.grad = None
print(f"y = {a.item():.5f} + {b.item():.5f} P3({c.item():.5f} + {d.item():.5f} x), {loss.item():.4f}")

net, seen = fill(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))), []
handles = [m.register_forward_hook(lambda m, i, o: seen.append((type(m).__name__, tuple(o.shape)))) for m in net]
handles += [
    net[0].register_full_backward_hook(lambda m, gi, go: seen.append((gi[0] is None, tuple(go[0].shape)))),
    net.register_forward_pre_hook(lambda m, args: (args[0] + 1,)),
    net[2].register_full_backward_pre_hook(lambda m, go: (go[0] * 2,)),
    net[1].register_forward_hook(lambda m, args, kwargs, out: out * 1.5, with_kwargs=True),
]
x = normal(3, 4)
net(x).sum().backward()
print(seen, net[0].weight.grad.norm())
for handle in handles:
    handle.remove()
p = torch.ones(2, requires_grad=True)
q = p * 3
q.retain_grad()
handle = q.register_hook(lambda g: g.clamp(max=0.5))
q.square().sum().backward()
print(p.grad, q.grad, q.is_leaf, p.is_leaf)
p.register_post_accumulate_grad_hook(lambda p: print("gathered", p.grad))
(p * 2).sum().backward()

for p in net.parameters():  # the optimizer's step in the backward pass
    p.register_post_accumulate_grad_hook(lambda p: p.add_(p.grad, alpha=-0.01))
net(normal(5, 4)).square().mean().backward()
print(net[0].weight.norm())

half = saved_tensors_hooks(lambda t: (t.dtype, t.half()), lambda kept: kept[1].to(kept[0]))
x, packed = normal(3, 4).requires_grad_(), []
with half:
    (net(x).exp() * x[:, :1]).sum().backward()
print(x.grad)
x.grad = None
with save_on_cpu(), saved_tensors_hooks(lambda t: packed.append(t.clone()) or len(packed) - 1, packed.__getitem__):
    y = Affine.apply(x.sin(), normal(5, 4), normal(5)).tanh().sum(0).square().mean()
with torch.no_grad():
    x.zero_()  # what was saved has been copied
(slopes,) = grad(y, x, create_graph=True)
print(y, slopes, grad(slopes.square().sum(), x), len(packed) > 3)
try:
    with saved_tensors_hooks(lambda t: 0, lambda t: t):
        x.exp().sum().backward()
except TypeError as error:
    print("expected" in str(error))

x = normal(4).requires_grad_()


def f(x):
    return torch.stack([x.prod(), (x.sin() * x).sum(), x[0] ** 3])


one, v = torch.ones(3, dtype=x.dtype, requires_grad=True), normal(4)
pushed = grad(grad(f(x), x, one, create_graph=True)[0], one, v)[0]
print(pushed, torch.allclose(pushed, torch.autograd.functional.jvp(f, x, v)[1]))
print(torch.autograd.functional.hessian(lambda x: f(x).sum(), x))
(slopes,) = grad(f(x).sum(), x, create_graph=True)
print(grad(slopes @ v, x, retain_graph=True), sum(grad(slopes[i], x, retain_graph=True)[0][i] for i in range(4)))
try:
    slopes.sum().backward()
    slopes.sum().backward()
except RuntimeError as error:
    print("second time" in str(error))
print(grad(x.sum(), [x, p], allow_unused=True)[1], grad(x.sum() * 2, [x, p], allow_unused=True, materialize_grads=True))
point = torch.tensor([-1.2, 1.0])
for _ in range(6):
    banana = lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    slope = torch.autograd.functional.jacobian(banana, point)
    point = point - torch.linalg.solve(torch.autograd.functional.hessian(banana, point), slope)
print(point)
with torch.no_grad(), torch.enable_grad():
    print((x * 2).requires_grad, torch.is_grad_enabled())
kept, again = x.detach(), x.clone().detach().requires_grad_(True)
kept[0] = 0.0
print(x[0].item(), again.is_leaf, again.grad, x.grad_fn, (x + 1).grad_fn.next_functions[0][0] is not None)
x = normal(3, 4).requires_grad_()
out = checkpoint(net, x, use_reentrant=False).sum()
out.backward()
print(x.grad, out == checkpoint_sequential(net, 2, x, use_reentrant=False).sum())
