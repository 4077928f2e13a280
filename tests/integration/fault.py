# SPDX-License-Identifier: Apache-2.0
"""Runs of the program in which a certain system call fails, is the last, or waits for a change.

hb-fault (tests/faults) counts the calls of all threads in one order, so "the fifth write" is always
the same one as long as one thread writes.
"""
import os
import pathlib
import subprocess

import hb
import odd_store

# A build that is slow, and has little to add here, does one in so many of the points.
SHARE = int(os.environ.get("HBCORE_FAULT_SHARE", "1"))
TOOL = pathlib.Path(os.environ["HBCORE_BUILD"]) / "tests" / "hb-fault"

# All that creates, writes, syncs, renames, links, truncates or allocates; and what removes.
CHANGING = "create,write,sync,rename,link,truncate,allocate,remove"


def need():
    """Ends the test as skipped, saying why, where the kernel does not let calls be held."""
    done = subprocess.run([TOOL, "--calls", "write", "--", "true"], capture_output=True, check=False)
    if done.returncode == hb.SKIPPED:
        print(f"skipped: {done.stderr.decode().strip()}")
        raise SystemExit(hb.SKIPPED)
    if done.returncode != 0:
        raise SystemExit(f"hb-fault does not work: {done.stderr.decode()}")


def some(points, most, full=None):
    """All points with --full (or `full` of them), else `most` of them, evenly, from the first to the last."""
    points = list(points)
    most = max(most // SHARE, 1)
    if hb.FULL:
        most = len(points) if full is None else full
    if len(points) <= most:
        return points
    return [points[i * (len(points) - 1) // max(most - 1, 1)] for i in range(most)]


class Supervised:
    """A finished run: exit code, output, and what was counted."""

    def __init__(self, done, log):
        self.returncode, self.stdout, self.stderr, self.args = (
            done.returncode, done.stdout, done.stderr, done.args)
        self.calls, self.hit, numbers = [], None, {}
        for line in log.read_bytes().splitlines():
            row = line.decode(errors="surrogateescape").split("\t")
            if row[0] == "call":
                self.calls.append(tuple(row[2:]))
            elif row[0] == "hit":
                self.hit = tuple(row[2:])
            else:
                numbers[row[0]] = int(row[1])
        self.count, self.hits = numbers["count"], numbers["hits"]


class FaultCase(hb.Case):
    """hbcore() under hb-fault."""

    def supervise(self, command, calls, path=None, at=None, error=None, kill=False, run=None,
                  list_calls=False, expect=0, seconds=120, **keywords):
        """One run of any command. `at` is a number, or "N+"; expect None takes every exit code."""
        log = self.dir / "fault.log"
        line = [TOOL, "--calls", calls, "--log", log, "--timeout", str(seconds)]
        if path is not None:
            line += ["--path", path]
        if at is not None:
            line += ["--at", str(at)]
        if error is not None:
            line += ["--error", error]
        if kill:
            line += ["--kill"]
        if run is not None:
            line += ["--run", run]
        if list_calls:
            line += ["--list"]
        keywords.setdefault("stdout", subprocess.PIPE)
        keywords.setdefault("stderr", subprocess.PIPE)
        keywords.setdefault("stdin", subprocess.DEVNULL)
        keywords.setdefault("env", self.environment())
        done = subprocess.run([os.fspath(word) for word in [*line, "--", *command]],
                              timeout=seconds + 60, check=False, **keywords)
        done.stdout, done.stderr = odd_store.paths(done.stdout or b""), odd_store.paths(done.stderr or b"")
        self.assert_clean(done)
        if expect is not None and done.returncode != expect:
            self.fail(f"exit {done.returncode}, expected {expect}\n{self.describe(done)}")
        return Supervised(done, log)

    def faulted(self, *arguments, **keywords):
        """One run of the program."""
        return self.supervise(self.command(*arguments), **keywords)
