# SPDX-License-Identifier: Apache-2.0
"""Which archives are taken, which of their entries, where they go and with which mode."""
import io
import os
import pathlib
import shutil
import random
import shutil
import socket
import stat
import tarfile
import unittest
import zipfile

import hb
import odd_store

SUFFIXES = {"zip": ".zip", "tar-zstd": ".tar.zst"}


def entry(name, mode=0o644, kind=stat.S_IFREG):
    info = zipfile.ZipInfo(name, (2023, 5, 6, 7, 8, 10))
    info.create_system = 3
    info.external_attr = (kind | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


class Rules(hb.Case):
    def setUp(self):
        super().setUp()
        self.target = self.dir / "target"

    def make_zip(self, rows, name="made.zip"):
        """rows: (name or ZipInfo, content)"""
        path = self.dir / name
        with zipfile.ZipFile(path, "w") as made:
            for what, data in rows:
                made.writestr(entry(what) if isinstance(what, str) else what, data)
        return path

    def take(self, archive, expect=0, target=None, **keywords):
        return self.hbcore("--home", target or self.target, "import", archive, "--force",
                           expect=expect, **keywords)

    def files(self, root=None):
        root = root or self.target
        return {str(path.relative_to(root)) for path in pathlib.Path(root).rglob("*")
                if not path.is_dir()}

    def mode(self, name):
        return oct(stat.S_IMODE((self.target / name).stat().st_mode))


class WhichArchives(Rules):
    def refused(self, archive, *words):
        before = hb.tree(self.dir)
        done = self.take(archive, 1)
        self.assert_unchanged(before, self.dir)
        self.assert_mentions(done, archive, *words)

    def test_no_marker(self):
        self.refused(self.make_zip([("notes.txt", "x"), ("config.yaml.bak", "x")]), "config.yaml",
                     ".env", "state.db")

    def test_marker_at_any_depth(self):
        for name in ("config.yaml", "profiles/a/.env", "deep/er/state.db"):
            with self.subTest(marker=name):
                self.take(self.make_zip([("x.txt", "x"), (name, "")]),
                          target=self.dir / name.replace("/", "-"))

    def test_a_directory_is_no_marker(self):
        self.refused(self.make_zip([("x.txt", "x"), (entry("config.yaml/", 0o755, stat.S_IFDIR),
                                                     "")]))

    def test_not_an_archive(self):
        for name, data in {"text": b"hello, this is no archive\n" * 30, "empty": b"",
                           "zeros": bytes(5000), "magic": b"PK\x03\x04", "zst": b"(\xb5/\xfd"}.items():
            with self.subTest(kind=name):
                path = self.dir / f"{name}.zip"
                path.write_bytes(data)
                self.refused(path)

    def test_no_entries(self):
        self.refused(self.make_zip([]))

    def test_a_directory_instead(self):
        (self.dir / "folder").mkdir()
        self.refused(self.dir / "folder")


class Tars(Rules):
    """Of others: what lies behind their end, or seems to."""

    def make_tar(self, name, names):
        path = self.dir / name
        with tarfile.open(path, "w") as stream:
            for member in names:
                row = tarfile.TarInfo(member)
                row.size = 700
                stream.addfile(row, io.BytesIO(b"7" * 700))
        return path

    def test_a_header_of_zero_bytes_is_damage(self):
        """tar and libarchive take it for the end, and what follows is lost."""
        archive = self.make_tar("zero.tar", ("config.yaml", "b", "c"))
        data = bytearray(archive.read_bytes())
        for number in (1, 2):
            at = number * 3 * 512  # a header and two blocks of data
            self.assertEqual(data[at:at + 1], b" bc"[number:number + 1])
            archive.write_bytes(data[:at] + bytes(512) + data[at + 512:])
            for command in (("verify", archive), ("--home", self.target, "import", archive)):
                done = self.hbcore(*command, expect=1)
                self.assert_mentions(done, archive, "damaged")
            self.assertFalse((self.target / "config.yaml").exists())

    def test_another_archive_behind_it_is_told(self):
        one, two = self.make_tar("1.tar", ("config.yaml",)), self.make_tar("2.tar", ("x", "y"))
        for much in (0, 700 << 10):  # the second one lies in the same block of what is read, or not
            archive = self.dir / "both.tar"
            archive.write_bytes(one.read_bytes() + bytes(much) + two.read_bytes())
            for command in (("verify", archive), ("--home", self.target, "import", "--force", archive)):
                done = self.summary(self.hbcore("--json", *command, expect=3))
                self.assertEqual(len(done["doubtful"]), 1, done)
                self.assertIn("--ignore-zeros", done["doubtful"][0]["reason"])
            self.assertEqual(self.files(), {"config.yaml"})

    def test_padding_is_no_archive(self):
        archive = self.make_tar("padded.tar", ("config.yaml",))
        with open(archive, "ab") as stream:
            stream.write(b"padding" * 3000)
        self.hbcore("verify", archive)
        self.take(archive)

    def test_a_window_that_is_too_large(self):
        archive = self.dir / "long.tar.zst"
        tar = self.make_tar("long.tar", ("config.yaml",))
        with open(tar, "ab") as stream:
            stream.truncate(tar.stat().st_size + (1 << 20))
        self.tool("sh", "-c", 'zstd -q -1 --long=28 -c < "$1" > "$2"', "sh", tar, archive)
        done = self.hbcore("--home", self.target, "import", archive, expect=1)
        self.assert_mentions(done, "--long=31")
        self.assertNotIn(b"damaged", done.stderr)


class Prefix(Rules):
    def test_wrapper_is_stripped_once(self):
        for wrapper in (".hermes", "hermes"):
            with self.subTest(wrapper=wrapper):
                target = self.dir / ("t" + wrapper)
                done = self.take(self.make_zip([
                    (f"{wrapper}/config.yaml", "x"), (f"./{wrapper}/a/b", "x"),
                    (f"{wrapper}/{wrapper}/inner", "x")]), target=target)
                self.assertEqual(self.files(target), {"config.yaml", "a/b", f"{wrapper}/inner"})
                self.assert_mentions(done, wrapper)

    def test_nothing_else_is_stripped(self):
        for rows in ([("other/config.yaml", "x"), ("other/b", "x")],
                     [(".hermes/config.yaml", "x"), ("beside", "x")],
                     [(".hermes/config.yaml", "x"), ("hermes/b", "x")]):
            with self.subTest(rows=rows):
                target = self.dir / f"t{len(os.listdir(self.dir))}"
                self.take(self.make_zip(rows), target=target)
                self.assertEqual(self.files(target), {name for name, _ in rows})

    def test_dot_slash_is_dropped(self):
        self.take(self.make_zip([("./config.yaml", "x"), ("./a/b", "x")]))
        self.assertEqual(self.files(), {"config.yaml", "a/b"})


class WhichEntries(Rules):
    def test_runtime_files_are_preserved(self):
        names = ["gateway_state.json", "gateway.pid", "cron.pid", "gateway.lock", "processes.json"]
        hb.write(self.target / "gateway_state.json", b"live", 0o640, 10**18)
        hb.write(self.target / "profiles/a/gateway.lock", b"live")
        before = hb.tree(self.target, directory_times=False)
        rows = [("config.yaml", "x")] + [(n, "old") for n in names] + \
               [(f"profiles/a/{n}", "old") for n in names]
        done = self.take(self.make_zip(rows))
        after = hb.tree(self.target, directory_times=False)
        self.assertEqual(self.files(), {"config.yaml", "gateway_state.json",
                                        "profiles/a/gateway.lock"})
        for name in (b"gateway_state.json", b"profiles/a/gateway.lock"):
            self.assertEqual(after[name], before[name])
        self.assert_mentions(done, "gateway_state.json", "gateway.lock")
        said = done.stdout + done.stderr
        kept = said[said.index(b"Preserved"):].split(b"\n\n")[0]
        self.assertNotIn(b".pid", kept, "there is none in the home")
        self.assertNotIn(b"processes.json", kept)
        self.assertIn(b"left out: 8", said)

    def test_paths_that_lead_outside(self):
        outside = self.dir / "outside"
        hb.write(outside / "kept", b"old")
        hb.write(self.dir / "victim", b"old")
        self.target.mkdir()
        os.symlink(outside, self.target / "link")
        os.symlink("../outside", self.target / "relative")
        bad = ["../victim", "a/../../victim", str(self.dir / "victim"), "link/kept",
               "relative/kept", "link/new", "..", "a/../..", "relative/deeper/new"]
        for name in bad:
            with self.subTest(entry=name):
                before = hb.tree(outside), (self.dir / "victim").read_bytes()
                done = self.take(self.make_zip([("config.yaml", "x"), (name, "EVIL"),
                                                ("after", "x")]), 3)
                self.assert_mentions(done, name)
                self.assertEqual((hb.tree(outside), (self.dir / "victim").read_bytes()), before)
                self.assertTrue((self.target / "after").exists(), "the rest must go on")
                (self.target / "after").unlink()
                self.assertTrue((self.target / "link").is_symlink())

    def test_links_and_special_files_are_dropped(self):
        for name, kind in {"link": stat.S_IFLNK, "disk": stat.S_IFBLK, "device": stat.S_IFCHR,
                           "socket": stat.S_IFSOCK}.items():
            with self.subTest(kind=name):
                content = "/etc/passwd" if name == "link" else ""
                done = self.take(self.make_zip([("config.yaml", "x"),
                                                (entry(name, 0o777, kind), content)]), 3)
                self.assert_mentions(done, name)
                self.assertEqual(self.files(), {"config.yaml"})

    def test_what_has_content_is_a_file(self):
        """`mysqldump | zip dump.zip -` stores the mode of the pipe."""
        for kind in (stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR):
            with self.subTest(kind=kind):
                self.take(self.make_zip([("config.yaml", "x"), (entry("-", 0o640, kind), "a dump")]))
                self.assertTrue((self.target / "-").is_file())
                self.assertEqual((self.target / "-").read_bytes(), b"a dump")

    def test_a_link_of_the_archive_is_not_followed(self):
        away = self.dir / "away"
        away.mkdir()
        self.take(self.make_zip([("config.yaml", "x"), (entry("d", 0o777, stat.S_IFLNK), str(away)),
                                 ("d/evil", "x")]), 3)
        self.assertEqual(os.listdir(away), [])

    def test_links_inside_are_written_through(self):
        hb.write(self.target / "real/file", b"old")
        os.symlink("real/file", self.target / "relative")
        os.symlink(self.target / "real/file2", self.target / "absolute")
        hb.write(self.target / "real/file2", b"old")
        os.symlink("real", self.target / "directory")
        self.take(self.make_zip([("config.yaml", "x"), ("relative", "one"), ("absolute", "two"),
                                 ("directory/third", "three")]))
        self.assertEqual((self.target / "real/file").read_bytes(), b"one")
        self.assertEqual((self.target / "real/file2").read_bytes(), b"two")
        self.assertEqual((self.target / "real/third").read_bytes(), b"three")
        for name in ("relative", "absolute", "directory"):
            self.assertTrue((self.target / name).is_symlink(), name)

    def test_last_duplicate_counts(self):
        with self.assertWarns(UserWarning):
            archive = self.make_zip([("config.yaml", "x"), ("twice", "first"), ("twice", "second")])
        done = self.take(archive)
        self.assertEqual((self.target / "twice").read_bytes(), b"second")
        self.assert_mentions(done, "twice")

    def test_hard_links_are_to_what_stood_before_them(self):
        """As tar unpacks them, whatever has the same name later."""
        archive = self.dir / "links.tar"
        with tarfile.open(archive, "w") as stream:
            for name, data, link in (("config.yaml", b"x", None), ("a", b"one", None), ("b", b"", "a"),
                                     ("c", b"", "b"), ("a", b"two two", None), ("d", b"", "a"),
                                     ("b", b"three", None), ("e", b"", "b"), ("x", b"file", None),
                                     ("y", b"", "x"), ("x", b"", "a")):
                row = tarfile.TarInfo(name)
                row.size = len(data)
                if link is not None:
                    row.type, row.linkname = tarfile.LNKTYPE, link
                stream.addfile(row, io.BytesIO(data))
        judge, piped = self.dir / "judge", self.dir / "piped"
        judge.mkdir()
        self.tool("tar", "-C", judge, "-xf", archive)
        done = self.summary(self.hbcore("--home", self.target, "--json", "import", archive))
        with open(archive, "rb") as stream:
            self.hbcore("--home", piped, "import", "-", stdin=stream)
        for name in self.files(judge):
            self.assertEqual((self.target / name).read_bytes(), (judge / name).read_bytes(), name)
            self.assertEqual((piped / name).read_bytes(), (judge / name).read_bytes(), name)
        self.assertEqual(done["files"], len(self.files()), done)

    def test_hard_links_to_what_is_not_restored(self):
        archive = self.dir / "links.tar"
        with tarfile.open(archive, "w") as stream:
            stream.addfile(tarfile.TarInfo("config.yaml"))
            for name, link in (("dead", "nowhere"), ("deader", "dead"), ("itself", "itself")):
                row = tarfile.TarInfo(name)
                row.type, row.linkname = tarfile.LNKTYPE, link
                stream.addfile(row)
        for dry in (("--dry-run",), ()):
            done = self.summary(self.hbcore("--home", self.target, "--json", "import", archive, *dry, expect=3))
            self.assertEqual({row["path"] for row in done["skipped"]}, {"dead", "deader", "itself"}, done)
        self.assertEqual(self.files(), {"config.yaml"})

    def test_overlay(self):
        hb.write(self.target / "mine/kept", b"kept")
        self.take(self.make_zip([("config.yaml", "x"), ("mine/new", "x")]))
        self.assertEqual(self.files(), {"mine/kept", "mine/new", "config.yaml"})

    def test_missing_target_is_made(self):
        target = self.dir / "not/yet/there"
        self.take(self.make_zip([("config.yaml", "x")]), target=target)
        self.assertEqual(self.files(target), {"config.yaml"})

    def test_a_directory_in_the_way(self):
        (self.target / "blocked").mkdir(parents=True)
        hb.write(self.target / "file", b"x")
        done = self.take(self.make_zip([("config.yaml", "x"), ("blocked", "x"), ("file/below", "x"),
                                        ("zz", "x")]), 3)
        self.assert_mentions(done, "blocked", "file/below")
        self.assertEqual(self.files(), {"config.yaml", "file", "zz"})

    def test_a_pipe_or_socket_in_the_way(self):
        """It stays: a program may wait at it."""
        self.target.mkdir()
        os.mkfifo(self.target / "pipe")
        here = os.open(".", os.O_RDONLY)
        self.addCleanup(os.close, here)
        with socket.socket(socket.AF_UNIX) as listening:
            os.chdir(self.target)
            try:
                listening.bind("socket")  # its path would be too long, perhaps
            finally:
                os.fchdir(here)
            done = self.take(self.make_zip([("config.yaml", "x"), ("pipe", "x"), ("socket", "x"), ("zz", "x")]), 3)
        self.assert_mentions(done, "pipe: there is a socket, pipe or device in its place", "socket: there is")
        self.assertTrue((self.target / "pipe").is_fifo())
        self.assertTrue((self.target / "socket").is_socket())
        self.assertEqual(self.files(), {"config.yaml", "pipe", "socket", "zz"})

    def test_names_in_code_page_437(self):
        path = self.make_zip([("config.yaml", "x"), (self.made_by(0, "caf@.txt"), "x")])
        data = path.read_bytes()
        self.assertEqual(data.count(b"caf@.txt"), 2)
        path.write_bytes(data.replace(b"caf@.txt", b"caf\x82.txt"))
        self.take(path)
        self.assertEqual(self.files(), {"config.yaml", "café.txt"})

    def test_names_of_bytes_from_unix(self):
        path = self.make_zip([("config.yaml", "x"), (self.made_by(3, "caf@.txt"), "x"), (self.made_by(19, "@@"), "x")])
        path.write_bytes(path.read_bytes().replace(b"caf@.txt", b"caf\xe9.txt").replace(b"@@", b"\xfc\xff"))
        self.take(path)
        self.assertEqual(set(os.listdir(os.fsencode(self.target))) & {b"caf\xe9.txt", b"\xfc\xff"},
                         {b"caf\xe9.txt", b"\xfc\xff"})
        self.assertEqual(self.hbcore("cat", path, b"caf\xe9.txt").stdout, b"x")

    @staticmethod
    def made_by(system, name, attributes=0):
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = system, attributes
        return info


class Modes(Rules):
    def test_secrets(self):
        hb.write(self.target / ".env", b"old", 0o666)
        self.take(self.make_zip([("config.yaml", "x"), (entry(".env", 0o644), "x"),
                                 (entry("profiles/a/auth.json", 0o777), "x"),
                                 (entry("deep/.env", 0o604), "x")]), umask=0)
        for name in (".env", "profiles/a/auth.json", "deep/.env"):
            self.assertEqual(self.mode(name), oct(0o600), name)

    def test_existing_mode_is_kept(self):
        hb.write(self.target / "script", b"old", 0o750)
        self.take(self.make_zip([("config.yaml", "x"), (entry("script", 0o644), "x")]))
        self.assertEqual(self.mode("script"), oct(0o750))

    def test_mode_of_the_archive(self):
        self.take(self.make_zip([("config.yaml", "x"), (entry("script", 0o755), "x"),
                                 (entry("plain", 0o640), "x")]), umask=0o077)
        self.assertEqual(self.mode("script"), oct(0o755))
        self.assertEqual(self.mode("plain"), oct(0o640))

    def test_never_setuid(self):
        self.take(self.make_zip([("config.yaml", "x"), (entry("s", 0o6755), "x"),
                                 (entry("t", 0o1777), "x")]))
        self.assertEqual(self.mode("s"), oct(0o755))
        self.assertEqual(self.mode("t"), oct(0o777))

    def test_setgid_and_sticky_of_directories(self):
        """In new trees, in what is there, and below a default access list; never setuid, and what exists keeps its own."""
        home, modes = self.dir / "home", {"drop": 0o1777, "drop/in": 0o1733, "team": 0o2770, "both": 0o3775, "set": 0o4755}
        hb.write(home / "config.yaml", b"x")
        for name, mode in modes.items():
            hb.write(home / name / "file", b"x", 0o644)
            (home / name).chmod(mode)
        (home / "team/file").chmod(0o6755)
        for form in ("zip", "tar-zstd"):
            archive = self.backup(home, f"modes.{form}.{'zip' if form == 'zip' else 'tar.zst'}", "--format", form)
            for what in ("new", "there", "list"):
                if what == "list" and shutil.which("setfacl") is None:
                    continue
                with self.subTest(form=form, what=what):
                    shutil.rmtree(self.target, ignore_errors=True)
                    self.target.mkdir()
                    expected = {name: oct(mode & 0o3777) for name, mode in modes.items()}
                    if what == "there":
                        (self.target / "drop").mkdir()
                        (self.target / "drop").chmod(0o700)
                        expected["drop"] = oct(0o700)
                    elif what == "list":
                        self.tool("setfacl", "-d", "-m", "u::rwx,g::rwx,o::rwx", self.target)
                    self.take(archive, umask=0o022)
                    self.assertEqual({name: self.mode(name) for name in modes}, expected)
                    self.assertEqual(self.mode("team/file"), oct(0o755))

    def test_no_mode_in_the_archive(self):
        info = zipfile.ZipInfo("plain")
        info.create_system, info.external_attr = 0, 0
        with zipfile.ZipFile(self.dir / "dos.zip", "w") as made:
            made.writestr(entry("config.yaml"), "x")
            made.writestr(info, "x")
        # writestr() gives an entry without a mode one of its own.
        data = (self.dir / "dos.zip").read_bytes()
        at = data.rindex(b"PK\x01\x02")
        data = data[:at + 38] + bytes(4) + data[at + 42:]
        (self.dir / "dos.zip").write_bytes(data)
        self.take(self.dir / "dos.zip", umask=0o027)
        self.assertEqual(self.mode("plain"), oct(0o640))

    def test_read_only_on_windows(self):
        """As with other files without a mode, the umask says who may read them."""
        rows = [("config.yaml", "x")]
        for name, attributes in (("r", 0x21), ("w", 0x20), ("d/", 0x11), ("d/r", 0x01), (".env", 0x01)):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 0, attributes
            rows.append((info, "" if name == "d/" else "x"))
        archive = self.make_zip(rows)
        self.take(archive, umask=0o022)
        self.assertEqual([self.mode(name) for name in ("r", "w", "d", "d/r", ".env")],
                         [oct(mode) for mode in (0o444, 0o644, 0o755, 0o444, 0o600)])
        self.take(archive, target=self.dir / "closed", umask=0o077)
        self.assertEqual(stat.S_IMODE((self.dir / "closed" / "r").stat().st_mode), 0o400)


class Snapshots(hb.Case):
    """A directory of that name is the user's own, unless quick snapshots are made in it."""

    config = hb.GENERIC

    def test_whose_directory_it_is(self):
        home, new, archive = self.dir / "home", self.dir / "new", self.dir / "a.zip"
        hb.write(home / "snapshots/of-the-sea.txt", b"waves")
        hb.write(home / "a", b"1")
        self.hbcore("--home", home, "backup", "-o", archive)
        self.hbcore("verify", archive)
        self.hbcore("--home", new, "import", archive)
        self.assert_same_tree(home, new)
        in_use, other = ("--set", "snapshot.files=a"), self.dir / "other"
        for words in (("verify", archive), ("--home", other, "import", archive)):
            self.assert_mentions(self.hbcore(*in_use, "-v", *words), "snapshots/of-the-sea.txt: would lie in the directory")
            self.assert_mentions(self.hbcore(*in_use, *words, *(["--force"] if words[-2] == "import" else [])),
                                 "Files left out: 1 (-v lists them)")
        self.assertEqual(sorted(name for _, _, names in os.walk(other) for name in names if name != ".hbcore-id"), ["a"])

    def test_an_untouched_backup_is_complete(self):
        """Where no filter leaves snapshots out: also those of what is excluded, and none is written anywhere."""
        home, archive = self.dir / "home", self.dir / "a.zip"
        hb.write(home / "a", b"1")
        in_use = ("--set", "snapshot.files=a", "--home")
        self.hbcore(*in_use, home, "snapshot", "create")
        before = hb.tree(home, directory_times=False)
        backed_up = self.summary(self.hbcore(*in_use, home, "--json", "backup", "-o", archive))
        self.assertEqual(backed_up["status"], "complete")
        for new, words in ((home, ["verify"]), (home, ["import", "--dry-run"]), (home, ["import", "-f"]),
                           (self.dir / "new", ["import"]), (self.dir / "some", ["import", "--include", "/a"])):
            done = self.summary(self.hbcore(*in_use, new, "--json", *words[:1], archive, *words[1:]))
            self.assertEqual((done["status"], done["skipped"], done["doubtful"]), ("complete", [], []), words)
            left_out = [row["path"] for row in done["left_out"]]
            self.assertEqual(all(name.startswith("snapshots/") for name in left_out), True, left_out)
            self.assertEqual(bool(left_out), "--include" not in words)
            self.assertEqual(list(new.rglob("snapshots/*/*")) == [], new != home, words)
        self.assertEqual(hb.tree(home, directory_times=False), before)


@unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
class Owners(Rules):
    def test_root_leaves_files_to_whom_they_belong(self):
        hb.write(self.target / "existing", b"old", 0o600)
        hb.write(self.target / "theirs/old", b"old", 0o600)
        os.chown(self.target, 1000, 1000)
        os.chown(self.target / "existing", 1001, 1001)
        os.chown(self.target / "theirs", 1002, 1002)
        self.take(self.make_zip([("config.yaml", "x"), ("existing", "new"), ("theirs/new", "x"),
                                 ("made/deep/new", "x")]))
        owners = {name: (self.target / name).stat().st_uid
                  for name in ("config.yaml", "existing", "theirs/new", "made", "made/deep/new")}
        self.assertEqual(owners, {"config.yaml": 1000, "existing": 1001, "theirs/new": 1002,
                                  "made": 1000, "made/deep/new": 1000})


class Damaged(Rules):
    def setUp(self):
        super().setUp()
        self.source = self.make_home("source")
        hb.write(self.target / "config.yaml", b"old")
        hb.write(self.target / "noise.bin", b"old")

    def refused(self, archive):
        before = self.content(self.target)
        self.take(archive, 1)
        self.assertEqual(hb.differences(before, self.content(self.target)), [])
        self.assert_nothing_left()

    def test_flipped_bit(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            archive = self.backup(self.source, "d" + suffix, "--format", fmt)
            data = bytearray(archive.read_bytes())
            where = data.find(hb.hashlib.shake_256(b"source").digest(16))
            self.assertGreater(where, 0)
            for at in (where, where + 50_000):
                with self.subTest(format=fmt, at=at):
                    data[at] ^= 1
                    archive.write_bytes(data)
                    data[at] ^= 1
                    self.refused(archive)

    def test_truncated(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            archive = self.backup(self.source, "d" + suffix, "--format", fmt)
            data = archive.read_bytes()
            for length in (len(data) // 3, len(data) - 30):
                with self.subTest(format=fmt, length=length):
                    archive.write_bytes(data[:length])
                    self.refused(archive)

    def test_truncated_over_a_pipe(self):
        for fmt in ("zip", "tar-zstd"):
            with self.subTest(format=fmt):
                sent = self.hbcore("--home", self.source, "backup", "--format", fmt, "-o",
                                   "-").stdout
                before = self.content(self.target)
                self.hbcore("--home", self.target, "import", "-", "--force",
                            input=sent[:len(sent) * 2 // 3], expect=1)
                self.assertEqual(hb.differences(before, self.content(self.target)), [])

    def test_headers_disagree_about_a_name(self):
        path = self.make_zip([("config.yaml", "x"), ("shown.txt", "x")])
        data = path.read_bytes()
        path.write_bytes(data.replace(b"shown.txt", b"other.txt", 1))
        self.refused(path)

    def test_headers_disagree_about_a_checksum(self):
        path = self.make_zip([("config.yaml", "x"), ("shown.txt", "content")])
        data = bytearray(path.read_bytes())
        data[data.rindex(b"PK\x01\x02") + 16] ^= 1
        path.write_bytes(data)
        self.refused(path)


class BackupFirst(hb.Case):
    """import --backup-first: the way back is there before anything is replaced."""

    def homes(self):
        old, new = self.dir / "home", self.dir / "new"
        for home, text in ((old, b"old\n"), (new, b"new\n")):
            hb.write(home / "config.yaml", text)
            hb.write(home / f"only-{text.strip().decode()}", text)
        self.make_database(old / "state.db", rows=10)
        self.make_database(new / "state.db", rows=20)
        return old, self.backup(new, "new.zip")

    def test_way_back(self):
        home, archive = self.homes()
        done = self.summary(self.hbcore("--json", "--home", home, "import", "--force",
                                        "--backup-first", archive))
        self.assertEqual((home / "config.yaml").read_bytes(), b"new\n")
        way_back = pathlib.Path(done["way_back"])
        self.assertEqual(way_back.parent, home / "backups")
        self.assertTrue(way_back.name.startswith("pre-import-20"), way_back)
        self.hbcore("--home", self.dir / "again", "import", way_back)
        self.assertEqual((self.dir / "again/config.yaml").read_bytes(), b"old\n")
        self.assertEqual(len(self.database_rows(self.dir / "again/state.db")), 10)
        self.assertEqual(len(self.database_rows(home / "state.db")), 20)

    def test_an_incomplete_way_back_stops_it(self):
        home, archive = self.homes()
        (home / "broken").symlink_to(self.dir / "outside")
        hb.write(self.dir / "outside", b"x")
        before = self.content(home)
        done = self.hbcore("--home", home, "import", "--force", "--backup-first", archive, expect=1)
        self.assert_mentions(done, "incomplete", "broken", "nothing was imported")
        after = self.content(home)
        self.assertEqual({name: row for name, row in after.items()
                          if not name.startswith(b"backups")}, before)

    def test_damaged_archives_make_none(self):
        home, archive = self.homes()
        data = bytearray(archive.read_bytes())
        data[60] ^= 1
        archive.write_bytes(data)
        before = self.content(home)
        self.hbcore("--home", home, "import", "--force", "--backup-first", archive, expect=1)
        self.assertEqual(self.content(home), before)

    def test_no_such_preset(self):
        home, archive = self.homes()
        done = self.hbcore("--set", "import.backup-preset=other", "--home", home, "import",
                           "--force", "--backup-first", archive, expect=None)
        self.assertIn(done.returncode, (1, 2))
        self.assert_mentions(done, "preset", "other")

    def test_a_preset_by_name(self):
        home, _ = self.homes()
        done = self.summary(self.hbcore("--json", "--home", home, "backup", "--preset",
                                        "pre-import"))
        self.assertRegex(done["archive"], rf"/home/backups/pre-import-{odd_store.STAMP}(-\d+)?\.zip$")
        done = self.hbcore("--home", home, "backup", "--preset", "nothing", expect=2)
        self.assert_mentions(done, "no preset 'nothing'")


class Links(Rules):
    """Into a home with links of all kinds."""

    config = hb.GENERIC

    def test_a_link_to_its_own_name_elsewhere(self):
        """It takes one file elsewhere, not those that come after it."""
        for name in ("a", "b.db", "c", "d.db", "e"):
            for folder, word in (("source/p", b"new"), ("target/p", b"old"), ("target/shared", b"shared")):
                path = self.dir / folder / name
                if name.endswith(".db"):
                    self.make_database(path, rows=len(word) * 10)
                else:
                    hb.write(path, word)
        for name in ("a", "b.db"):
            (self.target / "p" / name).unlink()
            (self.target / "p" / name).symlink_to(f"../shared/{name}")
        for fmt in ("zip", "tar-zstd"):
            for workers in (1, 2, 8):
                with self.subTest(format=fmt, workers=workers):
                    archive = self.backup(self.dir / "source", f"{fmt}-{workers}", "--format", fmt)
                    target = self.dir / f"{fmt}-{workers}"
                    self.tool("cp", "-a", self.target, target)
                    self.hbcore("--home", target, "--set", f"backup.workers={workers}", "import",
                                f"{archive}{SUFFIXES[fmt]}", "--force")
                    for name in ("a", "c", "e"):
                        self.assertEqual((target / "p" / name).read_bytes(), b"new", name)
                        self.assertEqual((target / "shared" / name).read_bytes(),
                                         b"new" if name == "a" else b"shared", name)
                    for name in ("b.db", "d.db"):
                        self.assertEqual(len(self.database_rows(target / "p" / name)), 30, name)
                        self.assertEqual(len(self.database_rows(target / "shared" / name)),
                                         30 if name == "b.db" else 60, name)

    def test_links_of_any_kind(self):
        """Each file ends where the kernel would have written it, and nothing else changes."""
        dice = random.Random(11)
        names = ["a", "b", "c"]
        paths = [f"{one}/{other}" for one in names for other in names] + ["x", "y", "z"]
        for number in range(40):
            source, target, oracle = (self.dir / f"{number}/{what}" for what in ("source", "target", "oracle"))
            for path in paths:
                if dice.random() < 0.7:
                    hb.write(source / path, f"new {path}".encode())
                kind = dice.random()
                if kind < 0.4:
                    hb.write(target / path, f"old {path}".encode())
                elif kind < 0.8:
                    (target / path).parent.mkdir(parents=True, exist_ok=True)
                    up = "../" if "/" in path else ""
                    (target / path).symlink_to(up + dice.choice(paths))
            hb.write(source / "last", b"new last")
            target.mkdir(exist_ok=True)
            self.tool("cp", "-a", target, oracle)
            archive = self.backup(source, name=f"{number}.zip")
            done = self.hbcore("--home", target, "--json", "--set",
                               f"backup.workers={dice.choice((1, 2, 8))}", "import", archive,
                               "--force", expect=None)
            skipped = {row["path"] for row in self.summary(done)["skipped"]}
            # In the order of the archive; links to links and those that lead nowhere are followed, too.
            ends = {}
            for path in zipfile.ZipFile(archive).namelist():
                if path.endswith("/") or path in skipped:
                    continue
                end = os.path.realpath(oracle / path)
                ends.setdefault(end, set()).add(f"new {path}".encode())
            for path, contents in ends.items():
                os.makedirs(os.path.dirname(path), exist_ok=True)
                here = path.replace(str(oracle), str(target))
                self.assertIn(pathlib.Path(here).read_bytes(), contents, (number, path))
                shutil.copyfile(here, path)
            self.assertEqual(self.look(target), self.look(oracle), number)

    @staticmethod
    def look(root):
        return {str(path.relative_to(root)): os.readlink(path) if path.is_symlink()
                else path.read_bytes() if path.is_file() else None
                for path in pathlib.Path(root).rglob("*")}

    def test_what_is_refused_makes_no_directories(self):
        hb.write(self.dir / "source/l", b"new")
        archive = self.backup(self.dir / "source")
        for number, link in enumerate(("c/.", "c/d/..", "c/d/../../..", "c/d/../../../outside/x", "c/d/e/.")):
            with self.subTest(link=link):
                target = self.dir / f"target-{number}"
                target.mkdir()
                (target / "l").symlink_to(link)
                self.take(archive, expect=3, target=target)
                self.assertEqual([path.name for path in target.rglob("*")], ["l"])


class OfOthers(Rules):
    def test_what_was_not_replaced_is_not_called_so(self):
        """Another user's link leads to a file of root's that this import has just written: it is skipped, and no more."""
        if os.geteuid() != 0:
            self.skip("only root works in another user's directory with his rights")
        hb.write(self.target / ".env", b"K", 0o600)
        hb.write(self.target / "config.yaml", b"model: x\n")
        hb.write(self.target / "sub/f", b"f")
        archive = self.backup(self.target)
        (self.target / "sub/f").unlink()
        (self.target / "sub/f").symlink_to(self.target / ".env")
        for path in (self.target / "sub", self.target / "sub/f"):
            os.lchown(path, hb.NOBODY, hb.NOBODY)
        for path in (self.dir, self.target):
            path.chmod(0o755)
        done = self.take(archive, 3)
        self.assert_mentions(done, "sub/f: Permission denied")
        self.assertNotIn(b"was written to", done.stdout + done.stderr)
        self.assertEqual((self.target / ".env").read_bytes(), b"K")


if __name__ == "__main__":
    unittest.main()
