# %% [markdown]
# # Several machines, large data, and a power cut
#
# The other tutorials train for seconds, on data that fit in memory. This one is about
# long runs:
#
# - on several devices and several machines, with the result of a single one;
# - on data that are larger than memory;
# - that are killed, and go on as if nothing had happened.
#
# All of it is Keras's and TensorFlow's own: strategies, `tf.data`, callbacks. What
# `FlowModel` adds is that the results are the same, to rounding.

# %%
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from settings import length
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows

temporary = tempfile.TemporaryDirectory(prefix="tfp_flows_")
FOLDER = Path(temporary.name)

# %% [markdown]
# ## One program for one machine and for many
# All that changes is the strategy. The model is made within its scope; `fit` is given
# what it is given on one machine, with the batch size of all machines together.
#
# The program backs up its state after each epoch, with Keras's `BackupAndRestore`, in a
# folder that all workers see, and looks there when it starts. Each worker would delete
# the folder in the end; with `delete_checkpoint=False` none does.

# %%
EPOCHS = length(full=12, short=2)
POINTS = length(full=40_000, short=2000)
LAYERS = length(full=6, short=1)

PROGRAM = f'''
import os, sys
import keras, numpy as np, tensorflow as tf
import tfp_flows

def train(folder, strategy):
    """The model that has been trained, by whatever strategy."""
    with strategy.scope():
        flow = tfp_flows.flows.real_nvp(
            2, num_layers={LAYERS}, dtype="float64", seed=0)
        model = tfp_flows.FlowModel(flow)
        model.compile(keras.optimizers.Adam(0.001), metrics=["bits_per_dimension"])
    moons = tfp_flows.datasets.TwoMoons(noise=0.1)
    x = np.float64(moons.sample({POINTS}, seed=[0, 1]))
    held_out = np.float64(moons.sample(2000, seed=[0, 2]))
    report = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(
        f"epoch {{epoch + 1}}: loss {{logs['loss']:.5f}}, "
        f"held out {{logs['val_loss']:.5f}}", flush=True))
    backup = keras.callbacks.BackupAndRestore(
        os.path.join(folder, "backup"), delete_checkpoint=False)
    model.fit(
        x, batch_size=500, epochs={EPOCHS}, validation_data=held_out,
        callbacks=[backup, report], verbose=0)
    return model

if __name__ == "__main__":
    if "TF_CONFIG" in os.environ:  # One of several workers.
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:  # All GPUs of this machine, or its CPU.
        strategy = tf.distribute.MirroredStrategy()
    model = train(sys.argv[1], strategy)
    model.save(os.path.join(sys.argv[1], "model.keras"))
'''
with open(FOLDER / "train.py", "w") as file:
    file.write(PROGRAM.lstrip())

# %% [markdown]
# On one machine with a few GPUs the command is
#
# ```
# python train.py runs
# ```
#
# For several workers each is told, by the variable `TF_CONFIG`, where all of them are,
# and which one it is. Two of them on this machine, say on ports 2221 and 2222:
#
# ```
# CLUSTER='"cluster": {"worker": ["127.0.0.1:2221", "127.0.0.1:2222"]}'
# TF_CONFIG="{$CLUSTER, \"task\": {\"type\": \"worker\", \"index\": 0}}" \
#   python train.py runs &
# TF_CONFIG="{$CLUSTER, \"task\": {\"type\": \"worker\", \"index\": 1}}" \
#   python train.py runs
# ```
#
# On two machines it is the same, with their addresses in place of `127.0.0.1`, the
# first command on the first machine and the second on the second, and `runs` on a disk
# that both see. Each worker waits until all are there.
#
# Here we start both, and then the power fails: both are killed, by `SIGKILL`, in the
# middle of an epoch.


