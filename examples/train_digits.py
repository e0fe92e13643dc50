"""Trains a small network on scikit-learn's handwritten digits and reports to Runlore: two lines, and one a step."""

import argparse
import math

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import runlore

CHANCE_LOSS = math.log(10)  # what guessing one of ten digits costs


def main() -> None:
    """Parse the hyperparameters, train, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default="digits")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--optimizer", choices=["adam", "sgd"], default="adam")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--notes", help="what you expect and why")
    parser.add_argument("--tag", action="append", default=[])
    options = parser.parse_args()

    images, digits = load_digits(return_X_y=True)
    train_x, val_x, train_y, val_y = train_test_split(
        images / 16, digits, test_size=0.2, random_state=0, stratify=digits
    )
    config = {
        name: getattr(options, name) for name in ("lr", "hidden", "batch_size", "epochs", "optimizer", "seed")
    }
    network = MLPClassifier(
        hidden_layer_sizes=(options.hidden,),
        learning_rate_init=options.lr,
        batch_size=options.batch_size,
        solver=options.optimizer,
        random_state=options.seed,
    )
    with runlore.init(project=options.project, config=config, tags=options.tag, notes=options.notes) as run:
        for epoch in range(options.epochs):
            network.partial_fit(train_x, train_y, classes=range(10))
            if not network.loss_ < CHANCE_LOSS * 3:
                raise FloatingPointError(f"loss diverged to {network.loss_:.1f} in epoch {epoch + 1}")
            accuracy = network.score(val_x, val_y)
            run.log({"train/loss": network.loss_, "val_acc": accuracy}, step=epoch)
            run.progress(epoch + 1, options.epochs)
            print(f"epoch {epoch + 1}/{options.epochs}  loss {network.loss_:.4f}  val_acc {accuracy:.4f}")


if __name__ == "__main__":
    main()
