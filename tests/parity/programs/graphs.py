"""Graph networks over a matrix and over a list of edges: convolution, attention with a scattered softmax, pooling, PageRank."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


class Convolution(nn.Module):
    def __init__(self, inside, outside, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inside, outside))
        if bias:
            self.bias = nn.Parameter(torch.empty(outside))
        else:
            self.register_parameter("bias", None)

    def forward(self, x, adjacency):
        out = torch.mm(adjacency, torch.mm(x, self.weight))
        return out if self.bias is None else out + self.bias

    def extra_repr(self):
        return "{} -> {}".format(*self.weight.shape)


class Attention(nn.Module):
    def __init__(self, inside, outside, heads=2):
        super().__init__()
        self.heads, self.linear = heads, nn.Linear(inside, heads * outside, bias=False)
        self.source, self.target = (nn.Parameter(torch.empty(1, heads, outside)) for _ in range(2))

    def forward(self, x, edges):
        n, (s, t) = len(x), edges
        h = self.linear(x).view(n, self.heads, -1)
        e = F.leaky_relu((h * self.source).sum(-1)[s] + (h * self.target).sum(-1).index_select(0, t), 0.2)
        most = e.new_full((n, self.heads), -math.inf).scatter_reduce(0, t[:, None].expand_as(e), e, "amax")
        e = (e - most[t]).exp()
        a = e / torch.zeros(n, self.heads).type_as(e).scatter_add_(0, t[:, None].expand_as(e), e)[t]
        return torch.zeros_like(h).index_add(0, t, h[s] * a.unsqueeze(-1)).flatten(1)


class Mean(nn.Module):
    def __init__(self, inside, outside, reduce="mean"):
        super().__init__()
        self.near, self.own, self.reduce = nn.Linear(inside, outside), nn.Linear(inside, outside, bias=False), reduce

    def forward(self, x, edges):
        places = edges[1][:, None].expand(-1, x.size(1))
        gathered = torch.zeros_like(x).scatter_reduce(0, places, x[edges[0]], self.reduce, include_self=False)
        return self.near(gathered) + self.own(x)


n = 12
links = rng.random((n, n)) < 0.25
links = torch.from_numpy(links | links.T | np.eye(n, dtype=bool))
A = links.to(torch.get_default_dtype())
degree = A.sum(1)
scaled = degree.pow(-0.5).diag() @ A @ degree.pow(-0.5).diag()
edges = A.nonzero().t().contiguous()
print(edges.shape, edges[:, :5], torch.bincount(edges[1], minlength=n), degree.long())
x, y = normal(n, 6), torch.from_numpy(rng.integers(0, 3, n))
train = torch.arange(n) < 8


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Convolution(6, 8), Convolution(8, 3, bias=False)

    def forward(self, x, A):
        return F.log_softmax(self.second(F.relu(self.first(x, A)), A), dim=1)


model = fill(Net())
print(model)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=5e-4)
for epoch in range(5):
    out = model(x, scaled)
    loss = F.nll_loss(out[train], y[train])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    accuracy = out.max(1)[1].eq(y)[~train].double().mean()
    print("Epoch: {:02d} loss: {:.5f} accuracy: {:.3f}".format(epoch, loss.item(), accuracy.item()))

for layer in (Attention(6, 4), Mean(6, 4), Mean(6, 4, "amax"), Mean(6, 4, "sum")):
    out = fill(layer)(x, edges)
    out.pow(2).mean().backward()
    print(type(layer).__name__, out.norm(), [p.grad.norm() for p in layer.parameters()])

graph = torch.tensor([0] * 5 + [1] * 3 + [2] * 4)
x = x.requires_grad_()
mean = torch.zeros(3, 6, dtype=x.dtype).index_add(0, graph, x) / graph.bincount()[:, None]
most = torch.stack([part.amax(0) for part in x.split(graph.bincount().tolist())])
(mean.sum() + most.sum()).backward()
print(mean, most, x.grad.sum(0))
print(torch.unique_consecutive(graph, return_counts=True), torch.unique(edges[0], return_counts=True)[1])
near = torch.cdist(x, x).detach().topk(3, largest=False).indices[:, 1:]
both = torch.stack([torch.arange(n).repeat_interleave(2), near.flatten()])
print(torch.cat([both, both.flip(0)], 1).unique(dim=1).shape)
print(torch.linalg.eigvalsh(degree.diag() - A)[1:4])
rank = torch.full((n,), 1 / n, dtype=A.dtype)
for _ in range(30):
    rank = 0.85 * rank @ (A / A.sum(1, keepdim=True)) + 0.15 / n
print(rank.sum(), rank.argsort(descending=True)[:3])
