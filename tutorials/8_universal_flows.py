# %% [markdown]
# # Universal flows
#
# An affine layer shifts and stretches. It takes many of them to tear a Gaussian apart:
# tutorial 4 has pictures of it. The flows of this tutorial replace the shift and scale
# of one dimension by a function of one number that may come as near as one likes to
# *any* increasing function, if only it has enough parameters.
#
# | flow | what increases | paper |
# |---|---|---|
# | `naf` | a network with positive weights | Huang et al. 2018 |
# | `bnaf` | the same, conditioner and transformer in one network | De Cao et al. 2019 |
# | `umnn` | the integral of a positive network | Wehenkel & Louppe 2019 |
# | `sos` | the integral of a sum of squared polynomials | Jaini et al. 2019 |
# | `bernstein` | a polynomial in Bernstein's form | Ramasinghe et al. 2021 |
# | `flow_plus_plus` | the CDF of a mixture of logistics | Ho et al. 2019 |
# | `gaussianization` | that of Gaussians, then a rotation | Meng et al. 2020 |
#
# ## Why one number at a time suffices
# In one dimension, if F is the distribution function of the data, F(y) is uniform, and
# z = Φ⁻¹(F(y)) is standard normal: an increasing function of y, and the only one that
# does it. In D dimensions, write p(y) = p(y₁) p(y₂|y₁) p(y₃|y₁, y₂) …, and do the same
# with each factor:
#
# zᵢ = Φ⁻¹(F(yᵢ | y₁, …, yᵢ₋₁)).
#
# All zᵢ are then standard normal, whatever came before them, hence independent. So a
# *single* autoregressive layer turns any density into a normal one, if its transformer
# can be any increasing function and its conditioner any function of the dimensions
# before. (`gaussianization` argues otherwise: each of its layers makes all margins
# normal, after each rotation others, and in the limit of many layers all of them are.)
#
# For the checkerboard the conditionals are known, and the layer can be written down.
# The first dimension is uniform over the board, the second over two squares of its
# column.

# %%
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from settings import FIGURES, SHORT, length

import tfp_flows
from tfp_flows.bijectors import (
    Bernstein,
    IntegralNetwork,
    KernelGaussianization,
    MixtureCDF,
    MonotonicNetwork,
    Standardize,
    SumOfSquares,
)
from tfp_flows.datasets import Checkerboard, GaussianGrid

tfb, tfd = tfp.bijectors, tfp.distributions


def exact_layer(y):
    """Φ⁻¹ of the distribution functions of the checkerboard's two conditionals."""
    first, second = np.asarray(y, "float64").T
    start = 2 * (np.floor(first / 2) % 2) - 4  # of the lower square of the column
    above = second >= start + 4
    cdf = [(first + 4) / 8, np.where(above, second - start - 2, second - start) / 4]
    return tfd.Normal(np.float64(0), 1).quantile(np.stack(cdf, axis=-1)).numpy()


z = exact_layer(Checkerboard().sample(100_000, seed=[0, 0]))
print("of each dimension  mean      ", z.mean(axis=0).round(3))
print("                   deviation ", z.std(axis=0).round(3))
print("                   kurtosis  ", (z**4).mean(axis=0).round(3), "(3 if normal)")
print("correlation of z₁, z₂        ", np.corrcoef(z.T)[0, 1].round(3))
print("correlation of z₁², z₂²      ", np.corrcoef(z.T**2)[0, 1].round(3))

# %% [markdown]
# That is the whole map, and no smooth flow has it: F is flat between the squares, where
# the inverse would have to jump, and from one column to the next all of it changes at
# once. A universal flow comes as near as its size allows. How near at equal size, and
# at what price, is what we measure below.
#
# ## Six shapes of an increasing function
# In this package all of them are closed in `inverse`, from data y to base z, the
# direction of maximum likelihood, so that training never searches for a root. Here they
# are with random parameters, about 25 numbers a dimension each: z against y, and the
# slope dz/dy, whose logarithm counts in the density.

# %%
LOW, HIGH = -3.0, 3.0
inside = {"low": LOW, "high": HIGH}
specs = {
    "NAF": MonotonicNetwork.spec(num_units=8),
    "UMNN": IntegralNetwork.spec(num_units=8, **inside),
    "SOS": SumOfSquares.spec(num_polynomials=4, degree=5, **inside),
    "Bernstein": Bernstein.spec(degree=24, **inside),
    "Flow++": MixtureCDF.spec(num_components=8),
    "Gaussianization": KernelGaussianization.spec(num_components=8),
}
ON_INTERVAL = ("UMNN", "SOS", "Bernstein")
SPREAD = {"NAF": 2.0, "SOS": 0.7, "Bernstein": 1.5, "UMNN": 0.8, "Flow++": 1.2}


