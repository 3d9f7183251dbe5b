"""Pairs, triplets and contrasts, fed by data sets, samplers and collate functions of one's own."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    BatchSampler, ConcatDataset, DataLoader, Dataset, IterableDataset, Sampler, SequentialSampler, Subset, TensorDataset,
    default_collate, get_worker_info, random_split,
)  # fmt: skip

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


class Clusters(Dataset):
    def __init__(self, n=32):
        self.targets = torch.arange(n) % 4
        self.data = normal(n, 1, 10, 10) + self.targets.view(-1, 1, 1, 1)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return {"image": self.data[i], "label": self.targets[i].item(), "name": f"s{i}", "pair": (i, float(i))}


class Balanced(BatchSampler):
    def __init__(self, labels, each):
        self.places = [np.flatnonzero(labels.numpy() == c) for c in np.unique(labels.numpy())]
        self.each = each

    def __iter__(self):
        for start in range(0, len(self.places[0]), self.each):
            yield [int(i) for places in self.places for i in places[start : start + self.each]]

    def __len__(self):
        return -(-len(self.places[0]) // self.each)


class TripletLoss(nn.Module):
    def __init__(self, margin):
        super(TripletLoss, self).__init__()
        self.margin = margin

    def forward(self, embeddings, labels):
        distances = torch.cdist(embeddings, embeddings, p=2)
        same = labels.unsqueeze(0) == labels.unsqueeze(1)
        own = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        furthest = distances.masked_fill(~same | own, float("-inf")).max(dim=1)[0]
        nearest = distances.masked_fill(same, float("inf")).min(dim=1)[0]
        return F.relu(furthest - nearest + self.margin).mean(), (nearest > furthest).sum()


data = Clusters()
net = nn.Sequential(
    nn.Conv2d(1, 4, 3),
    nn.PReLU(),
    nn.MaxPool2d(2, stride=2),
    nn.Flatten(),
    nn.Linear(64, 16),
    nn.ReLU6(),
    nn.Linear(16, 4),
)
fill(net)
loader = DataLoader(data, batch_sampler=Balanced(data.targets, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9, nesterov=True)
scheduler, criterion = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5), TripletLoss(1.0)
for batch in loader:
    loss, right = criterion(net(batch["image"]), batch["label"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    print(loss.item(), right, batch["name"][:3], batch["label"].dtype, batch["pair"][1].dtype, scheduler.get_last_lr())

a, b = net(data.data[:6]).detach().requires_grad_(), net(data.data[6:12]).detach()
same = (data.targets[:6] == data.targets[6:12]).int()
print(nn.TripletMarginLoss(margin=1.0)(a, b, a.flip(0)), nn.PairwiseDistance()(a, b), nn.CosineSimilarity()(a, b))
print(F.cosine_embedding_loss(a, b, same * 2 - 1), F.hinge_embedding_loss(a, (a > 0).int() * 2 - 1))
z = F.normalize(torch.cat([a, b]), dim=1)
alike = (z @ z.t() / 0.5).masked_fill(torch.eye(12, dtype=torch.bool), float("-inf"))
loss = F.cross_entropy(alike, torch.cat([torch.arange(6, 12), torch.arange(6)]))
loss.backward()
print("contrast", loss.item(), a.grad.norm())
scale = nn.Parameter(torch.ones([]) * np.log(1 / 0.07))
logits = scale.exp() * F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).t()
both = (F.cross_entropy(logits, torch.arange(6)) + F.cross_entropy(logits.t(), torch.arange(6))) / 2
both.backward()
print("pairs", both.item(), scale.grad)


class Texts(Dataset):
    def __len__(self):
        return 11

    def __getitem__(self, i):
        return torch.arange(1, 2 + i % 5), i % 2


class ByLength(Sampler):
    def __init__(self, texts):
        self.order = sorted(range(len(texts)), key=lambda i: len(texts[i][0]))

    def __iter__(self):
        return iter(self.order)

    def __len__(self):
        return len(self.order)


def collate(samples):
    xs, ys = zip(*samples)
    return (
        pad_sequence(xs, batch_first=True, padding_value=-1),
        torch.tensor(ys),
        torch.LongTensor([len(x) for x in xs]),
    )


for x, y, lengths in DataLoader(Texts(), 4, sampler=ByLength(Texts()), collate_fn=collate):
    print(x.tolist(), y, lengths)


class Stream(IterableDataset):
    def __iter__(self):
        worker = get_worker_info()
        return iter(range(10)) if worker is None else iter(range(worker.id, 10, worker.num_workers))


print([batch.tolist() for batch in DataLoader(Stream(), batch_size=4)])
print(len(DataLoader(data, 10)), len(DataLoader(data, 10, drop_last=True)), next(iter(DataLoader(data, 2)))["pair"])
print(list(BatchSampler(SequentialSampler(range(5)), 2, False)), default_collate([{"a": 1, "b": [1.0, 2]}] * 2))
parts = random_split(data, [0.75, 0.25], generator=torch.Generator().manual_seed(3))
print([len(part) for part in parts], len(ConcatDataset([data, data])), Subset(data, [3, 4])[1]["name"])
print(TensorDataset(torch.arange(4), torch.ones(4, 2))[1:3])
