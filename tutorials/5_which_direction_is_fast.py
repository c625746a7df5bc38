# %% [markdown]
# # Which direction is fast?
#
# A flow is used in two directions. `log_prob` takes points of the data back to the
# base; `sample` takes points of the base to the data. In an autoregressive layer the
# two differ:
#
# - data → base: xᵢ = τ⁻¹(yᵢ; θᵢ(y before i)). All of y is known, so one evaluation of
#   the network gives all θ, and all dimensions follow at once.
# - base → data: yᵢ = τ(xᵢ; θᵢ(y before i)). The network must read dimensions that are
#   not known yet. They are found one after another.
#
# This tutorial shows what that costs, how `MADE` makes it cheap, and which of two flows
# to take for what: MAF, or IAF, which is the same layer turned round.

# %%
import itertools
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from settings import FIGURES, length

import tfp_flows
from tfp_flows.bijectors import Affine, Autoregressive
from tfp_flows.conditioners import MADE
from tfp_flows.datasets import U2
from tfp_flows.distributions import StandardNormal

tfb, tfd = tfp.bijectors, tfp.distributions

# %% [markdown]
# ## One dimension at a time
# A layer of six dimensions. Its network starts at zero, so we give it some weights.


# %%
def randomize(layer, scale=0.5):
    for seed, variable in enumerate(layer.trainable_variables):
        noise = tf.random.stateless_normal(variable.shape, seed=[seed, 0])
        variable.assign(scale * noise / variable.shape[0] ** 0.5)
    return layer


D, HIDDEN = 6, [12, 12]
network = MADE(D, hidden_units=HIDDEN, seed=0)
layer = randomize(Autoregressive(network, Affine.spec()), scale=2.5)
x = tf.random.stateless_normal([5, D], seed=[0, 1])

# %% [markdown]
# The plain way is a loop. Whatever y is at first, the first evaluation of the network
# makes the first dimension right, for it depends on nothing. The second makes the
# second one right, and so on: D evaluations, each of the whole network. (A dimension
# that depends little on the one before it may come out right earlier.)


# %%
def by_evaluation(x):
    y = tf.zeros_like(x)
    for i in range(D):
        params = tf.reshape(network(y), [-1, D, 2])
        y = Affine.spec()(params).forward(x)
        error = tf.reduce_max(abs(y - layer.forward(x)), axis=0)
        right = tf.reduce_sum(tf.cast(error < 1e-5, tf.int32))
        print(f"after evaluation {i + 1}: {right} of {D} dimensions are right")
    return y


y = by_evaluation(x)

# %% [markdown]
# ## What is wasted
# Each hidden unit of a MADE has a *degree*: a unit of degree k sees the dimensions
# 1 … k alone. Masks on the weights see to it: a unit has inputs of its own degree and
# of lower ones. The parameters of dimension i are outputs of degree i − 1.
#
# So a unit of degree k can be computed as soon as dimension k is known, and it never
# changes again. The loop above computes it D times. `MADE` sorts its units by degree;
# then the masks are block-triangular, and one sweep from the first dimension to the
# last computes each unit once, with each weight used once.

# %%
degrees = [
    np.arange(1, D + 1),
    *(np.sort(np.arange(units) % (D - 1)) + 1 for units in HIDDEN),
    np.repeat(np.arange(D), 2),
]
masks = [low <= high[:, np.newaxis] for low, high in itertools.pairwise(degrees)]

fresh = MADE(D, hidden_units=HIDDEN, output_size=2 * D, seed=0)
fresh.build((None, D))
kernels = [w.numpy() for w in fresh.weights if w.name == "kernel"]
for kernel, mask in zip(kernels[:-1], masks[:-1], strict=True):
    print(
        "zeros of a new network's weights are the mask:", np.all((kernel != 0) == mask)
    )

# %%
names = ["input", "hidden layer 1", "hidden layer 2", "output (2 per dimension)"]
figure, axes = plt.subplots(
    1, 3, figsize=(11, 4), width_ratios=[1, 2, 2], layout="constrained"
)
figure.get_layout_engine().set(w_pad=0.1)
colours = plt.get_cmap("viridis", D - 1)
for index, (panel, mask) in enumerate(zip(axes, masks, strict=True)):
    high = degrees[index + 1][:, np.newaxis]
    image = panel.imshow(
        np.where(mask, high, np.nan),
        cmap=colours,
        vmin=0.5,
        vmax=D - 0.5,
        aspect="auto",
    )
    panel.set_xticks(range(mask.shape[1]), degrees[index], size=8)
    panel.set_yticks(range(mask.shape[0]), degrees[index + 1], size=8)
    panel.set_xlabel(f"{names[index]}: degrees", size=9)
    panel.set_ylabel(f"{names[index + 1]}: degrees", size=9)
    panel.set_title(f"{mask.mean():.0%} not masked", size=10)
