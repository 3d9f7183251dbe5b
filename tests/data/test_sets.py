"""Data sets: the digits themselves, and the others from small files of exactly the hub's form."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import autograd
from autograd import data
from autograd.data import sets
from autograd.extras import require

RNG = np.random.default_rng(0)


def test_digits():
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    train, test = sets.digits()
    assert (len(train), len(test)) == (1442, 355)
    counts = np.bincount(test.labels)
    assert counts.max() - counts.min() <= 2, "even in the classes"
    source = load_digits()
    kept = {
        (image.tobytes(), label)
        for part in (train, test)
        for image, label in zip(part.images, part.labels, strict=True)
    }
    whole = {
        ((image / 16).astype(np.float32).tobytes(), label)
        for image, label in zip(source.images, source.target, strict=True)
    }
    assert kept == whole
    x, y = train[0]
    assert (tuple(x.shape), x.dtype, type(y)) == ((1, 8, 8), autograd.float32, int)
    assert 0 <= float(train.tensors[0].min()) < float(train.tensors[0].max()) == 1
    assert train.classes == tuple("0123456789")
    assert len(sets.digits(test_every=2).test) == pytest.approx(1797 / 2, abs=10)
    with pytest.raises(ValueError, match="at least 2, got 1"):
        sets.digits(test_every=1)


def images(n=6, transform=None, **options):
    pixels = RNG.integers(0, 256, (n, 1, 4, 4), dtype=np.uint8)
    return sets.Images(pixels, np.arange(n) % 3, ["a", "b", "c"], transform, **options)


def test_images():
    lot = images()
    x, y = lot[4]
    np.testing.assert_array_equal(x.numpy(), lot.images[4].astype(np.float32) / np.float32(255))
    assert y == 1
    everything, labels = lot.tensors
    assert tuple(everything.shape) == (6, 1, 4, 4)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]
    gathered, collated = lot.collated([3, 1]), data.default_collate([lot[3], lot[1]])
    for a, b in zip(gathered, collated, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_images_are_transformed():
    lot = images(transform=lambda x: x * 0 + 5, target_transform=lambda y: y + 10)
    assert lot.collated([0]) is None
    ((x, y),) = data.DataLoader(lot, 6)
    assert x.unique().tolist() == [5]
    assert y.tolist() == [10, 11, 12, 10, 11, 12]
    ((x, y),) = data.DataLoader(data.Subset(lot, [2]), 6)
    assert (float(x.max()), y.tolist()) == (5, [12])


def test_images_errors():
    for shape in ((3, 4, 4), (2, 1, 4, 4)):
        with pytest.raises(ValueError, match=r"expected images \(N, C, H, W\) and N labels"):
            sets.Images(np.zeros(shape), [0, 1, 2], ["a"])


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Writes files as the hub has them, and keeps the library's cache out of the way."""
    library = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    library.disable_progress_bars()

    def write(columns, features):
        for split, rows in columns.items():
            table = library.Dataset.from_dict(rows, features=library.Features(features))
            folder = tmp_path / "hub" / "data"
            folder.mkdir(parents=True, exist_ok=True)
            table.to_parquet(folder / f"{split}-00000-of-00001.parquet")
        return str(tmp_path / "hub")

    write.library = library
    return write


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("load", "column", "shape"),
    [(sets.mnist, "image", (28, 28)), (sets.fashion_mnist, "image", (28, 28)), (sets.cifar10, "img", (32, 32, 3))],
)
def test_image_sets_from_files_of_the_hub_s_form(hub, load, column, shape):
    pytest.importorskip("PIL")
    names = [f"class {i}" for i in range(10)]
    features = {column: hub.library.Image(), "label": hub.library.ClassLabel(names=names)}
    pixels = {split: RNG.integers(0, 256, (n, *shape), dtype=np.uint8) for split, n in (("train", 5), ("test", 3))}
    source = hub({s: {column: list(p), "label": list(range(len(p)))} for s, p in pixels.items()}, features)
    parts = load(source=source)
    assert (len(parts.train), len(parts.test)) == (5, 3)
    for part, expected in zip(parts, pixels.values(), strict=True):
        channels_first = expected[:, None] if len(shape) == 2 else expected.transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(part.images, channels_first)
        assert part.labels.tolist() == list(range(len(expected)))
        assert part.classes == tuple(names)


@pytest.mark.filterwarnings("ignore")
def test_imdb_from_files_of_the_hub_s_form(hub):
    features = {"text": hub.library.Value("string"), "label": hub.library.ClassLabel(names=["neg", "pos"])}
    rows = {"train": {"text": ["good <br />", "bad"], "label": [1, 0]}, "test": {"text": ["fine"], "label": [1]}}
    train, test = sets.imdb(source=hub({**rows, "unsupervised": {"text": ["?"], "label": [-1]}}, features))
    assert [train[0], train[1], test[0]] == [("good <br />", 1), ("bad", 0), ("fine", 1)]
    assert train.classes == ("neg", "pos")
    ((texts, labels),) = data.DataLoader(train, 2)
    assert (list(texts), labels.tolist()) == (["good <br />", "bad"], [1, 0])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("load", [sets.mnist, sets.fashion_mnist, sets.cifar10, sets.imdb])
def test_offline_and_not_cached_is_one_clear_error(load, hub, monkeypatch, tmp_path):
    hub_config = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(hub.library.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub_config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub_config, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(RuntimeError, match=rf"{load.__name__} could not be loaded .* connect to the network once"):
        load()


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r'datasets is needed .* pip install "gradloom\[datasets\]"'):
        sets.mnist()


def test_require():
    assert require("math", extra="demo").pi > 3
    assert require("os.path", extra="demo").join("a", "b")
    with pytest.raises(ImportError, match=r'no_such_thing is needed .* pip install "gradloom\[demo\]"') as caught:
        require("no_such_thing.inner", extra="demo")
    assert caught.value.name == "no_such_thing"


def test_an_installed_library_s_own_failure_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("import what_it_needs")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_needs"):
        require("broken_library", extra="demo")
