"""Pictures: blocks of modern networks, mixed training data, losses of segmentation and detection, codebooks, resampling."""

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


class SqueezeExcite(nn.Module):
    def __init__(self, width, ratio=2):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(
            nn.Linear(width, width // ratio, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(width // ratio, width),
            nn.Sigmoid(),
        )

    def forward(self, x):
        b, c, _, _ = x.size()
        return x * self.gate(self.pool(x).view(b, c)).view(b, c, 1, 1).expand_as(x)


class SpatialGate(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x):
        summary = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
        return x * torch.sigmoid(self.conv(summary))


class ChannelsNorm(nn.LayerNorm):
    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm, self.up, self.down = (
            ChannelsNorm(width, eps=1e-6),
            nn.Linear(width, 2 * width),
            nn.Linear(2 * width, width),
        )
        self.gamma = nn.Parameter(1e-2 * torch.ones(width))

    def forward(self, x):
        h = self.norm(self.depthwise(x)).permute(0, 2, 3, 1)
        return x + (self.gamma * self.down(F.gelu(self.up(h), approximate="tanh"))).permute(0, 3, 1, 2)


net = nn.Sequential(
    nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.Hardswish(), SqueezeExcite(8), SpatialGate(),
    ConvNeXt(8), nn.AdaptiveMaxPool2d((2, 2)), nn.Flatten(), nn.Linear(32, 5),
)  # fmt: skip
fill(net)
for module in net.modules():
    if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)):
        nn.init.constant_(module.weight, 1)
        nn.init.zeros_(module.bias)
print(net)
x, y = normal(6, 3, 8, 8), torch.from_numpy(rng.integers(0, 5, 6))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1, weight=torch.linspace(0.5, 1.5, 5))
for step in range(4):
    share, order = rng.beta(1.0, 1.0), torch.from_numpy(rng.permutation(6))
    out = net(share * x + (1 - share) * x[order])
    loss = share * criterion(out, y) + (1 - share) * criterion(out, y[order])
    cut = x.clone()
    cut[:, :, 2:6, 1:5] = x[order, :, 2:6, 1:5]
    soft = F.one_hot(y, 5).to(x.dtype) * 0.75 + 0.25 * F.one_hot(y[order], 5)
    loss = loss + F.cross_entropy(net(cut), soft)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item())

logits = normal(2, 3, 4, 4).requires_grad_()
target = torch.from_numpy(rng.integers(0, 3, (2, 4, 4)))
chance = logits.softmax(1)
hot = F.one_hot(target, 3).permute(0, 3, 1, 2).to(chance)
both = (chance * hot).sum(dim=(2, 3))
dice = 1 - ((2 * both + 1e-6) / (chance.sum((2, 3)) + hot.sum((2, 3)) + 1e-6)).mean()
bce = F.binary_cross_entropy_with_logits(logits[:, 0], (target == 0).to(logits.dtype), reduction="none")
focal = (0.25 * (1 - torch.exp(-bce)) ** 2 * bce).mean()
partial = F.cross_entropy(logits, target.clone().masked_fill_(target == 2, -100))
(dice + focal + partial).backward()
print(dice.item(), focal.item(), partial.item(), logits.grad.norm())
confusion = torch.bincount(3 * target.flatten() + logits.argmax(1).flatten(), minlength=9).reshape(3, 3)
print(confusion, confusion.diag() / (confusion.sum(1) + confusion.sum(0) - confusion.diag()).clamp(min=1))


def overlap(a, b):
    area = lambda boxes: (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    sides = (torch.min(a[:, None, 2:], b[:, 2:]) - torch.max(a[:, None, :2], b[:, :2])).clamp(min=0)
    shared = sides[:, :, 0] * sides[:, :, 1]
    return shared / (area(a)[:, None] + area(b) - shared)


boxes = normal(8, 4).sigmoid()
boxes[:, 2:] += boxes[:, :2]
order, kept = torch.argsort(normal(8), dim=-1, descending=True), []
while order.numel() > 0:
    kept.append(order[0])
    order = order[1:][overlap(boxes[order[:1]], boxes[order[1:]]).reshape(-1) <= 0.3]
print(torch.stack(kept), overlap(boxes, boxes).sum())
rows, columns = torch.meshgrid((torch.arange(3) + 0.5) / 3, (torch.arange(3) + 0.5) / 3, indexing="ij")
centres = torch.stack([columns.reshape(-1), rows.reshape(-1)] * 2, dim=1).repeat_interleave(2, dim=0)
anchors = centres + torch.tensor([[-0.3, -0.2, 0.3, 0.2], [-0.2, -0.3, 0.2, 0.3]]).repeat(9, 1)
best, which = overlap(anchors.to(boxes), boxes[:3]).max(dim=1)
assigned = torch.full((18,), -1, dtype=torch.long)
assigned[best >= 0.2] = which[best >= 0.2]
print(
    assigned,
    F.smooth_l1_loss(anchors[:3].to(boxes), boxes[:3], beta=0.5),
    F.huber_loss(boxes, boxes.flip(0), delta=0.5),
)
s, t = normal(4, 5), normal(4, 5)
print(
    nn.KLDivLoss(reduction="batchmean")(F.log_softmax(s / 4, 1), F.softmax(t / 4, 1)) * 16,
    F.kl_div(s, t, log_target=True),
)

codes, z = fill(nn.Embedding(7, 4)), normal(2, 4, 3, 3).requires_grad_()
flat = z.permute(0, 2, 3, 1).reshape(-1, 4)
nearest = torch.cdist(flat, codes.weight).argmin(dim=1)
chosen = codes(nearest)
loss = 0.25 * F.mse_loss(flat, chosen.detach()) + F.mse_loss(chosen, flat.detach())
passed = flat + (chosen - flat).detach()
(loss + passed.pow(2).mean()).backward()
usage = torch.zeros(len(nearest), 7).scatter_(1, nearest.unsqueeze(1), 1).mean(0)
print(loss.item(), torch.exp(-(usage * (usage + 1e-10).log()).sum()), z.grad.norm(), codes.weight.grad.norm())

turn, image = (
    torch.tensor([[[0.8, -0.1, 0.0], [0.1, 0.9, 0.1]]]).repeat(2, 1, 1).to(z.dtype).requires_grad_(),
    normal(2, 3, 6, 6),
)
grid = F.affine_grid(turn, torch.Size((2, 3, 5, 5)), align_corners=False)
warped = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
warped.square().sum().backward()
print(warped.mean().item(), turn.grad)
print(F.max_unpool2d(*F.max_pool2d(image, 2, return_indices=True), 2).sum(), F.local_response_norm(image, 2).std())
print(
    nn.PixelShuffle(2)(normal(1, 8, 2, 2)).shape, F.pixel_unshuffle(image, 2).shape, nn.ChannelShuffle(3)(image).mean()
)
for mode in ("nearest", "bilinear", "bicubic", "area"):
    print(mode, F.interpolate(image, size=(9, 7), mode=mode).std().item())
sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).to(image)
gray = (image * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1).to(image)).sum(1, keepdim=True)
edges = F.conv2d(F.pad(gray, (1, 1, 1, 1), mode="replicate"), torch.stack([sobel, sobel.T])[:, None])
print(edges.square().sum(1).sqrt().mean(), F.pad(gray, (2, 2, 2, 2), "reflect").sum())
