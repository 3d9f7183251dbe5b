"""Sequences: packed encoders with attention, teacher forcing, a tied language model, text convolution, beams, Viterbi, CTC."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


def words(*shape, low=2):
    return torch.from_numpy(rng.integers(low, 12, shape))


class Encoder(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.embed = nn.Embedding(12, 6, padding_idx=0)
        self.rnn = nn.GRU(6, size, num_layers=2, bidirectional=True)
        self.join = nn.Linear(2 * size, size)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.embed(x), lengths.cpu(), enforce_sorted=False)
        out, hidden = self.rnn(packed)
        out, _ = pad_packed_sequence(out)
        return out, torch.tanh(self.join(torch.cat((hidden[-2], hidden[-1]), dim=1)))


class Decoder(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.score, self.v = nn.Linear(3 * size, size), nn.Linear(size, 1, bias=False)
        self.embed, self.cell = nn.Embedding(12, 6), nn.GRUCell(2 * size + 6, size)
        self.leave = nn.Linear(3 * size + 6, 12)

    def forward(self, word, hidden, encoded, mask):
        asked = hidden.unsqueeze(0).repeat(len(encoded), 1, 1)
        energy = self.v(torch.tanh(self.score(torch.cat((asked, encoded), dim=2)))).squeeze(2).t()
        weights = F.softmax(energy.masked_fill(mask == 0, -1e10), dim=1)
        seen = torch.bmm(weights.unsqueeze(1), encoded.transpose(0, 1)).squeeze(1)
        word = self.embed(word)
        hidden = self.cell(torch.cat((word, seen), dim=1), hidden)
        return self.leave(torch.cat((hidden, seen, word), dim=1)), hidden, weights


texts = [words(n, low=1) for n in (5, 3, 7, 2)]
source, lengths = pad_sequence(texts), torch.LongTensor([len(t) for t in texts])
target = torch.cat([torch.full((1, 4), 1), words(5, 4)])
encoder, decoder = fill(Encoder()), fill(Decoder())
parameters = list(encoder.parameters()) + list(decoder.parameters())
optimizer = optim.Adam(parameters, lr=1e-2)
criterion = nn.CrossEntropyLoss(ignore_index=0, label_smoothing=0.1)
for epoch in range(3):
    encoded, hidden = encoder(source, lengths)
    mask, word, outputs = (source != 0).permute(1, 0)[:, : len(encoded)], target[0], []
    for t in range(1, len(target)):
        out, hidden, weights = decoder(word, hidden, encoded, mask)
        outputs.append(out)
        word = target[t] if rng.random() < 0.5 else out.argmax(1)
    loss = criterion(torch.cat(outputs), target[1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    optimizer.step()
    print(epoch, loss.item(), norm.item(), encoder.embed.weight.grad[0].abs().sum().item())
print(encoder)
packed = pack_padded_sequence(torch.arange(12.0).view(3, 4, 1), [4, 3, 1], batch_first=True)
print(packed.data.squeeze(), packed.batch_sizes)
print(pad_packed_sequence(packed, batch_first=True, padding_value=-1, total_length=5)[0].squeeze(-1))
print(pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))


class LanguageModel(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.encoder, self.rnn, self.decoder = nn.Embedding(12, size), nn.LSTM(size, size, 2), nn.Linear(size, 12)
        self.decoder.weight = self.encoder.weight

    def forward(self, x, state):
        out, state = self.rnn(self.encoder(x), state)
        return F.log_softmax(self.decoder(out).view(-1, 12), dim=1), state

    def start(self, batch):
        w = next(self.parameters())
        return w.new_zeros(2, batch, 8), w.new_zeros(2, batch, 8)


model = fill(LanguageModel())
corpus = words(84).narrow(0, 0, 84).view(4, -1).t().contiguous()
state = model.start(4)
for i in range(0, len(corpus) - 1, 7):
    x, y = corpus[i : i + 7][: len(corpus) - 1 - i], corpus[i + 1 : i + 8].reshape(-1)
    state = tuple(s.detach() for s in state)
    model.zero_grad()
    out, state = model(x, state)
    loss = F.nll_loss(out, y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    for p in model.parameters():
        p.data.add_(p.grad, alpha=-2.0)
    print(f"{loss.item():.5f} perplexity {loss.exp().item():8.3f}")
print(len(list(model.parameters())), len(model.state_dict()), model.decoder.weight is model.encoder.weight)

table, convolutions = normal(12, 6), nn.ModuleList(fill(nn.Conv2d(1, 5, (k, 6))) for k in (2, 3))
embedded = nn.Embedding.from_pretrained(table, freeze=True)(source.t()).unsqueeze(1)
pooled = [F.max_pool1d(h, h.size(2)).squeeze(2) for h in (F.relu(c(embedded)).squeeze(3) for c in convolutions)]
print(torch.cat(pooled, 1).sum(1))

moves = normal(12, 12).log_softmax(-1)
beams, scores = torch.ones(1, 1, dtype=torch.long), torch.zeros(1)
for _ in range(4):
    scores, at = (scores[:, None] + moves[beams[:, -1]]).view(-1).topk(3)
    beams = torch.cat([beams[torch.div(at, 12, rounding_mode="floor")], (at % 12)[:, None]], 1)
print(beams, scores)
emissions, moves = normal(6, 4), nn.Parameter(normal(4, 4))
best, total, history = emissions[0], emissions[0], []
for e in emissions[1:]:
    best, back = (best.unsqueeze(1) + moves + e).max(dim=0)
    history.append(back)
    total = torch.logsumexp(total.unsqueeze(1) + moves + e, dim=0)
path = [best.argmax().item()]
for back in reversed(history):
    path.append(back[path[-1]].item())
(total.logsumexp(0) - best.max()).backward()
print(path[::-1], best.max().item(), moves.grad)
frames = normal(10, 2, 6).log_softmax(2).requires_grad_()
loss = nn.CTCLoss(zero_infinity=True)(
    frames, torch.tensor([[1, 2, 2, 3], [4, 5, 0, 0]]), torch.tensor([10, 8]), torch.tensor([4, 2])
)
loss.backward()
print(loss.item(), frames.grad.abs().sum())
