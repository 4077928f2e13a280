# SPDX-License-Identifier: Apache-2.0
"""Directories that the home does not have: all of them come by one rename each, and as they should be;
also when something has come to their places meanwhile, and when that rename fails."""
import io
import os
import pathlib
import pwd
import stat
import struct
import tarfile
import unittest
import zipfile

import fault
import hb

fault.need()

STAGE = ".hbcore-stage-"
USER, GROUP = 65534, 4321
# What the user makes there: the first group of one who is known, else the directory's.
FIRST = next((entry.pw_gid for entry in pwd.getpwall() if entry.pw_uid == USER), GROUP)
COMMITTED = f"*/{STAGE}*/journal"


class NewDirectories(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.new = self.dir / "new"
        second = 1_700_000_000
        hb.write(self.new / "config.yaml", b"model: x\n", 0o644, second * 10**9)
        for number in range(24):
            hb.write(self.new / f"made/d{number % 4}/inner/f{number}", b"new %d\n" % number * (number + 1),
                     (0o644, 0o600, 0o755, 0o666)[number % 4], (second + number) * 10**9 + 7)
        hb.write(self.new / "made/top", b"top", 0o640, second * 10**9)
        hb.write(self.new / "made/empty")
        (self.new / "made/hollow/inner").mkdir(parents=True)
        hb.write(self.new / "there/below/x", b"x", 0o640, second * 10**9)
        hb.write(self.new / "there/y", b"y", 0o640, second * 10**9)
        os.chmod(self.new / "made/d1", 0o777)
        os.chmod(self.new / "made/d2", 0o550)
        os.chmod(self.new / "made/hollow/inner", 0o500)
        self.set_directory_times(self.new)
        self.archive = self.backup(self.new, "a.tar.zst", "--format", "tar-zstd")
        (self.new / hb.HOME_ID).unlink()  # so that all in it comes back
        self.home = self.dir / "home"
        (self.home / "there").mkdir(parents=True)
        self.line = ("--home", self.home, "--json", "--set", "backup.workers=2", "import", "--force")

    def restore(self, *arguments, **keywords):
        return self.summary(self.hbcore(*self.line, self.archive, *arguments, **keywords))

    def restored(self, **keywords):
        """The tree, but for directories that were there and have other times now."""
        found, wanted = hb.tree(self.home), hb.tree(self.new)
        for rows in (found, wanted):
            for name in (b".", b"there"):
                rows.pop(name)
        return [row for row in hb.differences(wanted, found) if row not in keywords.get("but", ())]

    def assert_restored(self):
        self.assertEqual(self.restored(), [])
        self.assert_nothing_left(self.home)

    def files(self):
        return sum(len(files) for _, _, files in os.walk(self.new))

    # ---- undisturbed ----

    def test_one_rename_each(self):
        done = self.faulted(*self.line, self.archive, calls="rename", list_calls=True)
        moved = sorted(str(pathlib.Path(call[2]).relative_to(self.home)) for call in done.calls
                       if STAGE not in call[2])
        self.assertEqual(moved, ["config.yaml", "made", "there/below", "there/y"])
        self.assert_restored()
        summary = self.summary(done)
        self.assertEqual(summary["files"], self.files())
        self.assertEqual(summary["bytes"], sum(path.stat().st_size for path in self.new.rglob("*")
                                               if path.is_file()))

    def test_what_is_staged_is_on_its_way_to_the_disk(self):
        """Each file of some size at once; small ones by the flush, which is quicker for them together."""
        for name in ("made/large", "made/d1/inner/large", "there/large"):
            hb.write(self.new / name, b"large" * 60_000)
        archive = self.backup(self.new, "large.tar.zst", "--format", "tar-zstd")
        done = self.faulted(*self.line, archive, calls="sync_file_range,syncfs", list_calls=True)
        sent = [call[0] for call in done.calls]
        self.assertEqual(sent.count("sync_file_range"), 3)
        self.assertIn("syncfs", sent)

    def test_into_no_home(self):
        self.home = self.dir / "nothing"
        self.line = ("--home", self.home, *self.line[2:])
        self.assertEqual(self.restore()["files"], self.files())
        found, wanted = hb.tree(self.home), hb.tree(self.new)
        for rows in (found, wanted):
            rows.pop(b".")
        self.assertEqual(hb.differences(wanted, found), [])

    def test_modes_whatever_the_umask(self):
        for mask in (0o777, 0o077, 0):
            with self.subTest(umask=oct(mask)):
                self.home = self.dir / f"home-{mask}"
                (self.home / "there").mkdir(parents=True)
                self.line = ("--home", self.home, *self.line[2:])
                self.restore(preexec_fn=lambda mask=mask: os.umask(mask))
                self.assertEqual(self.restored(), [])

    def test_without_entries_for_directories_and_without_modes(self):
        self.archive = self.dir / "bare.zip"
        with zipfile.ZipFile(self.archive, "w") as archive:
            for name in ("config.yaml", "made/deep/er/file", "there/other/file"):
                row = zipfile.ZipInfo(name, (2020, 2, 2, 2, 2, 2))
                row.create_system = 0
                archive.writestr(row, name)
        self.restore(preexec_fn=lambda: os.umask(0o027))
        for name, mode in (("made", 0o750), ("made/deep/er", 0o750), ("made/deep/er/file", 0o640),
                           ("there/other", 0o750), ("there/other/file", 0o640)):
            self.assertEqual(stat.S_IMODE((self.home / name).stat().st_mode), mode, name)
        self.assertEqual((self.home / "made/deep/er/file").read_text(), "made/deep/er/file")

    def test_what_does_not_come_with_them(self):
        """Secrets, databases, links: each its own way, in the same directory."""
        for name in (".env", "plain"):
            hb.write(self.new / "made/more" / name, b"KEY=x", 0o644)
        self.make_database(self.new / "made/more/state.db", rows=30)
        os.link(self.new / "made/more/plain", self.new / "made/more/same")
        os.symlink("plain", self.new / "made/more/link")
        self.set_directory_times(self.new)
        self.archive = self.dir / "links.tar"
        with tarfile.open(self.archive, "w") as archive:
            archive.add(self.new, ".")
        self.line = (*self.line[:-2], "--set", "import.links=restore", *self.line[-2:])
        found = self.restore()
        files = sum(path.is_file() and not path.is_symlink() for path in self.new.rglob("*"))
        self.assertEqual((found["members"], found["files"]), (files, files), found)
        more = self.home / "made/more"
        self.assertEqual(stat.S_IMODE((more / ".env").stat().st_mode), 0o600)
        self.assertEqual(len(self.database_rows(more / "state.db")), 30)
        self.assertEqual(os.readlink(more / "link"), "plain")
        self.assertEqual((more / "same").read_bytes(), b"KEY=x")
        self.assertEqual(more.stat().st_mtime_ns // 10**9, (self.new / "made/more").stat().st_mtime_ns // 10**9)

    def test_a_damaged_database_is_told_about_once(self):
        database = self.make_database(self.new / "made/state.db", rows=2000)
        with open(database, "r+b") as stream:
            stream.seek(8192)
            stream.write(b"\xff" * 4096)
        self.archive = self.dir / "damaged.zip"
        with zipfile.ZipFile(self.archive, "w") as archive:
            for path in sorted(self.new.rglob("*")):
                archive.write(path, path.relative_to(self.new))
        doubtful = self.restore(expect=3)["doubtful"]
        self.assertEqual([row["path"] for row in doubtful], ["made/state.db"], doubtful)
        self.assertEqual((self.home / "made/state.db").read_bytes(), database.read_bytes())

    def test_databases_are_looked_at_while_others_are_staged(self):
        """And not when the journal is written already and all wait."""
        self.make_database(self.new / "made/state.db", rows=2000)
        self.archive = self.backup(self.new, "b.zip")
        done = self.faulted(*self.line, self.archive, calls="read,rename", path=f"*/{STAGE}*", list_calls=True)
        committed, = [number for number, call in enumerate(done.calls) if call[2].endswith("/journal")]
        read = [number for number, call in enumerate(done.calls)
                if call[0] == "pread64" and os.path.basename(call[1]).startswith("m")]
        before = [number for number in read if number < committed]
        self.assertGreater(len(before), 10, done.calls)
        self.assertLessEqual(len(read) - len(before), 1, done.calls[committed:])  # the first bytes

    # ---- what a directory that is made in its place would get from the one around it ----

    def test_below_one_that_hands_its_group_down(self):
        if os.geteuid() != 0:
            self.skipTest("only root can choose a group")
        os.chown(self.home / "there", 0, GROUP)
        os.chmod(self.home / "there", 0o2775)
        (self.home / "there/reference").mkdir()
        wanted = (self.home / "there/reference").stat()
        self.restore()
        found = (self.home / "there/below").stat()
        self.assertEqual((found.st_uid, found.st_gid), (wanted.st_uid, wanted.st_gid))

    def test_below_one_that_hands_its_list_down(self):
        """One more may read and enter what is made there."""
        rows = ((0x01, 7, 0xFFFFFFFF), (0x02, 5, USER), (0x04, 5, 0xFFFFFFFF), (0x10, 5, 0xFFFFFFFF),
                (0x20, 0, 0xFFFFFFFF))
        listed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)
        try:
            os.setxattr(self.home / "there", "system.posix_acl_default", listed)
        except OSError as error:
            self.skipTest(f"no access lists here: {error}")
        self.restore()
        self.assertIn("system.posix_acl_access", os.listxattr(self.home / "there/below"))
        self.assertEqual((self.home / "there/below/x").read_bytes(), b"x")

    def test_owners(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        os.chown(self.home / "there", USER, GROUP)
        self.restore()
        for name, owner in (("there/below", (USER, FIRST)), ("there/below/x", (USER, FIRST)),
                            ("there/y", (USER, FIRST)), ("made/d1/inner/f1", (0, 0))):
            status = (self.home / name).stat()
            self.assertEqual((status.st_uid, status.st_gid), owner, name)

    # ---- something has come to their places ----

    def meanwhile(self, line, expect=0):
        """At the moment when all is staged and nothing is published."""
        done = self.faulted(*self.line, self.archive, calls="rename", path=COMMITTED, at=1,
                            run=f"cd '{self.home}' && {line}", expect=expect)
        self.assertEqual(done.hits, 1)
        self.assert_nothing_left(self.home)
        return self.summary(done)

    def test_the_same_directory(self):
        summary = self.meanwhile("mkdir -m 711 made made/d1 && echo theirs >made/top && chmod 604 made/top"
                                 " && echo mine >made/d1/only-here")
        self.assertEqual(summary["files"], self.files())
        self.assertEqual(summary["skipped"], [])
        self.assertEqual((self.home / "made/d1/only-here").read_bytes(), b"mine\n")
        self.assertEqual((self.home / "made/top").read_bytes(), b"top")
        for name, mode in (("made", 0o711), ("made/d1", 0o711), ("made/top", 0o604), ("made/d3", 0o755)):
            self.assertEqual(stat.S_IMODE((self.home / name).stat().st_mode), mode, name)
        rows = [row for row in self.restored() if not row.startswith(("b'made':", "b'made/d1':", "b'made/top'",
                                                                      "b'made/d1/only-here'"))]
        self.assertEqual(rows, [])

    def test_a_database_is_there_by_now(self):
        """It is overwritten through SQLite, not replaced: its inode stays."""
        self.make_database(self.new / "made/state.db", rows=70)
        self.make_database(self.dir / "theirs.db", rows=3)
        self.archive = self.backup(self.new, "b.zip")
        self.meanwhile(f"mkdir made && cp '{self.dir}/theirs.db' made/state.db && stat -c %i made/state.db >inode")
        self.assertEqual(len(self.database_rows(self.home / "made/state.db")), 70)
        self.assertEqual((self.home / "made/state.db").stat().st_ino, int((self.home / "inode").read_text()))

    def test_a_file(self):
        summary = self.meanwhile("echo theirs >made", expect=3)
        self.assertEqual((self.home / "made").read_bytes(), b"theirs\n")
        told = {row["path"] for row in summary["skipped"]}
        wanted = {str(path.relative_to(self.new)) for path in self.new.glob("made/**/*") if path.is_file()}
        self.assertEqual(wanted - told, set())
        self.assertEqual(summary["files"], self.files() - len(wanted))

    def test_a_link_that_leads_outside(self):
        outside = self.dir / "outside"
        outside.mkdir()
        summary = self.meanwhile(f"ln -s '{outside}' made", expect=3)
        self.assertEqual(list(outside.iterdir()), [])
        self.assertIn("made/top", {row["path"] for row in summary["skipped"]})

    def test_a_link_that_leads_inside(self):
        summary = self.meanwhile("mkdir there/real && ln -s there/real made")
        self.assertEqual(summary["files"], self.files())
        self.assertEqual((self.home / "there/real/top").read_bytes(), b"top")
        self.assertTrue((self.home / "made").is_symlink())

    def test_what_is_in_the_way_of_some(self):
        summary = self.meanwhile("mkdir -p made/top/deeper made/d0 && echo x >made/d0/inner && mkfifo made/empty",
                                 expect=3)
        told = {row["path"] for row in summary["skipped"]}
        self.assertEqual(told, {"made/top", "made/empty", "made/d0/inner"}
                         | {f"made/d0/inner/f{number}" for number in range(0, 24, 4)})
        self.assertEqual(summary["files"], self.files() - 8)
        self.assertEqual((self.home / "made/d0/inner").read_bytes(), b"x\n")

    def test_the_directory_around_it_has_gone(self):
        self.meanwhile("rmdir there")
        self.assertEqual((self.home / "there/below/x").read_bytes(), b"x")

    # ---- the rename fails ----

    def test_once(self):
        for error in ("EIO", "ENOSPC", "EINTR", "EXDEV", "EPERM"):
            with self.subTest(error=error):
                self.home = self.dir / error
                (self.home / "there").mkdir(parents=True)
                self.line = ("--home", self.home, *self.line[2:])
                done = self.faulted(*self.line, self.archive, calls="rename", path="*/made", at=1, error=error)
                self.assertEqual(done.hits, 1)
                self.assertEqual(self.summary(done)["files"], self.files())
                self.assert_restored()

    def test_and_all_others_too(self):
        done = self.faulted(*self.line, self.archive, calls="rename,mkdirat", path="*/home/made*", at="1+",
                            error="ENOSPC", expect=3)
        summary = self.summary(done)
        told = {row["path"] for row in summary["skipped"]}
        wanted = {str(path.relative_to(self.new)) for path in self.new.glob("made/**/*") if path.is_file()}
        self.assertEqual(wanted - told, set())
        self.assertEqual(summary["files"], self.files() - len(wanted))
        self.assertFalse((self.home / "made").exists())
        self.assert_nothing_left(self.home)

    # ---- killed, and completed by the next run ----

    def kill_at(self, path):
        done = self.faulted(*self.line, self.archive, calls="rename", path=path, at=1, kill=True, expect=None)
        self.assertEqual(done.hits, 1)
        self.assertEqual(len(list(self.home.glob(STAGE + "*/journal"))), 1)

    def complete(self, expect=0):
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "next.zip", expect=expect)
        self.assert_nothing_left(self.home)
        return done

    def test_killed_in_front_of_each(self):
        for path in ("*/made", "*/there/below", "*/config.yaml"):
            with self.subTest(path=path):
                self.home = self.dir / path.replace("/", "-").replace("*", "home")
                (self.home / "there").mkdir(parents=True)
                self.line = ("--home", self.home, *self.line[2:])
                self.kill_at(path)
                self.assert_mentions(self.complete(), "completed the interrupted import of", self.archive)
                self.assert_restored()

    def test_something_has_come_between_the_runs(self):
        self.kill_at("*/made")
        hb.write(self.home / "made/top", b"theirs")
        hb.write(self.home / "made/only-here", b"theirs")
        self.assert_mentions(self.complete(expect=3), "made/top", "top.from-import")
        self.assertEqual((self.home / "made/top").read_bytes(), b"theirs")
        self.assertEqual((self.home / "made/top.from-import").read_bytes(), b"top")
        self.assertEqual((self.home / "made/only-here").read_bytes(), b"theirs")
        self.assertEqual((self.home / "made/d3/inner/f23").read_bytes(), (self.new / "made/d3/inner/f23").read_bytes())

    def test_killed_in_pieces(self):
        """Twice: the second run finds some pieces published, and publishes the others."""
        hold = "mkdir -p '%s/made/d0/inner'" % self.home
        self.faulted(*self.line, self.archive, calls="rename", path=COMMITTED, at=1, run=hold + "; kill -9 "
                     "$HB_FAULT_THREAD", expect=None)
        self.faulted("--home", self.home, "backup", "-o", self.dir / "x.zip", calls="rename",
                     path="*/made/d0/inner/*", at=3, kill=True, expect=None)
        there = len(list(self.home.glob("made/d0/inner/*")))
        if list(self.home.glob(STAGE + "*/journal")):
            self.assertEqual(there, 2)
        else:  # the journal had no name yet when it was killed: nothing has happened
            self.assertEqual(there, 0)
            self.hbcore(*self.line, self.archive)
        self.complete()
        self.assertEqual(len(list(self.home.glob("made/d0/inner/*"))), 6)

    def test_a_signal_in_pieces(self):
        self.faulted(*self.line, self.archive, calls="rename", path="*/there/below", at=1, kill=True, expect=None)
        (self.home / "there/below").mkdir()
        hb.write(self.home / "there/below/z", b"z")
        done = self.faulted("--home", self.home, "backup", "-o", self.dir / "x.zip", calls="newfstatat",
                            path=f"*/{STAGE}*/t*", at=1, run="kill -TERM $HB_FAULT_THREAD", expect=143)
        self.assertEqual(done.hits, 1)
        self.assertEqual(len(list(self.home.glob(STAGE + "*/journal"))), 1)
        self.complete()
        self.assertEqual((self.home / "there/below/x").read_bytes(), b"x")

    # ---- what an archive may hold besides ----

    def test_a_file_where_others_need_a_directory(self):
        self.archive = self.dir / "odd.tar"
        with tarfile.open(self.archive, "w") as archive:
            for name in ("config.yaml", "made/a/b", "made/a", "made/c", "file/x", "file"):
                row = tarfile.TarInfo(name)
                row.size = len(name)
                archive.addfile(row, io.BytesIO(name.encode()))
        summary = self.restore(expect=3)
        told = {row["path"] for row in summary["skipped"]}
        self.assertEqual(told, {"made/a", "file"})
        self.assertEqual((self.home / "made/a/b").read_bytes(), b"made/a/b")
        self.assertEqual((self.home / "file/x").read_bytes(), b"file/x")

    def test_long_paths(self):
        """Longer than the kernel takes at once."""
        name = "made/" + "/".join("d" * 200 for _ in range(18)) + "/" + "f" * 200
        self.archive = self.dir / "long.tar"
        with tarfile.open(self.archive, "w", format=tarfile.PAX_FORMAT) as archive:
            for one in ("config.yaml", "made/short", name):
                row = tarfile.TarInfo(one)
                row.size = 4
                archive.addfile(row, io.BytesIO(b"data"))
        self.restore()
        at = self.home
        for part in name.split("/")[:-1]:
            os.chdir(at)
            at = part
        os.chdir(at)
        try:
            self.assertEqual(pathlib.Path("f" * 200).read_bytes(), b"data")
        finally:
            os.chdir("/")


class LargestFirst(fault.FaultCase):
    """Nobody waits in the end for one large file that was begun last."""

    def test_order(self):
        sizes = {"a": 10, "b": 9 << 20, "c": 10, "d": 12 << 20, "e": (8 << 20) - 1}
        for name, size in sizes.items():
            hb.write(self.dir / "new" / name, os.urandom(size))
        hb.write(self.dir / "new/config.yaml", b"x")
        archive = self.backup(self.dir / "new", "a.zip")
        done = self.faulted("--home", self.dir / "home", "--set", "backup.workers=1", "import", archive,
                            calls="pwrite64", list_calls=True)
        order = []
        for call in done.calls:
            if call[1] not in order:
                order.append(call[1])
        written = [os.path.basename(path) for path in order if STAGE in path]
        listed = self.hbcore("list", archive).stdout.decode().split()
        members = [f"m{number}" for number, _ in enumerate(listed)]
        place = {name: members[listed.index(name)] for name in sizes}
        small = [place[name] for name in listed if name in ("a", "c", "e")]
        kept = [name for name in written if name in place.values()]
        self.assertEqual(kept, [place["d"], place["b"], *small])


if __name__ == "__main__":
    unittest.main()
