"""Wasserstein GAN with a gradient penalty, spectral and weight norms, self-attention; then adversarial examples, and a style."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import autograd, nn, optim
from torch.autograd import Variable
from torch.nn.utils import spectral_norm, weight_norm
from torch.nn.utils import parametrizations

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


class SelfAttention(nn.Module):
    def __init__(self, width):
        super(SelfAttention, self).__init__()
        self.query, self.key, self.value = (nn.Conv2d(width, n, 1) for n in (width // 2, width // 2, width))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        b, c, h, w = x.size()
        q = self.query(x).view(b, -1, h * w).permute(0, 2, 1)
        weights = torch.bmm(q, self.key(x).view(b, -1, h * w)).softmax(dim=-1)
        out = torch.bmm(self.value(x).view(b, -1, h * w), weights.permute(0, 2, 1))
        return self.gamma * out.view(b, c, h, w) + x


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = spectral_norm(nn.Conv2d(1, 4, 4, 2, 1))
        self.middle = nn.Sequential(weight_norm(nn.Conv2d(4, 4, 3, 1, 1)), nn.LeakyReLU(0.2, inplace=True))
        self.attention, self.leave = SelfAttention(4), parametrizations.weight_norm(nn.Linear(64, 1))

    def forward(self, x):
        x = F.leaky_relu(self.enter(x), 0.2)
        return self.leave(self.attention(self.middle(x) + x).flatten(1))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.start = nn.Linear(6, 64)
        self.paint = nn.Sequential(
            nn.BatchNorm2d(4, 0.8), nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 3, padding=1),
            nn.InstanceNorm2d(4, affine=True), nn.PReLU(), nn.ConvTranspose2d(4, 1, 3, 1, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.paint(self.start(z).view(-1, 4, 4, 4))


generator, critic = fill(Generator()), fill(Critic())
for name, buffer in critic.named_buffers():
    buffer.copy_(F.normalize(normal(*buffer.shape), dim=0))  # where spectral_norm starts to iterate
print(critic)
print(list(critic.state_dict()))
to_paint = optim.RMSprop(generator.parameters(), lr=1e-3, alpha=0.9)
to_judge = optim.Adam(critic.parameters(), lr=1e-3, betas=(0.0, 0.9))
for step in range(3):
    real, z = Variable(normal(4, 1, 8, 8)), Variable(normal(4, 6))
    fake = generator(z).detach()
    mix = normal(4, 1, 1, 1).sigmoid()
    between = (mix * real + (1 - mix) * fake).requires_grad_(True)
    score = critic(between)
    slope = autograd.grad(
        score, between, torch.ones_like(score), create_graph=True, retain_graph=True, only_inputs=True
    )[0]
    penalty = ((slope.view(4, -1).norm(2, dim=1) - 1) ** 2).mean()
    judged = F.relu(1.0 - critic(real)).mean() + F.relu(1.0 + critic(fake)).mean() + 10 * penalty
    to_judge.zero_grad()
    judged.backward()
    to_judge.step()
    critic.requires_grad_(False)
    painted = -critic(generator(z)).mean()
    to_paint.zero_grad()
    painted.backward()
    to_paint.step()
    critic.requires_grad_(True)
    print("[%d] [critic %f] [generator %f] [penalty %f]" % (step, judged.item(), painted.item(), penalty.item()))
for p in critic.parameters():
    p.data.clamp_(-0.01, 0.01)
print(max(p.abs().max().item() for p in critic.parameters()))

net = fill(nn.Sequential(nn.Flatten(), nn.Linear(16, 10), nn.ReLU(), nn.Linear(10, 3)))
x, y = normal(5, 1, 4, 4).sigmoid(), torch.tensor([0, 1, 2, 1, 0])
delta = torch.zeros_like(x, requires_grad=True)
for _ in range(4):
    F.cross_entropy(net(x + delta), y).backward()
    delta.data = (delta + 0.02 * delta.grad.detach().sign()).clamp(-0.05, 0.05)
    delta.data = (x + delta.data).clamp(0, 1) - x
    delta.grad.zero_()
print(delta.detach().abs().max(), F.cross_entropy(net(x + delta), y).item(), F.cross_entropy(net(x), y).item())


def gram(features):
    b, c, h, w = features.size()
    flat = features.view(b * c, h * w)
    return torch.mm(flat, flat.t()).div(b * c * h * w)


class Style(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.target = gram(features).detach()

    def forward(self, x):
        self.loss = F.mse_loss(gram(x), self.target)
        return x


layers = fill(nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 6, 3, padding=1)))
style, image = normal(1, 3, 8, 8).sigmoid(), normal(1, 3, 8, 8).sigmoid()
content, model, losses = layers(image).detach(), nn.Sequential(), []
for i, layer in enumerate(layers.children()):
    model.add_module("relu_%d" % i if isinstance(layer, nn.ReLU) else "conv_%d" % i, nn.ReLU() if i == 1 else layer)
    if isinstance(layer, nn.Conv2d):
        losses.append(Style(model(style).detach()))
        model.add_module("style_%d" % i, losses[-1])
model.eval().requires_grad_(False)
print(model)
image.requires_grad_(True)
optimizer = optim.LBFGS([image], max_iter=4)


def closure():
    with torch.no_grad():
        image.clamp_(0, 1)
    optimizer.zero_grad()
    out = model(image)
    loss = F.mse_loss(out, content) + 1000 * sum(s.loss for s in losses)
    loss.backward()
    return loss


for _ in range(2):
    print(optimizer.step(closure).item())
smooth = (image[:, :, 1:] - image[:, :, :-1]).abs().mean() + (image[..., 1:] - image[..., :-1]).abs().mean()
print(image.mean().item(), smooth.item())
