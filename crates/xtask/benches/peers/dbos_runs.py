"""1,000 runs of five durable steps that do nothing, on DBOS: 1, 16 and 64 at once.

    dbos_runs.py URL FOLDER [--wal] [--processes N] [--at-once N...] [--pgbench PATH --server-pid PID]

URL is `postgresql://...` or `sqlite:///...`; FOLDER is on the disk whose limits are measured before and after each row.
Prints one line of JSON per measurement. A run is a workflow with an id; a step is a step of DBOS, which is in the
database before the next one begins. Threads of this process call the workflow and wait for it, so there is no queue
and no polling between them and the engine. With several processes the runs are shared out among them.
"""

import argparse
import json
import multiprocessing
import signal
import sqlite3
import sys
import threading
import time
from importlib.metadata import version

import limits

RUNS = 1000
STEPS = 5
# Runs before the clock starts: connections are made and code is loaded.
WARM_UP_RUNS = 64
# Longest time that all runs of one measurement may take.
FLIGHT_MAX_S = 120
# Longest time that processes wait for each other to be ready.
START_MAX_S = 60


def fly_share(url, prefix, runs, at_once, server_pid, ready, answers):
    """One process: flies its share of the runs, and answers when it began and ended, what it cost and the times between steps."""
    from dbos import DBOS, DBOSConfig, SetWorkflowID

    called = {}

    @DBOS.step()
    def nothing():
        called[DBOS.workflow_id].append(time.monotonic())

    @DBOS.workflow()
    def five_steps():
        for _ in range(STEPS):
            nothing()

    # A connection per thread: the default of 20 would be a queue of its own at 64 at once.
    config = DBOSConfig(name="peers", system_database_url=url, sys_db_pool_size=max(at_once, 2), executor_id=prefix,
                        application_version="1", log_level="ERROR")
    DBOS(config=config)
    DBOS.launch()

    def fly(names):
        deadline, waiting, lock, failed = time.monotonic() + FLIGHT_MAX_S, iter(names), threading.Lock(), []

        def work():
            while time.monotonic() < deadline:
                with lock:
                    name = next(waiting, None)
                if name is None:
                    return
                called[name] = []
                try:
                    with SetWorkflowID(name):
                        five_steps()
                except Exception as error:
                    failed.append(repr(error))

        threads = [threading.Thread(target=work) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failed

    fly([f"{prefix}-warm-{number}" for number in range(WARM_UP_RUNS)])
    called.clear()
    ready.wait(START_MAX_S)
    def processor():
        return time.process_time() + (limits.processor_seconds(server_pid) if server_pid else 0)

    cost_before, began = processor(), time.monotonic()
    failed = fly([f"{prefix}-run-{number}" for number in range(runs)])
    ended, cost = time.monotonic(), processor() - cost_before
    # What the database says, not what this process believes.
    done = DBOS.list_workflows(workflow_id_prefix=f"{prefix}-run-", status="SUCCESS", load_input=False, load_output=False)
    steps = len(DBOS.list_workflow_steps(done[0].workflow_id)) if done else 0
    times = [after - before for moments in called.values() for before, after in zip(moments, moments[1:])]
    answers.put({"began": began, "ended": ended, "done": len(done), "steps": steps, "cost": cost, "times": times, "failed": failed[:3]})
    DBOS.destroy()


def measure(url, at_once, processes, server_pid, name):
    """One measurement, in fresh processes."""
    context = multiprocessing.get_context("spawn")
    ready, answers = context.Barrier(processes), context.Queue()
    runs, threads = RUNS // processes, max(1, at_once // processes)
    # Only the first adds the server's processor time, which is for all of them.
    shares = [(url, f"{name}-{number}", runs, threads, 0 if number else server_pid, ready, answers) for number in range(processes)]
    children = [context.Process(target=fly_share, args=share, daemon=True) for share in shares]
    for child in children:
        child.start()
    try:
        told = [answers.get(timeout=FLIGHT_MAX_S + 2 * START_MAX_S) for _ in children]
    finally:
        for child in children:
            child.join(START_MAX_S)
            if child.is_alive():
                child.kill()
    seconds = max(answer["ended"] for answer in told) - min(answer["began"] for answer in told)
    done = sum(answer["done"] for answer in told)
    times_us = sorted(time_s * 1e6 for answer in told for time_s in answer["times"])
    row = {
        "engine": f"dbos {version('dbos')}",
        "at_once": at_once,
        "processes": processes,
        "done": done,
        "steps_of_a_run": told[0]["steps"],
        "seconds": round(seconds, 2),
        "runs_per_s": round(done / seconds, 1),
        "steps_per_s": round(done * STEPS / seconds, 1),
        "step_p50_us": round(limits.share_of(times_us, 0.50)),
        "step_p99_us": round(limits.share_of(times_us, 0.99)),
        "processor_ms_per_run": round(sum(answer["cost"] for answer in told) * 1000 / max(done, 1), 1),
    }
    failed = [error for answer in told for error in answer["failed"]]
    return row | ({"failed": failed} if failed else {})


def sqlite_settings(url, wal):
    """Chooses the journal of the file before DBOS opens it, and says how commits reach the disk."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    if wal:
        connection.execute("PRAGMA journal_mode = WAL")
    # DBOS sets neither on its connections, so what holds for a new connection holds for its own.
    journal, synchronous = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))
    connection.close()
    if synchronous < 2:
        sys.exit(f"synchronous is {synchronous}; a commit of this SQLite is not on the disk when it is answered")
    return {"sqlite": sqlite3.sqlite_version, "journal_mode": journal, "synchronous": synchronous}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("folder")
    parser.add_argument("--wal", action="store_true", help="write-ahead log instead of SQLite's default journal")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--pgbench", help="where pgbench is; psql is beside it")
    parser.add_argument("--server-pid", type=int, default=0, help="the PostgreSQL server, whose processor time is counted too")
    options = parser.parse_args()

    def limit():
        found = limits.disk(options.folder)
        if options.pgbench:
            found |= limits.postgres(options.url, options.pgbench, options.at_once)
        print(json.dumps({"limits": found}), flush=True)

    # The children end with this process, also when it is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.url.startswith("sqlite:"):
        print(json.dumps(sqlite_settings(options.url, options.wal)), flush=True)
    limit()
    for at_once in options.at_once:
        name = f"p{options.processes}-at{at_once}-{time.time_ns()}"
        print(json.dumps(measure(options.url, at_once, options.processes, options.server_pid, name)), flush=True)
        limit()


if __name__ == "__main__":
    main()
