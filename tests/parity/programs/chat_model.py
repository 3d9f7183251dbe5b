"""A small chat model: rotary positions, grouped queries, RMS norms, gated feed-forward, a cache of keys and values."""

import math
from dataclasses import dataclass

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


@dataclass
class Config:
    vocab: int = 40
    width: int = 32
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    context: int = 24


class RMSNorm(nn.Module):
    def __init__(self, width, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        scale = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)
        return (x * scale).type_as(x) * self.weight


def rotations(size, length, base=10000.0):
    rates = base ** (-torch.arange(0, size, 2).float() / size)
    angles = torch.outer(torch.arange(length).float(), rates)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x, turns):
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns[None, :, None]).flatten(-2).type_as(x)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, self.size = c, c.width // c.heads
        self.q = nn.Linear(c.width, c.heads * self.size, bias=False)
        self.kv = nn.Linear(c.width, 2 * c.kv_heads * self.size, bias=False)
        self.out = nn.Linear(c.width, c.width, bias=False)
        self.register_buffer("keys", torch.zeros(2, c.context, c.kv_heads, self.size), persistent=False)
        self.register_buffer("values", torch.zeros_like(self.keys), persistent=False)

    def forward(self, x, start, turns):
        batch, length, _ = x.shape
        q = rotate(self.q(x).view(batch, length, self.c.heads, self.size), turns)
        k, v = self.kv(x).view(batch, length, 2, self.c.kv_heads, self.size).unbind(2)
        k = rotate(k, turns)
        if not self.training:
            self.keys[:batch, start : start + length] = k
            self.values[:batch, start : start + length] = v
            k, v = self.keys[:batch, : start + length], self.values[:batch, : start + length]
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        repeat = self.c.heads // self.c.kv_heads
        y = F.scaled_dot_product_attention(
            q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1), is_causal=length > 1
        )
        return self.out(y.transpose(1, 2).contiguous().view(batch, length, -1))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        hidden = 16 * math.ceil(8 * c.width / 3 / 16)
        self.attention, self.norm1, self.norm2 = Attention(c), RMSNorm(c.width), RMSNorm(c.width)
        self.gate, self.up = (nn.Linear(c.width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, c.width, bias=False)

    def forward(self, x, start, turns):
        x = x + self.attention(self.norm1(x), start, turns)
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class ChatModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed = nn.Embedding(c.vocab, c.width)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = RMSNorm(c.width)
        self.head = nn.Linear(c.width, c.vocab, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("turns", rotations(c.width // c.heads, c.context), persistent=False)

    def forward(self, tokens, start=0, targets=None):
        x = self.embed(tokens)
        turns = self.turns[start : start + tokens.shape[1]]
        for block in self.blocks:
            x = block(x, start, turns)
        logits = self.head(self.norm(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1), ignore_index=-1)


torch.manual_seed(1337)
model = fill(ChatModel(Config()), 0.1)
print(model)
print(sum(p.numel() for p in model.parameters()), list(model.state_dict())[:4])
by_rank = {True: [], False: []}
for name, p in model.named_parameters():
    by_rank[p.dim() >= 2].append(p)
groups = [{"params": by_rank[True], "weight_decay": 0.1}, {"params": by_rank[False], "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=3e-3, betas=(0.9, 0.95))
data = torch.from_numpy(rng.integers(0, 40, 200))
for step in range(4):
    loss_sum = 0.0
    for micro in range(2):
        at = torch.from_numpy(rng.integers(0, 180, 2))
        x = torch.stack([data[i : i + 16] for i in at])
        y = torch.stack([data[i + 1 : i + 17] for i in at])
        _, loss = model(x, targets=y)
        (loss / 2).backward()
        loss_sum += loss.item() / 2
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    print(f"step {step} loss {loss_sum:.5f} norm {norm:.4f}")

model.eval()
with torch.inference_mode():
    tokens = data[:6].view(1, 6)
    logits, _ = model(tokens)
    for _ in range(8):
        probs = F.softmax(logits[:, -1] / 0.8, dim=-1)
        ranked, order = torch.sort(probs, dim=-1, descending=True)
        ranked[torch.cumsum(ranked, -1) - ranked > 0.9] = 0.0
        ranked /= ranked.sum(-1, keepdim=True)
        chosen = (ranked.cumsum(-1) < rng.random()).sum(-1, keepdim=True).clamp(max=39)
        tokens = torch.cat((tokens, torch.gather(order, -1, chosen)), dim=1)
        logits, _ = model(tokens[:, -1:], start=tokens.shape[1] - 1)
    whole, _ = ChatModel.forward(model, tokens)
    print(tokens.tolist(), torch.allclose(whole[:, -1], logits[:, -1], atol=1e-5), logits.topk(3).indices)
