# SPDX-License-Identifier: Apache-2.0
"""undo: what an import or a snapshot restore did is taken back, and what somebody has done since stays."""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import unittest
import zipfile

import hb

LINKS = ("--set", "import.links=restore", "--set", "backup.links=store")


def add_row(path, text="mine"):
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO t (text) VALUES (?)", (text,))
    database.close()


class UndoCase(hb.Case):
    options = ()
    suffix = "zip"

    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.make_database(self.home / "state.db", rows=10)
        self.make_database(self.home / "profiles/one/state.db", rows=20)
        for name in ("state.db", "profiles/one/state.db"):  # as the filters would have it
            (self.home / name).chmod(0o600)
        self.archive = self.make_archive()

    def make_archive(self):
        """Of a home in which files, modes and rows are others, and some are new."""
        new = self.dir / "new"
        shutil.copytree(self.home, new, symlinks=True)
        hb.write(new / "config.yaml", b"model: small\n", mtime_ns=1_650_000_000_000_000_100)
        hb.write(new / "sub/deep/file.txt", b"other text\n" * 60, 0o600)
        hb.write(new / "noise.bin", bytes(80_000))
        hb.write(new / "fresh.txt", b"fresh", 0o640)
        hb.write(new / "made/deep/er/x", b"x")
        hb.write(new / "made/y", b"y")
        (new / "made/hollow").mkdir()
        add_row(new / "state.db", "new")
        add_row(new / "profiles/one/state.db", "new")
        archive = self.backup(new, f"new.{self.suffix}", *self.options)
        shutil.rmtree(new)
        return archive

    def state(self):
        """All of the home; databases by their rows."""
        rows = hb.tree(self.home, directory_times=False)
        rows.pop(b"backups", None)
        for name in list(rows):
            if name.startswith(b"backups/") or name.startswith(b"state-snapshots"):
                rows.pop(name)
            elif name.endswith(b".db"):
                path = self.home / os.fsdecode(name)
                rows[name] = (rows[name][0], tuple(self.database_rows(path)))
        return rows

    def assert_state(self, wanted):
        rows = hb.differences(wanted, self.state())
        if rows:
            self.fail("\n".join(row[:300] for row in rows[:20]))

    def take_in(self, *arguments, archive=None, **keywords):
        return self.hbcore("--home", self.home, *self.options, "import", "--force", "--backup-first", *arguments,
                           archive or self.archive, **keywords)

    def undo(self, *arguments, expect=0, **keywords):
        arguments = arguments or ("--yes",)
        return self.summary(self.hbcore("--json", "--home", self.home, *self.options, "undo", *arguments, expect=expect,
                                        **keywords))

    def receipts(self):
        return sorted((self.user / "state/hbcore").glob("undo-*"))


