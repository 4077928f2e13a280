# SPDX-License-Identifier: Apache-2.0
"""hbcore diff ARCHIVE home: what has changed since; the home is read as a backup reads it, and nothing is written there."""
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import unittest
import zipfile

import fault
import hb
import mounts
import sealed

fault.need()
OLD = 1_600_000_000 * 10**9


def rows_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


class Home(fault.FaultCase):
    """A home of which an archive was made."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name in ("same", "content", "size", "mode", "time", "gone", "kind"):
            hb.write(self.home / f"sub/{name}", name.encode() * 50, 0o644, OLD)
        hb.write(self.home / "large", os.urandom(3_000_001), 0o644, OLD)
        hb.write(self.home / "empty", b"", 0o644, OLD)
        (self.home / "link").symlink_to("sub/same")
        os.utime(self.home / "link", ns=(OLD, OLD), follow_symlinks=False)
        self.make_database(self.home / "rows.db", wal=True)
        self.config = self.write_config(
            f"[home]\npath = {self.home}\n[backup]\nformat = zip\nlinks = store\n[content:sqlite-snap]\ncount = t\n"
            f"[preset:nightly]\ndirectory = {self.dir}/nightly\nkeep = 5\n")
        self.settle()
        self.archive = self.back_up("a.zip")

    def settle(self):
        for name in (".", "sub"):
            os.utime(self.home / name, ns=(OLD, OLD))

    def back_up(self, name, *options, expect=0):
        self.hbcore("backup", "-o", self.dir / name, *options, expect=expect)
        return self.dir / name

    def compare(self, *arguments, archive=None, expect=0, **keywords):
        """{(change, path): what}, and the summary. The home is as before."""
        before = self.tree()
        done = self.hbcore("--json", *arguments, "diff", archive or self.archive, "home", expect=expect, **keywords)
        self.assertEqual(hb.differences(before, self.tree()), [])
        rows = rows_of(done)
        return {(row["change"], row["path"]): row["what"] for row in rows if row["type"] == "difference"}, rows[-1]

    def tree(self):
        """Without the -shm of an open database, in which every reader leaves a mark."""
        return {name: row for name, row in hb.tree(self.home).items() if not os.fsencode(name).endswith(b"-shm")}

    def write_rows(self, count=1):
        """Committed to the log beside it, which stays as long as the connection."""
        database = sqlite3.connect(self.home / "rows.db", isolation_level=None)
        self.addCleanup(database.close)
        database.execute("PRAGMA wal_autocheckpoint=0")
        for number in range(count):
            database.execute("INSERT INTO t (text) VALUES (?)", (f"more {number}",))
        return database


class Differences(Home):
    def test_nothing(self):
        for archive in (self.archive, self.back_up("b.tar.zst", "--format", "tar-zstd")):
            found, summary = self.compare(archive=archive)
            self.assertEqual((found, summary["status"], summary["not_compared"]), ({}, "complete", []), archive)
            self.assertEqual((summary["added"], summary["removed"], summary["changed"]), (0, 0, 0))
        for words in ((self.archive, "home"), (self.archive,)):
            done = self.hbcore("diff", *words)
            self.assertEqual(done.stdout, b"0 added, 0 removed, 0 changed\n")

    def test_each_kind_of_change(self):
        sub = self.home / "sub"
        hb.write(sub / "content", b"CONTENT" * 50, 0o644, OLD)  # of the same size and time
        hb.write(sub / "size", b"size" * 51, 0o644, OLD)
        (sub / "mode").chmod(0o600)
        os.utime(sub / "time", ns=(OLD, OLD + 1))
        (sub / "gone").unlink()
        hb.write(sub / "new\x1b[31m\n", b"new", 0o644, OLD)
        (sub / "kind").unlink()
        (sub / "kind").mkdir()
        os.utime(sub / "kind", ns=(OLD, OLD))
        (self.home / "link").unlink()
        (self.home / "link").symlink_to("sub/mode")
        os.utime(self.home / "link", ns=(OLD, OLD), follow_symlinks=False)
        with open(self.home / "large", "r+b") as stream:  # in its last block
            stream.seek(3_000_000)
            last = stream.read(1)
            stream.seek(3_000_000)
            stream.write(bytes([last[0] ^ 1]))
        os.utime(self.home / "large", ns=(OLD, OLD))
        self.settle()
        found, summary = self.compare()
        self.assertEqual(found.pop(("changed", "sub/kind"))[0], "kind")
        self.assertEqual(found, {
            ("changed", "sub/content"): ["content"], ("changed", "sub/size"): ["size"], ("changed", "large"): ["content"],
            ("changed", "sub/mode"): ["mode"], ("changed", "sub/time"): ["time"], ("changed", "link"): ["link"],
            ("removed", "sub/gone"): [], ("added", "sub/new\x1b[31m\n"): []})
        self.assertEqual((summary["added"], summary["removed"], summary["changed"]), (1, 1, 7))
        self.assertEqual(summary["home"], str(self.home))
        done = self.hbcore("diff", self.archive)
        self.assertNotIn(b"\x1b", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], b"1 added, 1 removed, 7 changed")
        # The same as an archive that is made now.
        second = self.hbcore("--json", "diff", self.archive, self.back_up("now.zip"))
        self.assertEqual(rows_of(second)[:-1], rows_of(self.hbcore("--json", "diff", self.archive))[:-1])

    def test_a_database_whose_log_was_written_to(self):
        """Its own size and time are as before; the rows are counted as a backup counts them."""
        database = self.write_rows(3)
        self.settle()
        status = (self.home / "rows.db").stat()
        self.assertGreater((self.home / "rows.db-wal").stat().st_size, 0)
        done = self.hbcore("--json", "diff", self.archive)
        row, summary = rows_of(done)
        self.assertEqual((row["path"], row["change"], list(row["facts"].values())), ("rows.db", "changed", [[50, 53]]))
        self.assertIn(row["what"], (["content"], ["size"]))
        self.assertEqual(summary["databases"][0]["path"], "rows.db")
        self.assert_mentions(self.hbcore("diff", self.archive), "50 -> 53")
        # Archived, and then written back: the same rows, and the same bytes that a backup stores.
        second = self.back_up("b.zip")
        self.assertEqual(self.compare(archive=second)[0], {})
        os.utime(self.home / "rows.db", ns=(status.st_atime_ns, status.st_mtime_ns))
        database.execute("VACUUM")
        found = rows_of(self.hbcore("--json", "diff", second))[0]
        self.assertEqual((found["path"], "facts" in found), ("rows.db", False))

    def test_what_was_not_counted_then(self):
        """An archive that knows no rows: nobody can tell how many more there are now."""
        first = self.back_up("b.zip", "--set", "content:sqlite-snap.count=")
        self.write_rows(1)
        row = rows_of(self.hbcore("--json", "diff", first))[0]
        self.assertEqual((row["path"], "facts" in row), ("rows.db", False))

    def test_what_is_left_out_today(self):
        """It is neither removed nor the same: it was not looked at. What is gone from there is removed."""
        (self.home / "sub/gone").unlink()
        self.settle()
        self.config.write_text(self.config.read_text() + "[filter:paths]\nplugin = runtime-filter\n")
        found, summary = self.compare("--set", "filter:paths.directories=sub")
        self.assertEqual(set(found), {("removed", "sub/gone")})
        self.assertIn("sub", summary["not_compared"])
        self.assertIn("sub/same", summary["not_compared"])
        self.assertEqual(summary["excluded_dirs"], ["sub"])
        done = self.hbcore("--set", "filter:paths.directories=sub", "diff", self.archive)
        self.assert_mentions(done, "not compared", "-v lists them")
        self.assertNotIn(b"sub/same", done.stdout)
        done = self.hbcore("-v", "--set", "filter:paths.directories=sub", "diff", self.archive)
        self.assert_mentions(done, "sub/same")
        # Links that are not stored are there all the same.
        found, summary = self.compare("--set", "backup.links=skip")
        self.assertEqual(summary["not_compared"], ["link"])

    def test_what_became_something_that_is_not_stored(self):
        (self.home / "sub/gone").unlink()
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(os.path.relpath(self.home / "sub/gone"))
        self.settle()
        found, summary = self.compare()
        self.assertEqual(found, {("changed", "sub/gone"): ["kind"]})
        (self.home / "sub").rename(self.home / "else")
        (self.home / "sub").symlink_to("else")
        found, summary = self.compare()
        self.assertIn(("removed", "sub/same"), found)
        self.assertEqual(found[("changed", "sub")][0], "kind")

    def test_names(self):
        """latest, a number; a file called home is an archive, a directory is not."""
        self.hbcore("backup", "--preset", "nightly")
        hb.write(self.home / "later", b"later")
        for words in (("latest", "home"), ("1",), ("latest",)):
            self.assertIn(b"later", self.hbcore("diff", *words).stdout, words)
        work = self.dir / "work"
        (work / "home").mkdir(parents=True)
        self.assertIn(b"later", self.hbcore("diff", "latest", "home", cwd=work).stdout)
        (work / "home").rmdir()
        shutil.copy(self.archive, work / "home")
        self.assertNotIn(b"later", self.hbcore("diff", self.archive, "home", cwd=work).stdout)
        self.hbcore("diff", expect=2)
        self.hbcore("diff", "a", "b", "c", expect=2)

    def test_hostile_names_in_an_archive(self):
        """What leads out of the home is not looked for there."""
        hostile = self.dir / "hostile.zip"
        hb.write(self.dir / "outside", b"secret")
        with zipfile.ZipFile(hostile, "w") as made:
            for name in ("../outside", "/etc/passwd", "sub/../../outside", "sub/same"):
                made.writestr(name, b"x")
        done = self.hbcore("--json", "diff", hostile)
        found = {row["path"]: row["change"] for row in rows_of(done) if row["type"] == "difference"}
        self.assertEqual({found[name] for name in ("../outside", "/etc/passwd", "sub/../../outside")}, {"removed"})
        self.assertEqual(found["sub/same"], "changed")


class CannotBeTold(Home):
    def test_a_file_that_cannot_be_read(self):
        keywords = self.somebody_else(self.home, self.user, self.archive)
        if not keywords:
            self.skip("only root can take a file away from somebody")
        keywords["env"] = {"TMPDIR": str(self.user)}  # where copies of databases go: his own
        for path in (self.archive, self.config):
            path.chmod(0o644)
        os.chown(self.home / "sub/same", 0, 0)
        (self.home / "sub/same").chmod(0o600)
        hb.write(self.home / "closed/inner", b"x")
        (self.home / "closed").chmod(0o700)
        self.settle()
        found, summary = self.compare(expect=3, **keywords)
        self.assertNotIn(("removed", "sub/same"), found)
        self.assertEqual({row["path"] for row in summary["skipped"]}, {"sub/same", "closed"})
        self.assertEqual(summary["status"], "incomplete")
        # A directory that was stored, and that nobody lists now: what is in it is neither there nor gone.
        os.chown(self.home / "sub", 0, 0)
        for mode in (0o700, 0o711):
            (self.home / "sub").chmod(mode)
            found, summary = self.compare(expect=3, **keywords)
            self.assertEqual([path for change, path in found if change == "removed"], [], mode)
            self.assertEqual([path for path in summary["not_compared"] if path != "sub"], [], mode)
            self.assertIn("sub", {row["path"] for row in summary["skipped"]})

    def test_a_file_that_changes_while_it_is_read(self):
        """Read again; named if it never keeps still."""
        grow = f"echo more >> {self.home}/sub/content"
        done = self.faulted("--json", "--set", "backup.workers=1", "diff", self.archive, calls="pread64,read",
                            path="*/sub/content", at=1, run=grow, expect=0)
        self.assertEqual(done.hits, 1)
        row = rows_of(done)[0]
        self.assertEqual((row["path"], row["bytes"]), ("sub/content", 355))
        done = self.faulted("--json", "--set", "backup.workers=1", "diff", self.archive, calls="pread64,read",
                            path="*/sub/content", at="1+", run=grow, expect=3)
        self.assertGreater(done.hits, 2)
        rows = rows_of(done)
        self.assertEqual([row["path"] for row in rows[-1]["doubtful"]], ["sub/content"])
        self.assertEqual(rows[0]["what"][0], "size")

    def test_a_file_that_vanishes(self):
        done = self.faulted("--json", "--set", "backup.workers=1", "diff", self.archive, calls="openat,openat2",
                            path="*/sub/content", at=1, run=f"rm -f {self.home}/sub/content", expect=0)
        rows = rows_of(done)
        self.assertIn(("removed", "sub/content"), [(row.get("change"), row.get("path")) for row in rows])

    def test_each_read_that_fails(self):
        """No content counts as the same, as changed or as gone because it could not be read."""
        words = ("--json", "--set", "backup.workers=1", "diff", self.archive)
        count = self.faulted(*words, calls="pread64,read", path=f"{self.home}/*").count
        self.assertGreater(count, 8)
        for moment in fault.some(range(1, count + 1), 12):
            done = self.faulted(*words, calls="pread64,read", path=f"{self.home}/*", at=moment, error="EIO", expect=None)
            with self.subTest(moment=moment):
                self.assertIn(done.returncode, (0, 3), self.describe(done))
                found = [row for row in rows_of(done) if row["type"] == "difference"]
                self.assertEqual(found, [], self.describe(done))
                if done.returncode == 0:  # what was tried again, or read another way
                    self.assertNotIn(b"annot be read", done.stdout + done.stderr)

    def test_a_torn_archive(self):
        self.archive.write_bytes(self.archive.read_bytes()[:-200])
        done = self.hbcore("diff", self.archive, expect=None)
        self.assertIn(done.returncode, (1, 3))
        self.assertEqual(done.stdout, b"")

    def test_without_a_home(self):
        shutil.rmtree(self.home)
        done = self.hbcore("diff", self.archive, expect=1)
        self.assertEqual(done.stdout, b"")
        self.assert_mentions(done, str(self.home), "does not exist")

    def test_an_archive_without_checksums(self):
        self.tool("bsdtar", "-cf", self.dir / "foreign.tar", "-C", self.home, ".")
        found, summary = self.compare(archive=self.dir / "foreign.tar", expect=3)
        self.assertIn("sub/same", {row["path"] for row in summary["doubtful"]})
        self.assertNotIn(("changed", "sub/same"), found)


class Meanwhile(Home):
    def test_a_run_that_holds_the_home(self):
        """It is neither waited for nor disturbed."""
        with hb.HeldLock(self.home):
            self.assertEqual(self.compare("--wait", "0")[0], {})

    def test_a_backup_at_work(self):
        """Started from within one, while it holds the home and has a database open."""
        command = " ".join(f"'{word}'" for word in self.command("--json", "diff", self.archive, "home"))
        log = self.dir / "diff.log"
        for calls, path in (("openat,openat2", "*/sub/same"), ("fsync,fdatasync", "*")):
            done = self.faulted("backup", "-o", self.dir / "b.zip", calls=calls, path=path, at=1,
                                run=f"{command} > {log} 2>&1; echo $? >> {log}", expect=0)
            self.assertEqual(done.hits, 1)
            lines = log.read_text().splitlines()
            self.assertEqual(lines[-1], "0", lines)
            self.assertEqual(json.loads(lines[-2])["changed"], 0, lines)
            self.hbcore("--set", "import.links=restore", "verify", self.dir / "b.zip")

    def test_a_writer_at_work(self):
        """An open transaction in the log: what is committed counts, and the writer goes on."""
        database = self.write_rows(1)
        second = self.back_up("b.zip")
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO t (text) VALUES ('not yet')")
        self.assertEqual(rows_of(self.hbcore("--json", "diff", second))[-1]["changed"], 0)
        database.execute("COMMIT")
        self.assertEqual(rows_of(self.hbcore("--json", "diff", second))[0]["facts"].popitem()[1], [51, 52])

    def test_killed(self):
        """Nothing stays, but for a stage where temporary files lie, which the next run removes."""
        temporary = self.dir / "tmp"
        temporary.mkdir()
        self.config.write_text(self.config.read_text().replace("links = store", f"links = store\nstage-dir = {temporary}"))
        before = hb.tree(self.home)
        count = self.faulted("diff", self.archive, calls="openat,openat2,pread64").count
        for moment in fault.some(range(1, count + 1), 10):
            self.faulted("diff", self.archive, calls="openat,openat2,pread64", at=moment, kill=True, expect=None)
            self.assert_unchanged(before, self.home)
        self.hbcore("diff", self.archive)
        self.assertEqual(os.listdir(temporary), [])

    def test_a_read_only_home(self):
        if os.geteuid() != 0:
            self.skip("only root can mount file systems")
        try:
            there = mounts.mount(self, "bind", source=self.home)
        except mounts.Missing as reason:
            self.skip(str(reason))
        subprocess.run(["mount", "-o", "remount,bind,ro", there], check=True)
        self.write_rows(1)
        row = rows_of(self.hbcore("--json", "--home", there, "diff", self.archive))[0]
        self.assertEqual((row["path"], row["facts"].popitem()[1]), ("rows.db", [50, 51]))

    def test_nothing_is_written_in_the_home(self):
        """As the calls have it, not only what is left: no file is made, renamed or removed there."""
        done = self.faulted("diff", self.archive, calls="create,rename,link,truncate,allocate,remove", path=f"{self.home}/*",
                            list_calls=True)
        self.assertEqual([call for call in done.calls if str(self.home) in " ".join(call)], [])

    def test_two_at_once(self):
        running = [self.start_hbcore("diff", self.archive) for _ in range(4)]
        for process in running:
            self.assertEqual(self.finish(process).stdout, b"0 added, 0 removed, 0 changed\n")


class Sealed(sealed.Case):
    def test_without_the_key(self):
        """Named, with 3; it never means that something is not in it."""
        archive = self.seal()
        self.assertIn(b"0 added, 0 removed, 0 changed", self.hbcore("diff", archive, "home").stdout)
        for config in (self.public, self.wrong):
            done = self.run_with(config, "diff", archive, expect=3)
            self.assertEqual(done.stdout, b"")
            self.assert_mentions(done, str(archive))


if __name__ == "__main__":
    unittest.main()
