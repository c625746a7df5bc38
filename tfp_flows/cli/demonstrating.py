"""The work of ``tfp-flows demo``."""

import argparse
import time

import keras

import tfp_flows
from tfp_flows import visualization
from tfp_flows.cli.messages import note_compiling

_BATCH_SIZE = 512
_STEPS_PER_EPOCH = 40


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
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
    note_compiling()
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