class Import(UndoCase):
    def test_all_comes_back(self):
        before = self.state()
        self.take_in()
        imported = self.state()
        self.assertNotEqual(before, imported)
        done = self.undo()
        self.assert_state(before)
        self.assertEqual((done["undid"], done["left"], done["removed"], done["files"]), ("import", 0, 3, 5))
        self.assertFalse((self.home / "made").exists())
        self.assertTrue(pathlib.Path(done["archive"]).is_file())
        self.assertTrue(pathlib.Path(done["way_back"]).is_file())
        done = self.undo()  # of the undo
        self.assertEqual((done["undid"], done["left"]), ("undo", 0))
        self.assert_state(imported)
        self.undo()
        self.assert_state(before)
        self.assertEqual([path.stat().st_mode & 0o777 for path in self.receipts()], [0o600])

    def test_what_was_changed_since_stays_and_is_named(self):
        self.take_in()
        hb.write(self.home / "config.yaml", b"model: mine\n")
        hb.write(self.home / "fresh.txt", b"mine now")
        hb.write(self.home / "made/mine", b"mine")
        (self.home / "noise.bin").unlink()
        add_row(self.home / "state.db")
        text = self.hbcore("--home", self.home, "undo", "--yes", expect=3)
        self.assert_mentions(text, "config.yaml", "it has been changed since", "fresh.txt", "state.db", "noise.bin",
                             "it has been removed since", "undo --force")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: mine\n")
        self.assertEqual((self.home / "fresh.txt").read_bytes(), b"mine now")
        self.assertEqual(sorted(path.name for path in (self.home / "made").iterdir()), ["mine"])
        self.assertFalse((self.home / "noise.bin").exists())
        self.assertEqual(self.database_rows(self.home / "state.db")[-1][1], "mine")
        self.assertEqual(len(self.database_rows(self.home / "profiles/one/state.db")), 20)
        self.assertEqual((self.home / "sub/deep/file.txt").read_bytes(), b"some text\n" * 50)

    def test_force_takes_what_an_undo_has_left(self):
        before = self.state()
        self.take_in()
        hb.write(self.home / "config.yaml", b"model: mine\n")
        hb.write(self.home / "fresh.txt", b"mine now")
        add_row(self.home / "state.db")
        mine = self.state()
        done = self.undo(expect=3)
        self.assertEqual(done["left"], 3)
        self.assertEqual({row["path"] for row in done["skipped"]}, {"config.yaml", "fresh.txt", "state.db"})
        half = self.state()
        self.assertEqual(self.undo("--force")["left"], 0)
        self.assert_state(before)
        self.undo()  # one step
        self.assert_state(half)
        self.assertNotEqual(mine, half)

    def test_force_at_once_and_back_again(self):
        before = self.state()
        self.take_in()
        hb.write(self.home / "config.yaml", b"model: mine\n", 0o600)
        hb.write(self.home / "fresh.txt", b"mine now")
        (self.home / "sub/deep/file.txt").chmod(0o644)
        add_row(self.home / "state.db")
        mine = self.state()
        self.undo("--force")
        wanted = dict(before)  # a file that is there keeps its mode, where nobody says otherwise
        for name in (b"config.yaml", b"sub/deep/file.txt"):
            wanted[name] = (self.state()[name][0], *before[name][1:])
        self.assert_state(wanted)
        self.undo()
        self.assert_state(mine)

    def test_a_new_database_stays(self):
        """Whether a program has it open nobody can tell."""
        (self.home / "state.db").unlink()
        before = self.state()
        self.take_in()
        done = self.undo(expect=3)
        self.assertEqual([row["path"] for row in done["skipped"]], ["state.db"])
        self.assertEqual(len(self.database_rows(self.home / "state.db")), 11)
        (self.home / "state.db").unlink()
        self.assert_state(before)

    def test_modes_that_the_import_changed(self):
        """A filter gives .env its mode."""
        (self.home / ".env").chmod(0o644)
        hb.write(self.home / ".env", b"KEY=other\n")
        before = self.state()
        self.take_in()
        self.assertEqual((self.home / ".env").stat().st_mode & 0o777, 0o600)
        self.undo()
        self.assert_state(before)

    def test_only_what_was_chosen(self):
        before = self.state()
        self.take_in("--include", "config.yaml", "--include", "made/")
        self.assertEqual(self.undo()["files"], 1)
        self.assert_state(before)

    def test_somebody_has_put_it_back_already(self):
        before = self.state()
        self.take_in()
        row = before[b"config.yaml"]
        hb.write(self.home / "config.yaml", b"model: large\n", 0o644, row[1])
        (self.home / "fresh.txt").unlink()
        self.assertEqual(self.undo()["left"], 0)
        self.assert_state(before)

    def test_dry_run(self):
        self.take_in()
        hb.write(self.home / "config.yaml", b"model: mine\n")
        before = self.content(self.home)
        done = self.hbcore("--json", "--home", self.home, "undo", "--dry-run", expect=3)
        self.assertEqual(self.content(self.home), before)
        self.assertIn(b'"path":"fresh.txt"', done.stdout.replace(b'": "', b'":"'))
        self.assertEqual(self.summary(done)["left"], 1)

    def test_asks(self):
        self.take_in()
        before = self.state()
        done = self.hbcore("--home", self.home, "undo", input=b"n\n", expect=4)
        self.assert_mentions(done, "Put back: 5", "config.yaml", "Removed, since they were new: 3", "Continue?")
        self.hbcore("--home", self.home, "undo", expect=1)
        self.assert_state(before)
        self.hbcore("--home", self.home, "undo", input=b"y\n")
        self.assertNotEqual(self.state(), before)

    def test_an_import_into_an_empty_home(self):
        """Nothing was there to be archived."""
        shutil.rmtree(self.home)
        self.home.mkdir()
        self.take_in("--exclude", "*.db")
        done = self.undo()
        self.assertIsNone(done["archive"])
        self.assertEqual([path.name for path in self.home.iterdir() if path.name not in (".hbcore-id", "backups")], [])
        self.undo()
        self.assertTrue((self.home / "made/hollow").is_dir())
        self.assertEqual((self.home / "fresh.txt").read_bytes(), b"fresh")

    def test_from_a_pipe(self):
        before = self.state()
        done = self.hbcore("--home", self.home, *self.options, "import", "--force", "--backup-first", "-",
                           input=self.archive.read_bytes())
        self.assertNotEqual(self.state(), before, self.describe(done))
        self.assertEqual(self.undo()["removed"], 3)
        self.assert_state(before)

    def test_a_database_that_is_open(self):
        """Whoever has it open, and reads, sees the rows of before again."""
        (self.home / "state.db").unlink()
        self.make_database(self.home / "state.db", rows=10, wal=True)
        (self.home / "state.db").chmod(0o600)
        before = self.state()
        database = sqlite3.connect(self.home / "state.db")
        self.addCleanup(database.close)
        count = "SELECT count(*) FROM t"
        self.assertEqual(database.execute(count).fetchone(), (10,))
        self.take_in()
        self.assertEqual(database.execute(count).fetchone(), (11,))
        self.undo()
        self.assertEqual(database.execute(count).fetchone(), (10,))
        database.close()
        self.assert_state(before)

    def test_rows_while_it_is_open(self):
        (self.home / "state.db").unlink()
        self.make_database(self.home / "state.db", rows=10, wal=True)
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        self.addCleanup(database.close)
        database.execute("SELECT count(*) FROM t").fetchone()
        self.take_in()
        database.execute("INSERT INTO t (text) VALUES ('mine')")
        self.undo(expect=3)
        self.assertEqual(database.execute("SELECT text FROM t").fetchall()[-1], ("mine",))

    def test_nothing_but_new_files(self):
        before = self.state()
        self.take_in("--include", "made/")
        done = self.undo()
        self.assertEqual((done["files"], done["removed"]), (0, 2))
        self.assert_state(before)
        self.undo()
        self.assertEqual((self.home / "made/deep/er/x").read_bytes(), b"x")

    def test_what_cannot_be_put_back_now(self):
        """Its plugin refuses; --force tries it again, and nothing else."""
        before = self.state()
        self.take_in()
        imported = self.state()
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        self.addCleanup(database.close)
        database.execute("BEGIN IMMEDIATE")
        database.execute("PRAGMA user_version").fetchall()
        done = self.undo("--set", "content:sqlite.wait=0", "--yes", expect=3)
        self.assertEqual([row["path"] for row in done["skipped"]], ["state.db"])
        database.execute("ROLLBACK")
        database.close()
        half = self.state()
        self.assertEqual(half[b"state.db"], imported[b"state.db"])
        self.undo("--force")
        self.assert_state(before)

    def test_the_next_one_tries_again(self):
        """Without --force, and before it would take anything back."""
        before = self.state()
        self.take_in()
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        self.addCleanup(database.close)
        database.execute("BEGIN IMMEDIATE")
        database.execute("PRAGMA user_version").fetchall()
        hb.write(self.home / "config.yaml", b"mine")
        done = self.hbcore("--home", self.home, "undo", "--set", "content:sqlite.wait=0", "--yes", expect=3)
        self.assert_mentions(done, "the next undo tries again", "undo --force")
        done = self.undo("--set", "content:sqlite.wait=0", "--yes", expect=3)  # it stays so
        self.assertEqual(done["files"], 0)
        database.execute("ROLLBACK")
        database.close()
        done = self.hbcore("--home", self.home, "undo", "--yes", expect=3)
        self.assert_mentions(done, "what the last undo could not", "config.yaml: is left as it is")
        self.assertEqual(len(self.database_rows(self.home / "state.db")), 10)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"mine")
        self.undo("--force")
        self.assert_state(before)

    def test_what_is_in_the_way(self):
        before = self.state()
        self.take_in()
        (self.home / "noise.bin").unlink()
        hb.write(self.home / "noise.bin/mine", b"mine")
        self.undo(expect=3)
        self.assertEqual([row["path"] for row in self.undo("--force", expect=3)["skipped"]], ["noise.bin"])
        self.assertEqual((self.home / "noise.bin/mine").read_bytes(), b"mine")
        shutil.rmtree(self.home / "noise.bin")
        self.assertEqual(self.undo("--force")["files"], 1)
        self.assert_state(before)

    def test_what_no_backup_has(self):
        hb.write(self.home / "z.pyc", b"mine")
        hb.write(self.home / "kept", b"mine")
        archive = self.dir / "other.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            for name in ("config.yaml", "kept", "z.pyc", "new.pyc"):
                opened.writestr(name, b"of the archive")
        done = self.take_in(archive=archive)
        text = done.stdout.decode() + done.stderr.decode()
        self.assertIn("z.pyc: is replaced, and is not in", text)
        self.assertEqual(text.count("is replaced, and"), 1)
        self.assertEqual([row["path"] for row in self.undo(expect=3)["skipped"]], ["z.pyc"])
        self.assertEqual((self.home / "kept").read_bytes(), b"mine")
        self.assertFalse((self.home / "new.pyc").exists())

    def test_twice_with_nothing_to_do(self):
        self.take_in("--include", "config.yaml")
        hb.write(self.home / "config.yaml", b"model: mine\n")
        self.undo(expect=3)
        self.assertEqual(self.undo(expect=3)["way_back"], None)
        self.undo("--force")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: large\n")


