"""Text: tokens, numbers and padded batches."""

from __future__ import annotations

import numpy as np
import pytest

import autograd
from autograd import data
from autograd.data.text import (
    BytePairTokenizer,
    CharacterTokenizer,
    PadCollate,
    Vocabulary,
    WordTokenizer,
    pad_sequences,
)
from tests.conftest import referee

torch = referee()


def test_characters():
    tokenizer = CharacterTokenizer()
    assert tokenizer("né\n") == ["n", "é", "\n"]
    assert tokenizer.join(tokenizer("any text, as it is")) == "any text, as it is"


def test_words():
    tokenizer = WordTokenizer()
    assert tokenizer("It's 5 o\u2019clock - Zoë!") == ["it's", "5", "o\u2019clock", "-", "zoë", "!"]
    assert tokenizer("") == tokenizer("  \n") == []
    assert tokenizer.join(["well", ",", "yes", "!"]) == "well, yes!"
    assert WordTokenizer(lowercase=False)("A b") == ["A", "b"]
    assert WordTokenizer(pattern=r"\S+")("a-b c.") == ["a-b", "c."]


def test_vocabulary():
    lists = [["b", "a", "b", "c"], ["c", "b", "d"]]
    words = Vocabulary.build(lists)
    assert words.tokens == ["<pad>", "<unk>", "b", "c", "a", "d"]
    assert words.encode(["a", "z", "<pad>"]) == [4, 1, 0]
    assert words.decode(autograd.tensor([2, 5])) == ["b", "d"]
    assert words.decode(words.encode(lists[0])) == lists[0]
    assert (len(words), "a" in words, "z" in words) == (6, True, False)
    assert Vocabulary.build(lists, min_frequency=2).tokens == ["<pad>", "<unk>", "b", "c"]
    assert Vocabulary.build(lists, max_size=3).tokens == ["<pad>", "<unk>", "b"]
    assert Vocabulary.build(lists, specials=(), unknown=None).tokens == ["b", "c", "a", "d"]
    assert Vocabulary.build([["<pad>", "x"]]).tokens == ["<pad>", "<unk>", "x"]
    assert Vocabulary(words.tokens, "<unk>").numbers == words.numbers


def test_vocabulary_errors():
    with pytest.raises(KeyError, match="'z' is not in the vocabulary, which has no unknown token"):
        Vocabulary(["a"])["z"]
    with pytest.raises(ValueError, match="'a' comes twice"):
        Vocabulary(["a", "b", "a"])
    with pytest.raises(ValueError, match="'<unk>' is not in the vocabulary"):
        Vocabulary(["a"], "<unk>")
    for wrong in (2, -1):
        with pytest.raises(IndexError, match=f"{wrong} is no number of a vocabulary of 2 tokens"):
            Vocabulary(["a", "b"]).decode([wrong])


@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_is_pytorch_s(side):
    sequences = [np.arange(n * 2, dtype=np.float32).reshape(n, 2) for n in (3, 1, 4)]
    expected = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(s) for s in sequences], batch_first=True, padding_value=-1.0, padding_side=side
    )
    got = pad_sequences([autograd.from_numpy(s) for s in sequences], -1.0, side=side)
    assert got.dtype == autograd.float32
    np.testing.assert_array_equal(got.numpy(), expected.numpy())


def test_padding():
    assert pad_sequences([[1], []]).tolist() == [[1], [0]]
    assert pad_sequences([[1], []]).dtype == autograd.int64
    assert pad_sequences([[1.5], [2]]).dtype == autograd.float32
    assert pad_sequences([[1, 2, 3], [4]], max_length=2).tolist() == [[1, 2], [4, 0]]
    assert pad_sequences([[1, 2, 3], [4]], max_length=2, truncate="left", side="left").tolist() == [[2, 3], [0, 4]]
    assert pad_sequences([[1], [2]], max_length=9).tolist() == [[1], [2]]
    assert pad_sequences([[1, 2]], max_length=0, truncate="left").shape == (1, 0)


def test_padding_errors():
    with pytest.raises(ValueError, match="at least one sequence"):
        pad_sequences([])
    with pytest.raises(ValueError, match="may differ in length only"):
        pad_sequences([np.zeros((2, 2)), np.zeros((2, 3))])
    with pytest.raises(ValueError, match="got the number 3"):
        pad_sequences([3])
    with pytest.raises(ValueError, match="side should be 'right' or 'left', got 'up'"):
        pad_sequences([[1]], side="up")


def test_pad_collate():
    batch = [([1, 2, 3], 0, "x"), ([4], 1, "y")]
    padded, labels, names = PadCollate()(batch)
    assert (padded.tolist(), labels.tolist(), names) == ([[1, 2, 3], [4, 0, 0]], [0, 1], ("x", "y"))
    padded, lengths, *_ = PadCollate(lengths=True, max_length=2)(batch)
    assert (padded.tolist(), lengths.tolist()) == ([[1, 2], [4, 0]], [2, 1])
    assert PadCollate(padding_value=9)([[1, 2], [3]]).tolist() == [[1, 2], [3, 9]]
    assert [part.tolist() for part in PadCollate(lengths=True)([[1, 2], [3]])] == [[[1, 2], [3, 0]], [2, 1]]


@pytest.mark.parametrize("workers", [0, 1])
def test_from_texts_to_batches(workers):
    texts, labels = ["a good film", "bad", "a bad , bad film"], [1, 0, 0]
    words = WordTokenizer()
    vocabulary = Vocabulary.build(map(words, texts))
    collate = PadCollate(lengths=True, tokenizer=lambda text: vocabulary.encode(words(text)))
    loader = data.DataLoader(data.StackDataset(texts, labels), 3, collate_fn=collate, num_workers=workers)
    ((x, lengths, y),) = list(loader)
    assert [words.join(vocabulary.decode(row[:n])) for row, n in zip(x, lengths.tolist(), strict=True)] == [
        "a good film",
        "bad",
        "a bad, bad film",
    ]
    assert y.tolist() == labels


def test_byte_pairs(tmp_path):
    pytest.importorskip("tokenizers")
    texts = ["low lower lowest", "new newer newest", "wide wider widest"] * 20
    tokenizer = BytePairTokenizer.train(texts, size=300)
    assert 260 < len(tokenizer) <= 300
    for text in [*texts[:3], "slowest  Ünïcode\n\U0001f642", ""]:
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer("lowest")) < len("lowest"), "frequent strings are one token"
    assert tokenizer.encode("low") == BytePairTokenizer.train(texts, size=300).encode("low")
    tokenizer.save(tmp_path / "tokenizer.json")
    assert BytePairTokenizer.load(tmp_path / "tokenizer.json").encode("wider low") == tokenizer.encode("wider low")
    assert tokenizer.decode(autograd.tensor(tokenizer.encode("new"))) == "new"
    with pytest.raises(ValueError, match="256 bytes and 4 specials, got 100"):
        BytePairTokenizer.train(texts, size=100)


def test_byte_pairs_without_the_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r'pip install "gradloom\[text\]"'):
        BytePairTokenizer.train(["a"])
