"""The callback that films training."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from PIL import Image

from tfp_flows.visualization import TrainingGIF

tfb, tfd = tfp.bijectors, tfp.distributions
DATA = np.random.default_rng(0).normal(3.0, 0.5, (64, 2)).astype("float32")


class ShiftedNormal(keras.Model):
    """Learns a mean by the squared error: all that the callback needs of a flow."""

    def __init__(self, dim=2):
        super().__init__()
        self.mean = self.add_weight(shape=(dim,), initializer="zeros", name="mean")
        self.distribution = tfd.TransformedDistribution(
            tfd.Sample(tfd.Normal(0.0, 0.5), [dim]), tfb.Shift(self.mean.value)
        )

    def call(self, x):
        return x - self.mean


def fit(callback, epochs, model=None, **kwargs):
    model = model or ShiftedNormal()
    model.compile(keras.optimizers.SGD(0.2), loss="mse")
    kwargs.setdefault("callbacks", [callback])
    model.fit(DATA, np.zeros_like(DATA), 64, epochs, verbose=0, **kwargs)


def frames(path):
    with Image.open(path) as film:
        pictures = []
        for k in range(film.n_frames):
            film.seek(k)
            pictures.append((np.asarray(film.convert("RGB")), film.info["duration"]))
        return pictures


@pytest.mark.parametrize("density", [False, True])
def test_a_frame_for_each_epoch_and_one_before(tmp_path, density):
    path = tmp_path / "new" / "film.gif"
    fit(TrainingGIF(path, DATA, density=density, fps=5), epochs=3)
    pictures = frames(path)
    assert len(pictures) == 4
    assert [duration for _, duration in pictures] == [200, 200, 200, 2000]
    for (first, _), (second, _) in itertools.pairwise(pictures):
        assert first.shape == second.shape and np.any(first != second)
        # The data stand still: below the titles, the left half never changes.
        half = first.shape[1] // 2
        left = np.abs(first[60:, :half].astype(int) - second[60:, :half])
        assert np.mean(left > 60) < 0.001
    assert [p.name for p in path.parent.iterdir()] == ["film.gif"]


def test_titles_and_the_last_epoch(tmp_path, monkeypatch):
    gif = TrainingGIF(tmp_path / "film.gif", DATA, every=3)
    titles, paint = [], gif._paint

    def noting(title):
        titles.append(title)
        return paint(title)

    monkeypatch.setattr(gif, "_paint", noting)
    fit(gif, epochs=7)
    words = [title.split(" · ") for title in titles]
    assert [word[0] for word in words] == [
        "before training",
        "epoch 3",
        "epoch 6",
        "epoch 7",
    ]
    assert words[1][1].startswith("loss ") and words[1][1].endswith(" nats")


def test_samples_move_with_the_model(tmp_path):
    model = ShiftedNormal()
    gif = TrainingGIF(tmp_path / "film.gif", DATA, num_samples=40)
    fit(gif, epochs=2, model=model)
    shown = np.asarray(gif._painter._model.get_offsets())
    expected = model.distribution.sample(40, seed=tf.constant([0, 0]))
    np.testing.assert_allclose(shown, expected, rtol=1e-5)
    assert len(gif._target) == 40


def test_too_many_frames_are_thinned(tmp_path):
    path = tmp_path / "film.gif"
    gif = TrainingGIF(path, DATA, max_frames=4)
    fit(gif, epochs=10)
    assert 3 <= len(frames(path)) <= 4
    assert gif._stride == 4


def test_written_when_stopped_early(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    path = tmp_path / "film.gif"
    fit(None, epochs=9, callbacks=[TrainingGIF(path, DATA), Stop()])
    assert len(frames(path)) == 3


def test_saved_by_hand_after_an_exception(tmp_path):
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    path = tmp_path / "film.gif"
    gif = TrainingGIF(path, DATA)
    with pytest.raises(RuntimeError, match="no frame yet"):
        gif.save()
    with pytest.raises(KeyboardInterrupt):
        fit(gif, epochs=9, callbacks=[gif, Fail()])
    assert not path.exists()
    gif.save()
    assert len(frames(path)) == 2


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "film.gif"
    path.write_bytes(b"the film of yesterday")
    gif = TrainingGIF(path, DATA)
    fit(gif, epochs=1, callbacks=[gif])
    old = path.read_bytes()

    def save(self, file, **kwargs):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(OSError, match="disk full"):
        gif.save()
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["film.gif"]


def test_a_model_that_diverges_does_not_end_training(tmp_path):
    model = ShiftedNormal()
    model.mean.assign([np.nan, np.nan])
    fit(TrainingGIF(tmp_path / "film.gif", DATA), epochs=1, model=model)
    fit(TrainingGIF(tmp_path / "film.gif", DATA, density=True), epochs=1, model=model)


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"data of TrainingGIF must have shape"):
        TrainingGIF("film.gif", np.zeros([5, 3]))
    with pytest.raises(ValueError, match="1 of 1 points are not finite"):
        TrainingGIF("film.gif", [[np.nan, 0.0]])
    with pytest.raises(
        ValueError, match=r"every of TrainingGIF must be at .* 1, but got 0"
    ):
        TrainingGIF("film.gif", DATA, every=0)
    with pytest.raises(ValueError, match=r"max_frames of TrainingGIF .* at least 3"):
        TrainingGIF("film.gif", DATA, max_frames=2)
    gif = TrainingGIF(tmp_path / "film.gif", DATA)
    model = ShiftedNormal()
    model.distribution = None
    with pytest.raises(TypeError, match="distribution of the model of Train"):
        fit(gif, 1, model)
    model.distribution = tfd.MultivariateNormalDiag(tf.zeros([3]))
    with pytest.raises(ValueError, match=r"event shape \(3,\)"):
        fit(gif, 1, model)
