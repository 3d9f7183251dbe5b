"""Embeddings: words by negative sampling, ratings by factorisation in one cycle, a mixture density network, an argparse main."""

import argparse
import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
import torch.optim as optim
from torch import nn
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


text = "the quick brown fox jumps over the lazy dog and the quick cat sleeps under the brown tree".split()
vocabulary = sorted(set(text))
index = {word: i for i, word in enumerate(vocabulary)}
counts = Counter(text)
noise = torch.tensor([counts[word] for word in vocabulary], dtype=torch.get_default_dtype()) ** 0.75
noise /= noise.sum()
near = [(i, j) for i in range(len(text)) for j in range(max(0, i - 2), min(len(text), i + 3)) if i != j]
pairs = torch.tensor([(index[text[i]], index[text[j]]) for i, j in near])


class SkipGram(nn.Module):
    def __init__(self, words, size):
        super().__init__()
        self.centre, self.context = nn.Embedding(words, size), nn.Embedding(words, size)

    def forward(self, centre, context, others):
        v = self.centre(centre)
        right = F.logsigmoid(torch.bmm(self.context(context).unsqueeze(1), v.unsqueeze(2)).squeeze())
        wrong = F.logsigmoid(torch.bmm(self.context(others).neg(), v.unsqueeze(-1)).squeeze()).sum(1)
        return -(right + wrong).mean()


model = fill(SkipGram(len(vocabulary), 6))
optimizer = optim.Adagrad(model.parameters(), lr=0.3)
for epoch in range(3):
    total = 0.0
    for batch in torch.from_numpy(rng.permutation(len(pairs))).split(16):
        others = torch.from_numpy(
            rng.choice(len(vocabulary), (len(batch), 3), p=noise.double().numpy() / noise.double().sum().item())
        )
        loss = model(*pairs[batch].t(), others)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    print(f"epoch {epoch} loss {total / len(pairs):.4f}")
weights = model.centre.weight.detach()
alike = F.cosine_similarity(weights[index["quick"]].unsqueeze(0), weights, dim=-1)
print([vocabulary[i] for i in alike.argsort(descending=True)[:3].tolist()], F.normalize(weights, dim=1)[0])
bag = fill(nn.EmbeddingBag(10, 4, mode="mean", padding_idx=0))
print(bag(torch.tensor([1, 2, 4, 5, 4, 3, 2, 9]), torch.tensor([0, 3, 4])), bag)


class Ratings(nn.Module):
    def __init__(self, users, items, factors, low=0.0, high=5.5):
        super().__init__()
        self.low, self.high = low, high
        self.u, self.ub = nn.Embedding(users, factors), nn.Embedding(users, 1)
        self.i, self.ib = nn.Embedding(items, factors), nn.Embedding(items, 1)

    def forward(self, x):
        out = (self.u(x[:, 0]) * self.i(x[:, 1])).sum(dim=1, keepdim=True)
        out += self.ub(x[:, 0]) + self.ib(x[:, 1])
        return torch.sigmoid(out) * (self.high - self.low) + self.low


def main(arguments):
    parser = argparse.ArgumentParser(description="ratings by matrix factorisation")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--no-accel", action="store_true")
    args = parser.parse_args(arguments)
    torch.manual_seed(1)
    device = torch.device("cuda" if not args.no_accel and torch.cuda.is_available() else "cpu")
    x = torch.from_numpy(np.stack([rng.integers(0, 12, 64), rng.integers(0, 9, 64)], 1))
    y = torch.from_numpy(rng.integers(1, 6, (64, 1))).to(torch.get_default_dtype())
    loader = DataLoader(TensorDataset(x, y), batch_size=args.batch_size, pin_memory=False)
    model = fill(Ratings(12, 9, 5), 0.1).to(device)
    optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=0.1)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=args.lr, epochs=3, steps_per_epoch=len(loader))
    for epoch in range(1, 4):
        model.train()
        for batch_idx, (data, target) in enumerate(loader):
            data, target = data.to(device, non_blocking=True), target.to(device)
            optimizer.zero_grad()
            loss = F.mse_loss(model(data), target)
            loss.backward()
            optimizer.step()
            scheduler.step()
            done = 100.0 * batch_idx / len(loader)
            print("Train Epoch: {} [{:.0f}%]\tLoss: {:.6f}".format(epoch, done, loss.item()))
        model.eval()
        with torch.no_grad():
            error = sum(F.mse_loss(model(d), t, reduction="sum").item() for d, t in loader) / len(loader.dataset)
        print(
            "Test: {:.4f} lr {:.6f} beta {:.4f}".format(
                error, *scheduler.get_last_lr(), optimizer.param_groups[0]["betas"][0]
            )
        )
    print(model)


main(["--no-accel"])


class MixtureDensity(nn.Module):
    def __init__(self, components=3):
        super().__init__()
        self.body, self.choice = nn.Sequential(nn.Linear(1, 8), nn.Tanh()), nn.Linear(8, components)
        self.mean, self.log_scale = nn.Linear(8, components), nn.Linear(8, components)

    def forward(self, x):
        h = self.body(x)
        return MixtureSameFamily(Categorical(logits=self.choice(h)), Normal(self.mean(h), self.log_scale(h).exp()))


model = fill(MixtureDensity())
x = torch.linspace(-2, 2, 50).view(-1, 1)
y = 7 * torch.sin(0.75 * x) + 0.5 * x + normal(50, 1)
optimizer = optim.NAdam(model.parameters(), lr=1e-2)
for _ in range(4):
    density = model(x)
    loss = -density.log_prob(y.squeeze(1)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
by_hand = -0.5 * ((y - model.mean(model.body(x))) / model.log_scale(model.body(x)).exp()) ** 2
by_hand = (
    by_hand - model.log_scale(model.body(x)) - 0.5 * math.log(2 * math.pi) + model.choice(model.body(x)).log_softmax(-1)
)
print(torch.allclose(model(x).log_prob(y.squeeze(1)), by_hand.logsumexp(-1)), model(x).mean[:3], model(x))
