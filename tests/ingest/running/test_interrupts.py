"""Ctrl-C waits for a commit, and is told from a failure."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from ingest.running import interrupts


@pytest.fixture(autouse=True)
def python_handles_it() -> Iterator[None]:
    """A shell may have started the tests with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.alone
def test_it_waits_until_the_block_is_left() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        with interrupts.delay_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("the rest of the block")
        done.append("never")
    assert done == ["the rest of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.alone
def test_blocks_within_blocks_hand_it_on_once() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.delay_interrupts():
        with interrupts.delay_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
        done.append("the outer block goes on")
    assert done == ["the outer block goes on"]


@pytest.mark.alone
def test_an_error_of_the_block_gives_way() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.delay_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError("disk")


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_other_handlers_are_left_alone(handler: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)
    with interrupts.delay_interrupts():
        assert signal.getsignal(signal.SIGINT) is handler


def test_other_threads_have_no_signals() -> None:
    done = []

    def work() -> None:
        with interrupts.delay_interrupts():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


@pytest.mark.alone
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_in_a_block_of_python_is_heard(times: int) -> None:
    for _ in range(times):
        with pytest.raises(KeyboardInterrupt), interrupts.stop_on_interrupt(lambda: None):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(30)
            pytest.fail("Ctrl-C was lost")
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.alone
def test_what_is_held_back_is_not_stopped() -> None:
    stopped = threading.Event()
    with pytest.raises(KeyboardInterrupt), interrupts.stop_on_interrupt(stopped.set):
        with interrupts.delay_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            assert not stopped.wait(0.2)
        pytest.fail("Ctrl-C was lost")
    assert not stopped.is_set()