figure.colorbar(
    image, ax=axes, ticks=range(1, D), label="computed once this dimension is known"
)
figure.suptitle("The masks of a MADE, its units sorted by degree (white: masked)")
figure.savefig(FIGURES / "made_masks.png", dpi=150)

# %% [markdown]
# `Autoregressive.forward` uses the sweep whenever its network has one. If it is given a
# function that it knows nothing of, it falls back on D evaluations. Both are exact, and
# both have gradients. Those of the sweep come from the implicit function theorem: a
# second sweep, from the last dimension to the first, and one evaluation.


# %%
def value_and_gradients(layer):
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = layer.forward(tf.identity(x))
        loss = tf.reduce_sum(tf.sin(value))
    return value, *tape.gradient(loss, [x, *network.trainable_variables])


fallback = Autoregressive(lambda x: network(x), Affine.spec(), event_size=D)
pairs = zip(value_and_gradients(layer), value_and_gradients(fallback), strict=True)
errors = [float(tf.reduce_max(abs(a - b))) for a, b in pairs]
print(f"sweep − D evaluations, of the value at most: {errors[0]:.1e}")
print(f"sweep − D evaluations, of gradients at most: {max(errors[1:]):.1e}")

# %% [markdown]
# ## The cost against D
# One layer, a network of two hidden layers of the same width at all D, compiled by XLA,
# on this machine. The width must be D − 1 at least, or some dimension could not depend
# on the one before it; `MADE` says so if it is not. Of the calls of a second we
# take the shortest.

# %%
SIZES = length(full=(8, 16, 32, 64, 128, 256), short=(4,))
WIDTH = length(full=256, short=8)
ROWS = length(full=256, short=8)


def milliseconds(function, *args):
    compiled = tf.function(function, jit_compile=True)
    compiled(*args)
    times = []
    while sum(times) < length(full=1, short=0) or len(times) < length(full=5, short=1):
        start = time.perf_counter()
        tf.nest.map_structure(np.asarray, compiled(*args))
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def with_gradient(function, variables):
    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(function(x))
        return tape.gradient(loss, variables)

    return gradient


def costs(size):
    network = MADE(size, hidden_units=[WIDTH, WIDTH], seed=0)
    layer = randomize(Autoregressive(network, Affine.spec()))
    plain = Autoregressive(lambda x: network(x), Affine.spec(), event_size=size)
    x = tf.random.stateless_normal([ROWS, size], seed=[0, 1])
    flow = tfp_flows.distributions.Flow(StandardNormal(size), layer)
    weights = layer.trainable_variables
    return {
        "log_prob": milliseconds(flow.log_prob, x),
        "log_prob and gradient": milliseconds(with_gradient(flow.log_prob, weights), x),
        "sample, MADE's sweep": milliseconds(layer.forward, x),
        "sample and gradient, MADE's sweep": milliseconds(
            with_gradient(layer.forward, weights), x
        ),
        "sample, D evaluations": milliseconds(plain.forward, x),
    }


measured = {size: costs(size) for size in SIZES}

# %%
ways = list(measured[SIZES[0]])
print(f"milliseconds for {ROWS} points")
print(f"{'D':35}" + "".join(f"{size:>9}" for size in SIZES))
for way in ways:
    print(f"{way:35}" + "".join(f"{measured[size][way]:9.2f}" for size in SIZES))
print("the last over the first:")
for way in ways:
    print(f"{way:35}{measured[SIZES[-1]][way] / measured[SIZES[0]][way]:9.1f}")

# %%
styles = {
    "log_prob": ("#2a78b5", "-", "o"),
    "log_prob and gradient": ("#2a78b5", "--", "o"),
    "sample, MADE's sweep": ("#c8501e", "-", "s"),
    "sample and gradient, MADE's sweep": ("#c8501e", "--", "s"),
    "sample, D evaluations": ("0.35", "-", "^"),
}
figure, panel = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
for way, (colour, line, marker) in styles.items():
    values = [measured[size][way] for size in SIZES]
    panel.loglog(SIZES, values, color=colour, ls=line, marker=marker, ms=5, label=way)
panel.set_xticks(SIZES, [str(size) for size in SIZES])
panel.minorticks_off()
panel.set(
    xlabel="dimensions D",
    ylabel=f"milliseconds for {ROWS} points",
    title="The cost of an autoregressive layer",
)
panel.grid(color="0.9")
panel.spines[["top", "right"]].set_visible(False)
panel.legend(loc="upper left", frameon=False, fontsize=8)
figure.savefig(FIGURES / "which_direction_is_fast.png", dpi=150)

