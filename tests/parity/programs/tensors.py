"""Tensors by themselves: types, integers and bits, indexing, changes in place, broadcasting instead of loops, display."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import arange, tensor, where

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


print(torch.Tensor(2, 3).dtype == torch.get_default_dtype(), torch.Tensor([1, 2.5]), torch.FloatTensor([1]).dtype)
x, y = tensor([5, -7, 12, 0], dtype=torch.int32), tensor([3, 2, -5, 4], dtype=torch.int32)
print(x + y, x - y, x * y, x / y, x // y, x % y, x**2, -x, abs(x), ~x, x & y, x | y, x ^ y, x << 2, x >> 1, x == y)
print(
    torch.div(x, y, rounding_mode="trunc"),
    torch.fmod(x, y),
    torch.gcd(x, y),
    x.sign(),
    x.clamp(-5, 5),
    7 // y,
    2 ** x[:1],
)
print(
    (x / 2).dtype,
    (x * 2.0).dtype,
    (x + True).dtype,
    (x.to(torch.uint8) + x).dtype,
    (tensor(3) * x.to(torch.int8)).dtype,
)
print(
    (tensor(1.0) * torch.ones(2, dtype=torch.float64)).dtype,
    x.sum().dtype,
    x.cumsum(0).dtype,
    torch.result_type(x, 1.5),
)
print(
    tensor([250], dtype=torch.uint8) + 10,
    tensor([1.7, -1.7]).int(),
    tensor([1.5, 2.5]).round(),
    tensor([True, False]).int(),
)
print(torch.finfo(torch.float32).eps, torch.iinfo(torch.int16).max, torch.promote_types(torch.int8, torch.uint8))
print(sum((tensor([255, 1023, 4]) >> i) & 1 for i in range(12)), (arange(8) ^ (arange(8) >> 1)).tolist())
print((arange(4)[:, None] >> arange(1, -1, -1)) & 1, tensor([[1, 0, 1]]) @ (2 ** arange(2, -1, -1)), tensor(2**40) * 3)

for shown in (
    tensor(3), tensor(3.0), tensor(True), tensor([1.0, 2.5]), tensor([1.0, 1e-5]), tensor([1.0, 1e10]), tensor([]),
    tensor([float("nan"), float("inf"), -1.0]), tensor([[1, -20], [300, 4]]), torch.empty(2, 0), tensor([1 + 2j]),
    torch.zeros(3, 3).bool(), arange(1001), arange(40.0).view(2, 4, 5), tensor([0.1, 100000.0]), tensor(1e-8),
    torch.ones(2, requires_grad=True), tensor([1], dtype=torch.uint8), torch.Size([1, 2]), torch.device("cpu"),
):  # fmt: skip
    print(shown)
print(f"{tensor(2.5)} {tensor(3)} {tensor(True)} {torch.ones(2)}")
print(
    f"{tensor(3.14159):.2f} {tensor(5):03d}",
    "%d %.1f" % (tensor(3), tensor(2.0)),
    [1, 2, 3][tensor(1)],
    torch.ones(2).type(),
)

z = arange(24).reshape(2, 3, 4)
print(z[..., -1], z[:, [0, 2]][0], z[z > 20], z[[0, 1], [1, 2]], z[None, ..., None].shape, z[1, 1:, ::2], z[-1][-1][-1])
print(z[tensor([0, 1])[:, None], tensor([0, 2])].shape, z.permute(2, 0, 1).shape, z.movedim(0, -1).shape, z.mT.shape)
w = z.clone()
w[w % 2 == 0] = -1
w[0, :, 1] += 100
w[[0, 1], :, [2, 3]] = 7
w[..., 0].mul_(2)
print(w)
print(z.sum((0, 2)), z.float().mean(dim=(1, 2), keepdim=True).shape, z.max(dim=1), z.amax((0, 1)), z.argmax(dim=-1))
print(z.cummax(-1).values[0, 0], z.any(), z.float().std(0, unbiased=False)[0], z.float().quantile(0.3), z.aminmax())
print(torch.sort(tensor([3, 1, 2, 1]), stable=True), torch.topk(tensor([1, 5, 3]), 2), torch.unique(tensor([2, 1, 2])))
print(torch.searchsorted(tensor([1, 3, 5]), tensor([0, 3, 6]), right=True), torch.isin(arange(4), tensor([1, 3])))
at = tensor([[0, 1], [2, 0]])
print(torch.gather(z[0], 1, at), torch.zeros(3, 4).scatter(1, at, 1.0), torch.take(z, tensor([0, 23])))
print(
    torch.zeros(5).index_put_((tensor([1, 1, 3]),), tensor([1.0, 2.0, 3.0]), accumulate=True),
    F.one_hot(tensor([0, 2]), 4),
)
print(
    torch.nonzero(tensor([0, 1, 1])), torch.argwhere(tensor([[0, 1]])), where(tensor([0, 1]) > 0), torch.tril(z[0], -1)
)
print(
    torch.tensor_split(arange(7), 3),
    [len(c) for c in arange(11).chunk(4)],
    z.unbind(1)[0].shape,
    torch.roll(z, 1, 2)[0, 0],
)
print(torch.cartesian_prod(tensor([1, 2]), tensor([3, 4])), torch.combinations(arange(3)), torch.rot90(z[0]).shape)
image = arange(48.0).view(1, 3, 4, 4)
patches = F.unfold(image, 2, stride=2)
print(patches.shape, F.fold(patches, (4, 4), 2, stride=2).equal(image), image.unfold(2, 2, 2).unfold(3, 2, 2).shape)
a, b, c = normal(3, 4), normal(4, 5), normal(2, 3, 4)
for equation, operands in {
    "ij,jk->ik": (a, b), "ij->ji": (a,), "ij->": (a,), "bij,jk->bik": (c, b), "ii->i": (a @ a.T,), "i,j": (a[0], b[0]),
    "...ij,...j->...i": (c, c[:, 0]), "b i j, b k j -> b i k": (c, c), "ij,jk,kl->il": (a, b, b.T),
}.items():  # fmt: skip
    print(equation, tuple(torch.einsum(equation, *operands).shape), torch.einsum(equation, *operands).sum().item())

t = torch.zeros(4)
v = t[1:3]
v += 1
t[0] = v.sum()
t.add_(1).mul_(2)
print(t, v, v.data_ptr() == t.data_ptr() + t.element_size(), v.storage_offset(), t.view(2, 2).t().is_contiguous())
leaf = torch.ones(3, 3, requires_grad=True)
h = leaf * arange(-4.0, 5.0).view(3, 3)
h[h < 0] = 0
h.diagonal().mul_(2)
h[:, 0] = h[:, 1].clone() * h[:, 2].clone()
h.clamp(max=20).sum().backward()
print(leaf.grad)

eye = lambda n: where(arange(n)[:, None] == arange(n), 1, 0)
upto = lambda n: where(arange(n)[:, None] <= arange(n), 1, 0)
print(eye(3), tensor([1, 2, 3, 4]) @ upto(4), tensor([1, 2, 3]) @ eye(4)[tensor([0, 2, 2])], arange(6)[5 - arange(6)])
prime = torch.ones(40, dtype=torch.bool)
prime[:2] = False
for i in range(2, 7):
    if prime[i]:
        prime[i * i :: i] = False
print(prime.nonzero().squeeze(-1))
cells = torch.zeros(5, 5)
cells[2, 1:4] = 1
near = F.conv2d(cells[None, None], torch.ones(1, 1, 3, 3), padding=1)[0, 0] - cells
print(((near == 3) | ((near == 2) & cells.bool())).int())
for wrong in (
    lambda: leaf.add_(1), lambda: torch.ones(3, dtype=torch.int32).add_(1.5), lambda: leaf.numpy(), lambda: bool(torch.ones(2)),
    lambda: torch.ones(2, 3) @ torch.ones(2, 3), lambda: torch.ones(2).view(3), lambda: torch.ones(2)[2], lambda: len(tensor(1)),
    lambda: torch.ones(2, 3).t().view(-1), lambda: tensor([1]) // 0, lambda: tensor([[1, 2], [3]]), lambda: torch.ones(2) + "a",
):  # fmt: skip
    try:
        print("fine", wrong())
    except Exception as error:
        kinds = (RuntimeError, ValueError, TypeError, IndexError, ZeroDivisionError)
        print([kind.__name__ for kind in kinds if isinstance(error, kind)])

# As programs were written before PyTorch 1.5: the factor stands before what it multiplies.
p, first, second = torch.ones(3), torch.zeros(3), torch.zeros(3)
for step in range(1, 4):
    g = p * step - 0.5
    first.mul_(0.9).add_(1 - 0.9, g)
    second.mul_(0.99).addcmul_(1 - 0.99, g, g)
    p.addcdiv_(-0.1, first, second.sqrt().add_(1e-8))
    p.sub_(0.01, g)
    print(p, first, second)
w, u = torch.tensor([1.5, 2.0], requires_grad=True), torch.tensor([0.5, -1.0], requires_grad=True)
out = torch.add(w, 2, u) + w.sub(3, u) * torch.addcmul(w, 2, u, u) + w.addcdiv(0.5, w, u)
out.sum().backward()
print(out, w.grad, u.grad)

# Older still: a Variable is a leaf that shares the memory of what it is made of.
t = torch.zeros(2)
Variable = torch.autograd.Variable
v, leaf = Variable(t), Variable(t, requires_grad=True)
v.add_(1)
print(t, t.requires_grad, leaf.requires_grad, isinstance(t, Variable), isinstance(3, Variable))
cut = Variable(w * 2)
print(cut.requires_grad, torch.autograd.grad((cut * w).sum(), w)[0])
