"""A command that says nothing for two seconds shows that it is at work."""

import inspect
import logging
import sys

import pytest
from toolkit.commands import command_line, operations, progress
from toolkit.guide import init_data


class Clock:
    """An event whose waits take no time: as many of them pass as seconds are given."""

    def __init__(self, waits: int) -> None:
        self.left, self.waited = waits, []

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.left -= 1
        return self.left < 0

    def set(self) -> None:
        pass


def test_work_that_ends_in_time_shows_nothing(capsys):
    clock = Clock(0)
    with progress.working("evaluate", clock):
        pass
    assert clock.waited == [2.0]
    assert capsys.readouterr().err == ""


def test_the_bar_tells_the_seconds_and_leaves_no_line(capsys):
    with progress.working("evaluate", Clock(3)):
        pass
    said = capsys.readouterr().err
    assert "evaluate 2 s" in said
    assert "evaluate 4 s" in said
    assert said.endswith("\r")


def test_another_bar_says_more(capsys):
    import tqdm

    with tqdm.tqdm(desc="reading"), progress.working("data", Clock(3)):
        pass
    assert "data" not in capsys.readouterr().err


def test_the_bar_ends_with_a_mistake(capsys):
    with pytest.raises(ZeroDivisionError), progress.working("evaluate", Clock(1)):
        raise ZeroDivisionError
    assert capsys.readouterr().err.endswith("\r")


def test_a_message_stands_on_a_line_of_its_own(capsys):
    logger = logging.Logger("any")
    logger.addHandler(progress.AboveBars())
    import tqdm

    with tqdm.tqdm(desc="busy", file=sys.stderr):
        logger.warning("Mind this.")
    assert "Mind this.\n" in capsys.readouterr().err.replace("\r", "\n")


@pytest.mark.parametrize(
    "code",
    [
        command_line.CommandLine.stage,
        command_line.add_predict,
        command_line.add_check,
        command_line.add_bench,
        command_line.add_site,
        init_data.run,
        *(getattr(operations, name).callback for name in ("register", "retrain", "promote", "monitor")),
    ],
)  # fmt: skip
def test_the_commands_that_take_long_show_it(code):
    assert "with working(" in inspect.getsource(code)
