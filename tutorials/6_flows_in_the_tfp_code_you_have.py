# %% [markdown]
# # Flows in the TFP code you have
#
# Every flow of this package is a `tfd.Distribution`, and its map is a `tfb.Bijector`
# with both directions, gradients and variables. So the algorithms of TFP take it
# wherever they take a distribution or a bijector of TFP's own:
#
# | in TFP | the flow is | what is called |
# |---|---|---|
# | `tfp.math.minimize` | fitted to data | `log_prob` |
# | `tfd.JointDistributionSequential` | a prior | `log_prob`, `sample` |
# | `tfp.vi.fit_surrogate_posterior` | fitted to a posterior | `sample` with density |
# | `tfp.mcmc.TransformedTransitionKernel` | a change of coordinates | `forward` |
# | `tf.function` | an argument | |
#
# This tutorial does each of them once, and shows where a flow differs from what TFP
# brings along.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from settings import FIGURES, length

import tfp_flows
from tfp_flows.datasets import TwoMoons

tfb, tfd = tfp.bijectors, tfp.distributions


def adam(rate, steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))


# %% [markdown]
# ## Maximum likelihood by `tfp.math.minimize`
# A loss without arguments is enough. One with an argument `seed` gets a new one at each
# step, by which it may choose the points of the step.

# %%
moons = TwoMoons(noise=0.1)
x = moons.sample(length(full=20_000, short=200), seed=[0, 1])
prior = tfp_flows.flows.nsf(
    2,
    num_layers=length(full=6, short=1),
    hidden_units=[length(full=32, short=4)] * 2,
    num_bins=length(full=8, short=2),
    seed=0,
)
STEPS = length(full=1500, short=5)
ROWS = length(full=256, short=16)


def loss(seed):
    rows = tf.random.stateless_uniform([ROWS], seed, 0, len(x), tf.int32)
    return -tf.reduce_mean(prior.log_prob(tf.gather(x, rows)))


losses = tfp.math.minimize(
    loss, num_steps=STEPS, optimizer=adam(5e-3, STEPS), jit_compile=True, seed=1
)
held_out = moons.sample(length(full=20_000, short=100), seed=[0, 2])
log_q = tf.function(prior.log_prob, jit_compile=True)(held_out)
gap = tf.reduce_mean(moons.log_prob(held_out) - log_q)
print(f"NLL of the first batch {losses[0]:.3f}, of the last {losses[-1]:.3f} nats")
print(f"held-out points: gap to the true density {gap:.3f} nats")

# %% [markdown]
# ## The flow as a prior
# We have learned what points look like. Now one is observed with noise: y = z + 0.4·ε.
# The flow is the first part of a joint distribution, as any distribution would be.
#
# TFP names the parts by the arguments of the functions that follow, and wants a part
# that has a name to have the same. Ours are named after the flow; a copy under another
# name shares the variables.

# %%
NOISE = 0.4
y = tf.constant([0.1, 0.6])
joint = tfd.JointDistributionSequential(
    [
        prior.copy(name="z"),
        lambda z: tfd.MultivariateNormalDiag(z, NOISE * tf.ones(2)),
    ]
)
z, simulated = joint.sample(3, seed=[0, 3])
print("log p(z, y) of three draws:", joint.log_prob([z, simulated]).numpy().round(3))
print(f"variables: {len(joint.trainable_variables)}, those of the flow")

# %% [markdown]
# In two dimensions the posterior p(z|y) can be had from a grid, to compare with.

# %%
SIDE = length(full=400, short=20)
(left, right), (bottom, top) = moons.bounds
cell = (right - left) / SIDE * (top - bottom) / SIDE
axes = [
    low + (high - low) * (np.arange(SIDE, dtype="float32") + 0.5) / SIDE
    for low, high in moons.bounds
]
grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2).astype("float32")


def log_posterior(z):  # but for a constant
    return joint.log_prob([z, y])


