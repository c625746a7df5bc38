"""Streams larger than memory: the memory that `fit` takes does not grow with them.

This file is also the program whose memory is measured.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows

SIZE = 128  # Numbers in a point.
ROWS = 4096  # Points in a batch: 2 MiB.
BATCHES = 120
MEGABYTES = BATCHES * ROWS * SIZE * 4 / 2**20
ALLOWED = MEGABYTES / 4
KINDS = ["generator", "tf.data of a generator", "TFRecord", "Parquet"]


def test_memory_does_not_grow(tmp_path):
    command = [sys.executable, __file__, str(tmp_path)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    grown = {}
    for line in done.stdout.splitlines():
        kind, megabytes = line.rsplit(":", 1)
        grown[kind] = float(megabytes)
    print(grown)  # For a test that fails.
    # All is held where that is asked for, so growth would have been seen.
    assert grown.pop("kept in memory") > 0.8 * MEGABYTES
    assert list(grown) == KINDS
    for kind in KINDS:
        assert grown[kind] < ALLOWED, kind


# The program.


def blocks(count):
    """Arrays of rows, each another."""
    block = np.random.default_rng(0).normal(size=[ROWS, SIZE]).astype("float32")
    for i in range(count):
        yield block + np.float32(i / count)


def of_generator(folder, count):
    return blocks(count)


def of_python(folder, count):
    signature = tf.TensorSpec([ROWS, SIZE], tf.float32)
    return tf.data.Dataset.from_generator(
        lambda: blocks(count), output_signature=signature
    )


def of_records(folder, count):
    """A file that is read four times, as if there were four of them."""
    path = folder / f"{count}.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for block in blocks(count // 4):
            for part in np.split(block, 8):
                writer.write(part.tobytes())
    records = tf.data.TFRecordDataset([str(path)] * 4)
    parts = records.map(lambda record: tf.io.decode_raw(record, tf.float32))
    return parts.map(lambda flat: tf.reshape(flat, [-1, SIZE])).rebatch(ROWS)


def of_parquet(folder, count):
    path = folder / f"{count}.parquet"
    columns = {str(i): np.zeros(0, np.float32) for i in range(SIZE)}
    with pq.ParquetWriter(path, pa.table(columns).schema) as writer:
        for block in blocks(count // 4):
            names = dict(zip(columns, np.ascontiguousarray(block.T), strict=True))
            writer.write_table(pa.table(names))

    def batches():
        for _ in range(4):
            # Else PyArrow reads ahead, up to the whole file.
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(ROWS):
                    yield np.stack([column.to_numpy() for column in batch], axis=1)

    signature = tf.TensorSpec([None, SIZE], tf.float32)
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What `getrusage` tells on Linux starts at what the parent had.
        (line,) = (x for x in status.read_text().splitlines() if "VmHWM" in x)
        return float(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def train(kind, stream, batches):
    """With a layer that reads the stream once more, before."""
    affine = tfp_flows.bijectors.Affine.trainable(SIZE)
    standardize = tfp_flows.bijectors.Standardize(SIZE)
    if kind == "generator":  # It cannot be read twice.
        standardize.adapt(next(blocks(1)))
    base = tfp_flows.distributions.StandardNormal(SIZE)
    flow = tfd.TransformedDistribution(base, tfb.Chain([standardize, affine]))
    model = tfp_flows.FlowModel(flow)
    model.compile(jit_compile=False)
    model.fit(stream, steps_per_epoch=batches, verbose=0)
    assert int(model.optimizer.iterations) == batches


def main(folder):
    streams = dict(
        zip(KINDS, [of_generator, of_python, of_records, of_parquet], strict=True)
    )
    streams["kept in memory"] = lambda *args: of_python(*args).cache()
    for kind, stream in streams.items():
        train(kind, stream(folder, 20), 10)  # What TensorFlow takes in any case.
        before = peak()
        train(kind, stream(folder, BATCHES), BATCHES)
        print(f"{kind}: {peak() - before:.1f}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
