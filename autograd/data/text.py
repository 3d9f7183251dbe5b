"""Text: tokenisers, a vocabulary, and batches of sequences of different lengths."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autograd.data.collate import default_collate
from autograd.extras import require
from autograd.tensor import Tensor, share, wrap

__all__ = [
    "BytePairTokenizer",
    "CharacterTokenizer",
    "PadCollate",
    "Vocabulary",
    "WordTokenizer",
    "pad_sequences",
]


class CharacterTokenizer:
    """Text as its characters.

    Example:
        >>> CharacterTokenizer()("abc")
        ['a', 'b', 'c']
    """

    def __call__(self, text: str) -> list[str]:
        return list(text)

    def join(self, tokens: Iterable[str]) -> str:
        """The text of tokens."""
        return "".join(tokens)


class WordTokenizer:
    """Text as words and punctuation marks.

    Args:
        lowercase: make the text lower case first.
        pattern: regular expression that a token matches; None takes words, with apostrophes
            inside them, and every other mark alone.

    Example:
        >>> WordTokenizer()("Don't panic, friend!")
        ["don't", 'panic', ',', 'friend', '!']
    """

    def __init__(self, lowercase: bool = True, pattern: str | None = None) -> None:
        self.lowercase = lowercase
        self.pattern = re.compile(pattern or r"\w+(?:['\u2019]\w+)*|[^\w\s]")

    def __call__(self, text: str) -> list[str]:
        matches = self.pattern.finditer(text.lower() if self.lowercase else text)
        return [match.group() for match in matches]

    def join(self, tokens: Iterable[str]) -> str:
        """The text of tokens, with a space before each but punctuation."""
        return re.sub(r"\s+([^\w\s])", r"\1", " ".join(tokens))


class BytePairTokenizer:
    """Text as byte pairs: frequent strings are one token, and no text is unknown.

    Learn one with `train`, or read one with `load`. Uses the ``tokenizers`` library (extra
    ``text``).

    Args:
        tokenizer: a ``tokenizers.Tokenizer``.

    Source: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units" (2016).

    Example:
        >>> tokenizer = BytePairTokenizer.train(["low lower lowest"] * 9, size=300)  # doctest: +SKIP
        >>> tokenizer.decode(tokenizer.encode("slower"))  # doctest: +SKIP
        'slower'
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        size: int = 8000,
        min_frequency: int = 2,
        specials: Sequence[str] = ("<pad>", "<unk>", "<bos>", "<eos>"),
    ) -> BytePairTokenizer:
        """Learn the pairs of some texts.

        Args:
            texts: to learn from.
            size: how many tokens there are to be at most; 256 of them are the single bytes.
            min_frequency: a pair that is rarer does not become a token.
            specials: tokens that never come out of text; they have the first numbers.

        Raises:
            ImportError: the extra is not installed.
            ValueError: ``size`` has no room for the bytes and the specials.
        """
        if size < 256 + len(specials):
            raise ValueError(f"size must hold the 256 bytes and {len(specials)} specials, got {size}")
        library = require("tokenizers", extra="text")
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=min_frequency,
            special_tokens=list(specials),
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Any) -> BytePairTokenizer:
        """Read a ``tokenizer.json``."""
        return cls(require("tokenizers", extra="text").Tokenizer.from_file(str(path)))

    def save(self, path: Any) -> None:
        """Write a ``tokenizer.json``."""
        self.tokenizer.save(str(path))

    def __call__(self, text: str) -> list[str]:
        return self.tokenizer.encode(text).tokens

    def __len__(self) -> int:
        return self.tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's tokens."""
        return self.tokenizer.encode(text).ids

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of tokens' numbers; specials have none."""
        return self.tokenizer.decode([int(number) for number in numbers])


class Vocabulary:
    """Tokens and their numbers.

    Args:
        tokens: all tokens in the order of their numbers.
        unknown: the token that stands for all others; None makes them an error.

    Raises:
        ValueError: a token comes twice, or ``unknown`` is not among them.

    Example:
        >>> words = Vocabulary.build([["a", "rose", "is", "a", "rose"]], max_size=4)
        >>> words.tokens
        ['<pad>', '<unk>', 'a', 'rose']
        >>> words.encode(["a", "lily"]), words.decode([3, 2])
        ([2, 1], ['rose', 'a'])
    """

    def __init__(self, tokens: Iterable[str], unknown: str | None = None) -> None:
        self.tokens = list(tokens)
        self.numbers = {token: number for number, token in enumerate(self.tokens)}
        if len(self.numbers) != len(self.tokens):
            twice = next(token for token, n in Counter(self.tokens).items() if n > 1)
            raise ValueError(f"the tokens of a Vocabulary must differ, {twice!r} comes twice")
        if unknown is not None and unknown not in self.numbers:
            raise ValueError(f"the unknown token {unknown!r} is not in the vocabulary")
        self.unknown = unknown

    @classmethod
    def build(
        cls,
        sequences: Iterable[Iterable[str]],
        min_frequency: int = 1,
        max_size: int | None = None,
        specials: Sequence[str] = ("<pad>", "<unk>"),
        unknown: str | None = "<unk>",
    ) -> Vocabulary:
        """The tokens of some sequences, the frequent ones first, equals in alphabetical order.

        Args:
            sequences: lists of tokens.
            min_frequency: leave out what is rarer.
            max_size: leave out the rarest beyond so many, specials counted.
            specials: tokens with the first numbers.
            unknown: the one that stands for all others; None makes them an error.
        """
        counts = Counter(token for sequence in sequences for token in sequence)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        frequent = [token for token, n in ordered if n >= min_frequency and token not in specials]
        return cls([*specials, *frequent][:max_size], unknown)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.numbers

    def __getitem__(self, token: str) -> int:
        """The number of a token.

        Raises:
            KeyError: it is not in the vocabulary, which has no token for unknown ones.
        """
        number = self.numbers.get(token)
        if number is not None:
            return number
        if self.unknown is None:
            raise KeyError(f"{token!r} is not in the vocabulary, which has no unknown token")
        return self.numbers[self.unknown]

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The numbers of tokens."""
        return [self[token] for token in tokens]

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The tokens of numbers, which may be a Tensor.

        Raises:
            IndexError: a number outside the vocabulary.
        """
        numbers = [int(number) for number in numbers]
        wrong = [number for number in numbers if not 0 <= number < len(self)]
        if wrong:
            raise IndexError(f"{wrong[0]} is no number of a vocabulary of {len(self)} tokens")
        return [self.tokens[number] for number in numbers]