values = tf.function(log_posterior, jit_compile=True)(tf.constant(grid)).numpy()
log_evidence = np.log(np.sum(np.exp(values)) * cell)
exact = np.exp(values - log_evidence)
print(f"ln p(y) = {log_evidence:.3f} nats")

# %% [markdown]
# ## A surrogate posterior
# `tfp.vi.fit_surrogate_posterior` maximises the ELBO, over samples of the surrogate.
# An IAF gives a sample and its density by one evaluation of each network.
#
# Without `trainable_variables` TFP trains all variables that the loss comes across,
# those of the prior as well: it would learn a prior for which y is less surprising.

# %%
surrogate = tfp_flows.flows.iaf(
    2,
    num_layers=length(full=4, short=1),
    hidden_units=[length(full=32, short=4)] * 2,
    seed=0,
)
VI_STEPS = length(full=2000, short=5)
tfp.vi.fit_surrogate_posterior(
    log_posterior,
    surrogate,
    optimizer=adam(5e-3, VI_STEPS),
    num_steps=VI_STEPS,
    sample_size=length(full=256, short=8),
    trainable_variables=surrogate.trainable_variables,
    jit_compile=True,
    seed=1,
)

# %%
draw = tf.function(surrogate.experimental_sample_and_log_prob, jit_compile=True)
z, log_q = draw(length(full=50_000, short=50), seed=[0, 4])
elbo = tf.reduce_mean(log_posterior(z) - log_q)
weights = exact * cell
mean = weights @ grid
deviation = np.sqrt(weights @ (grid - mean) ** 2)
print(f"KL(q‖p) = ln p(y) − ELBO = {log_evidence - elbo:.3f} nats")
print(f"{'':12}{'mean':>16}{'deviation':>18}")
for name, values in {
    "exact": (*mean, *deviation),
    "surrogate": (*np.mean(z, axis=0), *np.std(z, axis=0)),
}.items():
    print(f"{name:12}" + "{:8.3f}{:8.3f}  {:8.3f}{:8.3f}".format(*values))

# %%
on_grid = tf.function(surrogate.prob, jit_compile=True)
densities = {
    "the prior, a flow": tf.function(prior.prob, jit_compile=True)(tf.constant(grid)),
    "the exact posterior": exact,
    "the surrogate, an IAF": on_grid(tf.constant(grid)),
}
figure, panels = plt.subplots(
    1, 3, figsize=(11, 2.7), sharex=True, sharey=True, layout="constrained"
)
figure.get_layout_engine().set(w_pad=0.08)
for panel, (title, density) in zip(panels, densities.items(), strict=True):
    is_prior = title == "the prior, a flow"
    image = panel.imshow(
        np.reshape(density, [SIDE, SIDE]),
        origin="lower",
        extent=(left, right, bottom, top),
        vmin=0,
        vmax=np.max(density) if is_prior else exact.max(),
    )
    panel.plot(*y, "+", color="white", ms=10, mew=2)
    panel.set_title(title, size=10)
    panel.set_xlabel("z₁")
    if title != "the exact posterior":  # it shares the scale of the surrogate
        on = panel if is_prior else panels[1:]
        figure.colorbar(image, ax=on, label="density", extend="max", shrink=0.7)
panels[0].set_ylabel("z₂")
figure.suptitle("A point of the moons, observed with noise at the cross")
figure.savefig(FIGURES / "surrogate_posterior.png", dpi=150)

# %% [markdown]
# ## NeuTra: HMC in the coordinates of a flow
# Neal's funnel: v ~ N(0, 3²), and nine xᵢ ~ N(0, exp(v)). At v = −6 the others have a
# deviation of 0.05, at v = 6 of 20. No step size of HMC suits both ends.


# %%
SIZE = length(full=10, short=3)


def log_funnel(point):
    v, others = point[..., 0], point[..., 1:]
    inner = tfd.Normal(0.0, tf.exp(v / 2)[..., tf.newaxis]).log_prob(others)
    return tfd.Normal(0.0, 3.0).log_prob(v) + tf.reduce_sum(inner, axis=-1)


