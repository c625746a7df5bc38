# %% [markdown]
# # Learn a Gaussian with a linear flow
#
# A normalizing flow is a simple distribution, the *base*, sent through an invertible
# map. The simplest trainable map is linear, x = zW + b. With a standard normal base it
# can represent any Gaussian, so we know how well it can do: as well as the Gaussian
# that fits the data best. We train it by Keras `fit` and check that it gets there.

# %%
import keras
from settings import FIGURES, length

import tfp_flows
from tfp_flows.datasets import CorrelatedGaussian, gaussian_nll
from tfp_flows.visualization import TrainingGIF, plot_density, plot_history

# %% [markdown]
# ## The data
# 500 points of a Gaussian with mean (5, 7) and covariance [[2, 0.7], [0.7, 1]].

# %%
x = CorrelatedGaussian().sample(500, seed=[0, 1]).numpy()
print("mean:", x.mean(axis=0).round(2))

# %% [markdown]
# ## The flow
# `flows.linear` gives a `distributions.Flow`. It starts at W = I and
# b = 0, so the model begins as its base, a standard normal at the origin.

# %%
flow = tfp_flows.flows.linear(event_size=2)
model = tfp_flows.FlowModel(flow)
model.summary()

# %% [markdown]
# ## Training
# The loss of a `FlowModel` is the mean negative log-likelihood (NLL) in nats; nobody
# has to say so. Its lowest possible value here is the NLL of the Gaussian fitted to
# the same points by maximum likelihood, which has a closed form.

# %%
epochs, batch_size = 200, 100
steps = epochs * len(x) // batch_size
rate = keras.optimizers.schedules.CosineDecay(0.2, decay_steps=steps)
model.compile(keras.optimizers.Adam(rate))
gif = TrainingGIF(FIGURES / "linear_flow.gif", x, every=length(full=4, short=100))
history = model.fit(x, batch_size=batch_size, epochs=epochs, callbacks=[gif], verbose=0)

# %%
best = gaussian_nll(x)
nll = model.evaluate(x, verbose=0)
print(f"NLL of the flow:                {nll:.4f} nats")
print(f"Gaussian by maximum likelihood: {best:.4f} nats")
if not nll - best < 0.01:
    raise RuntimeError("The linear flow did not reach the Gaussian optimum.")

# %% [markdown]
# ## What it learned
# The bijector's parameters are the factors of the covariance: WᵀW should be close to
# [[2, 0.7], [0.7, 1]], and b to (5, 7), as close as 500 points allow.

# %%
linear = tfp_flows.visualization.stages(flow)[1][0]
matrix, bias = linear.matrix.numpy().astype(float), linear.bias.numpy().astype(float)
print("WᵀW =", (matrix.T @ matrix).round(2).tolist())
print("b   =", bias.round(2).tolist())

# %%
plot_density(flow, data=x, path=FIGURES / "linear_flow_density.png")

# %%
plot_history(history, entropy=best, path=FIGURES / "linear_flow_history.png")

# %% [markdown]
# The dashed line is the optimum. The animation shows the way there:
#
# ![target and predicted samples during training](../figures/linear_flow.gif)
#
# ## The same in TFP code
# The flow is an ordinary TFP distribution. Nothing ties it to Keras:
# `tfp.math.minimize` trains the same variables.

# %%
import tensorflow as tf
import tensorflow_probability as tfp

flow = tfp_flows.flows.linear(event_size=2)
losses = tfp.math.minimize(
    lambda: -tf.reduce_mean(flow.log_prob(x)),
    num_steps=1000,
    optimizer=keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(0.2, decay_steps=1000)
    ),
    trainable_variables=flow.trainable_variables,
    jit_compile=True,
)
print(f"NLL after tfp.math.minimize: {losses[-1]:.4f} nats")
