"""Models as a user would write them."""

from __future__ import annotations

import autograd as ag
import nn


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


def sigmoids() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 1))


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16 * 7 * 7, 10))

    def forward(self, x):
        return self.head(self.features(x))


class Cell(nn.Module):
    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.i2h, self.h2h = nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden, bias=False)

    def forward(self, x, h):
        return (self.i2h(x) + self.h2h(h)).tanh()


class RNN(nn.Module):
    def __init__(self, n_in=4, n_hidden=8, n_out=2):
        super().__init__()
        self.n_hidden = n_hidden
        self.cell, self.out = Cell(n_in, n_hidden), nn.Linear(n_hidden, n_out)

    def forward(self, x):
        h = ag.zeros(x.shape[0], self.n_hidden)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.out(h)


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        batch, length, d = x.shape
        q, k, v = (
            part.reshape(batch, length, self.heads, d // self.heads).transpose(1, 2)
            for part in self.qkv(x).chunk(3, -1)
        )
        weights = (q @ k.transpose(-2, -1) / (d // self.heads) ** 0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, length, d))


class Block(nn.Module):
    cut = False  # detach the MLP's result
    poison = False  # divide by zero in the attention

    def __init__(self, d, heads):
        super().__init__()
        self.ln1, self.attn, self.ln2 = nn.LayerNorm(d), Attention(d, heads), nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x):
        a = self.attn(self.ln1(x))
        if self.poison:
            a = a / (a - a)
        x = x + a
        m = self.mlp(self.ln2(x))
        return x + (m.detach() if self.cut else m)


class GPT(nn.Module):
    def __init__(self, layers=2, d=16, heads=2, words=32, length=6):
        super().__init__()
        self.tok = nn.Embedding(words, d)
        self.pos = nn.Parameter(ag.randn(1, length, d))
        self.blocks = nn.ModuleList([Block(d, heads) for _ in range(layers)])
        self.lnf, self.head = nn.LayerNorm(d), nn.Linear(d, words)

    def forward(self, tokens):
        h = self.tok(tokens) + self.pos
        for block in self.blocks:
            h = block(h)
        return self.head(self.lnf(h))


def tokens(batch=2, length=6):
    return (ag.arange(batch * length) % 32).reshape(batch, length)


def examples() -> dict[str, tuple[nn.Module, ag.Tensor]]:
    """The four models of the tests, each with an input."""
    return {
        "mlp": (mlp(), ag.randn(4, 8)),
        "cnn": (CNN(), ag.randn(2, 1, 28, 28)),
        "rnn": (RNN(), ag.randn(4, 8, 4)),
        "transformer": (GPT(2), tokens()),
    }
