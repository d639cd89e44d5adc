"""What the machine and a PostgreSQL server can do at most: the limits that figures of engines stand beside.

    limits.py disk FOLDER                      appends of 4 KiB with fdatasync, and one-row commits of SQLite
    limits.py postgres URL PGBENCH CLIENTS...  one-row commits of so many clients

Prints one line of JSON. The same work as in `../glidepath/machine.rs` and `../glidepath/postgres.rs`.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

MEASURE_FOR_S = 1
BLOCK_BYTES = 4096
ROW_BYTES = 300
# Time that a measurement may take beside what it measures, such as connecting.
PATIENCE_S = 30


def share_of(ordered, share):
    """The value below which this share of the ordered values lies."""
    return ordered[round(share * (len(ordered) - 1))] if ordered else float("nan")


def processor_seconds(pid):
    """Processor time of a process, its children, and those that it has outlived: a server with a process per connection."""
    ticks = 0
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        members = [(pid, 4)] + [(child, 2) for child in children.read().split()]
    for member, fields in members:
        try:
            with open(f"/proc/{member}/stat") as stat:
                # utime, stime, and those of children that ended; the name before them may hold spaces.
                ticks += sum(int(word) for word in stat.read().rpartition(")")[2].split()[11 : 11 + fields])
        except FileNotFoundError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def disk(folder):
    """Syncs per second, and one-row commits per second with the times of each in microseconds."""
    # A folder in memory would answer a sync at once, and every ratio would be worthless.
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        sys.exit(f"{folder} is in memory ({kind}); give a folder on a disk")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        syncs = fdatasyncs_per_second(os.path.join(place, "blocks"))
        commits, times_us = sqlite_commits(os.path.join(place, "one-row.db"))
    return {
        "fdatasync_per_s": round(syncs),
        "sqlite_commits_per_s": round(commits),
        "sqlite_commit_p50_us": round(share_of(times_us, 0.50)),
        "sqlite_commit_p99_us": round(share_of(times_us, 0.99)),
    }


def fdatasyncs_per_second(path):
    block, done, started = b"\x07" * BLOCK_BYTES, 0, time.perf_counter()
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while time.perf_counter() - started < MEASURE_FOR_S:
        os.write(file, block)
        os.fdatasync(file)
        done += 1
    taken = time.perf_counter() - started
    os.close(file)
    return done / taken


def sqlite_commits(path):
    """Commits per second of one row each, in WAL mode with full sync, and how long each took, in order."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, payload TEXT NOT NULL)")
    payload, times_us, started = ("x" * ROW_BYTES,), [], time.perf_counter()
    before = started
    while before - started < MEASURE_FOR_S:
        connection.execute("INSERT INTO rows (payload) VALUES (?)", payload)
        now = time.perf_counter()
        times_us.append((now - before) * 1e6)
        before = now
    connection.close()
    return len(times_us) / (before - started), sorted(times_us)


def postgres(url, pgbench, clients):
    """One-row commits per second of so many clients. `pgbench` drives them: 64 threads of Python would be the limit themselves."""
    psql = os.path.join(os.path.dirname(pgbench), "psql")
    ask = [psql, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--dbname", url, "--command"]
    for setting in ("fsync", "synchronous_commit"):
        value = subprocess.run([*ask, f"SHOW {setting}"], capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout.strip()
        if value != "on":
            sys.exit(f"{setting} is {value}; a commit of this server is not on the disk when it is answered")
    table = "CREATE TABLE IF NOT EXISTS limit_rows (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL)"
    subprocess.run([*ask, table], check=True, stderr=subprocess.DEVNULL, timeout=PATIENCE_S)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"INSERT INTO limit_rows (payload) VALUES ('{'x' * ROW_BYTES}');\n")
        script.flush()
        command = [pgbench, "--no-vacuum", "--protocol=prepared", f"--time={MEASURE_FOR_S}", f"--file={script.name}"]
        measured = {}
        for count in clients:
            run = [*command, f"--client={count}", f"--jobs={min(2, count)}", url]
            told = subprocess.run(run, capture_output=True, text=True, check=True, timeout=MEASURE_FOR_S + PATIENCE_S).stdout
            measured[str(count)] = round(float(re.search(r"^tps = ([0-9.]+)", told, re.MULTILINE).group(1)))
    return {"postgres_commits_per_s": measured}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["disk", folder]:
            print(json.dumps(disk(folder)))
        case ["postgres", url, pgbench, *clients] if clients:
            print(json.dumps(postgres(url, pgbench, [int(count) for count in clients])))
        case _:
            sys.exit(__doc__)