class Links(UndoCase):
    options = LINKS

    def setUp(self):
        hb.Case.setUp(self)
        self.home = self.make_home()
        (self.home / "pointer").symlink_to("config.yaml")
        (self.home / "was-file").write_bytes(b"a file")
        hb.write(self.home / "target/real", b"real")
        (self.home / "way").symlink_to("target")
        os.link(self.home / "noise.bin", self.home / "second.bin")
        new = self.dir / "new"
        shutil.copytree(self.home, new, symlinks=True)
        (new / "pointer").unlink()
        (new / "pointer").symlink_to("noise.bin")
        (new / "was-file").unlink()
        (new / "was-file").symlink_to("config.yaml")
        (new / "fresh-link").symlink_to("nowhere")
        (new / "way").unlink()
        shutil.rmtree(new / "target")
        hb.write(new / "way/real", b"other")
        hb.write(new / "second.bin", b"apart")
        self.archive = self.backup(new, f"new.{self.suffix}", *self.options)

    def test_links(self):
        before = self.state()
        self.take_in()
        self.assertEqual(os.readlink(self.home / "pointer"), "noise.bin")
        self.assertEqual(os.readlink(self.home / "was-file"), "config.yaml")
        self.assertEqual((self.home / "target/real").read_bytes(), b"other")  # by the link
        self.undo()
        self.assert_state(before)
        self.assertTrue((self.home / "way").is_symlink())

    def test_links_that_lead_elsewhere_since(self):
        self.take_in()
        (self.home / "pointer").unlink()
        (self.home / "pointer").symlink_to("mine")
        shutil.rmtree(self.home / "sub")
        (self.home / "outside").mkdir()
        done = self.undo(expect=3)
        self.assertEqual([row["path"] for row in done["skipped"]][:1], ["pointer"])
        self.assertEqual(os.readlink(self.home / "pointer"), "mine")

    def test_a_directory_that_became_a_link(self):
        """Nothing is removed behind it."""
        new = self.dir / "more"
        hb.write(new / "config.yaml", b"model: large\n")
        hb.write(new / "made/x", b"x")
        self.take_in(archive=self.backup(new, "more.zip"))
        shutil.move(self.home / "made", self.dir / "elsewhere")
        (self.home / "made").symlink_to(self.dir / "elsewhere")
        self.undo(expect=None)
        self.assertEqual((self.dir / "elsewhere/x").read_bytes(), b"x")
        (self.home / "made").unlink()
        shutil.move(self.dir / "elsewhere", self.home / "apart")
        (self.home / "made").symlink_to("apart")
        self.undo("--force", expect=None)
        self.assertEqual((self.home / "apart/x").read_bytes(), b"x")

    def test_what_lies_where_a_new_file_was(self):
        """A directory, a pipe: nothing of it goes."""
        self.take_in()
        (self.home / "fresh-link").unlink()
        hb.write(self.home / "fresh-link/mine", b"mine")
        (self.home / "second.bin").unlink()
        os.mkfifo(self.home / "second.bin")
        for words in ("--yes",), ("--force",):
            done = self.undo(*words, expect=3)
            self.assertLessEqual({"fresh-link", "second.bin"}, {row["path"] for row in done["skipped"]})
            self.assertEqual((self.home / "fresh-link/mine").read_bytes(), b"mine")
            self.assertTrue((self.home / "second.bin").is_fifo())


