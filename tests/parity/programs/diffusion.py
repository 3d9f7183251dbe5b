"""Denoising diffusion: a U-Net that is told the time, a cosine schedule in buffers, an average of the weights, sampling."""

import copy
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


class TimeEmbedding(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.mlp = nn.Sequential(nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, 2 * size))

    def forward(self, t):
        half = self.size // 2
        rates = torch.exp(torch.arange(half, device=t.device) * -(math.log(10000) / (half - 1)))
        angles = t[:, None] * rates[None]
        return self.mlp(torch.cat((angles.sin(), angles.cos()), dim=-1))


class Residual(nn.Module):
    def __init__(self, inside, outside, time):
        super().__init__()
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(time, 2 * outside))
        self.conv1, self.conv2 = nn.Conv2d(inside, outside, 3, padding=1), nn.Conv2d(outside, outside, 3, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(2, outside), nn.GroupNorm(2, outside)
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x, t):
        scale, shift = self.time(t)[..., None, None].chunk(2, dim=1)
        h = F.silu(self.norm1(self.conv1(x)) * (scale + 1) + shift)
        return F.silu(self.norm2(self.conv2(h))) + self.skip(x)


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.time = TimeEmbedding(width)
        self.enter = nn.Conv2d(1, width, 3, padding=1)
        self.down1 = Residual(width, width, 2 * width)
        self.pool = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.middle = Residual(2 * width, 2 * width, 2 * width)
        self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(2 * width, width, 3, padding=1))
        self.up1 = Residual(2 * width, width, 2 * width)
        self.leave = nn.Conv2d(width, 1, 1)

    def forward(self, x, t):
        t = self.time(t)
        fine = self.down1(self.enter(x), t)
        coarse = self.middle(self.pool(fine), t)
        return self.leave(self.up1(torch.cat((self.up(coarse), fine), dim=1), t))


class Diffusion(nn.Module):
    def __init__(self, net, steps=12):
        super().__init__()
        self.net, self.steps = net, steps
        time = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        kept = torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
        betas = torch.clip(1 - kept[1:] / kept[:-1], 0, 0.999)
        kept = torch.cumprod(1 - betas, dim=0)
        before = F.pad(kept[:-1], (1, 0), value=1.0)
        for name, value in {
            "signal": kept.sqrt(),
            "noise": (1 - kept).sqrt(),
            "weight_start": betas * before.sqrt() / (1 - kept),
            "weight_now": (1 - before) * (1 - betas).sqrt() / (1 - kept),
            "log_variance": torch.log((betas * (1 - before) / (1 - kept)).clamp(min=1e-20)),
        }.items():
            self.register_buffer(name, value.to(torch.get_default_dtype()))

    def at(self, name, t):
        return getattr(self, name).gather(-1, t).reshape(-1, 1, 1, 1)

    def forward(self, x, t, noise):
        noisy = self.at("signal", t) * x + self.at("noise", t) * noise
        return F.mse_loss(self.net(noisy, t), noise, reduction="none").flatten(1).mean(1).mean()

    @torch.no_grad()
    def sample(self, x):
        for step in reversed(range(self.steps)):
            t = torch.full((len(x),), step, dtype=torch.long)
            start = ((x - self.at("noise", t) * self.net(x, t)) / self.at("signal", t)).clamp_(-1.0, 1.0)
            x = self.at("weight_start", t) * start + self.at("weight_now", t) * x
            if step:
                x += (0.5 * self.at("log_variance", t)).exp() * normal(*x.shape)
        return x


model = fill(Diffusion(UNet()), 0.2)
average = copy.deepcopy(model).eval().requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, betas=(0.9, 0.99))
images = normal(4, 1, 8, 8).tanh()
for step in range(4):
    for _ in range(2):
        t = torch.from_numpy(rng.integers(0, 12, 4))
        loss = model(images, t, normal(*images.shape)) / 2
        loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), model.parameters()):
            slow.lerp_(fast, 0.1)
    print(f"{step} {loss.item():.5f} {norm.item():.4f}")
made = average.sample(normal(2, 1, 8, 8))
print(made.shape, made.mean(), made.std(), made.requires_grad)
print([name for name, _ in model.named_buffers()], len(model.state_dict()))
print(model.net.up)
