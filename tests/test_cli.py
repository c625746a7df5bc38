"""The command line, in the process and as a command."""

import pytest
from PIL import Image

from tfp_flows import cli


def test_demo(tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert cli.main(["demo", "--epochs", "1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "test NLL:" in printed and "true entropy: 1.008 nats" in printed
    assert str(out) in printed
    for name in ("stages.png", "density.png", "history.png"):
        with Image.open(out / name) as picture:
            assert picture.width > 400
        assert name in printed
    with Image.open(out / "training.gif") as film:
        assert film.n_frames == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "COMMAND"),
        (["paint"], "paint"),
        (["demo", "--epochs", "0"], "1 or more"),
        (["demo", "--epochs", "many"], "many"),
    ],
)
def test_bad_usage(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_file_in_place_of_the_folder(tmp_path, capsys):
    file = tmp_path / "taken"
    file.write_text("mine")
    assert cli.main(["demo", "--out", str(file)]) == 1
    assert "taken" in capsys.readouterr().err
    assert file.read_text() == "mine"
