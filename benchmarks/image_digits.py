"""Prints how well flows of images compress small pictures, as bits a dimension.

python -m benchmarks.image_digits                    all flows, in about 40 minutes
python -m benchmarks.image_digits Glow --seeds 1     one of them, once

The pictures are those of `benchmarks.digits`: 1,797 handwritten digits of 8 × 8
pixels, integers from 0 to 16, of which some are held out to say when to stop, and some
to test. All flows have about as many parameters (the learned noise comes on top), and
model the discrete pictures through `tfp_flows.distributions.Dequantized`, with new
noise at each step. What is printed is the mean over the seeds ± the standard deviation
between them: of the bound on the test pictures' bits (one noise each, the mean of 16),
of the same on the pictures that were trained on, and of the tighter bound on the test
pictures' by 64 importance-weighted noises.
"""

import argparse
import math
from collections.abc import Callable, Sequence

import keras
import numpy as np

import tfp_flows
from benchmarks.digits import load_pictures, split
from tfp_flows import flows
from tfp_flows.distributions import Dequantized

SHAPE = (8, 8, 1)
BATCH = 125
EPOCHS = 120
PATIENCE = 25
RATE = 2e-3
WEIGHT_DECAY = 1.0  # So few pictures are soon known by heart.
NOISES = 16


def flow_plus_plus(seed: int, noise=None) -> Dequantized:
    """Of pictures, by a smaller Flow++."""
    flow = flows.flow_plus_plus_image(
        SHAPE, filters=16, num_blocks=1, num_heads=2, num_components=4, seed=seed
    )
    return Dequantized(flow, high=16, noise=noise, seed=seed)


def variational(seed: int) -> Dequantized:
    """With noise that is learned along with it."""
    noise = flows.dequantization(
        SHAPE,
        num_steps=2,
        filters=12,
        num_blocks=1,
        num_heads=2,
        num_components=4,
        seed=seed,
    )
    return flow_plus_plus(seed, noise)


FLOWS: dict[str, Callable[[int], Dequantized]] = {
    "RealNVP of vectors": lambda seed: Dequantized(
        flows.real_nvp(64, num_layers=7, seed=seed), high=16, seed=seed
    ),
    "RealNVP of images": lambda seed: Dequantized(
        flows.real_nvp_image(SHAPE, filters=19, num_blocks=1, seed=seed),
        high=16,
        seed=seed,
    ),
    "Glow": lambda seed: Dequantized(
        flows.glow(SHAPE, num_steps=8, hidden_units=(40, 40), seed=seed),
        high=16,
        seed=seed,
    ),
    "Flow++, uniform noise": flow_plus_plus,
    "Flow++, variational noise": variational,
}


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.image_digits")
    parser.add_argument("flows", nargs="*", metavar="FLOW", help=", ".join(FLOWS))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if unknown := set(options.flows) - set(FLOWS):
        parser.error(f"no flow {', '.join(sorted(unknown))}; there are {list(FLOWS)}")
    print(
        f"Budget: {options.epochs} epochs, {BATCH} a step, AdamW {RATE} with decay "
        f"{WEIGHT_DECAY}, cosine decay of the rate, patience {PATIENCE}; "
        f"seeds: {options.seeds}\n"
    )
    print_table(options.flows or list(FLOWS), options.epochs, options.seeds)


def print_table(names: Sequence[str], epochs: int, num_seeds: int) -> None:
    """A row for each flow."""
    parts = split(load_pictures().astype("float32"))
    print("| flow | parameters | epochs | bits/dim | in training | tighter bound |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for name in names:
        results = []
        for seed in range(num_seeds):
            model = tfp_flows.FlowModel(FLOWS[name](seed), seed=seed)
            results.append(train_and_test(model, parts, epochs))
        num_epochs, *bits = zip(*results, strict=True)
        row = [
            name,
            f"{sum(math.prod(w.shape) for w in model.trainable_weights):,}",
            f"{np.mean(num_epochs):.0f}",
            *(f"{np.mean(each):.3f} ± {np.std(each):.3f}" for each in bits),
        ]
        print("| " + " | ".join(row) + " |", flush=True)


def train_and_test(
    model: tfp_flows.FlowModel, parts: Sequence[np.ndarray], epochs: int
) -> tuple[int, float, float, float]:
    """The epochs trained, and the table's three bounds in bits a dimension."""
    shape = (-1, *model.distribution.event_shape)
    train, validation, test = (part.reshape(shape) for part in parts)
    steps = epochs * math.ceil(len(train) / BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(optimizer=keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY))
    history = model.fit(
        train,
        batch_size=BATCH,
        epochs=epochs,
        # Several noises for each picture, or the choice would be one of noise.
        validation_data=np.tile(validation, (4, 1, 1, 1)[: validation.ndim]),
        validation_batch_size=len(validation),
        callbacks=[
            keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
        ],
        verbose=0,
    )
    bits = -1.0 / (math.prod(shape[1:]) * math.log(2.0))
    held_out, trained = (
        [model.predict(part, batch_size=len(part), verbose=0) for _ in range(NOISES)]
        for part in (test, train)
    )
    tighter = [
        model.distribution.log_prob(part, num_samples=64, seed=(0, i))
        for i, part in enumerate(np.array_split(test, 8))
    ]
    return len(history.epoch), *(
        float(bits * np.mean(np.concatenate(each)))
        for each in (held_out, trained, tighter)
    )


if __name__ == "__main__":
    main()