def random_transformer(name, count, dtype="float32"):
    """``count`` dimensions, each with parameters of its own."""
    rng = np.random.default_rng(3)
    shape = [count, specs[name].num_params]
    return specs[name](
        tf.constant(SPREAD.get(name, 1.2) * rng.normal(size=shape), dtype)
    )


line = np.linspace(-6, 6, 601, dtype="float32")
colours = ["#2a78b5", "#c8501e", "#5a8f3c"]
figure, axes = plt.subplots(
    2, len(specs), figsize=(13, 4.8), sharex=True, sharey="row", layout="constrained"
)
for (over, under), name in zip(axes.T, specs, strict=True):
    transformer = random_transformer(name, len(colours))
    y = tf.constant(np.repeat(line[:, np.newaxis], len(colours), axis=1))
    with tf.GradientTape() as tape:
        tape.watch(y)
        z = transformer.inverse(y)
    slope = tape.gradient(z, y)
    for curve, colour in enumerate(colours):
        over.plot(line, z[:, curve], color=colour, lw=1.4)
        under.plot(line, slope[:, curve], color=colour, lw=1.4)
    title = f"{name}\n{specs[name].num_params} numbers a dimension"
    over.set_title(title, size=10)
    for panel in (over, under):
        panel.spines[["top", "right"]].set_visible(False)
        if name in ON_INTERVAL:
            panel.axvspan(LOW, HIGH, color="0.92", zorder=0)
axes[0, 0].set(ylabel="z (base)", ylim=(-8, 8))
axes[1, 0].set(ylabel="slope dz/dy", yscale="log", ylim=(5e-3, 30))
figure.supxlabel("y (data)", size=10)
figure.suptitle(
    "Increasing functions with random parameters; grey: the interval of the formula"
)
figure.savefig(FIGURES / "universal_curves.png", dpi=150)

# %% [markdown]
# Polynomials and quadratures are for an interval only. A polynomial of degree 11 would
# overflow far out, and a quadrature with a fixed number of points would stop increasing
# there. So these three act within [−3, 3], where nearly all standardised data are, and
# go on as their tangents: outside the grey the slope stays what it was at the edge, and
# the map is onto the real numbers. The others are onto by themselves: far out the logit
# of a mixture of logistics becomes linear, as does Φ⁻¹ of a mixture of Gaussians.
#
# `bnaf` is not in the picture, for it has no transformer apart from its conditioner:
# one network with block-triangular weights, positive in the blocks on the diagonal.
#
# ## The search for the root
# A sample needs the other direction, `forward`, for which none of them has a formula.
# It is a search for the root y of z(y) = z: a bracket found by expansion, then Newton's
# steps, with bisection where a step would leave the bracket. Where no root is found
# that is an error, or NaN in a graph, and never a wrong number. We go from data to base
# and back, far outside any interval, with 200 random functions of each kind.

# %%
places = [20.0, 100.0, 1e4]


def round_trip(name, place, dtype):
    """The largest relative error of y → z → y at ±place."""
    transformer = random_transformer(name, length(full=200, short=5), dtype)
    y = place * tf.constant([[-1.0], [1.0]], dtype)
    y = tf.tile(y, [1, length(full=200, short=5)])
    z = tf.constant(transformer.inverse(y).numpy())  # a new tensor: TFP has a cache
    return float(tf.reduce_max(abs(transformer.forward(z) - y))) / place


print("relative error of y → z → y")
print(f"{'':17}{'float32':^30}{'float64':^30}")
print(f"{'|y|':17}" + 2 * "".join(f"{place:10,.0f}" for place in places))
for name in specs:
    errors = [
        round_trip(name, place, dtype)
        for dtype in ("float32", "float64")
        for place in places
    ]
    print(f"{name:17}" + "".join(f"{error:10.0e}" for error in errors))

