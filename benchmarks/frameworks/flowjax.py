"""flowjax, on JAX."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import paramax
from flowjax import flows
from flowjax.bijections import RationalQuadraticSpline
from flowjax.distributions import Normal

from benchmarks.cases import LEARNING_RATE, NOISE, SPLINE_BOUND, Case
from benchmarks.frameworks import Subject


def make(case: Case) -> Subject:
    """The operations of a case."""
    params, static = eqx.partition(
        _flow(case),
        eqx.is_inexact_array,
        is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable),
    )
    params = _add_noise(params)
    flow = eqx.combine(params, static)
    x = jnp.asarray(case.rows(case.batch))
    key = jax.random.key(1)
    log_prob = eqx.filter_jit(lambda flow: flow.log_prob(x))
    sample = eqx.filter_jit(lambda flow: flow.sample(key, (case.batch,)))

    def round_trip() -> float:
        bijection = paramax.unwrap(flow).bijection
        z = jax.vmap(bijection.inverse)(x)
        return float(jnp.abs(jax.vmap(bijection.transform)(z) - x).max())

    operations = {
        "train": _training_step(case, params, static),
        "log_prob": lambda: log_prob(flow).block_until_ready(),
        "sample": lambda: sample(flow).block_until_ready(),
    }
    num_parameters = sum(leaf.size for leaf in jax.tree.leaves(params))
    return Subject(num_parameters, operations, round_trip)


def _flow(case: Case):
    transformer = None  # Affine.
    if case.transformer == "spline":
        # Its knots are those inside, one less than the bins.
        transformer = RationalQuadraticSpline(
            knots=case.num_bins - 1, interval=SPLINE_BOUND
        )
    structure = {
        "coupling": flows.coupling_flow,
        "autoregressive": flows.masked_autoregressive_flow,
    }
    return structure[case.structure](
        jax.random.key(0),
        base_dist=paramax.non_trainable(Normal(jnp.zeros(case.event_size))),
        transformer=transformer,
        flow_layers=case.num_layers,
        nn_width=case.hidden_units[0],
        nn_depth=len(case.hidden_units),
        nn_activation=jax.nn.relu,
    )


def _add_noise(params):
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(0), len(leaves))
    moved = [
        leaf + NOISE * jax.random.normal(key, leaf.shape)
        for leaf, key in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(structure, moved)


def _training_step(case: Case, params, static):
    batch = jnp.asarray(case.rows(case.train_batch))
    optimizer = optax.adam(LEARNING_RATE)
    state = {"params": params, "optimizer": optimizer.init(params)}

    @eqx.filter_value_and_grad
    def loss_and_gradients(params):
        flow = paramax.unwrap(eqx.combine(params, static))
        return -flow.log_prob(batch).mean()

    @eqx.filter_jit
    def step(params, optimizer_state):
        loss, gradients = loss_and_gradients(params)
        updates, optimizer_state = optimizer.update(gradients, optimizer_state)
        return loss, eqx.apply_updates(params, updates), optimizer_state

    def train():
        loss, *new = step(state["params"], state["optimizer"])
        state["params"], state["optimizer"] = jax.block_until_ready(new)
        return float(loss)

    return train
