"""Transforms: what they compute, held against PyTorch where it has the same, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd
from autograd import data
from autograd.data import transforms as T
from autograd.data.transforms.geometry import affine_matrix, warp
from tests.conftest import referee

torch = referee()
RNG = np.random.default_rng(0)
IMAGE = RNG.random((3, 9, 12), np.float32)


def generator(seed=0):
    return autograd.Generator().manual_seed(seed)


EVERY = [
    T.Normalize(0.5, 0.25),
    T.Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]),
    T.Standardize.from_data(RNG.random((5, 3, 9, 12)), axis=(0, 2, 3)),
    T.Pad(2),
    T.CenterCrop(4),
    T.RandomCrop(6, padding=1),
    T.RandomHorizontalFlip(1.0),
    T.RandomVerticalFlip(1.0),
    T.RandomRotation((30, 40)),
    T.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 5, interpolation="bilinear"),
    T.RandomErasing(1.0),
    T.GaussianNoise(),
]
EACH = pytest.mark.parametrize("transform", EVERY, ids=lambda t: type(t).__name__)


@EACH
def test_array_gives_array_and_tensor_gives_tensor(transform):
    before = IMAGE.copy()
    autograd.manual_seed(1)
    array = transform(IMAGE)
    assert type(array) is np.ndarray
    assert array.dtype == np.float32
    autograd.manual_seed(1)
    tensor = transform(autograd.from_numpy(IMAGE))
    assert isinstance(tensor, autograd.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), array)
    np.testing.assert_array_equal(IMAGE, before, "the input stays as it was")
    assert not np.array_equal(array, IMAGE)


@EACH
def test_gradients_are_not_lost_in_silence(transform):
    with pytest.raises(RuntimeError, match=r"pass tensor\.detach\(\)"):
        transform(autograd.ones(3, 9, 12, requires_grad=True))


@pytest.mark.parametrize(
    "transform", [t for t in EVERY if "mean" not in vars(t) or np.size(t.mean) == 1], ids=lambda t: type(t).__name__
)
def test_images_without_channels(transform):
    autograd.manual_seed(1)
    flat = transform(IMAGE[0])
    autograd.manual_seed(1)
    np.testing.assert_array_equal(transform(IMAGE[:1])[0], flat)


@pytest.mark.parametrize("transform", EVERY[3:11], ids=lambda t: type(t).__name__)
def test_images_of_bytes(transform):
    image = (IMAGE * 255).astype(np.uint8)
    assert transform(image).dtype == np.uint8


@pytest.mark.parametrize("transform", EVERY[3:11], ids=lambda t: type(t).__name__)
def test_what_is_no_image(transform):
    with pytest.raises(ValueError, match=r"expected an image \(\.\.\., H, W\), got the shape \(4,\)"):
        transform(np.zeros(4))


@pytest.mark.parametrize(
    "make",
    [
        lambda g: T.RandomCrop(6, generator=g),
        lambda g: T.RandomHorizontalFlip(generator=g),
        lambda g: T.RandomVerticalFlip(generator=g),
        lambda g: T.RandomRotation(90, generator=g),
        lambda g: T.RandomAffine(10, (0.3, 0.3), (0.5, 2), 9, generator=g),
        lambda g: T.RandomErasing(generator=g),
        lambda g: T.GaussianNoise(generator=g),
    ],
)
def test_the_generator_decides(make):
    def run(g):
        transform = make(g)
        return np.stack([transform(IMAGE) for _ in range(12)])

    state = autograd.get_rng_state().tolist()
    first = run(generator(1))
    np.testing.assert_array_equal(run(generator(1)), first)
    assert not np.array_equal(run(generator(2)), first)
    assert not all(np.array_equal(image, first[0]) for image in first)
    assert autograd.get_rng_state().tolist() == state
    autograd.manual_seed(3)
    default = run(None)
    autograd.manual_seed(3)
    np.testing.assert_array_equal(run(None), default)


def test_in_a_loader_augmentation_does_not_depend_on_workers():
    for g in (None, generator(5)):
        augment = T.Compose([T.RandomCrop(8, padding=2, generator=g), T.RandomHorizontalFlip(generator=g)])

        class Augmented(data.Dataset):
            def __init__(self, augment):
                self.augment = augment

            def __len__(self):
                return 8

            def __getitem__(self, index):
                return self.augment(IMAGE[:, :8, :8])

        dataset = Augmented(augment)

        def run(workers, dataset=dataset):
            autograd.manual_seed(2)
            loader = data.DataLoader(dataset, 4, num_workers=workers)
            return np.stack([batch.numpy() for _ in range(2) for batch in loader])

        serial = run(0)
        np.testing.assert_array_equal(run(2), serial)
        assert not np.array_equal(serial[0], serial[2]), "epochs differ"


def test_compose():
    assert T.Compose([lambda x: x + 1, lambda x: x * 10])(1) == 20
    assert repr(T.Compose([T.CenterCrop(2)])) == "Compose([CenterCrop(size=(2, 2))])"


def test_to_tensor():
    image = (RNG.random((4, 5, 3)) * 255).astype(np.uint8)
    tensor = T.ToTensor()(image)
    assert tensor.dtype == autograd.float32
    np.testing.assert_array_equal(tensor.numpy(), image.transpose(2, 0, 1).astype(np.float32) / 255)
    assert tensor.is_contiguous()
    gray = T.ToTensor()(image[..., 0])
    assert tuple(gray.shape) == (1, 4, 5)
    assert T.ToTensor()(np.ones((2, 2), np.float64)).dtype == autograd.float64
    assert T.ToTensor()(gray) is gray
    with pytest.raises(ValueError, match=r"got the shape \(3,\)"):
        T.ToTensor()(np.zeros(3))


def test_to_tensor_takes_pil_images():
    pil = pytest.importorskip("PIL.Image")
    tensor = T.ToTensor()(pil.fromarray(np.array([[0, 255]], np.uint8)))
    assert tensor.tolist() == [[[0, 1]]]


def test_normalize():
    mean, std = [0.1, 0.2, 0.3], [1.0, 2.0, 3.0]
    got = T.Normalize(mean, std)(IMAGE)
    expected = (torch.tensor(IMAGE) - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-6)
    batch = np.stack([IMAGE, IMAGE])
    np.testing.assert_array_equal(T.Normalize(mean, std)(batch)[1], got)
    image = IMAGE.copy()
    assert T.Normalize(mean, std, inplace=True)(image) is image
    np.testing.assert_array_equal(image, got)


def test_normalize_errors():
    with pytest.raises(ValueError, match="std evaluated to zero"):
        T.Normalize([0, 0], [1, 0])
    with pytest.raises(TypeError, match="expects floating-point numbers, got uint8"):
        T.Normalize(0, 1)(np.zeros((1, 2, 2), np.uint8))
    for shape in ((3, 2, 2), (2, 2)):
        with pytest.raises(ValueError, match="has 2 channels, but the image has the shape"):
            T.Normalize([0, 0], [1, 1])(np.zeros(shape))


def test_standardize():
    table = RNG.normal(3, 5, (200, 4)).astype(np.float32)
    table[:, 2] = 0.1
    scale = T.Standardize.from_data(autograd.from_numpy(table))
    scaled = scale(table)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(0), [1, 1, 0, 1], atol=1e-5)
    np.testing.assert_allclose(scale(table[7]), scaled[7])
    np.testing.assert_allclose(scale.inverse(scaled), table, rtol=1e-5, atol=1e-5)
    assert isinstance(scale.inverse(autograd.from_numpy(scaled)), autograd.Tensor)
    images = RNG.random((6, 3, 4, 5))
    scaled = T.Standardize.from_data(images, axis=(0, 2, 3))(images)
    np.testing.assert_allclose(scaled.std((0, 2, 3)), 1)
    assert scaled.dtype == np.float64
    assert T.Standardize(1, 2)(np.array([3])).dtype == np.float32


def test_standardize_errors():
    with pytest.raises(ValueError, match="axis must hold 0"):
        T.Standardize.from_data(np.ones((2, 2)), axis=1)
    with pytest.raises(ValueError, match="data not be empty"):
        T.Standardize.from_data(np.ones((0, 2)))
    with pytest.raises(ValueError, match="std holds a zero"):
        T.Standardize([0], [0])


def test_one_hot():
    labels = RNG.integers(5, size=(3, 4))
    expected = torch.nn.functional.one_hot(torch.tensor(labels), 5).numpy()
    np.testing.assert_array_equal(T.OneHot(5)(labels), expected)
    assert T.OneHot(3)(2).tolist() == [0, 0, 1]
    assert T.OneHot(3, np.int64)(autograd.tensor([1])).dtype == autograd.int64
    for wrong in ([5], [-1]):
        with pytest.raises(ValueError, match="expects classes from 0 to 4"):
            T.OneHot(5)(np.array(wrong))
    with pytest.raises(ValueError, match="expects integer class numbers, got float64"):
        T.OneHot(5)(np.array([1.0]))


def test_noise():
    noisy = T.GaussianNoise(mean=0.5, sigma=0.1, clip=False)(np.zeros((1, 200, 200)))
    assert noisy.mean() == pytest.approx(0.5, abs=0.0025)  # five standard errors
    assert noisy.std() == pytest.approx(0.1, abs=0.002)
    clipped = T.GaussianNoise(sigma=5)(np.full((1, 50, 50), 0.5))
    assert (clipped.min(), clipped.max()) == (0, 1)
    with pytest.raises(ValueError, match="non-negative"):
        T.GaussianNoise(sigma=-1)
    with pytest.raises(TypeError, match="floating-point"):
        T.GaussianNoise()(np.zeros((1, 2, 2), np.uint8))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("padding", [2, (1, 2), (1, 2, 3, 0)])
def test_pad(mode, padding):
    left, top, right, bottom = T.Pad(padding).padding
    name = {"edge": "replicate"}.get(mode, mode)
    expected = torch.nn.functional.pad(torch.tensor(IMAGE)[None], (left, right, top, bottom), name)[0]
    np.testing.assert_array_equal(T.Pad(padding, padding_mode=mode)(IMAGE), expected.numpy())


def test_pad_sides():
    assert T.Pad((1, 2, 3, 4)).padding == (1, 2, 3, 4)
    assert T.Pad((1, 2)).padding == (1, 2, 1, 2)
    assert T.Pad(0, fill=3)(np.ones((1, 1))).tolist() == [[1]]
    assert T.Pad((0, 1, 0, 0), fill=3)(np.ones((1, 1))).tolist() == [[3], [1]]
    assert T.Pad((2, 0), padding_mode="symmetric")(np.array([[1, 2]])).tolist() == [[2, 1, 1, 2, 2, 1]]
    for wrong in (-1, (1, 2, 3), ()):
        with pytest.raises(ValueError, match="padding should be 1, 2 or 4 numbers"):
            T.Pad(wrong)
    with pytest.raises(ValueError, match="padding_mode should be one of"):
        T.Pad(1, padding_mode="wrap")


def test_crops():
    image = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(T.CenterCrop((3, 2))(image), image[1:4, 2:4])
    padded = T.CenterCrop(7)(image)
    assert padded.shape == (7, 7)
    np.testing.assert_array_equal(padded[1:6, 0:6], image)
    crop, corners = T.RandomCrop(4), set()
    for _ in range(200):
        piece = crop(image)
        top, left = divmod(int(piece[0, 0]), 6)
        np.testing.assert_array_equal(piece, image[top : top + 4, left : left + 4])
        corners.add((top, left))
    assert corners == {(i, j) for i in range(2) for j in range(3)}, "every place is taken"
    assert T.RandomCrop((5, 6))(image).tolist() == image.tolist()
    assert T.RandomCrop(9, pad_if_needed=True, fill=7)(image).shape == (9, 9)
    with pytest.raises(ValueError, match=r"Required crop size \(6, 6\) is larger than input image size \(5, 6\)"):
        T.RandomCrop(6)(image)
    for wrong in (0, (1, 2, 3), (2, -1)):
        with pytest.raises(ValueError, match="expected a positive size"):
            T.RandomCrop(wrong)


def test_flips():
    np.testing.assert_array_equal(T.RandomHorizontalFlip(1.0)(IMAGE), IMAGE[..., ::-1])
    np.testing.assert_array_equal(T.RandomVerticalFlip(1.0)(IMAGE), IMAGE[:, ::-1])
    np.testing.assert_array_equal(T.RandomHorizontalFlip(0.0)(IMAGE), IMAGE)
    flip = T.RandomHorizontalFlip(0.3)
    flipped = sum(int(flip(np.array([[0, 1]]))[0, 0]) for _ in range(2000))
    assert flipped == pytest.approx(600, abs=105)  # five standard deviations
    with pytest.raises(ValueError, match="probability"):
        T.RandomHorizontalFlip(1.5)


@pytest.mark.parametrize("turns", [1, 2, 3, -1])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_right_angles_are_exact(turns, interpolation):
    turn = T.RandomRotation((90 * turns, 90 * turns), interpolation, expand=True)
    np.testing.assert_array_equal(turn(IMAGE), np.rot90(IMAGE, turns, axes=(1, 2)))


def test_rotation_about_another_point():
    image = np.zeros((5, 5))
    image[0, 0] = 1
    turned = T.RandomRotation((180, 180), center=(1.5, 1.5))(image)
    assert np.argwhere(turned).tolist() == [[2, 2]]


def test_rotation_draws_from_its_range():
    with pytest.raises(ValueError, match="must be positive"):
        T.RandomRotation(-1)
    with pytest.raises(ValueError, match=r"degrees should be a number or \(low, high\)"):
        T.RandomRotation((1, 2, 3))
    with pytest.raises(ValueError, match="'nearest' or 'bilinear'"):
        T.RandomRotation(1, interpolation="cubic")


CASES = [
    {"angle": 33.0},
    {"angle": -120.0, "scale": 0.7},
    {"angle": 10.0, "translate": (2, -1), "scale": 1.3, "shear": (12.0, 0.0)},
    {"angle": 5.0, "shear": (10.0, -20.0), "center": (2.5, -1.0)},
]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_warp_is_pytorch_s_grid_sample(case, interpolation):
    matrix = affine_matrix(**case)
    height, width = IMAGE.shape[1:]
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    # grid_sample measures from -1 to 1 across the image, whatever its sides.
    size = np.array([width / 2, height / 2])
    theta = np.column_stack([back[:, :2] * size / size[:, None], back[:, 2] / size])
    grid = torch.nn.functional.affine_grid(torch.tensor(theta)[None], [1, 3, height, width], align_corners=False)
    expected = torch.nn.functional.grid_sample(
        torch.tensor(IMAGE, dtype=torch.float64)[None], grid, mode=interpolation, align_corners=False
    )[0].numpy()
    got = warp(IMAGE.astype(np.float64), matrix, (height, width), interpolation, 0)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_affine_matrix_is_torchvision_s():
    # Its documented closed form for the inverse: T(-center) of rotation, scale and shear.
    a, sx, sy, scale = 0.4, 0.2, -0.3, 1.7
    got = affine_matrix(math.degrees(a), (0, 0), scale, (math.degrees(sx), math.degrees(sy)))
    expected = scale * np.array(
        [
            [math.cos(a - sy) / math.cos(sy), -math.cos(a - sy) * math.tan(sx) / math.cos(sy) - math.sin(a)],
            [math.sin(a - sy) / math.cos(sy), -math.sin(a - sy) * math.tan(sx) / math.cos(sy) + math.cos(a)],
        ]
    )
    np.testing.assert_allclose(got[:, :2], expected)


def test_fill_goes_on_around_the_image():
    full = np.full((1, 6, 6), 5.0)
    for interpolation in ("nearest", "bilinear"):
        np.testing.assert_allclose(T.RandomRotation((20, 20), interpolation, fill=5)(full), 5)
    whole = np.full((1, 6, 6), 7, np.uint8)
    turned = T.RandomRotation((45, 45), "bilinear", fill=7)(whole)
    assert (turned == 7).all()


def test_affine_of_nothing_is_nothing():
    for interpolation in ("nearest", "bilinear"):
        np.testing.assert_array_equal(T.RandomAffine(0, interpolation=interpolation)(IMAGE), IMAGE)


def test_affine_moves_by_whole_pixels():
    image = np.zeros((9, 9))
    image[4, 4] = 1
    move = T.RandomAffine(0, translate=(0.3, 0.0))
    columns = {int(np.argwhere(move(image))[0][1]) for _ in range(100)}
    assert columns == {1, 2, 3, 4, 5, 6, 7}


def test_affine_errors():
    with pytest.raises(ValueError, match="translation values"):
        T.RandomAffine(0, translate=(2, 0))
    with pytest.raises(ValueError, match="scale values"):
        T.RandomAffine(0, scale=(0, 1))
    with pytest.raises(ValueError, match="shear"):
        T.RandomAffine(0, shear=(1, 2, 3))


def test_erasing():
    ones, erase = np.ones((3, 20, 30)), T.RandomErasing(1.0, scale=(0.1, 0.2), ratio=(0.5, 2.0), value=7)
    for _ in range(50):
        hole = erase(ones)[1] == 7
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole.sum() == len(rows) * len(columns), "one rectangle"
        assert 0.08 <= hole.mean() <= 0.22, "its sides are rounded"
        assert 0.4 <= len(rows) / len(columns) <= 2.5
    erased = sum(T.RandomErasing(0.25)(np.ones((1, 8, 8))).min() == 0 for _ in range(1000))
    assert erased == pytest.approx(250, abs=70)  # five standard deviations
    values = T.RandomErasing(1.0, value=[2, 3, 4])(ones)
    assert [sorted(set(channel.ravel().tolist())) for channel in values] == [[1, 2], [1, 3], [1, 4]]
    noise = T.RandomErasing(1.0, value="random")(ones)
    assert len(np.unique(noise)) > 10
    image = ones.copy()
    assert T.RandomErasing(1.0, inplace=True)(image) is image
    assert image.min() == 0


def test_erasing_what_does_not_fit_leaves_the_image():
    np.testing.assert_array_equal(T.RandomErasing(1.0, scale=(1, 1), ratio=(1, 1))(IMAGE), IMAGE)


def test_erasing_errors():
    for options, message in [
        ({"scale": (0.5, 0.1)}, "Scale should be"),
        ({"scale": (0, 2)}, "Scale should be"),
        ({"ratio": (0, 1)}, "ratio should be"),
        ({"value": "zero"}, "should be 'random'"),
        ({"p": 2}, "probability"),
    ]:
        with pytest.raises(ValueError, match=message):
            T.RandomErasing(**options)
    with pytest.raises(ValueError, match="a single value or 3"):
        T.RandomErasing(1.0, value=[1, 2])(IMAGE)


def test_mixup():
    x, y = RNG.random((4, 1, 3, 3), np.float32), np.array([0, 1, 2, 2])
    mixed, labels = T.MixUp(0.4, num_classes=3)(x, y)
    share = labels[0, 0]
    assert 0 <= share <= 1
    np.testing.assert_allclose(mixed, share * x + (1 - share) * np.roll(x, 1, 0), rtol=1e-5)
    np.testing.assert_allclose(labels, share * np.eye(3)[y] + (1 - share) * np.eye(3)[np.roll(y, 1)], rtol=1e-5)
    assert mixed.dtype == labels.dtype == np.float32
    tensors = T.MixUp()(autograd.from_numpy(x), autograd.from_numpy(labels))
    assert all(isinstance(tensor, autograd.Tensor) for tensor in tensors)
    shares = [T.MixUp(num_classes=2)(x, np.array([0, 1, 0, 1]))[1][0, 0] for _ in range(1000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05), "Beta(1, 1) is uniform"
    assert np.var(shares) == pytest.approx(1 / 12, abs=0.012)


def test_mixup_errors():
    with pytest.raises(ValueError, match="alpha should be positive"):
        T.MixUp(0)
    with pytest.raises(ValueError, match="needs num_classes"):
        T.MixUp()(np.ones((2, 1)), np.array([0, 1]))
    with pytest.raises(ValueError, match="2 images and 3 labels"):
        T.MixUp(num_classes=2)(np.ones((2, 1)), np.array([0, 1, 1]))


def test_mixup_in_a_loader():
    dataset = data.TensorDataset(autograd.rand(8, 1, 2, 2), autograd.arange(8) % 2)
    mixup = T.MixUp(num_classes=2)
    batches = list(data.DataLoader(dataset, 4, collate_fn=lambda batch: mixup(*data.default_collate(batch))))
    assert [tuple(y.shape) for _, y in batches] == [(4, 2), (4, 2)]