# %% [markdown]
# First an IAF is fitted to the funnel, by the same ELBO. Its samples alone are not
# quite from the funnel. Then HMC runs in the space where the flow's base is: it sees
# the funnel's density pulled back through the flow, which is nearly a standard normal.
# The flow's faults make HMC slower, not wrong (Hoffman et al. 2019).

# %%
flow = tfp_flows.flows.iaf(
    SIZE,
    num_layers=length(full=3, short=1),
    hidden_units=[length(full=32, short=4)] * 2,
    seed=0,
)
FUNNEL_STEPS = length(full=3000, short=5)
tfp.vi.fit_surrogate_posterior(
    log_funnel,
    flow,
    optimizer=adam(5e-3, FUNNEL_STEPS),
    num_steps=FUNNEL_STEPS,
    sample_size=length(full=256, short=8),
    jit_compile=True,
    seed=1,
)
draw = tf.function(flow.experimental_sample_and_log_prob, jit_compile=True)
point, log_q = draw(length(full=100_000, short=50), seed=[0, 5])
print(f"KL(flow‖funnel) = {tf.reduce_mean(log_q - log_funnel(point)):.4f} nats")
print(f"deviation of v in the flow {np.std(point[:, 0]):.3f}, in the funnel 3")

# %% [markdown]
# `TransformedTransitionKernel` takes any kernel and a bijector. All chains start at
# samples of the flow, adapt their step size to an acceptance of 0.8 while they warm
# up, and take the same number of samples. Near a standard normal, two steps of the
# size that is found are about a quarter of an orbit, so NeuTra gets two leapfrog steps;
# plain HMC gets two as well, and then eight times as many.

# %%
CHAINS = length(full=32, short=3)
SAMPLES = length(full=2000, short=20)
WARM_UP = length(full=1000, short=10)


def hmc(num_leapfrog_steps):
    return tfp.mcmc.DualAveragingStepSizeAdaptation(
        tfp.mcmc.HamiltonianMonteCarlo(
            log_funnel, step_size=0.1, num_leapfrog_steps=num_leapfrog_steps
        ),
        num_adaptation_steps=WARM_UP * 4 // 5,
        target_accept_prob=0.8,
    )


def is_accepted(_, results):
    while not hasattr(results, "is_accepted"):
        results = results.inner_results
    return results.is_accepted


@tf.function(jit_compile=True)
def sample_chain(kernel, start):
    return tfp.mcmc.sample_chain(
        SAMPLES,
        start,
        kernel=kernel,
        num_burnin_steps=WARM_UP,
        trace_fn=is_accepted,
        seed=[0, 6],
    )


kernels = {
    "HMC, 2 steps": hmc(2),
    "HMC, 16 steps": hmc(16),
    "NeuTra, 2 steps": tfp.mcmc.TransformedTransitionKernel(hmc(2), flow.bijector),
}
start = flow.sample(CHAINS, seed=[0, 7])
chains, accepted = {}, {}
for name, kernel in kernels.items():
    samples, accepted[name] = sample_chain(kernel, start)
    chains[name] = samples.numpy()

# %% [markdown]
# The effective sample size (ESS) for the mean of each dimension, of all chains
# together. That of a chain which has never been to a part of the funnel is too high,
# since nothing tells it what it misses; R̂ is 1 where the chains agree with each other.

# %%
names = ["v", *(f"x{i}" for i in range(1, SIZE))]
print("ESS per 1000 samples")
print(f"{'':16}" + "".join(f"{name:>7}" for name in names))
ess = {}
for name, samples in chains.items():
    values = tfp.mcmc.effective_sample_size(samples, cross_chain_dims=1)
    ess[name] = 1000 * values.numpy() / (SAMPLES * CHAINS)
    print(f"{name:16}" + "".join(f"{value:7.1f}" for value in ess[name]))

