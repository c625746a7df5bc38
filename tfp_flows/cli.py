"""The command ``tfp-flows``."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import keras

import tfp_flows
from tfp_flows.datasets import TwoMoons
from tfp_flows.visualization import (
    TrainingGIF,
    plot_density,
    plot_history,
    plot_stages,
    stages,
)

_BATCH_SIZE = 512
_STEPS_PER_EPOCH = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="tfp-flows",
        description="Normalizing flows as TFP bijectors, trained with Keras 3 fit.",
    )
    parser.add_argument(
        "--version", action="version", version=f"tfp_flows {tfp_flows.__version__}"
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="train a RealNVP on two moons and draw it",
        description=(
            "Trains a RealNVP on two moons by Keras fit, prints the test NLL beside "
            "the true entropy, and draws the flow."
        ),
    )
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("demo_output"),
        help="folder for the pictures (default: %(default)s)",
    )
    demo.add_argument(
        "--epochs", type=_positive, default=30, help="default: %(default)s"
    )
    demo.add_argument("--seed", type=_natural, default=0, help="default: %(default)s")
    demo.set_defaults(command=_demo)
    options = parser.parse_args(arguments)
    try:
        return options.command(options)
    except OSError as error:
        parser.exit(1, f"tfp-flows: {error}\n")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, but got {number}")
    return number


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, but got {number}")
    return number


def _demo(options: argparse.Namespace) -> int:
    options.out.mkdir(parents=True, exist_ok=True)
    moons = TwoMoons(noise=0.1)
    train = moons.sample(_BATCH_SIZE * _STEPS_PER_EPOCH, seed=[0, options.seed])
    test = moons.sample(20_000, seed=[1, options.seed])

    flow = tfp_flows.flows.real_nvp(2, num_layers=8, seed=options.seed)
    model = tfp_flows.FlowModel(flow, seed=options.seed)
    steps = options.epochs * _STEPS_PER_EPOCH
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate))
    model.summary()
    gif = TrainingGIF(options.out / "training.gif", test[:1000].numpy())
    start = time.perf_counter()
    history = model.fit(
        train, batch_size=_BATCH_SIZE, epochs=options.epochs, callbacks=[gif]
    )
    seconds = time.perf_counter() - start

    nll = model.evaluate(test, verbose=0)
    print(f"\ntraining, compilation and GIF included: {seconds:.1f} s")
    print(f"test NLL:     {nll:.3f} nats")
    print(f"true entropy: {float(moons.entropy()):.3f} nats, the best that is possible")
    plot_stages(*stages(flow), path=options.out / "stages.png")
    plot_density(flow, data=test.numpy(), path=options.out / "density.png")
    plot_history(history, entropy=moons.entropy(), path=options.out / "history.png")
    print(f"pictures: {options.out.resolve()}")
    for name in ("stages.png", "density.png", "history.png", "training.gif"):
        print(f"  {name}")
    return 0
