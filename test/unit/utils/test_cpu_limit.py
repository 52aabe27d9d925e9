import asyncio
import re
import signal
import threading

import pytest

from ganeti.utils.cpu_limit import run_limited

#: takes for ever, were it not limited
SLOW = re.compile("(a+)+$")


def match_slowly() -> object:
    return SLOW.search("a" * 60 + "b")


def test_a_match_that_backtracks_without_end_is_cut_off() -> None:
    with pytest.raises(TimeoutError):
        run_limited(match_slowly, 0.02)


def test_what_is_quick_is_answered_and_nothing_comes_after() -> None:
    before = signal.getsignal(signal.SIGVTALRM)

    assert run_limited(lambda: 42, 0.02) == 42

    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) is before


def test_an_error_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError):
        run_limited(lambda: 1 / 0, 0.02)

    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_an_event_loop_goes_on_afterwards() -> None:
    async def scenario() -> str:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: None)  # as daemons do: signals wake the loop up
        with pytest.raises(TimeoutError):
            run_limited(match_slowly, 0.02)
        await asyncio.sleep(0.001)
        loop.remove_signal_handler(signal.SIGUSR1)
        return "alive"

    assert asyncio.run(scenario()) == "alive"


def test_another_thread_has_no_limit() -> None:
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(run_limited(lambda: 42, 0.02)))
    thread.start()
    thread.join()

    assert seen == [42]
