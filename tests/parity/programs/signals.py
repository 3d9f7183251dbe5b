"""Sound and spectra: Fourier transforms, spectrograms, complex weights, a neural operator, state spaces, long convolutions."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


t = torch.arange(0, 1, 1 / 400)
x = torch.sin(2 * math.pi * 50 * t) + 0.5 * torch.cos(2 * torch.pi * 120 * t)
X = torch.fft.rfft(x)
print(
    torch.fft.rfftfreq(len(x), 1 / 400)[X.abs().topk(2).indices],
    X.shape,
    torch.allclose(torch.fft.irfft(X, n=400), x, atol=1e-5),
)
window = torch.hann_window(64)
S = torch.stft(x, n_fft=64, hop_length=16, window=window, return_complex=True)
print(S.shape, S.abs().pow(2).mean(), torch.allclose(torch.istft(S, 64, 16, window=window, length=400), x, atol=1e-5))
bands = torch.linspace(0, 2595 * math.log10(1 + 200 / 700), 10)
edges, frequencies = 700 * (10 ** (bands / 2595) - 1), torch.linspace(0, 200, 33)
slopes = edges.unsqueeze(0) - frequencies.unsqueeze(1)
widths = edges.diff()
filters = torch.clamp(torch.minimum(-slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]), min=0)
decibels = 10 * torch.log10((filters.T @ S.abs().square()).clamp(min=1e-10))
print(decibels.shape, torch.maximum(decibels, decibels.max() - 80).mean())

z = torch.complex(normal(3), normal(3)).requires_grad_()
((z * z.conj()).real.sum() + (z**2).imag.sum() + z.abs().sum() + torch.view_as_real(z).prod()).backward()
print(
    z.grad, z.detach().angle(), torch.polar(torch.ones(2), torch.tensor([0.0, 1.0])), z.is_complex(), z.detach().exp()
)
k = torch.fft.fft2(normal(4, 4))
print(
    torch.fft.fftshift(k).abs().sum(),
    torch.fft.ifft2(k).imag.abs().max() < 1e-5,
    torch.fft.fft(torch.arange(4.0), norm="ortho"),
)


class SpectralConv(nn.Module):
    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        self.weight = nn.Parameter(torch.complex(normal(width, width, modes), normal(width, width, modes)) / width**2)

    def forward(self, x):
        X = torch.fft.rfft(x)
        out = torch.zeros_like(X)
        out[:, :, : self.modes] = torch.einsum("bix,iox->box", X[:, :, : self.modes], self.weight)
        return torch.fft.irfft(out, n=x.size(-1))


class Operator(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.leave, self.mix = nn.Linear(2, 6), nn.Linear(6, 1), nn.Conv1d(6, 6, 1)
        for layer in (self.enter, self.leave, self.mix):
            fill(layer)
        self.spectral = SpectralConv(6, 4)

    def forward(self, x):
        grid = torch.linspace(0, 1, x.shape[1]).reshape(1, -1, 1).repeat([len(x), 1, 1])
        h = self.enter(torch.cat((x, grid.to(x)), dim=-1)).permute(0, 2, 1)
        return self.leave(F.gelu(self.spectral(h) + self.mix(h)).permute(0, 2, 1))


model, a = Operator(), normal(4, 16, 1)
b = a.cumsum(1) / 8
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
print(model, sum(p.numel() * (2 if p.is_complex() else 1) for p in model.parameters()))
for _ in range(4):
    optimizer.zero_grad()
    loss = (torch.norm((model(a) - b).flatten(1), 2, 1) / torch.norm(b.flatten(1), 2, 1)).sum()
    loss.backward()
    optimizer.step()
    print(loss.item())

u, h = normal(2, 10).requires_grad_(), normal(2, 5).requires_grad_()
n = 14
y = torch.fft.irfft(torch.fft.rfft(u, n=n) * torch.fft.rfft(h, n=n), n=n)[..., :10]
y.square().sum().backward()
direct = F.conv1d(F.pad(u, (4, 0))[None], h.flip(-1)[:, None], groups=2)[0]
print(torch.allclose(y, direct, atol=1e-5), u.grad.norm(), h.grad.norm())


class StateSpace(nn.Module):
    def __init__(self, width, size=8):
        super().__init__()
        self.log_step = nn.Parameter(normal(width) - 3)
        self.C = nn.Parameter(torch.view_as_real(torch.complex(normal(width, size // 2), normal(width, size // 2))))
        self.log_decay = nn.Parameter(torch.log(0.5 * torch.ones(width, size // 2)))
        self.turn = nn.Parameter(math.pi * torch.arange(size // 2).to(normal(1)).repeat(width, 1))

    def forward(self, u):
        length, step = u.size(-1), torch.exp(self.log_step).unsqueeze(-1)
        A = -torch.exp(self.log_decay) + 1j * self.turn
        C = torch.view_as_complex(self.C) * (torch.exp(A * step) - 1.0) / A
        kernel = 2 * torch.einsum("hn,hnl->hl", C, torch.exp((A * step).unsqueeze(-1) * torch.arange(length))).real
        return torch.fft.irfft(torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(kernel, n=2 * length))[..., :length]


space = StateSpace(3)
out = space(normal(2, 3, 12))
out.pow(2).mean().backward()
print(out.std(), {name: p.grad.norm().item() for name, p in space.named_parameters()})
u, step, A, B, C = (normal(*shape).requires_grad_() for shape in ((2, 5, 3), (2, 5, 3), (3, 4), (2, 5, 4), (2, 5, 4)))
keep = torch.exp(torch.einsum("bld,dn->bldn", F.softplus(step), -A.exp()))
add = torch.einsum("bld,bln,bld->bldn", F.softplus(step), B, u)
state, out = torch.zeros(2, 3, 4).to(u), []
for i in range(5):
    state = keep[:, i] * state + add[:, i]
    out.append(torch.einsum("bdn,bn->bd", state, C[:, i]))
torch.stack(out, dim=1).sum().backward()
print([round(p.grad.norm().item(), 5) for p in (u, step, A, B, C)])
mu = torch.sign(x) * torch.log1p(255 * x.clamp(-1, 1).abs()) / math.log(256)
print(
    ((mu + 1) / 2 * 255 + 0.5).to(torch.int64)[:6], torch.trapezoid(x, t), torch.diff(x)[:2], torch.gradient(x)[0][:2]
)
print(F.interpolate(x[None, None], scale_factor=2, mode="linear").mean(), F.avg_pool1d(x[None, None], 4).std())
print(torch.hamming_window(4), torch.bartlett_window(4), torch.kaiser_window(4), torch.sinc(t[:3]))
