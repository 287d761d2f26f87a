"""Each step is taken once: delivered twice, at once or late, to threads or to processes, or to one that dies."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sqlite3
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mspace_legacy.errors import InvalidInput
from mspace_legacy.ussd import (
    Continue,
    Dialler,
    End,
    Entries,
    MemorySessions,
    Session,
    Sessions,
    SqliteSessions,
    UssdApp,
    UssdRequest,
    Words,
    write_request,
)

FAILED = f"END {Words().failed}"
BOTH: list[Entries] = ["joined", "alone"]


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "sqlite"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> Sessions:
    return MemorySessions() if request.param == "memory" else SqliteSessions(tmp_path / "sessions.sqlite")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def counter(ran: list[str], **settings: Any) -> UssdApp:
    """Counts each time that its screen runs, and ends at `end`."""
    app = UssdApp(**settings)

    @app.start
    def count(session: Session, entry: str | None) -> Continue | End:
        ran.append(entry or "")
        return End("The end") if entry == "end" else Continue(f"{len(ran)} of step {session.step}")

    return app


def body(entry: str = "", *, session: str = "s1", number: str = "254722123456") -> bytes:
    return write_request(UssdRequest(number, session, "*384#", entry))


# The same step twice


def test_a_joined_step_is_known_however_late_it_comes_again(sessions: Sessions, clock: Clock) -> None:
    ran: list[str] = []
    app = counter(ran, sessions=sessions, clock=clock)
    answers = [app.respond(body(entry)) for entry in ("", "1", "1*1", "1*1*1")]
    assert answers == [f"CON {number} of step {number}" for number in (1, 2, 3, 4)]
    clock.now += 600
    for entry, answer in zip(
        ("1*1*1", "", "1*1", "1"), (answers[3], answers[0], answers[2], answers[1]), strict=True
    ):
        assert app.respond(body(entry)) == answer
    assert app.respond(body("1*1*1*end")) == "END The end"
    assert app.respond(body("1*1*1*end")) == "END The end"
    assert ran == ["", "1", "1", "1", "end"]


def test_a_step_alone_is_known_within_the_window(sessions: Sessions, clock: Clock) -> None:
    ran: list[str] = []
    app = counter(ran, sessions=sessions, clock=clock, entries="alone")
    assert app.respond(body()) == "CON 1 of step 1"
    assert app.respond(body("1")) == "CON 2 of step 2"
    clock.now += 1.9
    assert app.respond(body("1")) == "CON 2 of step 2"
    clock.now += 0.2
    assert app.respond(body("1")) == "CON 3 of step 3", "that long after the answer a person may have entered it"
    assert app.respond(body("2")) == "CON 4 of step 4", "another entry needs no time"
    assert app.respond(body("1")) == "CON 5 of step 5", "nor does one that was made before the last"
    assert ran == ["", "1", "1", "2", "1"]


def test_the_window_is_settable(clock: Clock) -> None:
    ran: list[str] = []
    app = counter(ran, clock=clock, entries="alone", repeat_window=0)
    assert [app.respond(body(entry)) for entry in ("", "1", "1")][-1] == "CON 3 of step 3"
    app = counter(ran, clock=clock, entries="alone", repeat_window=20)
    app.respond(body())
    answer = app.respond(body("1"))
    clock.now += 19
    assert app.respond(body("1")) == answer


def test_the_last_step_alone_is_known_however_late(clock: Clock) -> None:
    ran: list[str] = []
    app = counter(ran, clock=clock, entries="alone")
    app.respond(body())
    for _ in range(3):
        assert app.respond(body("end")) == "END The end"
        clock.now += 200
    assert ran == ["", "end"]


def test_the_first_step_alone_is_known_however_late(clock: Clock) -> None:
    ran: list[str] = []
    app = counter(ran, clock=clock, entries="alone")
    for _ in range(3):
        assert app.respond(body()) == "CON 1 of step 1"
        clock.now += 200
    assert ran == [""]


@pytest.mark.parametrize("entries", BOTH)
def test_a_handset_delivers_a_step_again_on_request(entries: Entries) -> None:
    ran: list[str] = []
    phone = Dialler(counter(ran, entries=entries), entries=entries).dial().enter("1")
    assert phone.repeat().text == "2 of step 2"
    assert phone.enter("1").text == "3 of step 3"
    assert ran == ["", "1", "1"]


@pytest.mark.parametrize("entries", BOTH)
def test_a_step_delivered_many_times_at_once_is_taken_once(entries: Entries, sessions: Sessions) -> None:
    ran: list[str] = []
    app = UssdApp(sessions=sessions, entries=entries)

    @app.start
    def slow(session: Session, entry: str | None) -> Continue:
        time.sleep(0.1)
        ran.append(entry or "")
        return Continue(f"{len(ran)}")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(app.respond, [body()] * 8)) == {"CON 1"}
        assert set(pool.map(app.respond, [body("1")] * 8)) == {"CON 2"}
    assert ran == ["", "1"]


def test_a_slow_screen_keeps_no_other_session_waiting(sessions: Sessions) -> None:
    go_on = threading.Event()
    app = UssdApp(sessions=sessions)

    @app.start
    def start(session: Session) -> End:
        if session.session_id == "slow":
            assert go_on.wait(20)
        return End(f"Bye {session.session_id}")

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(app.respond, body(session="slow"))
        assert app.respond(body(session="quick")) == "END Bye quick"
        assert not slow.done()
        go_on.set()
        assert slow.result(20) == "END Bye slow"


# Whose session, and in which order


@pytest.mark.parametrize("entries", BOTH)
def test_a_session_of_another_number_is_refused(
    entries: Entries, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []
    app = counter(ran, sessions=sessions, entries=entries)
    app.respond(body())
    for entry in ("", "1"):
        assert app.respond(body(entry, number="254733999999")) == FAILED
    assert "SESSION_ID is that of another number's session" in caplog.text
    assert "33999999" not in caplog.text
    assert app.respond(body("1")) == "CON 2 of step 2", "whose it is can go on"
    app.respond(body("1*end" if entries == "joined" else "end"))
    assert app.respond(body(number="254733999999")) == FAILED, "after its end too"


@pytest.mark.parametrize("entries", BOTH)
def test_a_session_that_has_ended_takes_nothing_more(entries: Entries, sessions: Sessions) -> None:
    ran: list[str] = []
    app = counter(ran, sessions=sessions, entries=entries)
    assert app.respond(body("end" if entries == "joined" else "*384*end#")) != FAILED
    ran.clear()
    app.respond(body(session="s2"))
    assert app.respond(body("end", session="s2")) == "END The end"
    for entry in ("end*1", "1", "end*end"):
        assert app.respond(body(entry, session="s2")) == FAILED
    assert ran == ["", "end"]


def test_joined_entries_that_go_back_or_elsewhere_are_refused(sessions: Sessions) -> None:
    ran: list[str] = []
    app = counter(ran, sessions=sessions)
    for entry in ("", "1", "1*2"):
        app.respond(body(entry))
    for entry in ("2", "1*3", "1*2x", "11*2*3", "1*23", "1*3*4", "2*2*3"):
        assert app.respond(body(entry)) == FAILED
    assert app.respond(body("1*2*3")) == "CON 4 of step 4"
    assert ran == ["", "1", "2", "3"]


def test_joined_entries_that_skip_a_step_are_one_entry(sessions: Sessions) -> None:
    """Nobody can have answered a text that was never sent: so the asterisk was entered."""
    ran: list[str] = []
    app = counter(ran, sessions=sessions)
    for entry in ("", "1", "1*2*3"):
        app.respond(body(entry))
    assert ran == ["", "1", "2*3"]


@pytest.mark.parametrize("entries", BOTH)
def test_a_session_expires(entries: Entries, sessions: Sessions, clock: Clock) -> None:
    ran: list[str] = []
    shortcuts = entries == "joined"
    app = counter(ran, sessions=sessions, clock=clock, entries=entries, expiry=60, shortcuts=shortcuts)
    app.respond(body())
    clock.now += 59
    assert app.respond(body("1")) == "CON 2 of step 2"
    clock.now += 61
    app.respond(body(session="meanwhile"))
    ran.pop()
    if entries == "joined":
        assert app.respond(body("1*2")) == FAILED, "taken for a beginning, 1 would be entered again"
    else:
        assert app.respond(body("2")) == "CON 3 of step 1", "it begins, and the entry is not taken for a choice"
    assert app.respond(body(session="s2")).endswith("of step 1")
    clock.now += 61
    assert app.respond(body()).endswith("of step 1")


def test_what_expired_is_forgotten_in_the_end(sessions: Sessions, clock: Clock) -> None:
    app = counter([], sessions=sessions, clock=clock, expiry=60)
    app.respond(body(session="old"))
    clock.now += 3700
    app.respond(body(session="new"))
    assert sessions.load("old") is None
    assert sessions.load("new") is not None


def test_a_store_keeps_the_next_version_and_no_other(sessions: Sessions) -> None:
    def save(text: str, version: int) -> bool:
        return sessions.save("s\0\N{SNOWMAN}", text, version=version, expires=2e9, now=1e9)

    assert sessions.load("s\0\N{SNOWMAN}") is None
    assert not save("a", 1)
    assert save("a", 0)
    assert not save("b", 0)
    assert save("b", 1)
    assert not save("c", 1)
    assert not save("c", 3)
    assert sessions.load("s\0\N{SNOWMAN}") == (2, "b", 2e9)
    assert sessions.load("s") is None


def test_memory_keeps_so_many_and_no_more() -> None:
    sessions = MemorySessions(most=3)
    app = counter([], sessions=sessions)
    for name in ("a", "b", "c", "a", "d"):
        app.respond(body("1" if name == "a" and sessions.load("a") else "", session=name))
    assert [name for name in "abcd" if sessions.load(name)] == ["a", "c", "d"]


@pytest.mark.parametrize("jump", [-10_000_000.0, -100.0, -1.0, 0.5, 100.0, 10_000_000.0])
@pytest.mark.parametrize("entries", BOTH)
def test_a_clock_that_jumps_runs_nothing_twice(entries: Entries, jump: float, sessions: Sessions) -> None:
    clock = Clock()
    ran: list[str] = []
    app = counter(ran, sessions=sessions, clock=clock, entries=entries)
    app.respond(body())
    app.respond(body("end"))
    clock.now += jump
    app.respond(body("end"))
    assert ran.count("end") == 1


# Processes


@pytest.mark.parametrize("passed", [11, -1_000_000])
def test_a_claim_whose_process_died_ends_the_session_and_runs_nothing_again(
    passed: float, sessions: Sessions, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []
    app = UssdApp(sessions=sessions, clock=clock, longest_step=10)
    begun, over = threading.Event(), threading.Event()

    @app.start
    def start(session: Session, entry: str | None) -> Continue:
        ran.append(entry or "")
        if entry == "die":
            begun.set()
            over.wait(20)
        return Continue("x")

    app.respond(body())
    dead = threading.Thread(target=app.respond, args=(body("die"),))
    dead.start()
    assert begun.wait(10)
    clock.now += passed
    assert app.respond(body("die")) == FAILED
    assert app.respond(body("die")) == FAILED
    assert app.respond(body("die*1")) == FAILED
    assert ran == ["", "die"]
    assert "never answered" in caplog.text
    over.set()
    dead.join()


class Holding:
    """A service whose screen acts, and holds the session "A" until it is let go."""

    def __init__(self, sessions: Sessions, clock: Clock, *, expiry: float) -> None:
        self.app = UssdApp(sessions=sessions, clock=clock, expiry=expiry, longest_step=300)
        self.acted: list[str] = []
        self.begun, self.over = threading.Event(), threading.Event()

        @self.app.start
        def start(session: Session, entry: str | None) -> End:
            self.acted.append(session.session_id)
            if session.session_id == "A":
                self.begun.set()
                self.over.wait(20)
            return End("paid")


def test_a_step_under_way_is_remembered_longer_than_a_session(sessions: Sessions, clock: Clock) -> None:
    """Another session's step sweeps out what has expired, and a step that is delivered again would act again."""
    holding = Holding(sessions, clock, expiry=60)
    respond = holding.app.respond
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(respond, body(session="A"))
        assert holding.begun.wait(10)
        clock.now += 61
        respond(body(session="B"))
        again = threads.submit(respond, body(session="A"))
        time.sleep(0.1)
        holding.over.set()
        assert (first.result(20), again.result(20)) == ("END paid", "END paid")
    assert holding.acted == ["A", "B"]