# %%
normal = tfd.Normal(0.0, 3.0)
print(f"{'v':16}{'mean':>8}{'deviation':>11}{'P(v < −3)':>11}{'R̂':>8}{'accepted':>10}")
print(f"{'the funnel':16}{0:8.3f}{3:11.3f}{normal.cdf(-3.0):11.3f}")
for name, samples in chains.items():
    v = samples[..., 0]
    r_hat = tfp.mcmc.potential_scale_reduction(v)
    print(
        f"{name:16}{v.mean():8.3f}{v.std():11.3f}{np.mean(v < -3):11.3f}"
        f"{r_hat:8.3f}{np.mean(accepted[name]):10.3f}"
    )

# %%
colours = {"HMC, 16 steps": "#2a78b5", "NeuTra, 2 steps": "#c8501e"}
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
figure.get_layout_engine().set(w_pad=0.1)
edges = np.linspace(-12, 12, 49)
for panel, (name, colour) in zip(panels, colours.items(), strict=False):
    some = chains[name][:: length(full=20, short=5)].reshape(-1, SIZE)
    panel.plot(some[:, 1], some[:, 0], ".", color=colour, ms=1.5, rasterized=True)
    panel.set(xlabel="x₁", ylabel="v", xlim=(-30, 30), ylim=(-12, 12), title=name)
    panels[2].hist(
        chains[name][..., 0].ravel(),
        edges,
        density=True,
        histtype="step",
        lw=1.5,
        color=colour,
        label=name,
    )
line = np.linspace(-12, 12, 200, dtype="float32")
panels[2].plot(line, normal.prob(line), color="0.2", lw=1, ls="--", label="N(0, 3²)")
panels[2].set(xlabel="v", ylabel="density", ylim=(0, 0.18), title="The marginal of v")
panels[2].legend(frameon=False, fontsize=8, loc="upper left")
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
figure.suptitle("Neal's funnel")
figure.savefig(FIGURES / "neutra.png", dpi=150)

# %% [markdown]
# Plain HMC stops short of the narrow end, and chains get stuck on its edge. NeuTra goes
# all the way down. Its gradients cost more, for each passes through the networks of the
# flow as well.
#
# A joint distribution with a flow as its prior has such coordinates without any fit:
# pinned to the data, its `experimental_default_event_space_bijector` is the flow's map.
#
# ## A flow as an argument of `tf.function`
# A `tf.function` is traced anew for each Python object that it is given. A flow is one
# such object, whatever its variables are at the time: training does not trace again.


# %%
traces = []


@tf.function
def log_prob(flow, x):
    traces.append(flow.name)  # runs while the function is traced
    return flow.log_prob(x)


small = {"num_layers": 2, "hidden_units": [8]}
first = tfp_flows.flows.maf(2, seed=0, **small)
second = tfp_flows.flows.maf(2, seed=1, **small)
x = moons.sample(256, seed=[0, 8])
for _ in range(3):
    mean = tf.reduce_mean(log_prob(first, x))
    print(f"mean of log_prob {mean:.3f}, traces so far {len(traces)}")
    tfp.math.minimize(
        lambda: -tf.reduce_mean(first.log_prob(x)),
        num_steps=10,
        optimizer=keras.optimizers.Adam(1e-2),
    )
log_prob(second, x)
print(f"after another flow {len(traces)}")

# %% [markdown]
# TFP's own distributions can do one thing more: most of them are composite tensors, so
# that two of the same structure share a trace. `tfp.experimental.as_composite` once
# made a distribution into one. In TFP 0.25 it gives back what it is given, and a flow
# stays what it is, as does a flow with TFP's own `MaskedAutoregressiveFlow`.


# %%
def shifted(shift):
    base = tfd.MultivariateNormalDiag(tf.zeros(2))
    return tfd.TransformedDistribution(base, tfb.Shift(tf.Variable(shift)))


traces.clear()
log_prob(shifted([0.0, 1.0]), x)
log_prob(shifted([2.0, 3.0]), x)
print(f"two shifted normals of TFP: traces {len(traces)}")
print(
    "as_composite gives back the flow itself:",
    tfp.experimental.as_composite(first) is first,
)

# %% [markdown]
# So make a flow once, outside of the loop, and pass it on as often as you like.
