# SPDX-License-Identifier: Apache-2.0
"""What has its name is on the disk: the order of writes, flushes and renames, which a power cut would
show and nothing else does.
"""
import os
import unittest

import fault
import hb

fault.need()

WRITES = ("write", "pwrite64", "writev", "pwritev", "copy_file_range", "ftruncate", "fallocate")
FLUSHES = ("fsync", "fdatasync")


class Durability(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.source = self.make_home("source")
        for number in range(30):
            hb.write(self.source / f"many/{number % 3}/{number}", b"new" * number)
        for name in ("state.db", "log.db"):
            self.make_database(self.source / name, wal=name == "log.db")
        self.home = self.dir / "home"

    def make_target(self):
        hb.write(self.home / "config.yaml", b"old\n")
        for name in ("state.db", "log.db"):
            self.make_database(self.home / name, rows=5, wal=name == "log.db")

    def watch(self, *arguments):
        """(call, file, second file) in the order that they were made."""
        self.calls = self.faulted(*arguments, calls=fault.CHANGING, list_calls=True).calls
        self.assertGreater(len(self.calls), 10)

    def places(self, calls, path=None, to=None):
        return [place for place, (call, first, second) in enumerate(self.calls)
                if call in calls and (path is None or path(first)) and (to is None or to(second))]

    def the_rename(self, to):
        found = self.places(("renameat", "renameat2", "rename"), to=to)
        self.assertEqual(len(found), 1, self.calls)
        return found[0]

    def assert_flushed(self, calls, path, after, before):
        """One of the calls, between what it is to make durable and what relies on it."""
        found = [place for place in self.places(calls, path) if after < place < before]
        self.assertTrue(found, f"no {calls} between {self.calls[after]} and {before}:\n"
                        + "\n".join(map(str, self.calls)))

    # ---- archives and snapshots ----

    def test_archive(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            for workers in (1, 3):
                with self.subTest(format=fmt, workers=workers):
                    final = str(self.dir / ("final" + suffix))
                    self.watch("--home", self.source, "--set", f"backup.workers={workers}", "backup", "--format",
                               fmt, "-o", final)
                    named = self.the_rename(lambda path, final=final: path == final)
                    staged = self.calls[named][1]
                    written = self.places(WRITES, lambda path, staged=staged: path == staged)
                    self.assertLess(written[-1], named)
                    self.assert_flushed(FLUSHES, lambda path, staged=staged: path == staged, written[-1], named)
                    self.assert_flushed(FLUSHES, lambda path: path == str(self.dir), named, len(self.calls))

    def test_snapshot(self):
        self.watch("--home", self.source, "snapshot", "create")
        directory = str(self.source / "state-snapshots")
        named = self.the_rename(lambda path: os.path.dirname(path) == directory)
        staged = self.calls[named][1]
        written = self.places(WRITES, lambda path: path.startswith(staged + "/"))
        self.assertGreater(len(written), 2)
        self.assertLess(written[-1], named)
        self.assert_flushed(("syncfs",), lambda path: path == staged, written[-1], named)
        self.assert_flushed(FLUSHES, lambda path: path == directory, named, len(self.calls))

    # ---- restoring ----

    def assert_restore_is_durable(self):
        """Staged files before the journal, the journal before what it speaks of, all before it goes."""
        committed = self.the_rename(lambda path: path.endswith("/journal"))
        draft, journal = self.calls[committed][1:]
        stage = os.path.dirname(journal)
        staged = [place for place in self.places(WRITES, lambda path: path.startswith(stage + "/m"))
                  if place < committed]
        self.assertGreater(len(staged), 3)
        self.assert_flushed(("syncfs",), lambda path: path == stage, staged[-1], committed)
        drafted = self.places(WRITES, lambda path: path == draft)
        self.assert_flushed(FLUSHES, lambda path: path == draft, drafted[-1], committed)

        def is_live(path):
            return path.startswith(f"{self.home}/") and not path.startswith(stage)
        live = [place for place in self.places(WRITES, is_live) + self.places(("renameat",), to=is_live)]
        self.assertGreater(len(live), 3)
        self.assertGreater(min(live), committed)
        self.assert_flushed(FLUSHES, lambda path: path == stage, committed, min(live))
        gone = self.places(("unlinkat",), lambda path: path == journal)[0]
        self.assertGreater(gone, max(live))
        self.assert_flushed(("syncfs",), lambda path: path == str(self.home), max(live), gone)
        # What is removed later may be needed as long as the journal may come back.
        removed = [place for place in self.places(("unlinkat",), lambda path: path.startswith(stage)) if place > gone]
        self.assert_flushed(FLUSHES, lambda path: path == stage, gone, removed[0])
        return stage

    def assert_database_is_durable(self, stage, name, written):
        """It is flushed before its staged copy, which a later run would need, goes."""
        last = self.places(WRITES, lambda path: path == str(self.home / written))[-1]
        taken_away = [place for place in self.places(("unlinkat",), lambda path: path.startswith(stage + "/m"))
                      if place > last]
        self.assert_flushed(FLUSHES, lambda path: path == str(self.home / written), last, taken_away[0])
        self.assertEqual(len(self.database_rows(self.home / name)), 50)

    def test_import(self):
        archive = self.backup(self.source)
        self.make_target()
        for workers in (1, 3):
            with self.subTest(workers=workers):
                self.watch("--home", self.home, "--set", f"backup.workers={workers}", "import", archive, "--force")
                stage = self.assert_restore_is_durable()
                self.assert_database_is_durable(stage, "state.db", "state.db")
                self.assert_database_is_durable(stage, "log.db", "log.db-wal")

    def test_restored_snapshot(self):
        self.hbcore("--home", self.source, "snapshot", "create")
        self.home = self.source
        for number in range(3):
            hb.write(self.home / f"pairing/{number}", b"x")
        self.hbcore("--home", self.home, "snapshot", "create")
        self.watch("--home", self.home, "--set", "backup.workers=1", "snapshot", "restore", "1")
        stage = self.assert_restore_is_durable()
        self.assert_database_is_durable(stage, "state.db", "state.db")


if __name__ == "__main__":
    unittest.main()
