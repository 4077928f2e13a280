# SPDX-License-Identifier: Apache-2.0
"""kill -9 at many moments of a backup: the archive is there and whole, or not there.

The moments are system calls: one run is watched with strace, moments are chosen from what it did,
and then each run is killed by strace as it enters that very call. Because the same home gives
the same bytes, what stands under the final name afterwards can be compared to the byte.
"""
import hashlib
import os
import re
import subprocess
import unittest

import hb

hb.need("strace")

CALLS = ("openat,openat2,read,pread64,write,pwrite64,writev,pwritev,copy_file_range,sendfile,"
         "fstat,newfstatat,statx,close,fsync,fdatasync,fallocate,ftruncate,fchmod,fchmodat,rename,"
         "renameat,renameat2,linkat,unlink,unlinkat,mkdirat,flock,getdents64,lseek,fcntl")
LINE = re.compile(r"^(\d+) +(\w+)\((.*)$")
BEFORE, BETWEEN, AFTER = 8, 60, 6
NEEDED, NEEDED_BETWEEN = 50, 30


def strace_works():
    done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=close:signal=KILL"
                           ":when=1", "true"], capture_output=True, check=False)
    return done.returncode == -9 or done.returncode == 137


if not strace_works():
    print("skipped: strace cannot trace or inject here")
    raise SystemExit(hb.SKIPPED)


class Moment:
    """The n-th time that a thread enters a call."""

    def __init__(self, call, count):
        self.call, self.count = call, count

    def __repr__(self):
        return f"{self.call} #{self.count}"


def spread(items, count):
    """`count` of them, evenly; all if there are fewer."""
    if len(items) <= count:
        return items
    return [items[i * (len(items) - 1) // (count - 1)] for i in range(count)]


class Kill(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for number in range(60):
            noise = hashlib.shake_256(b"%d" % number).digest(60_000)
            hb.write(self.home / f"d{number % 7}/file-{number}", noise, 0o640,
                     1_600_000_000_000_000_000 + number)
        hb.write(self.home / "config.yaml", b"x\n")
        self.make_database(self.home / "state.db", rows=2000)
        self.set_directory_times(self.home)
        self.out = self.dir / "out"
        self.out.mkdir()

    def arguments(self, fmt):
        return self.command("--home", self.home, "--set", "backup.workers=1", "--quiet", "backup",
                            "--format", fmt, "-o", self.final)

    def run_traced(self, fmt, *options):
        environment = self.environment()
        # The leak checker wants to trace the process itself.
        environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        return subprocess.run(["strace", "-f", "-qq", *options, *self.arguments(fmt)],
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=120, check=False)

    def run_free(self, fmt):
        done = subprocess.run(self.arguments(fmt), env=self.environment(), capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, self.describe(done))

    def watch(self, fmt):
        """Every call of a whole run, with its number in its thread."""
        log = self.dir / "strace.log"
        done = self.run_traced(fmt, "-y", "-s", "300", "-o", str(log), "-e", f"trace={CALLS}")
        self.assertEqual(done.returncode, 0, self.describe(done))
        counts, events = {}, []
        for line in log.read_text(errors="replace").splitlines():
            match = LINE.match(line)
            if match is None:
                continue
            thread, call, rest = match.groups()
            counts[thread, call] = counts.get((thread, call), 0) + 1
            events.append((Moment(call, counts[thread, call]), rest))
        return events

    def phases(self, events):
        """Positions of the first byte of the archive and of its rename."""
        renames = [i for i, (moment, rest) in enumerate(events)
                   if moment.call.startswith(("rename", "link")) and self.final.name in rest]
        self.assertTrue(renames, "nothing was renamed to the final name")
        name = re.search(r'"([^"]+)"', events[renames[-1]][1]).group(1)
        writes = [i for i, (moment, rest) in enumerate(events)
                  if "write" in moment.call or moment.call in ("copy_file_range", "sendfile")
                  if os.path.basename(name) + ">" in rest]
        self.assertTrue(writes, f"nothing was written to {name}")
        return writes[0], renames[-1]

    def choose(self, fmt):
        events = self.watch(fmt)
        first, rename = self.phases(events)
        # Calls are counted thread by thread: a moment is certain only where no thread was there
        # before, with the same count of the same call.
        seen, phases = set(), ([], [], [])
        for position, (moment, _) in enumerate(events):
            if repr(moment) not in seen:
                seen.add(repr(moment))
                phases[(position > first) + (position > rename)].append(moment)
        return [moment for phase, count in zip(phases, (BEFORE, BETWEEN, AFTER))
                for moment in spread(phase, count)]

    def archive_begun(self):
        """Is there an unfinished archive with something in it?"""
        for path, _, files in os.walk(self.out):
            for name in files:
                if os.path.join(path, name) != str(self.final):
                    if os.path.getsize(os.path.join(path, name)) > 0:
                        return True
        return False

    def kill_at(self, fmt, moment, old, whole):
        """One killed run; returns (was killed, was killed in between)."""
        if old is not None:
            self.final.write_bytes(old)
        done = self.run_traced(fmt, "-o", "/dev/null", "-e",
                               f"inject={moment.call}:signal=KILL:when={moment.count}")
        killed = done.returncode in (-9, 137)
        begun = killed and self.archive_begun()
        now = hb.timeless(self.final.read_bytes()) if self.final.exists() else None
        if now is not None and now != whole and now != old:
            self.fail(f"killed at {moment}: a torn archive of {len(now)} bytes, whole: {len(whole)}")
        if old is not None and now is None:
            self.fail(f"killed at {moment}: the old archive is gone")
        self.run_free(fmt)
        self.assertEqual(os.listdir(self.out), [self.final.name],
                         f"killed at {moment}: the next run left this")
        self.assertEqual(hb.timeless(self.final.read_bytes()), whole, f"killed at {moment}: the next run")
        self.assert_nothing_left(self.home)
        self.final.unlink()
        return killed, begun

    def sweep(self, fmt, suffix):
        self.final = self.out / ("final" + suffix)
        before = hb.tree(self.home)
        self.run_free(fmt)
        whole = hb.timeless(self.final.read_bytes())
        self.final.unlink()
        chosen = self.choose(fmt)
        self.final.unlink()
        killed = between = 0
        for number, moment in enumerate(chosen):
            old = b"the archive of yesterday" * 1000 if number % 2 else None
            was_killed, begun = self.kill_at(fmt, moment, old, whole)
            killed += was_killed
            between += begun
        self.assert_unchanged(before, self.home)
        print(f"{fmt}: killed {killed} of {len(chosen)} runs, {between} of them "
              "between the first byte and the rename")
        self.assertGreaterEqual(killed, NEEDED)
        self.assertGreaterEqual(between, NEEDED_BETWEEN)

    def test_zip(self):
        self.sweep("zip", ".zip")

    @unittest.skipUnless(hb.FULL, "with --full only")
    def test_tar_zstd(self):
        self.sweep("tar-zstd", ".tar.zst")


if __name__ == "__main__":
    unittest.main()
