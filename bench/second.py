# SPDX-License-Identifier: Apache-2.0
"""
The second backup: what it costs to bring an archive up to date when nothing changed, and when 1 % of the
files and of the messages did. It works on a copy of the home, in which a program changes files.

In each round all programs make their first archive, untimed, and have two timed runs over the same
states of the home. Programs that do not profit by what they wrote before make a new archive each time.
"""
import contextlib
import dataclasses
import os
import subprocess
import time
import zipfile

import check
import holder
import peers
import rounds

SECTIONS = ("again", "changed")
REUSE = ("--set", "backup.reuse=yes")
SETTLED_SECONDS = 3  # a file that is younger may change once more without another time


def copy_home(home, copy):
    """Without the index of the log, which belongs to those who have the database open."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(home), str(copy)], check=True)
    for path in copy.rglob("*.db-shm"):
        path.unlink()


def youngest(home):
    """When a file of `home` last changed; the index of a log changes whenever it is read."""
    return max(os.lstat(os.path.join(folder, name)).st_ctime for folder, directories, names in os.walk(home)
               for name in (*directories, *names) if not name.endswith("-shm"))


def settle(home):
    """Waits until the last change of a file is old enough to be told from a later one."""
    changed = youngest(home)
    while (left := changed + SETTLED_SECONDS - time.time()) > 0:
        time.sleep(left)


def members(writer, archive):
    """What the index of an archive of ours says of each entry, read by others."""
    if writer.kind == peers.ZIP:
        with zipfile.ZipFile(archive) as source:
            return [(one.filename, one.file_size, one.CRC, one.compress_size, one.header_offset,
                     one.date_time, one.external_attr) for one in source.infolist()]
    return subprocess.run(["tar", "--zstd", "--numeric-owner", "--full-time", "-tvf", str(archive)],
                          capture_output=True, check=True).stdout.splitlines()


class Second:
    def __init__(self, bench, stack):
        """`stack` ends the program that works with the copy."""
        self.bench = bench
        self.writers = bench.choose(peers.second_writers(bench.place.floor), SECTIONS)
        self.manifest = dict(bench.manifest, files=dict(bench.manifest["files"]))
        self.place = dataclasses.replace(bench.place, home=bench.place.folder / "home", options=REUSE)
        if self.writers:
            stack.callback(rounds.remove, self.place.home)
            copy_home(bench.place.home, self.place.home)
            self.holder = stack.enter_context(holder.Holder(self.place.home, bench.arguments.seed))

    def round(self, number):
        if not self.writers:
            return
        self.bench.empty_trash()
        settle(self.place.home)
        archives = {}
        with contextlib.ExitStack() as stack:
            for writer in self.writers:
                self.bench.say(number, "first backup", writer)
                archive = self.place.folder / f"second-{self.writers.index(writer)}{writer.suffix}"
                stack.callback(rounds.remove, archive)
                if not writer.updates or self.first(writer, archive):
                    archives[writer] = archive
            for section in SECTIONS:
                if section == "changed":
                    self.change(number)
                for writer in rounds.rotated(list(archives), number):
                    if self.bench.wanted(section, writer):
                        self.bench.say(number, section, writer)
                        self.second(section, writer, archives[writer], number)

    def change(self, number):
        """The same for all programs. What does not change after all is an error of ours."""
        home, rows = self.place.home, self.manifest["files"]
        for name in self.holder.change(number):
            path = home / name
            before = rows[name]
            if name == holder.DATABASE:
                rows[name] = list(check.snapshot_digest(path, self.place.folder / "snapshot"))
            else:
                rows[name] = [check.digest(path), path.stat().st_size]
            if rows[name][0] == before[0]:
                raise RuntimeError(f"{name} should have changed")

    def first(self, writer, archive):
        """What the timed runs go on from, or the archive that was there if they did not."""
        place = dataclasses.replace(self.place, snapshot="first")
        writer.prepare(place, archive)
        done = self.bench.meter.run(writer.backup(place, archive), place.home,
                                    peers.environment(place, writer))
        if done["status"] != 0:
            self.bench.failed("first backup", writer, done)
        return done["status"] == 0

    def second(self, section, writer, archive, number):
        bench, place = self.bench, dataclasses.replace(self.place, snapshot=section)
        if not writer.updates:
            rounds.remove(archive)
        before = rounds.archive_bytes(archive) if isinstance(writer, peers.Repository) else 0
        database = rounds.database_state(place.home)
        done = bench.timed(section, writer, writer.backup(place, archive), place.home, [archive], number,
                           place.home)
        if not done:
            return
        done["bytes"] = rounds.archive_bytes(archive) - before
        bench.check_database(section, writer, place.home, database)
        if number == 0:
            bench.check_archive(section, writer, archive, place, self.manifest)
            if writer.name.startswith(peers.OURS):
                self.check_against_full(section, writer, archive)

    def check_against_full(self, section, writer, archive):
        """An archive of which most was copied has the same members as one that was made from nothing."""
        place = dataclasses.replace(self.place, options=())
        full = archive.with_name("full" + writer.suffix)
        done = self.bench.meter.run(writer.backup(place, full), place.home,
                                    peers.environment(place, writer))
        if done["status"] != 0:
            self.bench.failed(section, writer, done)
        elif members(writer, archive) != members(writer, full):
            self.bench.problem(section, writer, "other members than without reuse")
        rounds.remove(full)
