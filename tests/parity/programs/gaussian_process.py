"""Gaussian process regression by marginal likelihood, with Adam and LBFGS, and the linear algebra of least squares."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import MultivariateNormal

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


torch.set_default_dtype(torch.float64)


class GaussianProcess(nn.Module):
    def __init__(self):
        super().__init__()
        self.raw_length, self.raw_scale = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.tensor(0.0))
        self.log_noise, self.mean = nn.Parameter(torch.tensor(-2.0)), nn.Parameter(torch.zeros(()))

    @property
    def length(self):
        return F.softplus(self.raw_length)

    def kernel(self, a, b):
        return F.softplus(self.raw_scale) * torch.cdist(a / self.length, b / self.length).square().div(-2).exp()

    def factor(self, x):
        return torch.linalg.cholesky(self.kernel(x, x) + self.log_noise.exp() * torch.eye(len(x)))

    def nll(self, x, y):
        L = self.factor(x)
        r = (y - self.mean).unsqueeze(-1)
        fit = (r.mT @ torch.cholesky_solve(r, L)).squeeze() / 2
        return fit + L.diagonal().log().sum() + len(x) / 2 * math.log(2 * math.pi)

    @torch.no_grad()
    def predict(self, x, y, new):
        L, across = self.factor(x), self.kernel(x, new)
        A = torch.linalg.solve_triangular(L, across, upper=False)
        v = torch.linalg.solve_triangular(L, (y - self.mean)[:, None], upper=False)
        return self.mean + (A.T @ v).squeeze(-1), self.kernel(new, new).diagonal() - A.square().sum(0)


x = torch.linspace(0, 4, 20).unsqueeze(-1)
y = torch.sin(math.pi * x).squeeze() + 0.2 * normal(20)
model = GaussianProcess()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for step in range(8):
    optimizer.zero_grad()
    loss = model.nll(x, y)
    loss.backward()
    optimizer.step()
    print(f"{step} {loss.item():.6f} length {model.length.item():.5f} noise {model.log_noise.exp():.5f}")
print(*model.predict(x, y, torch.linspace(0, 4, 5)[:, None]))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=6, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = model.nll(x, y)
    loss.backward()
    return loss


print(optimizer.step(closure).item(), model.nll(x, y).item())
K = model.kernel(x, x) + model.log_noise.exp() * torch.eye(20)
p = MultivariateNormal(model.mean.expand(20), covariance_matrix=K)
print(torch.allclose(-p.log_prob(y), model.nll(x, y)), p.entropy())

A, w = normal(20, 3), torch.tensor([1.0, -2.0, 0.5])
b = A @ w + 0.01 * normal(20)
print(torch.linalg.lstsq(A, b.unsqueeze(1)).solution.squeeze(), torch.linalg.pinv(A) @ b)
print(torch.linalg.solve(A.T @ A + 1e-6 * torch.eye(3), A.T @ b))
U, S, Vh = torch.linalg.svd(A, full_matrices=False)
print(S, torch.dist(U @ torch.diag(S) @ Vh, A) < 1e-10, torch.linalg.matrix_rank(A), torch.linalg.cond(A))
Q, R = torch.linalg.qr(A)
print(R.diagonal().abs(), torch.linalg.norm(A), torch.linalg.norm(A, 2), torch.linalg.matrix_norm(A, "nuc"))
print(torch.linalg.eigh(A.T @ A).eigenvalues, torch.logdet(A.T @ A), torch.cov(A.T), torch.corrcoef(A.T)[0])
P = torch.cov(A.T).requires_grad_()
(torch.linalg.inv(P).logdet() + torch.linalg.eigvalsh(P).log().sum()).backward()
print(P.grad.abs().max() < 1e-9)
for wrong in (lambda: torch.linalg.cholesky(-torch.eye(2)), lambda: torch.linalg.inv(torch.zeros(2, 2))):
    try:
        wrong()
    except torch.linalg.LinAlgError as error:
        print(isinstance(error, RuntimeError))