# %%
def environments(count):
    """What to add to the environment of each worker, for ports that are free."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    workers = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    tasks = [{"type": "worker", "index": index} for index in range(count)]
    cluster = {"worker": workers}
    return [{"TF_CONFIG": json.dumps({"cluster": cluster, "task": t})} for t in tasks]


def start_workers(folder):
    command = [sys.executable, str(FOLDER / "train.py"), str(folder)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return [
        # Two processes cannot share a GPU in this way, so they use the CPU.
        subprocess.Popen(
            command,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"} | more,
            **options,
        )
        for more in environments(2)
    ]


runs = FOLDER / "runs"
runs.mkdir()
workers = start_workers(runs)
for line in workers[0].stdout:
    print("worker 0:", line.rstrip())
    if line.startswith(f"epoch {EPOCHS // 2}"):
        break
for worker in workers:
    worker.send_signal(signal.SIGKILL)
print("killed, exit codes", [worker.wait() for worker in workers])

# %% [markdown]
# The same command again. It goes on after the last epoch that was backed up.

# %%
workers = start_workers(runs)
said = [worker.communicate()[0] for worker in workers]
for line in said[0].splitlines():
    print("worker 0:", line)
print("both workers say the same:", said[0] == said[1])
print("exit codes", [worker.returncode for worker in workers])

# %% [markdown]
# ## What one process does, uninterrupted
# The same function, here, without a strategy.

# %%
sys.path.insert(0, str(FOLDER))
from train import train

alone = train(FOLDER / "alone", tf.distribute.get_strategy())

# %%
together = keras.models.load_model(runs / "model.keras")
pairs = zip(alone.get_weights(), together.get_weights(), strict=True)
print(f"weights differ by at most {max(np.max(abs(a - b)) for a, b in pairs):.1e}")
moons = tfp_flows.datasets.TwoMoons(noise=0.1)
fresh = np.float64(moons.sample(length(full=10_000, short=500), seed=[0, 3]))
for name, model in {"one process": alone, "two workers": together}.items():
    nll = -np.mean(model.predict(fresh, verbose=0))
    print(f"{name}: NLL of fresh points {nll:.5f} nats")

# %% [markdown]
# They differ by rounding alone: sums are taken in another order, and a single process
# uses XLA, which runs under no strategy of several replicas. (Where the steps are long
# enough to throw training about, even rounding grows, step by step, until the models
# are as good, but no longer the same. So we took short steps, and float64.)
#
# Why it is the same otherwise:
#
# - All workers shuffle by the same order, which the model's seed and the epoch decide.
#   Of each batch of 500 the first worker takes the first half and the second the rest.
# - Each row counts alike, also in a last batch that cannot be divided.
# - `BackupAndRestore` keeps weights and optimizer. A `FlowModel` adds to their file the
#   number of the epoch and the states of random numbers, such as those of dropout, and
#   puts the file in place when it is whole: wherever a kill comes, or a full disk,
#   there is the backup of an epoch that has ended.
#
# What a callback itself remembers, such as how long `EarlyStopping` has waited, Keras
# does not keep. And what is done of an epoch that has not ended is done again.
#
# `ModelCheckpoint` does as well, with a program that looks for its file; the model
# knows its epoch:
#
# ```python
# path = "model.keras"
# model = keras.models.load_model(path) if os.path.exists(path) else new_model()
# keep = keras.callbacks.ModelCheckpoint(path)
# model.fit(x, epochs=100, initial_epoch=model.epoch, callbacks=[keep])
# ```

# %%
steps = int(together.optimizer.iterations)
print(f"the model that the workers saved: {together.epoch} epochs, {steps} steps")

# %% [markdown]
# ## Data larger than memory
# `fit` takes streams of batches: Python generators and `tf.data`. Nothing keeps them:
# the memory that training takes is that of a few batches. Here are three streams, from
# a generator, from TFRecord files and from Parquet files.

# %%
SIZE = 128
ROWS = length(full=4096, short=256)
BATCHES = length(full=500, short=20)


def blocks(count):
    """Batches, each computed when it is asked for."""
    rng = np.random.default_rng(0)
    block = rng.normal(size=[ROWS, SIZE]).astype("float32")
    for _ in range(count):
        yield block + rng.normal(size=[1, SIZE]).astype("float32")


signature = tf.TensorSpec([None, SIZE], tf.float32)
from_generator = tf.data.Dataset.from_generator(
    lambda: blocks(BATCHES), output_signature=signature
)

# %% [markdown]
# TFRecord files hold records of bytes, here of 256 points each. (A small file is read
# again and again, in place of many.)

# %%
path = str(FOLDER / "points.tfrecord")
with tf.io.TFRecordWriter(path) as writer:
    for block in blocks(BATCHES // 10):
        for part in np.split(block, ROWS // 256):
            writer.write(part.tobytes())

from_records = (
    tf.data.TFRecordDataset([path] * 10)
    .map(lambda record: tf.reshape(tf.io.decode_raw(record, tf.float32), [-1, SIZE]))
    .rebatch(ROWS)
    .prefetch(2)
)

# %% [markdown]
# Parquet files, as tables come in, are read by PyArrow, some rows at a time.

# %%
table_path = FOLDER / "points.parquet"
names = [f"column {i}" for i in range(SIZE)]
schema = pa.schema([(name, pa.float32()) for name in names])
with pq.ParquetWriter(table_path, schema) as writer:
    for block in blocks(BATCHES // 10):
        columns = [np.ascontiguousarray(column) for column in block.T]
        writer.write_table(pa.table(dict(zip(names, columns, strict=True))))


def batches_of_table():
    for _ in range(10):
        # Else PyArrow reads ahead, up to the whole file.
        with pq.ParquetFile(table_path, pre_buffer=False) as file:
            for batch in file.iter_batches(ROWS):
                yield np.stack([column.to_numpy() for column in batch], axis=1)


from_parquet = tf.data.Dataset.from_generator(
    batches_of_table, output_signature=signature
)

# %% [markdown]
# The flow standardizes the points first, for which `fit` reads the stream once more,
# before it trains. Of the memory we print the most that this process has had so far,
# before and after.


# %%
def fit_on(stream, batches):
    affine = tfp_flows.bijectors.Affine.trainable(SIZE)
    chain = tfb.Chain([tfp_flows.bijectors.Standardize(SIZE), affine])
    base = tfp_flows.distributions.StandardNormal(SIZE)
    model = tfp_flows.FlowModel(tfd.TransformedDistribution(base, chain))
    model.compile("adam", jit_compile=False)
    model.fit(stream, steps_per_epoch=batches, verbose=0)
    return int(model.optimizer.iterations)


def peak():
    """In MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


