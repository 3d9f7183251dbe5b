"""The text models of the notebooks, each trained in a few seconds from a fixed seed to a stated bound."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

import autograd as ag
import nn
import nn.functional as F
import optim
from autograd.data import DataLoader
from autograd.data.text import PadCollate, Vocabulary, WordTokenizer
from nn.metrics import Accuracy
from nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence


def descend(optimizer, parameters, loss, steps):
    """`steps` steps with clipped gradients; the mean of the last ten losses."""
    parameters, losses = list(parameters), []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(value.item())
    return np.mean(losses[-10:])


@pytest.mark.parametrize(("cell", "lr"), [(nn.RNN, 8e-3), (nn.LSTM, 2.5e-2), (nn.GRU, 1.5e-2)])
def test_recurrent_networks_know_more_than_bigrams(cell, lr):
    datasets = pytest.importorskip("sklearn.datasets", reason="the text comes with scikit-learn")
    text = " ".join(datasets.load_iris().DESCR.split() + datasets.load_breast_cancer().DESCR.split())
    characters = Vocabulary.build([text], specials=(), unknown=None)
    ids, size = ag.tensor(characters.encode(text)), len(characters)
    follows = F.one_hot(ids[:-1], size).float().T @ F.one_hot(ids[1:], size).float()
    bigram = (follows + 0.01) / (follows + 0.01).sum(1, keepdim=True)  # of this very text
    counted = F.nll_loss(bigram.log()[ids[:-1]], ids[1:]).item()

    ag.manual_seed(0)
    model = nn.ModuleList([nn.Embedding(size, 16), cell(16, 64, batch_first=True), nn.Linear(64, size)])
    embedding, recurrent, head = model

    def scores(read):
        return head(recurrent(embedding(read))[0])

    def loss():
        windows = ids[ag.randint(0, len(ids) - 32, (16, 1)) + ag.arange(33)]
        return F.cross_entropy(scores(windows[:, :-1]).reshape(-1, size), windows[:, 1:].reshape(-1))

    optimizer = optim.Adam(model.parameters(), lr=lr)
    assert descend(optimizer, model.parameters(), loss, 120) < counted
    with ag.no_grad():
        whole = F.cross_entropy(scores(ids[None, :-1])[0], ids[1:]).item()
    assert whole < counted


def test_skip_gram_finds_what_keeps_the_same_company():
    """Forty words of four topics, never named; each word's nearest must be of its own topic."""
    rng = np.random.default_rng(0)
    size, topics = 40, 4
    word, company = nn.Embedding(size, 8), nn.Embedding(size, 8)
    ag.manual_seed(0)
    nn.init.normal_(word.weight, std=0.1)
    nn.init.zeros_(company.weight)

    def loss():
        topic = rng.integers(topics, size=512)
        left, right = (topic + topics * rng.integers(size // topics, size=512) for _ in range(2))
        drawn = np.concatenate([right[:, None], rng.integers(size, size=(512, 5))], axis=1)
        scores = (company(ag.tensor(drawn)) @ word(ag.tensor(left)).unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(scores[:, 0]) + F.logsigmoid(-scores[:, 1:]).sum(dim=1)).mean()

    parameters = [word.weight, company.weight]
    # a pair of one topic is seen four times as often as chance has it: w · c becomes log 4 − log 5
    assert descend(optim.Adam(parameters, lr=2e-2), parameters, loss, 200) < 2.45
    vectors = F.normalize(word.weight.detach(), dim=1)
    nearest = (vectors @ vectors.T - 2 * ag.eye(size)).argmax(dim=1).numpy()
    assert (nearest % topics == np.arange(size) % topics).all()
    with ag.no_grad():
        learned = (word.weight @ company.weight.T).numpy()
    same = np.arange(size)[:, None] % topics == np.arange(size) % topics
    assert learned[same].mean() == pytest.approx(np.log(4 / 5), abs=0.3)


class Translator(nn.Module):
    def __init__(self, letters, figures, width=16, hidden=32):
        super().__init__()
        self.read, self.write = nn.Embedding(letters, width, padding_idx=0), nn.Embedding(figures, width)
        self.encoder = nn.GRU(width, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(width, hidden, batch_first=True)
        self.ask = nn.Linear(hidden, hidden, bias=False)
        self.head = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.Tanh(), nn.Linear(hidden, figures))

    def encode(self, ids, lengths):
        packed = pack_padded_sequence(self.read(ids), lengths, batch_first=True, enforce_sorted=False)
        memory, state = self.encoder(packed)
        memory, _ = pad_packed_sequence(memory, batch_first=True)
        beyond = ag.arange(memory.shape[1]) >= lengths[:, None]
        return memory, beyond, ag.cat([state[0], state[1]], dim=-1)[None]

    def decode(self, answer, memory, beyond, state):
        h, state = self.decoder(self.write(answer), state)
        fit = self.ask(h) @ memory.transpose(1, 2)
        weights = fit.masked_fill(beyond[:, None], -float("inf")).softmax(dim=-1)
        return self.head(ag.cat([h, weights @ memory], dim=-1)), state, weights


def test_attention_translates_dates():
    """Two forms, of which one has the parts in reverse order; days that it has not seen."""
    rng = np.random.default_rng(0)
    days = [date(2000, 1, 1) + timedelta(days=int(i)) for i in rng.permutation(7300)]
    forms = [lambda d: f"{d.day}.{d.month}.{d.year}", lambda d: f"{d:%Y %b} {d.day}"]
    pairs = [(forms[rng.integers(2)](day), day.isoformat()) for day in days]
    letters = Vocabulary.build([question for question, _ in pairs])
    figures = Vocabulary(">-0123456789")

    def collate(chosen):
        questions = [ag.tensor(letters.encode(question)) for question, _ in chosen]
        answers = ag.tensor([figures.encode(">" + answer) for _, answer in chosen])
        return pad_sequence(questions, batch_first=True), ag.tensor([len(q) for q in questions]), answers

    ag.manual_seed(0)
    model = Translator(len(letters), len(figures))

    def loss():
        ids, lengths, answers = collate([pairs[300 + i] for i in rng.integers(7000, size=64)])
        scores, _, _ = model.decode(answers[:, :-1], *model.encode(ids, lengths))
        return F.cross_entropy(scores.reshape(-1, len(figures)), answers[:, 1:].reshape(-1))

    optimizer = optim.Adam(model.parameters(), lr=1.5e-2)
    assert descend(optimizer, model.parameters(), loss, 220) < 0.1
    ids, lengths, answers = collate(pairs[:300])
    with ag.no_grad():
        memory, beyond, state = model.encode(ids, lengths)
        token, said = answers[:, :1], []
        for _ in range(10):
            scores, state, weights = model.decode(token, memory, beyond, state)
            token = scores.argmax(dim=-1)
            said.append(token)
    assert (ag.cat(said, dim=1) == answers[:, 1:]).all(dim=1).float().mean().item() > 0.9
    assert (weights[:, 0] * beyond).sum().item() == 0  # it never looks beyond the end of a question


@pytest.mark.parametrize(("pairs", "low", "high"), [(False, 0.6, 0.9), (True, 0.97, 1.0)])
def test_sentiment_needs_pairs_of_words_for_negation(pairs, low, high):
    rng = np.random.default_rng(0)
    praise, blame = ["good", "great", "funny", "clever", "moving"], ["bad", "dull", "weak", "boring", "stupid"]
    parts, tokens = ["plot", "cast", "music", "ending"], WordTokenizer()

    def review():
        kind, sentences = rng.random() < 0.5, []
        for _ in range(2):
            negated = rng.random() < 0.3
            word = rng.choice(praise if kind != negated else blame)
            sentences.append(f"the {rng.choice(parts)} is {'not ' if negated else ''}{word}")
        return " ".join(sentences), int(kind)

    def terms(text):
        words = tokens(text)
        return words + [f"{a} {b}" for a, b in pairwise(words)] * pairs

    train, test = [review() for _ in range(800)], [review() for _ in range(400)]
    vocabulary = Vocabulary.build((terms(text) for text, _ in train), specials=["<pad>"], unknown=None)

    def batches(reviews, **options):
        encoded = [([vocabulary[t] for t in terms(text) if t in vocabulary], label) for text, label in reviews]
        return DataLoader(encoded, batch_size=20, collate_fn=PadCollate(), **options)

    ag.manual_seed(0)
    bag = nn.EmbeddingBag(len(vocabulary), 8, mode="sum", padding_idx=0)
    nn.init.zeros_(bag.weight)
    model = nn.Sequential(bag, nn.Linear(8, 1, bias=False), nn.Flatten(0))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    trainer = nn.Trainer(
        model, optimizer, lambda s, y: F.binary_cross_entropy_with_logits(s, y.float()), [Accuracy(threshold=0)]
    )
    trainer.fit(batches(train, shuffle=True), epochs=4, progress=False)
    assert low <= trainer.evaluate(batches(test))["accuracy"] <= high

    same_words = batches([("the plot is not bad the cast is good", 1), ("the plot is not good the cast is bad", 0)])
    first, second = trainer.predict(same_words).tolist()
    if pairs:
        assert first > 0 > second
    else:
        assert first == pytest.approx(second, abs=1e-5)