def pad_sequences(
    sequences: Sequence[Any],
    padding_value: float = 0,
    max_length: int | None = None,
    side: str = "right",
    truncate: str = "right",
) -> Tensor:
    """One Tensor of sequences of different lengths.

    Args:
        sequences: lists, arrays or Tensors, each ``(length, ...)``.
        padding_value: what fills up the short ones.
        max_length: cut what is longer; None is the longest one's length.
        side: where the filling goes, "right" or "left".
        truncate: where a sequence is cut, "right" or "left".

    Returns:
        Tensor ``(batch, longest, ...)``; numbers of lists become int64 or float32.

    Raises:
        ValueError: no sequence, sequences that differ in more than length, or another side.

    Example:
        >>> pad_sequences([[1, 2, 3], [4]])
        tensor([[1, 2, 3],
                [4, 0, 0]])
    """
    if not sequences:
        raise ValueError("pad_sequences needs at least one sequence, got none")
    for name, value in (("side", side), ("truncate", truncate)):
        if value not in ("right", "left"):
            raise ValueError(f"{name} should be 'right' or 'left', got {value!r}")
    arrays = [_as_array(sequence) for sequence in sequences]
    if len({array.shape[1:] for array in arrays}) > 1:
        raise ValueError(
            f"the sequences of a batch may differ in length only, got the shapes {[array.shape for array in arrays]}"
        )
    longest = max(len(array) for array in arrays)
    length = longest if max_length is None else min(longest, max_length)
    padded = np.full((len(arrays), length, *arrays[0].shape[1:]), padding_value, _common_dtype(arrays))
    for row, array in zip(padded, arrays, strict=True):
        kept = array[:length] if truncate == "right" else array[max(0, len(array) - length) :]
        if side == "right":
            row[: len(kept)] = kept
        else:
            row[length - len(kept) :] = kept
    return wrap(padded)


def _common_dtype(arrays: list[np.ndarray]) -> np.dtype:
    arrays = [array for array in arrays if len(array)] or arrays  # an empty list has no dtype
    # As in PyTorch, float32 and int64 make float32; NumPy would make float64 of them.
    floats = [array for array in arrays if array.dtype.kind == "f"]
    return np.result_type(*(floats or arrays))


def _as_array(sequence: Any) -> np.ndarray:
    if isinstance(sequence, Tensor):
        return share(sequence.detach())
    array = np.asarray(sequence)
    if not isinstance(sequence, np.ndarray):
        array = array.astype(np.float32 if array.size and array.dtype.kind == "f" else np.int64)
    if array.ndim == 0:
        raise ValueError(f"expected a sequence (length, ...), got the number {sequence!r}")
    return array


class PadCollate:
    """A ``collate_fn`` for samples of sequences: they are padded, the rest is collated as ever.

    Args:
        padding_value: what fills up the short ones.
        max_length: cut what is longer; None is the batch's longest.
        lengths: add the lengths, an int64 Tensor ``(batch,)``, behind the padded sequences.
        side: where the filling goes, "right" or "left".
        tokenizer: function from what a sample holds to a sequence of numbers; None takes it as it is.

    Returns:
        For samples that are sequences, the padded Tensor; for samples ``(sequence, *rest)``, a list
        ``[padded, *collated rest]``.

    Example:
        >>> PadCollate(lengths=True)([([1, 2, 3], 0), ([4], 1)])
        [tensor([[1, 2, 3],
                [4, 0, 0]]), tensor([3, 1]), tensor([0, 1])]
    """

    def __init__(
        self,
        padding_value: float = 0,
        max_length: int | None = None,
        lengths: bool = False,
        side: str = "right",
        tokenizer: Callable[[Any], Sequence[int]] | None = None,
    ) -> None:
        self.padding_value = padding_value
        self.max_length = max_length
        self.lengths = lengths
        self.side = side
        self.tokenizer = tokenizer

    def __call__(self, batch: Sequence[Any]) -> Any:
        alone = not isinstance(batch[0], tuple)
        sequences = [sample if alone else sample[0] for sample in batch]
        if self.tokenizer is not None:
            sequences = [self.tokenizer(sequence) for sequence in sequences]
        padded = pad_sequences(sequences, self.padding_value, self.max_length, self.side)
        parts: list[Any] = [padded]
        if self.lengths:
            whole = np.array([len(sequence) for sequence in sequences], np.int64)
            parts.append(wrap(np.minimum(whole, padded.shape[1])))
        if not alone:
            parts += default_collate([tuple(sample[1:]) for sample in batch])
        return padded if len(parts) == 1 and alone else parts