# %% [markdown]
# The gradient of the search does not go through its steps. By the implicit function
# theorem dy/dz is one over the slope at the root, and the derivative by a parameter θ
# is −∂z/∂θ over the slope.
#
# ## Nine flows
# All are autoregressive, with two layers, networks with two hidden layers of 64
# units, and about 25 numbers a dimension from them; with these exceptions. `maf`, the
# affine baseline, has two numbers a dimension. `nsf`, for comparison, has splines of 8
# bins, both of whose directions are closed. `bnaf` has networks of 32 units a dimension
# in each hidden layer. `gaussianization` evaluates no network at all: it gets 8 layers
# of 16 components in exchange, and even so has far fewer parameters.

# %%
flows = tfp_flows.flows
size = {"num_layers": length(2, 1), "hidden_units": [length(64, 8)] * 2, "seed": 0}
made = {
    "MAF": lambda: flows.maf(2, **size),
    "NSF": lambda: flows.nsf(2, autoregressive=True, num_bins=8, **inside, **size),
    "NAF": lambda: flows.naf(2, num_units=8, **size),
    "BNAF": lambda: flows.bnaf(2, num_layers=2, hidden_factor=32, seed=0),
    "UMNN": lambda: flows.umnn(2, num_units=8, **inside, **size),
    "SOS": lambda: flows.sos(2, num_polynomials=4, degree=5, **inside, **size),
    "Bernstein": lambda: flows.bernstein(2, degree=24, **inside, **size),
    "Flow++": lambda: flows.flow_plus_plus(
        2, autoregressive=True, num_components=8, **size
    ),
    "Gaussianization": lambda: flows.gaussianization(
        2, num_layers=length(8, 2), num_components=16, seed=0
    ),
}
densities = {"checkerboard": Checkerboard(), "10 × 10 Gaussians": GaussianGrid()}
if SHORT:  # each flow takes seconds to compile
    made = {name: made[name] for name in ("MAF", "Bernstein", "Gaussianization")}
    densities = {"checkerboard": Checkerboard()}

# %% [markdown]
# They are trained by `fit`, each with the same points, steps and learning rate. XLA
# compiles the first step, which takes longer than much of the training; so the clock
# reads off both, and each flow is compiled once, and put back to its start for the
# second density. `Standardize` and the kernels of `gaussianization` start from the
# data.

# %%
BATCH_SIZE = length(full=512, short=32)
EPOCHS = length(full=5, short=2)
STEPS = length(full=200, short=4)  # of an epoch


class Clock(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.times = [time.perf_counter()]

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter())

    def compilation_and_training(self):
        first, *others = np.diff(self.times)
        return first - np.mean(others), EPOCHS * np.mean(others)


class Trainer:
    """A flow with ``Standardize``, trained from the same start as often as wanted."""

    def __init__(self, flow):
        layers = tfb.Chain([Standardize(2), flow.bijector])
        self.flow = tfp_flows.distributions.Flow(
            flow.distribution, layers, name=flow.name
        )
        self.model = tfp_flows.FlowModel(self.flow)
        rate = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * STEPS)
        self.model.compile(keras.optimizers.Adam(rate))
        self.start = [variable.numpy() for variable in self.flow.variables]

    def fit(self, x):
        for variable, value in zip(self.flow.variables, self.start, strict=True):
            variable.assign(value)
        for variable in self.model.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        clock = Clock()
        self.model.fit(
            x, batch_size=BATCH_SIZE, epochs=EPOCHS, callbacks=[clock], verbose=0
        )
        return clock.compilation_and_training()


# %% [markdown]
# The *gap* is the mean of ln p − ln q over held-out points, p the true density and q
# the flow's at the same points: in expectation it is KL(p‖q), the NLL less the entropy,
# and never below 0. The time to sample is that of 10,000 points, once compiled; all
# times are of this machine.

# %%
ROWS = length(full=10_000, short=100)  # in one call, which is compiled once
compiled = {"jit_compile": True, "autograph": False}


def compiled_log_prob(flow):
    log_prob = flow.log_prob if SHORT else tf.function(flow.log_prob, **compiled)

    def in_blocks(x):
        blocks = np.asarray(x, "float32").reshape(-1, ROWS, 2)
        return np.concatenate([log_prob(tf.constant(block)) for block in blocks])

    return in_blocks


def make_sampler(flow):
    """A function that gives samples, and milliseconds: the shortest of a few calls."""

    def draw():
        return flow.sample(ROWS, seed=[0, 1])

    draw = draw if SHORT else tf.function(draw, **compiled)

    def sampler():
        x, times = draw().numpy(), []  # compiles
        for _ in range(length(full=10, short=1)):
            start = time.perf_counter()
            draw().numpy()
            times.append(time.perf_counter() - start)
        return x, 1000 * min(times)

    return sampler