class Tar(Import):
    """The way back is a tar.zst."""
    suffix = "tar.zst"
    options = ("--set", "preset:pre-import.format=tar-zstd", "--set", "backup.format=tar-zstd")


class Receipts(UndoCase):
    def test_without_one(self):
        done = self.hbcore("--home", self.home, "undo", expect=1)
        self.assert_mentions(done, "nothing to undo", "import --backup-first")
        self.hbcore("--home", self.home, "import", "--force", self.archive)
        self.hbcore("--home", self.home, "undo", expect=1)

    def test_an_import_without_a_way_back_is_the_last(self):
        self.take_in()
        self.hbcore("--home", self.home, "import", "--force", self.archive)
        self.hbcore("--home", self.home, "undo", expect=1)
        self.assertEqual(self.receipts(), [])

    def test_a_home_of_its_own(self):
        """Another one has no receipt, a copy neither; one that was moved has."""
        self.take_in()
        first, second = self.home, self.dir / "second"
        shutil.copytree(first, second, symlinks=True)
        self.home = second
        state = self.state()
        self.hbcore("--home", second, "undo", "--force", expect=1)
        self.assert_state(state)
        self.home = self.dir / "moved"
        first.rename(self.home)
        self.undo(expect=None)

    def test_one_that_others_could_write(self):
        self.take_in()
        state, (receipt,) = self.state(), self.receipts()
        for mode in (0o640, 0o602, 0o666):
            receipt.chmod(mode)
            self.assert_mentions(self.hbcore("--home", self.home, "undo", "--force", expect=1), "is not believed")
        self.assert_state(state)
        receipt.chmod(0o600)
        receipt.parent.chmod(0o777)
        self.hbcore("--home", self.home, "undo", "--force", expect=1)
        self.assert_state(state)
        receipt.parent.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(receipt, hb.NOBODY, hb.NOBODY)
            self.assert_mentions(self.hbcore("--home", self.home, "undo", "--force", expect=1), "is not believed")
            os.chown(receipt, 0, 0)
        data = receipt.read_bytes()
        for at in range(0, len(data), max(len(data) // 40, 1)):
            receipt.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
            self.hbcore("--home", self.home, "undo", "--force", expect=1)
            receipt.write_bytes(data[:at])
            self.hbcore("--home", self.home, "undo", "--force", expect=1)
        self.assert_state(state)
        receipt.write_bytes(data)
        self.undo()

    def test_of_another_home_under_this_one_s_name(self):
        self.take_in()
        (receipt,) = self.receipts()
        mine = receipt.read_bytes()
        other = self.make_home("other")
        hb.write(other / "config.yaml", b"model: small\n")
        self.hbcore("--home", other, "import", "--force", "--backup-first", self.archive)
        (theirs,) = set(self.receipts()) - {receipt}
        theirs.write_bytes(mine)
        before = self.content(other)
        self.assert_mentions(self.hbcore("--home", other, "undo", "--force", expect=1), "damaged")
        self.assertEqual(self.content(other), before)

    def test_a_profile(self):
        """What goes into it is taken back there; one of the whole home is another one."""
        profile = self.home / "profiles/one"
        hb.write(profile / "config.yaml", b"model: profile\n")
        env = {"HERMES_HOME": str(profile)}
        before = self.state()
        self.hbcore("import", "--force", "--backup-first", "--include", "config.yaml", self.archive, env=env)
        self.assertEqual((profile / "config.yaml").read_bytes(), b"model: small\n")
        self.hbcore("--home", self.home, "undo", expect=1)
        self.hbcore("undo", "--yes", env=env)
        after = self.state()
        for name in list(after):
            if name.startswith((b"profiles/one/backups", b"profiles/one/.hbcore-id")):
                after.pop(name)
        self.assertEqual(hb.differences(before, after), [])
        shutil.rmtree(profile)
        profile.mkdir()
        self.assert_mentions(self.hbcore("undo", env=env, expect=1), f"--home {self.home} undo")

    def owners(self):
        return {path.relative_to(self.home): path.lstat().st_uid for path in self.home.rglob("*")
                if "backups" not in path.parts and path.name != ".hbcore-id"}

    def test_as_root_in_the_home_of_another(self):
        """All stays his; and his own undo knows nothing of it."""
        his = self.somebody_else(self.home)
        if not his:
            self.skip("not root")
        before, owners = self.state(), self.owners()
        self.take_in()
        self.dir.chmod(0o755)
        env = {"HOME": str(self.dir / "his"), "XDG_STATE_HOME": str(self.dir / "his/state")}
        (self.dir / "his").mkdir()
        os.chown(self.dir / "his", hb.NOBODY, hb.NOBODY)
        self.hbcore("--home", self.home, "undo", env=env, expect=1, **his)
        self.hbcore("--home", self.home, "undo", env={"XDG_STATE_HOME": str(self.user / "state")}, expect=1, **his)
        self.undo()
        self.assert_state(before)
        self.assertEqual(self.owners(), owners)
        self.assertEqual(set(owners.values()), {hb.NOBODY})

    def test_root_goes_by_no_receipt_of_another(self):
        """Not even where he has it lie."""
        his = self.somebody_else(self.home, self.user)
        if not his:
            self.skip("not root")
        self.archive.chmod(0o644)
        self.take_in(**his)
        state = self.state()
        self.hbcore("--home", self.home, "undo", "--force", expect=1)
        self.assert_state(state)
        self.hbcore("--home", self.home, "undo", "--yes", **his)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: large\n")

    def test_the_archive_is_gone(self):
        self.take_in()
        before = self.state()
        for archive in (self.home / "backups").iterdir():
            archive.unlink()
        self.hbcore("--home", self.home, "undo", "--yes", expect=1)
        self.assert_state(before)

    def test_another_archive_has_its_name(self):
        before = self.state()
        self.take_in()
        imported = self.state()
        (way_back,) = [path for path in (self.home / "backups").iterdir() if path.suffix == ".zip"]
        mine = way_back.read_bytes()
        for other in (self.archive.read_bytes(), mine[:-1], mine[:70] + b"x" + mine[71:], b""):
            way_back.write_bytes(other)
            self.assert_mentions(self.hbcore("--home", self.home, "undo", "--force", expect=1), "is another archive")
            self.assert_state(imported)
        way_back.unlink()
        os.mkfifo(way_back)
        self.assert_mentions(self.hbcore("--home", self.home, "undo", "--force", expect=1), "is not a file any more")
        way_back.unlink()
        hb.write(self.dir / "elsewhere", mine)
        way_back.symlink_to(self.dir / "elsewhere")
        self.undo()
        self.assert_state(before)

    def test_no_place_for_one(self):
        """It costs the undo, and not the import."""
        self.user.joinpath("state").write_bytes(b"a file")
        done = self.take_in()
        self.assert_mentions(done, "cannot be taken back")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: small\n")
        self.hbcore("--home", self.home, "undo", expect=1)

    def test_retention_spares_the_way_back(self):
        self.take_in()
        (way_back,) = [path for path in (self.home / "backups").iterdir() if path.suffix == ".zip"]
        for _ in range(3):
            self.hbcore("--home", self.home, "backup", "--preset", "pre-import", "--keep", "1")
        done = self.hbcore("--home", self.home, "prune", "--preset", "pre-import", "--set", "preset:pre-import.keep=1")
        self.assertTrue(way_back.exists())
        self.assert_mentions(done, "undo goes back to it")
        self.hbcore("--home", self.home, "import", "--force", self.archive)  # it is not the last any more
        self.hbcore("--home", self.home, "prune", "--preset", "pre-import", "--set", "preset:pre-import.keep=1")
        self.assertFalse(way_back.exists())


class Snapshot(UndoCase):
    FIRST = ("--set", "snapshot.before-restore=yes")

    def setUp(self):
        super().setUp()
        self.hbcore("--home", self.home, "snapshot", "create")
        hb.write(self.home / "config.yaml", b"model: later\n")
        add_row(self.home / "state.db", "later")

    def restore(self, *options):
        return self.hbcore("--home", self.home, *options, "snapshot", "restore", "1")

    def test_it_is_taken_back(self):
        before = self.state()
        self.restore(*self.FIRST)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: large\n")
        restored = self.state()
        done = self.undo()
        self.assertEqual(done["undid"], "snapshot restore")
        self.assertIsNotNone(done["snapshot"])
        self.assert_state(before)
        self.undo()
        self.assert_state(restored)

    def test_changed_since(self):
        self.restore(*self.FIRST)
        add_row(self.home / "state.db")
        self.undo(expect=3)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: later\n")
        self.assertEqual(self.database_rows(self.home / "state.db")[-1][1], "mine")

    def test_without_a_way_back(self):
        self.restore()
        self.hbcore("--home", self.home, "undo", expect=1)

    def test_the_snapshot_stays(self):
        self.restore(*self.FIRST)
        for _ in range(2):
            hb.write(self.home / "config.yaml", os.urandom(8).hex())
            self.hbcore("--home", self.home, "snapshot", "create", "--keep", "1")
        self.assertEqual(len([path for path in (self.home / "state-snapshots").iterdir() if path.is_dir()]), 2)


if __name__ == "__main__":
    unittest.main()
