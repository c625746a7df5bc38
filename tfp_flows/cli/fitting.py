"""The work of ``tfp-flows fit``."""

import argparse
from pathlib import Path

import numpy as np

from tfp_flows.cli import model_file, training
from tfp_flows.cli.gaussian import gaussian_nll
from tfp_flows.cli.inputs import Data, Rows, read_to_fit
from tfp_flows.cli.messages import note, report
from tfp_flows.cli.preparing import (
    add_noise,
    dtype_for,
    require_density,
    require_size,
    split,
    warn_of_numbering,
)
from tfp_flows.cli.record import Record
from tfp_flows.random_state import as_integer


def run(options: argparse.Namespace) -> int:
    """Runs the command.

    Raises:
        Mistake: bad data, or options that do not go together.
        Failure: training failed.
        OSError: a file cannot be read or written.
    """
    rows = read_to_fit(options)
    require_size(rows)
    generator = np.random.default_rng(as_integer(options.seed))
    data = rows.data
    if options.noise is not None:
        data = data._replace(points=add_noise(data.points, options.noise, generator))
    train, held_out, batch_size = split(
        len(data.points), options.held_out, options.batch_size, generator
    )
    train, held_out = data.take(train), data.take(held_out)
    require_density(rows, train, options.noise is not None)
    warn_of_numbering(rows)
    return _train(options, rows, train, held_out, batch_size)


def _train(
    options: argparse.Namespace,
    rows: Rows,
    train: Data,
    held_out: Data,
    batch_size: int,
) -> int:
    model = training.make_model(
        options.flow,
        train,
        autoregressive=options.autoregressive,
        num_layers=options.layers,
        hidden_units=options.hidden,
        learning_rate=options.learning_rate,
        seed=options.seed,
        dtype=dtype_for(train),
    )
    result = training.train_model(
        model,
        train,
        held_out,
        batch_size=batch_size,
        epochs=options.epochs,
        patience=options.patience,
        is_quiet=options.quiet,
    )
    record = Record(
        columns=rows.columns,
        context=rows.context_columns,
        context_apart=rows.context_apart,
        table=Path(rows.table).name,
        flow=options.flow,
        noise=options.noise,
        seed=options.seed,
        rows=len(train.points),
        held_out=len(held_out.points),
        best_epoch=result.best_epoch,
        nll=result.best_nll,
        gaussian_nll=gaussian_nll(train, held_out),
        history=result.history,
    )
    model_file.save_or_rescue(model, record, options.out)
    report([*record.report(), f"model: {options.out}"])
    if result.was_stopped:
        note("training was stopped: the model is the best so far.")
        return 130
    if options.pictures is not None:
        _draw(model, record, options.pictures, train, held_out)
    return 0


def _draw(model, record: Record, folder: Path, train: Data, held_out: Data) -> None:
    # Not before: matplotlib takes a second.
    from tfp_flows.cli.pictures import draw_all

    draw_all(
        model,
        folder,
        train,
        held_out,
        names=record.columns.labels,
        history=record.history,
        seed=record.seed,
    )
