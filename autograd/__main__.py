"""Train a classifier of handwritten digits: ``python -m autograd``.

This is a program, not a part of the engine: it uses `nn` and `optim` as you would.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import autograd as ag
import nn
import optim
from autograd import draw
from autograd.data import DataLoader, sets
from autograd.extras import require


class Digits(nn.Module):
    """Two convolutions and a linear layer, for 8×8 images of ten digits."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 4 * 4, 10))

    def forward(self, x: ag.Tensor) -> ag.Tensor:
        return self.classifier(self.features(x))


def train(model: nn.Module, loader: DataLoader, loss_fn: nn.Module, optimizer: optim.Optimizer) -> float:
    """One epoch; returns the mean loss."""
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


@ag.no_grad()
def accuracy(model: nn.Module, loader: DataLoader) -> float:
    """The share of images that the model gets right."""
    model.eval()
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return right / len(loader.dataset)


def save_curve(losses: list[float], path: Path) -> None:
    """Draw the loss of each epoch."""
    figure = require("matplotlib.figure", extra="demo").Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, len(losses) + 1), losses, marker="o")
    axes.set(xlabel="epoch", ylabel="training loss", yscale="log")
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m autograd", description="Train a classifier of handwritten digits.")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training set (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same numbers (default: 0)")
    parser.add_argument("--batch-size", type=int, default=64, help="images per step (default: 64)")
    parser.add_argument("--lr", type=float, default=2e-3, help="Adam's learning rate (default: 0.002)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/digits"), help="folder to write to (default: runs/digits)"
    )
    options = parser.parse_args()
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")
    return options


def main() -> None:
    """Train, and say where the loss curve, the graph and the weights are."""
    options = arguments()
    tqdm = require("tqdm", extra="demo").tqdm
    ag.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)

    train_set, test_set = sets.digits()
    train_loader = DataLoader(train_set, batch_size=options.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=512)
    model = Digits()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=options.lr)
    print(
        f"{len(train_set)} images to learn from, {len(test_set)} held out; {sum(p.numel() for p in model.parameters())} parameters"
    )

    losses = []
    with tqdm(range(1, options.epochs + 1), unit="epoch", disable=None) as epochs:
        for epoch in epochs:
            losses.append(train(model, train_loader, loss_fn, optimizer))
            known, unknown = accuracy(model, DataLoader(train_set, batch_size=512)), accuracy(model, test_loader)
            epochs.write(
                f"epoch {epoch:2d}   loss {losses[-1]:.4f}   train accuracy {known:.2%}   test accuracy {unknown:.2%}"
            )

    curve, graph, weights = (options.out / name for name in ("loss.svg", "graph.svg", "weights.safetensors"))
    save_curve(losses, curve)
    draw.graph(model, next(iter(test_loader))[0][:1]).save(graph)
    ag.save(model.state_dict(), weights)

    again = Digits()
    again.load_state_dict(ag.load(weights))
    print(
        f"loss curve: {curve}\ngraph: {graph}\nweights: {weights} (loaded again: test accuracy {accuracy(again, test_loader):.2%})"
    )


if __name__ == "__main__":
    main()