@pytest.mark.parametrize("expiry", [60, 900])
def test_a_step_that_was_given_up_is_remembered_as_long_as_a_session(
    expiry: float, sessions: Sessions, clock: Clock
) -> None:
    holding = Holding(sessions, clock, expiry=expiry)
    respond = holding.app.respond
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(respond, body(session="A"))
        assert holding.begun.wait(10)
        clock.now += 301
        respond(body(session="B"))
        assert respond(body(session="A")) == FAILED
        holding.over.set()
        first.result(20)
    assert holding.acted == ["A", "B"]


class Stop(BaseException):
    """As gevent's Timeout, and KeyboardInterrupt, no Exception."""


@pytest.mark.parametrize("error", [SystemExit("254722000000"), Stop("254722000000")])
def test_whatever_ends_a_screen_ends_the_session_and_keeps_nobody_waiting(
    error: BaseException, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    app = UssdApp(sessions=sessions)
    ran: list[str | None] = []

    @app.start
    def start(session: Session, entry: str | None) -> Continue:
        ran.append(entry)
        if entry:
            raise error
        return Continue("x")

    app.respond(body())
    if isinstance(error, SystemExit):
        assert app.respond(body("1")) == FAILED
    else:
        with pytest.raises(Stop):
            app.respond(body("1"))
    assert app.respond(body("1")) == FAILED
    assert ran == [None, "1"]
    assert "254722000000" not in caplog.text


def test_a_step_that_takes_too_long_is_answered_all_the_same(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    app = UssdApp(clock=clock, longest_step=10)

    @app.start
    def late(session: Session, entry: str | None) -> End:
        clock.now += 11
        assert app.respond(body()) == FAILED, "it is taken for dead"
        return End("Paid")

    assert app.respond(body()) == "END Paid"
    assert "longer than 10 seconds" in caplog.text


def test_a_file_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("This is no database, and longer than the header of one. " * 20)
    for path in (tmp_path / "text", tmp_path, tmp_path / "none" / "sessions", ":memory:", ""):
        with pytest.raises(InvalidInput, match="file"):
            SqliteSessions(path)


def test_a_file_is_its_owners_and_holds_neither_number_nor_entry(tmp_path: Path) -> None:
    sessions = SqliteSessions(tmp_path / "sessions.sqlite")
    app = counter([], sessions=sessions)
    app.respond(body())
    app.respond(body("4321987"))
    sessions.close()
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert b"22123456" not in file.read_bytes()
        assert b"4321987" not in file.read_bytes()
    assert app.respond(body("4321987")) == "CON 2 of step 2", "it is opened again"


def test_a_session_goes_on_after_a_restart(tmp_path: Path) -> None:
    ran: list[str] = []
    for entry in ("", "1", "1", "1*2"):
        app = counter(ran, sessions=SqliteSessions(tmp_path / "sessions.sqlite"))
        answer = app.respond(body(entry))
    assert answer == "CON 3 of step 3"


def remembering(path: Path) -> UssdApp:
    """Ten questions, whose answers it repeats in the end; each run of a screen is a line in a file."""
    app = UssdApp(sessions=SqliteSessions(path / "sessions.sqlite"))
    ran = os.open(path / "ran", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @app.start
    def ask(session: Session, entry: str | None) -> Continue | End:
        os.write(ran, f"{session.session_id} {session.step}\n".encode())
        said = session.data.setdefault("said", [])
        if entry is not None:
            said.append(entry)
        whole = " ".join([session.session_id, session.msisdn, *said])
        return End(whole) if len(said) == 9 else Continue(whole)

    return app


def in_a_process(path: Path, work: Any, answers: Any) -> None:
    app = remembering(path)
    with ThreadPoolExecutor(4) as pool:
        while (steps := work.get()) is not None:
            answers.put(list(pool.map(lambda step: (step, app.respond(body_of(*step))), steps)))


def body_of(session: int, step: int) -> bytes:
    said = "*".join(f"{session}-{number}" for number in range(1, step))
    return body(said, session=f"s{session}", number=f"2547{session:08}")


def expected(session: int, step: int) -> str:
    kind = "END" if step == 10 else "CON"
    return " ".join([kind, f"s{session}", f"2547{session:08}", *(f"{session}-{n}" for n in range(1, step))])


SESSIONS = int(os.environ.get("USSD_SESSIONS", "1000"))
"""How many at once; more than by default where someone sets it."""


def test_a_thousand_sessions_at_once_in_two_processes(tmp_path: Path) -> None:
    """Each step is delivered to both processes, so that each is a race between them."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    works = [context.Queue() for _ in range(2)]
    processes = [context.Process(target=in_a_process, args=(tmp_path, work, answers)) for work in works]
    for process in processes:
        process.start()
    try:
        for step in range(1, 11):
            steps = [(session, step) for session in range(SESSIONS)]
            for work in works:
                work.put(steps)
            for _ in works:
                for (session, number), answer in answers.get(timeout=120):
                    assert answer == expected(session, number)
    finally:
        for work, process in zip(works, processes, strict=True):
            work.put(None)
            process.join(30)
            process.kill()
    ran = Counter((tmp_path / "ran").read_text().splitlines())
    assert ran == Counter(f"s{session} {step}" for session in range(SESSIONS) for step in range(1, 11))


def in_a_fork(run: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            run()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# Where nothing forks, no child has its parent's connection.
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a server forks its workers only where there is fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_leaves_the_parent_s_connection_open(tmp_path: Path) -> None:
    """To close it there would pull the file from under the parent."""
    sessions = SqliteSessions(tmp_path / "sessions.sqlite")
    sessions.save("s", "{}", version=0, expires=1e12, now=0.0)
    connection = sessions._connection
    assert connection is not None

    def child() -> None:
        nonlocal sessions
        del sessions
        gc.collect()
        assert connection.execute("SELECT count(*) FROM session").fetchone() == (1,)

    assert in_a_fork(child) == 0


def test_a_file_that_is_closed_and_opened_leaves_nothing_behind(tmp_path: Path) -> None:
    sessions = SqliteSessions(tmp_path / "sessions.sqlite")
    for version in range(3):
        assert sessions.save("s", "{}", version=version, expires=1e12, now=0.0)
        connection = sessions._connection
        sessions.close()
        assert connection is not None
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")
    assert sessions._closer is None


@pytest.mark.parametrize("most", [0, -1])
def test_memory_keeps_one_at_least(most: int) -> None:
    with pytest.raises(InvalidInput, match=f"most is {most}: 1 is the least"):
        MemorySessions(most=most)


# Where nothing forks, no child has its parent's connection.
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a server forks its workers only where there is fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_opens_the_file_for_itself(tmp_path: Path) -> None:
    sessions = SqliteSessions(tmp_path / "sessions.sqlite")
    app = counter([], sessions=sessions)
    assert app.respond(body()) == "CON 1 of step 1"

    def child() -> None:
        assert sessions._connection is None
        assert app.respond(body("1")) == "CON 2 of step 2"

    assert in_a_fork(child) == 0
    assert app.respond(body("1")) == "CON 2 of step 2"
    assert app.respond(body("1*2")).endswith("of step 3")


def test_a_screen_that_was_interrupted_is_waited_for_no_more() -> None:
    app = UssdApp(longest_step=30)

    @app.start
    def start(session: Session, entry: str | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        app.respond(body())
    began = time.monotonic()
    assert app.respond(body()) == FAILED
    assert time.monotonic() - began < 15


def dies(path: Path) -> None:
    app = UssdApp(sessions=SqliteSessions(path), longest_step=0.5)

    @app.start
    def start(session: Session, entry: str | None) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    app.respond(body())


def test_a_process_that_is_killed_leaves_a_file_that_others_go_on_with(tmp_path: Path) -> None:
    path = tmp_path / "sessions.sqlite"
    process = multiprocessing.get_context("spawn").Process(target=dies, args=(path,))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    ran: list[str] = []
    app = counter(ran, sessions=SqliteSessions(path), longest_step=0.5)
    assert app.respond(body()) == FAILED
    assert ran == []
    assert app.respond(body(session="s2")) == "CON 1 of step 1"
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