# %% [markdown]
# D evaluations grow with D, on top of what one evaluation costs. The sweep does the
# work of about one evaluation, but in D small steps, and small products take longer
# than large ones of the same work.
#
# ## The other direction: IAF
# An inverse autoregressive flow is made of the same layers, each in `tfb.Invert`. Now a
# sample is one evaluation, and its log-density comes with it. The density of a point
# that the flow has not drawn itself is the sweep.
#
# | | MAF | IAF |
# |---|---|---|
# | `sample` | a sweep | one evaluation |
# | `log_prob` of given points | one evaluation | a sweep |
# | made for | maximum likelihood: fit to data | reverse KL: fit to a density |
#
# To see both at work we take one target, the potential U2 of Rezende and Mohamed on the
# square [−4, 4]². The IAF is told the potential and never sees a point of it. The MAF
# is told points and never sees the potential. Both end on the square by a scaled
# sigmoid. (In tutorial 3 there is more on the potentials.)

# %%
target = U2()
STEPS = length(full=1600, short=8)
BATCH_SIZE = length(full=256, short=16)
size = {
    "num_layers": length(full=4, short=1),
    "hidden_units": [length(full=32, short=4)] * 2,
    "seed": 0,
}


def on_square(flow):
    box = tfb.Sigmoid(tf.constant(-4.0), tf.constant(4.0))
    chain = tfb.Chain([box, flow.bijector])
    return tfp_flows.distributions.Flow(flow.distribution, chain, name=flow.name)


def optimizer():
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, STEPS))


# %% [markdown]
# The IAF, by reverse KL: E_q[ln q(z) + U(z)], of samples of the flow.

# %%
iaf = on_square(tfp_flows.flows.iaf(2, **size))
elbo_loss = tfp.vi.fit_surrogate_posterior(
    lambda z: -target.potential(z),
    iaf,
    optimizer=optimizer(),
    num_steps=STEPS,
    sample_size=BATCH_SIZE,
    jit_compile=True,
    seed=1,
)

# %% [markdown]
# The MAF, by maximum likelihood. (A point on the very edge of the square would be sent
# to infinity.)


# %%
def points(count, seed):
    return tf.clip_by_value(target.sample(count, seed=seed), -3.999, 3.999)


maf = on_square(tfp_flows.flows.maf(2, **size))
model = tfp_flows.FlowModel(maf)
model.compile(optimizer())
model.fit(
    points(STEPS * BATCH_SIZE // 4, [0, 1]), batch_size=BATCH_SIZE, epochs=4, verbose=0
)

# %% [markdown]
# How far each is from the target, in nats, in both senses. KL(q‖p) needs samples of the
# flow with their densities, KL(p‖q) the flow's density at points of the target. Each
# flow does one of the two in its slow direction, and it is exact there, too.

# %%
NUM_POINTS = length(full=10_000, short=50)
held_out = points(NUM_POINTS, [0, 2])
print(f"in nats; times of {NUM_POINTS:,} points")
print(f"{'':6}{'KL(q‖p)':>10}{'KL(p‖q)':>10}{'sample':>14}{'log_prob':>14}")
for flow in (iaf, maf):

    def drawn(flow=flow):
        return flow.experimental_sample_and_log_prob(NUM_POINTS, seed=[0, 3])

    z, log_q = drawn()
    reverse = np.mean(log_q - target.log_prob(z))
    forward = np.mean(target.log_prob(held_out) - flow.log_prob(held_out))
    times = [milliseconds(drawn), milliseconds(flow.log_prob, held_out)]
    cells = "".join(f"{value:11.1f} ms" for value in times)
    print(f"{flow.name:6}{reverse:10.3f}{forward:10.3f}{cells}")

# %% [markdown]
# At D = 2 the slow direction is two
# steps; the figure above says what becomes of it.

# %%
resolution = length(full=200, short=20)
edge = (np.arange(resolution, dtype="float32") + 0.5) * 8 / resolution - 4
grid = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(
    1, 3, figsize=(10, 3.6), sharex=True, sharey=True, layout="constrained"
)
titles = ["the target U2", "IAF, told the potential", "MAF, told points"]
highest = float(tf.reduce_max(target.prob(grid)))
for panel, title, density in zip(axes, titles, [target, iaf, maf], strict=True):
    image = panel.imshow(
        tf.reshape(density.prob(grid), [resolution, resolution]),
        origin="lower",
        extent=(-4, 4, -4, 4),
        vmin=0,
        vmax=highest,
    )
    panel.set_title(title, size=10)
    panel.set_xlabel("z₁")
axes[0].set_ylabel("z₂")
figure.colorbar(image, ax=axes, label="density", extend="max")
figure.suptitle("One target, learned in two ways")
figure.savefig(FIGURES / "iaf_and_maf.png", dpi=150)

# %% [markdown]
# ## Which to take
# - **You have data, and want a density**: MAF, or a spline in its place. A step of
#   training is one evaluation; sampling is a sweep.
# - **You have a density, and want samples**: IAF. A step of training draws samples with
#   their densities, which is one evaluation.
# - **You need both directions all the time**: a coupling has the same cost in either,
#   and no sweep; it says less in each layer.
# - **You are bound to one flow and its slow direction**: with `MADE` it works, with
#   gradients, so that `fit` of an IAF and reverse KL with a MAF are slower, not
#   impossible. Only a second derivative of the sweep is refused.
