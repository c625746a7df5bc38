"""A flow that is trained and drawn in a minute, without a table."""

import argparse
import time
from pathlib import Path

import tfp_flows
from tfp_flows.cli.arguments import natural, positive
from tfp_flows.cli.files import require_folder

_BATCH_SIZE = 512
_STEPS_PER_EPOCH = 40


def add_to(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser's."""
    parser = commands.add_parser(
        "demo",
        help="train a RealNVP on two moons and draw it, without a table",
        description=(
            "Trains a RealNVP on two moons by Keras fit, prints the test NLL beside "
            "the true entropy, and draws the flow."
        ),
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo_output"),
        help="folder for the pictures (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs", type=positive, default=30, help="default: %(default)s"
    )
    parser.add_argument("--seed", type=natural, default=0, help="default: %(default)s")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    import keras

    from tfp_flows import visualization

    require_folder(options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    moons = tfp_flows.datasets.TwoMoons(noise=0.1)
    train = moons.sample(_BATCH_SIZE * _STEPS_PER_EPOCH, seed=[0, options.seed])
    test = moons.sample(20_000, seed=[1, options.seed])

    flow = tfp_flows.flows.real_nvp(2, num_layers=8, seed=options.seed)
    model = tfp_flows.FlowModel(flow, seed=options.seed)
    steps = options.epochs * _STEPS_PER_EPOCH
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate))
    model.summary()
    gif = visualization.TrainingGIF(options.out / "training.gif", test[:1000].numpy())
    start = time.perf_counter()
    history = model.fit(
        train, batch_size=_BATCH_SIZE, epochs=options.epochs, callbacks=[gif]
    )
    seconds = time.perf_counter() - start

    nll = model.evaluate(test, verbose=0)
    print(f"\ntraining, compilation and GIF included: {seconds:.1f} s")
    print(f"test NLL:     {nll:.3f} nats")
    print(f"true entropy: {float(moons.entropy()):.3f} nats, the best that is possible")
    visualization.plot_stages(
        *visualization.stages(flow), path=options.out / "stages.png"
    )
    visualization.plot_density(
        flow, data=test.numpy(), path=options.out / "density.png"
    )
    visualization.plot_history(
        history, entropy=moons.entropy(), path=options.out / "history.png"
    )
    print(f"pictures: {options.out.resolve()}")
    for name in ("stages.png", "density.png", "history.png", "training.gif"):
        print(f"  {name}")
    return 0
