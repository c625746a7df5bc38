"""Prints how well autoregressive flows compress small pictures, beside RealNVP.

python -m benchmarks.digits                     all flows, in about six minutes
python -m benchmarks.digits MADE PixelCNN       some of them

The pictures are scikit-learn's 1,797 handwritten digits of 8 × 8 pixels, integers from
0 to 16. Uniform noise makes a density of them, and the bits a dimension of that
density bound those of the integers from above. A fifth of the pictures is the test,
a tenth says when to stop: the weights kept are those that were best on that tenth.
The standard error is that over the test's pictures; the training's is not in it.
"""

import argparse
import math
import time

import keras
import numpy as np
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import bijectors, flows

LEVELS = 17
SIZE = 64
# About the mean of a pixel's range and the standard deviation of a pixel.
CENTER, SCALE = LEVELS / 2, 6.0

BATCH = 128
EPOCHS = 20
PATIENCE = 4
RATE = 3e-3
# Each picture is there so many times, with other noise.
NOISES = 10


def mixture() -> bijectors.TransformerSpec:
    """What each autoregressive flow does to a pixel."""
    return bijectors.MixtureCDF.spec(num_components=5)


FLOWS = {
    "MADE": lambda: flows.made(
        SIZE, transformer=mixture(), hidden_units=(256, 256), seed=0
    ),
    "NADE": lambda: flows.nade(SIZE, transformer=mixture(), hidden_units=256, seed=0),
    "PixelCNN": lambda: flows.pixel_cnn((8, 8, 1), transformer=mixture(), seed=0),
    "WaveNet": lambda: flows.wavenet(SIZE, transformer=mixture(), seed=0),
    "Recurrent": lambda: flows.recurrent(
        SIZE, transformer=mixture(), units=64, row_size=8, seed=0
    ),
    "RealNVP": lambda: flows.real_nvp(SIZE, hidden_units=(128, 128), seed=0),
}


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digits")
    parser.add_argument("flows", nargs="*", metavar="FLOW", help=", ".join(FLOWS))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    if unknown := set(options.flows) - set(FLOWS):
        parser.error(f"no flow {', '.join(sorted(unknown))}; there are {list(FLOWS)}")
    print(
        f"Budget: {options.epochs} epochs, each picture with {NOISES} noises, {BATCH} a "
        f"step, Adam {RATE}, cosine decay, patience {PATIENCE}\n"
    )
    print_table(options.flows or list(FLOWS), options.epochs)


def print_table(names: list[str], epochs: int) -> None:
    """One row for each flow, and how far it is from the first, picture by picture."""
    parts = split(load_pictures())
    print(f"| flow | parameters | epochs | seconds | bits/dim | less {names[0]}'s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    first = None
    for name in names:
        start = time.perf_counter()
        model = make_model(FLOWS[name]())
        num_epochs, bits = train_and_test(model, parts, epochs)
        seconds = time.perf_counter() - start
        first = bits if first is None else first
        row = [
            name,
            f"{sum(math.prod(weight.shape) for weight in model.trainable_weights):,}",
            str(num_epochs),
            f"{seconds:.0f}",
            mean_and_error(bits),
            mean_and_error(bits - first) if bits is not first else "–",
        ]
        print("| " + " | ".join(row) + " |", flush=True)


def make_model(flow: tfd.Distribution) -> tfp_flows.FlowModel:
    """A model of dequantised pictures, of the flow on scaled ones."""
    to_pixels = tfb.Shift(CENTER)(tfb.Scale(SCALE))
    return tfp_flows.FlowModel(tfd.TransformedDistribution(flow, to_pixels))


def train_and_test(
    model: tfp_flows.FlowModel, parts: list[np.ndarray], epochs: int
) -> tuple[int, np.ndarray]:
    """The epochs trained, and the bits a dimension of each test picture."""
    shape = (-1, *model.distribution.event_shape)
    train, validation, test = (
        dequantized(part, NOISES, seed).reshape(shape)
        for seed, part in enumerate(parts)
    )
    steps = epochs * math.ceil(len(train) / BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    history = model.fit(
        train,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=validation,
        callbacks=[
            keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
        ],
        verbose=0,
    )
    bits = bits_per_dim(model.predict(test, batch_size=BATCH, verbose=0))
    return len(history.epoch), bits.reshape(NOISES, -1).mean(axis=0)


def load_pictures() -> np.ndarray:
    """The pictures ``[N, 64]``, row by row."""
    # Of the extra `benchmarks`; the arithmetic is tested without.
    from sklearn.datasets import load_digits

    return load_digits().data


def split(pictures: np.ndarray) -> list[np.ndarray]:
    """Pictures to train on, to stop by and to test on, in an order of chance."""
    pictures = np.random.default_rng(0).permutation(pictures)
    num_test, num_validation = len(pictures) // 5, len(pictures) // 10
    return [
        pictures[num_test + num_validation :],
        pictures[num_test : num_test + num_validation],
        pictures[:num_test],
    ]


def dequantized(pictures: np.ndarray, times: int, seed: int) -> np.ndarray:
    """All pictures so many times, each time with other noise in [0, 1)."""
    rng = np.random.default_rng([1, seed])
    pictures = np.tile(pictures.astype("float32"), (times, 1))
    return pictures + rng.uniform(size=pictures.shape).astype("float32")


def bits_per_dim(log_prob: np.ndarray) -> np.ndarray:
    """Of log-densities of dequantised pictures, in nats."""
    return -log_prob.astype("float64") / (SIZE * math.log(2))


def mean_and_error(values: np.ndarray) -> str:
    """The mean over the pictures ± its standard error."""
    return f"{values.mean():.3f} ± {values.std() / math.sqrt(len(values)):.3f}"


if __name__ == "__main__":
    main()
