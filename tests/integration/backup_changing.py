# SPDX-License-Identifier: Apache-2.0
"""Files that change under the reader: at the open, before the first read, and at each unit.

Whatever happens to one file, the archive is sound, every other file is in it as it was, and what is
stored of that one is a version of it that there was, or the summary says what it is instead.
"""
import collections
import contextlib
import os
import shutil
import stat
import tarfile
import unittest
import zipfile

import fault
import hb

fault.need()
hb.need("unzip", "7z", "bsdtar", "tar", "zstd")

UNIT = 1 << 20
BIG = 3 * UNIT + 500_000
LOOKS = "openat,openat2,read,pread64,fstat,newfstatat"
FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
WORKERS = (1, 3)
READS = {"big.bin": 4, "small.txt": 1}


def pattern(seed, size):
    """Bytes that compress a little, different at each offset and for each seed."""
    line = b"".join(b"%s %07d\n" % (seed, number) for number in range(size // 9))
    return (line + bytes(size))[:size]


class Changing(fault.FaultCase):
    """One home, one file of which changes."""

    def setUp(self):
        super().setUp()
        self.first = self.dir / "first"
        for number in range(12):
            hb.write(self.first / f"d/few-{number:02}", pattern(b"%d" % number, 700 * number))
        hb.write(self.first / "config.yaml", b"x\n")
        hb.write(self.first / "small.txt", pattern(b"s", 30_000))
        hb.write(self.first / "big.bin", pattern(b"b", BIG))
        hb.write(self.first / "z.bin", pattern(b"z", 2 * UNIT))
        self.make_database(self.first / "other.db")
        self.home = self.dir / "home"
        self.new = self.dir / "new"  # what the file is replaced by

    def fresh_home(self):
        if self.home.exists():
            shutil.rmtree(self.home)
        shutil.copytree(self.first, self.home)

    def arguments(self, fmt, workers, archive):
        return ("--home", self.home, "--json", "--set", f"backup.workers={workers}", "--set",
                "format:tar-zstd.frame-size=1M", "backup", "--format", fmt, "-o", archive)

    # ---- judging ----

    def judges_agree(self, archive):
        if archive.name.endswith(".zip"):
            self.tool("unzip", "-tqq", archive)
            self.tool("7z", "t", "-bd", archive)
            with zipfile.ZipFile(archive) as opened:
                self.assertIsNone(opened.testzip())
        else:
            self.tool("tar", "--zstd", "-tf", archive)
            self.tool("zstd", "-tq", archive)
        self.tool("bsdtar", "-tf", archive)

    def stored(self, archive):
        """Name to bytes, by a reader that is not ours."""
        if archive.name.endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                return {info.filename: opened.read(info) for info in opened.infolist() if not info.is_dir()}
        plain = self.dir / "plain.tar"
        self.tool("zstd", "-dqf", archive, "-o", plain)
        with tarfile.open(plain) as opened:
            return {row.name: opened.extractfile(row).read() for row in opened if row.isfile()}

    def judge(self, done, archive, name):
        """Is all but `name` there and right? Returns what is stored of `name`, and the findings."""
        self.judges_agree(archive)
        found = self.stored(archive)
        content = found.pop(name, None)
        expected = {os.fsdecode(path): (self.first / os.fsdecode(path)).read_bytes()
                    for path, row in hb.tree(self.first).items() if row[0].startswith("-")}
        expected.pop(name, None)
        for database in [path for path in expected if path.endswith(".db")]:
            with self.assert_database(found.pop(database, b"")) as rows:
                self.assertEqual(len(rows), 50)
            expected.pop(database)
        self.assertEqual(found.keys(), expected.keys())
        self.assertEqual([path for path in expected if found[path] != expected[path]], [])
        summary = self.summary(done)
        findings = {kind: [row["reason"] for row in summary[kind] if row["path"] == name]
                    for kind in ("skipped", "doubtful", "notes")}
        for kind in ("skipped", "doubtful"):
            self.assertEqual([row for row in summary[kind] if row["path"] != name], [])
        said = bool(findings["skipped"] or findings["doubtful"])
        self.assertEqual(done.returncode, 3 if said else 0, self.describe(done))
        self.assertEqual(summary["status"], "incomplete" if said else "complete")
        self.hbcore("verify", archive, expect=done.returncode)
        return content, findings

    @contextlib.contextmanager
    def assert_database(self, data):
        path = self.dir / "judged.db"
        path.write_bytes(data)
        yield self.database_rows(path)
        path.unlink()

    # ---- one run ----

    def change(self, fmt, workers, name, calls, at, **action):
        """The file changes as the call is made. Returns (content, findings)."""
        self.fresh_home()
        archive = self.dir / ("a" + FORMATS[fmt])
        done = self.faulted(*self.arguments(fmt, workers, archive), calls=calls, path=f"*/home/{name}",
                            at=at, expect=None, **action)
        if done.hits == 0:
            self.fail(f"{name}: {calls} {at} was never reached\n{self.describe(done)}")
        result = self.judge(done, archive, name)
        archive.unlink()
        return result

    def each(self, names=tuple(READS)):
        """Format, workers, file, and the number of each read of it."""
        for fmt in FORMATS:
            for workers in WORKERS:
                for name in names:
                    reads = range(1, READS[name] + 1)
                    for read in fault.some(reads, 2) if workers == 1 else fault.some(reads[1:], 1):
                        with self.subTest(format=fmt, workers=workers, name=name, read=read):
                            yield fmt, workers, name, read

    def path(self, name):
        return self.home / name

    def version(self, name):
        return (self.first / name).read_bytes()


class AtEachRead(Changing):
    """The calls that read are numbered from 1: the first is before anything was read."""

    def test_grows(self):
        for fmt, workers, name, read in self.each():
            old, more = self.version(name), b"more" * 1000
            self.new.write_bytes(more)
            content, findings = self.change(fmt, workers, name, "read,pread64", read,
                                            run=f"cat {self.new} >> {self.path(name)}")
            if name == "small.txt":  # read once more, and whole then
                self.assertEqual(content, old + more)
                self.assertEqual(findings["doubtful"], [])
            else:
                self.assertEqual(content, old)
                self.assertRegex(" ".join(findings["doubtful"]), "grew")

    def test_grows_at_every_read(self):
        for fmt, workers, name, _ in self.each(["small.txt"]):
            self.new.write_bytes(b"more" * 1000)
            content, findings = self.change(fmt, workers, name, "read,pread64", "1+",
                                            run=f"cat {self.new} >> {self.path(name)}")
            self.assertTrue(content.startswith(self.version(name)))
            self.assertRegex(" ".join(findings["doubtful"]), "grew")

    def test_grows_beyond_its_unit(self):
        for fmt, workers, name, _ in self.each(["small.txt"]):
            content, findings = self.change(fmt, workers, name, "read,pread64", 1,
                                            run=f"truncate -s {9 * UNIT} {self.path(name)}")
            self.assertTrue(content.startswith(self.version(name)))
            self.assertTrue(findings["doubtful"] or content == self.version(name).ljust(9 * UNIT, b"\0"))

    def test_shrinks(self):
        for fmt, workers, name, read in self.each():
            old = self.version(name)
            left = (read - 1) * UNIT + 1000
            content, findings = self.change(fmt, workers, name, "read,pread64", read,
                                            run=f"truncate -s {left} {self.path(name)}")
            if name == "small.txt":
                self.assertEqual(content, old[:left])
                self.assertEqual(findings["doubtful"], [])
                continue
            self.assertRegex(" ".join(findings["doubtful"]), "shrank")
            if fmt == "zip":  # what was read
                self.assertIn(content, [old[:len(content)]])
                self.assertGreaterEqual(len(content), left)
            else:  # its header says how long it is
                self.assertEqual(len(content), BIG)
                self.assertEqual(content[:left], old[:left])
                self.assertEqual(content[-1000:], bytes(1000))

    def test_shrinks_after_the_last_read(self):
        """And gets its old time back: only its size tells."""
        looks = 2  # at the listing and at the open; the next one is after the reads
        for fmt in FORMATS:
            content, findings = self.change(fmt, 1, "big.bin", "newfstatat,fstat", looks + 1,
                                            run=f"truncate -s 1000 {self.path('big.bin')}; "
                                                f"touch -r {self.first / 'big.bin'} {self.path('big.bin')}")
            self.assertEqual(content, self.version("big.bin"))
            self.assertRegex(" ".join(findings["doubtful"]), "shrank")

    def test_shrinks_to_nothing(self):
        for fmt, workers, name, read in self.each():
            content, findings = self.change(fmt, workers, name, "read,pread64", read,
                                            run=f"truncate -s 0 {self.path(name)}")
            if name == "small.txt":
                self.assertEqual(content, b"")
            else:
                self.assertRegex(" ".join(findings["doubtful"]), "shrank")

    def test_is_overwritten_in_place(self):
        for fmt, workers, name, read in self.each():
            old = self.version(name)
            self.new.write_bytes(pattern(b"n", len(old)))
            content, findings = self.change(fmt, workers, name, "read,pread64", read,
                                            run=f"dd if={self.new} of={self.path(name)} conv=notrunc bs=1M status=none")
            self.assertEqual(len(content), len(old))
            if name == "small.txt":
                self.assertEqual(content, self.new.read_bytes())
            else:
                self.assertRegex(" ".join(findings["doubtful"]), "changed")

    def test_vanishes(self):
        for fmt, workers, name, read in self.each():
            content, findings = self.change(fmt, workers, name, "read,pread64", read,
                                            run=f"rm {self.path(name)}")
            self.assertEqual(content, self.version(name))
            self.assertRegex(" ".join(findings["notes"]), "removed or replaced while it was read")

    def test_is_replaced(self):
        for fmt, workers, name, read in self.each():
            self.new.write_bytes(pattern(b"n", 2 * UNIT))
            content, findings = self.change(
                fmt, workers, name, "read,pread64", read,
                run=f"cp {self.new} {self.new}.tmp && mv {self.new}.tmp {self.path(name)}")
            self.assertEqual(content, self.version(name))
            self.assertRegex(" ".join(findings["notes"]), "removed or replaced while it was read")

    def test_becomes_unreadable(self):
        for fmt, workers, name, read in self.each():
            content, findings = self.change(fmt, workers, name, "read,pread64", f"{read}+", error="EIO")
            old = self.version(name)
            if name == "small.txt":
                self.assertIsNone(content)
                self.assertRegex(" ".join(findings["skipped"]), "cannot be read: Input/output error")
                continue
            self.assertRegex(" ".join(findings["doubtful"]), "only a part could be read: Input/output error")
            self.assertEqual(content.rstrip(b"\0"), old[:len(content.rstrip(b"\0"))])
            self.assertLessEqual(len(content.rstrip(b"\0")), (read - 1) * UNIT)

    def test_one_read_is_interrupted(self):
        for fmt, workers, name, read in self.each():
            content, findings = self.change(fmt, workers, name, "read,pread64", read, error="EINTR")
            self.assertEqual(content, self.version(name))
            self.assertEqual(findings, {"skipped": [], "doubtful": [], "notes": []})


class AtTheOpen(Changing):
    """Between the walk and the open: the call is held, the file changes, the call goes on."""

    def change_at_open(self, fmt, workers, name, **action):
        return self.change(fmt, workers, name, "openat,openat2", 1, **action)

    def at_open(self):
        for fmt in FORMATS:
            for workers in fault.some(WORKERS, 1):
                for name in READS:
                    with self.subTest(format=fmt, workers=workers, name=name):
                        yield fmt, workers, name

    def test_vanishes(self):
        for fmt, workers, name in self.at_open():
            content, findings = self.change_at_open(fmt, workers, name, run=f"rm {self.path(name)}")
            self.assertIsNone(content)
            self.assertEqual(findings["skipped"], [])
            self.assertRegex(" ".join(findings["notes"]), "vanished")

    def test_is_another_version(self):
        """Longer, shorter, empty: what is opened counts, whatever the walk saw."""
        for fmt, workers, name in self.at_open():
            for size in fault.some((500, 0, UNIT, 5 * UNIT), 2):
                self.new.write_bytes(pattern(b"n", size))
                content, findings = self.change_at_open(fmt, workers, name, run=f"cp {self.new} {self.path(name)}")
                if findings["doubtful"]:  # more than what has room in a shared unit
                    self.assertGreater(size, UNIT)
                    self.assertEqual(content, self.new.read_bytes()[:len(content)])
                else:
                    self.assertEqual(content, self.new.read_bytes())

    def test_is_something_else(self):
        for fmt, workers, name in self.at_open():
            path = self.path(name)
            for other in (f"mkdir {path}", f"ln -s config.yaml {path}", f"mkfifo {path}",
                          f"ln -s /etc/passwd {path}")[:None if hb.FULL else 3]:
                content, findings = self.change_at_open(fmt, workers, name, run=f"rm {path} && {other}")
                self.assertIsNone(content, other)
                self.assertEqual(len(findings["skipped"]), 1, other)

    def test_is_a_device(self):
        """Reading it gives no error, and nothing: it is named, not stored as an empty file."""
        probe = self.dir / "probe"
        try:
            os.mknod(probe, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
            probe.read_bytes()
        except OSError as error:
            self.skip(f"no device can be made and opened here: {error}")
        for fmt, workers, name in self.at_open():
            path = self.path(name)
            content, findings = self.change_at_open(fmt, workers, name, run=f"rm {path} && mknod {path} c 1 3")
            self.assertIsNone(content)
            self.assertRegex(" ".join(findings["skipped"]), "no longer a regular file")

    def test_cannot_be_opened(self):
        for fmt, workers, name in self.at_open():
            for error, words in (("EACCES", "Permission denied"), ("EIO", "Input/output error"),
                                 ("EMFILE", "Too many open files")):
                content, findings = self.change_at_open(fmt, workers, name, error=error)
                self.assertIsNone(content, error)
                self.assertRegex(" ".join(findings["skipped"]), words)

    def test_its_directory_becomes_a_link(self):
        """To another one, inside or outside: what lies there is not stored under a name that is not its own."""
        for target in ("two", "../outside/two", self.home / "two", self.dir / "outside/two"):
            for fmt in FORMATS:
                with self.subTest(target=target, format=fmt):
                    self.link_the_directory(target, fmt)

    def link_the_directory(self, target, fmt):
        shutil.rmtree(self.home, ignore_errors=True)
        hb.write(self.home / "one/file", b"one")
        for where in (self.home, self.dir / "outside"):
            hb.write(where / "two/file", b"two")
        archive, aside = self.dir / ("a" + FORMATS[fmt]), self.dir / "aside"
        done = self.faulted(*self.arguments(fmt, 1, archive), calls="openat,openat2", path="*/home/one/file", at=1,
                            run=f"mv {self.home}/one {aside} && ln -s {target} {self.home}/one",
                            expect=None)
        self.assertEqual(done.hits, 1)
        self.assertIn(done.returncode, (0, 3), self.describe(done))
        stored = self.stored(archive)
        self.assertIn(stored.get("one/file"), (None, b"one"), self.describe(done))
        if done.returncode == 0:
            self.assertEqual(stored.get("one/file"), b"one", self.describe(done))
        archive.unlink()
        shutil.rmtree(aside)


class Databases(Changing):
    """A claimed file: its plugin opens it by name, several times."""

    def setUp(self):
        super().setUp()
        self.make_database(self.first / "state.db", rows=400)
        self.rows = self.database_rows(self.first / "state.db")
        self.make_database(self.new, rows=90)

    def moments(self, fmt):
        self.fresh_home()
        archive = self.dir / ("a" + FORMATS[fmt])
        done = self.faulted(*self.arguments(fmt, 1, archive), calls=LOOKS, path="*/home/state.db",
                            list_calls=True)
        archive.unlink()
        self.assertGreater(done.count, 8)
        return range(1, done.count + 1)

    def sweep(self, action, judge):
        """`judge` takes what is stored, and names it. Returns how often which came out."""
        outcomes = collections.Counter()
        for fmt, most in (("zip", 6), ("tar-zstd", 2)):
            for moment in fault.some(self.moments(fmt), most):
                with self.subTest(format=fmt, moment=moment):
                    outcomes[self.one(fmt, moment, action, judge)] += 1
        return outcomes

    def one(self, fmt, moment, action, judge):
        content, findings = self.change(fmt, 1, "state.db", LOOKS, moment, run=action)
        if content is None:
            self.assertTrue(findings["skipped"] or findings["notes"])
            return "skipped" if findings["skipped"] else "vanished"
        return "doubtful" if findings["doubtful"] else judge(content)

    def rows_in(self, *allowed):
        """Whole, and one of the states that there were."""
        def judge(content):
            with self.assert_database(content) as rows:
                self.assertIn(len(rows), allowed)
                return len(rows)
        return judge

    def test_vanishes(self):
        outcomes = self.sweep(f"rm -f {self.path('state.db')}", self.rows_in(400))
        self.assertIn("vanished", outcomes)
        self.assertNotIn("skipped", outcomes)

    def test_is_replaced(self):
        outcomes = self.sweep(f"cp {self.new} {self.new}.tmp && mv {self.new}.tmp {self.path('state.db')}",
                              self.rows_in(400, 90))
        self.assertIn(90, outcomes)

    def test_is_replaced_by_what_is_no_database(self):
        def judge(content):
            if content == b"text\n":
                return "text"
            return self.rows_in(400)(content)
        outcomes = self.sweep(f"echo text > {self.new}.tmp && mv {self.new}.tmp {self.path('state.db')}", judge)
        self.assertIn("text", outcomes)

    def test_gets_a_commit(self):
        outcomes = self.sweep(f"sqlite3 -cmd '.timeout 1' {self.path('state.db')} 'DELETE FROM t WHERE id > 7' || true",
                              self.rows_in(400, 7))
        self.assertIn(7, outcomes)
        self.assertNotIn("doubtful", outcomes)


if __name__ == "__main__":
    unittest.main()