resolution = length(full=300, short=20)


def on_grid(log_prob, limits):
    x, y = (
        low + (high - low) * (np.arange(resolution) + 0.5) / resolution
        for low, high in limits
    )
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype("float32")
    return np.exp(log_prob(grid)).reshape(resolution, resolution)


images, results = {}, {}
for name, make in made.items():
    trainer = Trainer(make())
    log_prob = compiled_log_prob(trainer.flow)
    sampler = make_sampler(trainer.flow)
    for data_name, density in densities.items():
        x = density.sample(STEPS * BATCH_SIZE, seed=[0, 1])
        held_out = density.sample(5 * ROWS, seed=[0, 2]).numpy()
        compilation, training = trainer.fit(x)
        log_q = log_prob(held_out)
        difference = density.log_prob(held_out).numpy() - log_q
        samples, sampling = sampler()
        results[data_name, name] = {
            "parameters": sum(
                v.shape.num_elements() for v in trainer.flow.trainable_variables
            ),
            "nll": -np.mean(log_q),
            "gap": np.mean(difference),
            "error": np.std(difference) / len(difference) ** 0.5,
            "compilation": compilation,
            "training": training,
            "sampling": sampling,
            "lost": int(np.sum(~np.isfinite(samples).all(axis=1))),
        }
        images[data_name, name] = on_grid(log_prob, density.bounds)

# %%
print(f"{EPOCHS * STEPS} steps of {BATCH_SIZE} points; samples of {ROWS:,}")
for data_name, density in densities.items():
    print(f"\n{data_name}, entropy {float(density.entropy()):.3f} nats")
    print(
        f"{'':16}{'parameters':>10}{'test NLL':>10}{'gap':>16}"
        f"{'training':>10}{'sampling':>12}{'NaN':>5}"
    )
    for name in made:
        found = results[data_name, name]
        print(
            "{name:16}{parameters:10,}{nll:10.3f}{gap:8.3f} ± {error:.3f}"
            "{training:8.1f} s{sampling:9.1f} ms{lost:5}".format(name=name, **found)
        )
print("\ncompilation of a training step")
for name in made:
    print(f"{name:16}{results[next(iter(densities)), name]['compilation']:6.1f} s")

# %% [markdown]
# On the checkerboard the affine `maf` leaves 0.477 nats, the others from 0.128
# (`bnaf`) to 0.295 (`bernstein`). On the grid, 100 modes from one, two layers are
# little: `bnaf`, with the fewest parameters of those with networks, leaves 0.312 nats,
# the others 1.117 or more. But `gaussianization`, which has 796 parameters and starts
# from the data, leaves 0.079: the grid is a product of its margins, and these it fits
# before the first step. Without a formula for `forward`, 10,000 samples take from 27 to
# 796 ms, against about 5 ms or less of the two flows that have one. (The machine had
# other work too, so times are rough.)

# %%
columns = 5
figure = plt.figure(figsize=(12, 5.6 * len(densities)), layout="constrained")
parts = figure.subfigures(len(densities), 1, squeeze=False)[:, 0]
for part, (data_name, density) in zip(parts, densities.items(), strict=True):
    axes = part.subplots(2, columns, sharex=True, sharey=True)
    limits = density.bounds
    true = on_grid(lambda x, p=density: p.log_prob(x), limits)
    for panel in axes.flat[1 + len(made) :]:
        panel.axis("off")
    for panel, name in zip(axes.flat, ["data", *made], strict=False):
        is_data = name == "data"
        values = true if is_data else images[data_name, name]
        image = panel.imshow(
            values,
            origin="lower",
            extent=(*limits[0], *limits[1]),
            vmin=0,
            vmax=true.max(),
            interpolation="nearest",
        )
        panel.tick_params(labelsize=8)
        gap = "density" if is_data else f"gap {results[data_name, name]['gap']:.3f}"
        panel.set_title(f"{data_name if is_data else name}\n{gap}", size=10)
    part.colorbar(image, ax=axes, label="density", extend="max", pad=0.01)
    part.supxlabel("first dimension", size=10)
    part.supylabel("second dimension", size=10)
figure.suptitle("Two densities, and what nine flows make of their samples")
figure.savefig(FIGURES / "universal_densities.png", dpi=150)

# %% [markdown]
# Each density has one colour scale, from 0 to the highest value of the data's.
# "Universal" is a promise about the limit of size and training: after 1000 steps of
# two layers the flows are far apart.