fit_on(from_generator.take(2), 2)  # What TensorFlow takes in any case.
megabytes = BATCHES * ROWS * SIZE * 4 / 2**20
streams = {
    "generator": from_generator,
    "TFRecord": from_records,
    "Parquet": from_parquet,
    "generator, kept by .cache()": from_generator.cache(),
}
print(f"each stream: {megabytes:.0f} MiB")
for name, stream in streams.items():
    before = peak()
    steps = fit_on(stream, BATCHES)
    print(f"{name}: {steps} steps, peak memory + {peak() - before:.0f} MiB")

# %% [markdown]
# Only what is told to keep the stream keeps it.
#
# Three more things to know of streams:
#
# - **Shuffle.** `fit` shuffles data in memory alone. Shuffle the names of the files,
#   and rows within a buffer: `.shuffle(100_000)` before `.batch(…)`.
# - **Resume.** A stream that is shuffled anew in each epoch starts with its first order
#   again when the program does. The run then goes on from the right weights, but not
#   with the rows of the uninterrupted one. If that matters, fix the order:
#   `.shuffle(100_000, seed=0, reshuffle_each_iteration=False)`.
# - **Several workers.** Each reads all of the stream and keeps its rows of each batch,
#   so that the batches are those of one process. To have each worker read its own files
#   instead, which is less to read and gives other batches, say so:
#
# ```python
# options = tf.data.Options()
# policy = tf.data.experimental.AutoShardPolicy.FILE
# options.experimental_distribute.auto_shard_policy = policy
# model.fit(stream.with_options(options))
# ```
