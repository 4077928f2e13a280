# SPDX-License-Identifier: Apache-2.0
"""What scripts may rely on: options, exit codes, JSON, and what goes to which stream."""
import io
import json
import os
import pathlib
import pwd
import re
import shlex
import signal
import sqlite3
import stat
import subprocess
import time
import unittest
import zipfile

import hb

DEFAULT_NAME = re.compile(r"^hermes-backup-\d{4}-\d\d-\d\d-\d{6}\.zip$")


class Output(hb.Case):
    """backup -o in all its forms."""

    def setUp(self):
        super().setUp()
        self.home = self.make_home()

    def made(self, *arguments, expect=0, **keywords):
        return self.summary(self.hbcore("--home", self.home, "--json", "backup", *arguments,
                                        expect=expect, **keywords))["archive"]

    def test_default_is_the_users_directory(self):
        archive = self.made()
        self.assertEqual(os.path.dirname(archive), str(self.user))
        self.assertRegex(os.path.basename(archive), DEFAULT_NAME)
        self.assertTrue(zipfile.is_zipfile(archive))

    def test_directory(self):
        (self.dir / "into").mkdir()
        archive = self.made("-o", self.dir / "into")
        self.assertEqual(os.path.dirname(archive), str(self.dir / "into"))
        self.assertRegex(os.path.basename(archive), DEFAULT_NAME)

    def test_suffix(self):
        for given, expected in {"plain": "plain.zip", "my.backup": "my.backup.zip",
                                "X.ZIP": "X.ZIP", "y.zip": "y.zip", "z.tar.zst": "z.tar.zst.zip"}.items():
            with self.subTest(given=given):
                archive = self.made("-o", self.dir / "o" / given)
                self.assertEqual(archive, str(self.dir / "o" / expected))
                self.assertTrue(zipfile.is_zipfile(archive))

    def test_a_suffix_of_another_format(self):
        for given, options, said in (
                ("z.tar.zst", (), "tar-zstd"), ("Z.TAR.ZST", (), "tar-zstd"),
                ("y.zip", ("--format", "tar-zstd"), "zip"), ("y.zip", (), None),
                ("z.zip.tar.zst", ("--format", "tar-zstd"), None), ("x.tar", (), None)):
            with self.subTest(given=given, options=options):
                done = self.hbcore("--home", self.home, "--json", "backup", *options, "-o",
                                   self.dir / "o" / given)
                notes = [note["reason"] for note in self.summary(done)["notes"]]
                self.assertEqual(len(notes), 0 if said is None else 1, notes)
                if said is not None:
                    self.assertIn(f"use --format {said}", notes[0])

    def test_tilde_and_missing_parents(self):
        archive = self.made("-o", "~/some/where/new")
        self.assertEqual(archive, str(self.user / "some/where/new.zip"))
        self.assertTrue(os.path.exists(archive))

    def test_replaces_without_asking(self):
        target = self.dir / "a.zip"
        hb.write(target, b"old", 0o644)
        self.made("-o", target)
        self.assertTrue(zipfile.is_zipfile(target))
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o600)

    def test_through_a_link(self):
        hb.write(self.dir / "real/kept.zip", b"old")
        os.symlink("real/kept.zip", self.dir / "link.zip")
        self.made("-o", self.dir / "link.zip")
        self.assertEqual(os.readlink(self.dir / "link.zip"), "real/kept.zip")
        self.assertTrue(zipfile.is_zipfile(self.dir / "real/kept.zip"))
        self.assertEqual(os.listdir(self.dir / "real"), ["kept.zip"])

    def test_a_link_to_a_file_of_the_home(self):
        """It is live; an archive there is replaced."""
        for name, code in ("config.yaml", 1), ("old.zip", 0):
            hb.write(self.home / name, b"live")
            (self.dir / "live.zip").unlink(missing_ok=True)
            os.symlink(self.home / name, self.dir / "live.zip")
            self.hbcore("--home", self.home, "backup", "-o", self.dir / "live.zip", expect=code)
            self.assertEqual((self.home / name).read_bytes() == b"live", code == 1)

    def test_mode_is_private_whatever_the_umask(self):
        for umask in (0, 0o022, 0o277):
            with self.subTest(umask=oct(umask)):
                archive = self.made("-o", self.dir / f"m{umask}.zip", umask=umask)
                self.assertEqual(oct(stat.S_IMODE(os.stat(archive).st_mode)), oct(0o600))

    def test_standard_output_holds_the_archive_alone(self):
        for extra in ((), ("--json",), ("--progress", "always"), ("-v",)):
            with self.subTest(options=extra):
                done = self.hbcore("--home", self.home, *extra, "backup", "-o", "-")
                with zipfile.ZipFile(io.BytesIO(done.stdout)) as opened:
                    self.assertIsNone(opened.testzip())
                    self.assertEqual(opened.read("sub/deep/file.txt"),
                                     (self.home / "sub/deep/file.txt").read_bytes())
                if extra == ("--json",):
                    row = json.loads(done.stderr.splitlines()[-1])
                    self.assertEqual((row["type"], row["archive"]), ("summary", "-"))

    def test_archive_inside_the_home_is_not_in_itself(self):
        archive = self.made("-o", self.home / "self.zip")
        self.made("-o", self.home / "self.zip")
        with zipfile.ZipFile(archive) as opened:
            self.assertNotIn("self.zip", opened.namelist())
            self.assertEqual([n for n in opened.namelist() if "hbcore" in n], [])

    def test_unwritable_place(self):
        hb.write(self.dir / "file", b"x")
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "file/below/a.zip",
                           expect=1)
        self.assert_mentions(done, self.dir / "file")

    def test_same_bytes_twice(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            found, before = set(), set()
            for run, (workers, environment) in enumerate(
                    [("1", {}), ("3", {}), ("3", {"SOURCE_DATE_EPOCH": "1800000000"}),
                     ("1", {"TZ": "Asia/Tokyo"})]):
                archive = self.dir / f"{run}{suffix}"
                self.hbcore("--set", f"backup.workers={workers}", "--home", self.home, "backup",
                            "--format", fmt, "-o", archive, env=environment)
                before.add(hb.Trailer(archive.read_bytes()).before)
                if "SOURCE_DATE_EPOCH" not in environment:
                    found.add(hb.timeless(archive.read_bytes()))
            with self.subTest(format=fmt):
                # DOS times in a zip are local times; all else is the same everywhere.
                self.assertLessEqual(len(found), 1 if fmt == "tar-zstd" else 2)
                self.assertLessEqual(len(before), 1 if fmt == "tar-zstd" else 2)

    def test_reproducible_to_the_last_byte(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            made = []
            for run in range(2):
                self.hbcore("--home", self.home, "backup", "--format", fmt, "-o",
                            self.dir / f"{run}{suffix}", env={"SOURCE_DATE_EPOCH": "1800000000"})
                made.append((self.dir / f"{run}{suffix}").read_bytes())
                os.remove(self.home / hb.HOME_ID)
            self.assertEqual(made[0], made[1])
            self.assertIsNone(hb.origin(self.dir / f"0{suffix}"))

    def test_source_date_epoch_is_the_latest_time(self):
        os.utime(self.home / "noise.bin", (1_750_000_000, 1_750_000_000))
        archive = self.backup(self.home, "e.tar.zst", "--format", "tar-zstd",
                              env={"SOURCE_DATE_EPOCH": "1600000500"})
        self.tool("bsdtar", "-xpf", archive, "-C", self.user)
        self.assertEqual((self.user / "noise.bin").stat().st_mtime, 1_600_000_500)

    def test_same_bytes_in_one_time_zone(self):
        first = self.backup(self.home, "1.zip", env={"TZ": "Asia/Tokyo"})
        second = self.backup(self.home, "2.zip", env={"TZ": "Asia/Tokyo"})
        self.assertEqual(hb.timeless(first.read_bytes()), hb.timeless(second.read_bytes()))


class Commands(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()

    def test_json_of_backup(self):
        (self.home / "__pycache__").mkdir()
        hb.write(self.home / "__pycache__/x.py", b"x")
        self.make_database(self.home / "state.db")
        done = self.hbcore("--home", self.home, "--json", "backup", "-o", self.dir / "a.zip")
        summary = self.summary(done)
        files = [name for name, row in hb.tree(self.home).items()
                 if row[0].startswith("-") and b"__pycache__" not in name]
        for key, value in {"type": "summary", "command": "backup", "status": "complete",
                           "archive": str(self.dir / "a.zip"), "format": "zip",
                           "files": len(files), "excluded_dirs": ["__pycache__"], "skipped": [],
                           "archive_bytes": (self.dir / "a.zip").stat().st_size,
                           "databases": [{"path": "state.db", "method": "snapshot",
                                          "check": "ok"}]}.items():
            self.assertEqual(summary.get(key), value, f"{key} in {summary}")
        self.assertEqual(summary["bytes"], sum((self.home / os.fsdecode(n)).stat().st_size
                                               for n in files))
        self.assertIsInstance(summary["seconds"], (int, float))

    def test_json_of_the_others(self):
        archive = self.backup(self.home)
        files = sum(row[0].startswith("-") for row in hb.tree(self.home).values())
        for command, arguments in {"import": [archive, "--force"], "list": [archive],
                                   "verify": [archive]}.items():
            with self.subTest(command=command):
                done = self.hbcore("--home", self.dir / "t", "--json", command, *arguments)
                summary = self.summary(done)
                self.assertEqual(summary["command"], command)
                self.assertEqual(summary["status"], "complete", summary)
                self.assertEqual(summary["files"], files, summary)
                self.assertEqual(summary["archive"], str(archive), summary)

    def test_list(self):
        archive = self.backup(self.home)
        names = self.hbcore("list", archive).stdout.decode().splitlines()
        files = {name.decode() for name, row in hb.tree(self.home).items() if row[0][0] == "-"}
        self.assertEqual({name for name in names if not name.endswith("/")}
                         - {"hollow", "hollow2/inner"}, files)
        for name in ("sub/deep/file.txt", "read-only.txt", "bin/run.sh"):
            self.assertIn(name, names)
        rows = self.hbcore("list", archive, "--long").stdout.decode()
        row = next(row for row in rows.splitlines() if row.endswith("bin/run.sh"))
        self.assertIn("rwxr-xr-x", row)
        self.assertIn(str((self.home / "bin/run.sh").stat().st_size), row)

    def test_list_of_special_modes(self):
        for number, (mode, shown) in enumerate(((0o1777, "drwxrwxrwt"), (0o2755, "drwxr-sr-x"), (0o3770, "drwxrws--T"),
                                                (0o2705, "drwx--Sr-x"))):
            (self.home / f"d{number}").mkdir()
            (self.home / f"d{number}").chmod(mode)
        for form in ("zip", "tar-zstd"):
            archive = self.backup(self.home, f"s-{form}.x", "--format", form)
            suffix = {"zip": ".zip", "tar-zstd": ".tar.zst"}[form]
            rows = self.hbcore("list", "--long", f"{archive}{suffix}").stdout.decode().splitlines()
            found = [row.split()[0] for row in rows if row.split()[-1].startswith("d") and row.endswith("/")]
            self.assertEqual(found, ["drwxrwxrwt", "drwxr-sr-x", "drwxrws--T", "drwx--Sr-x"])

    def test_cat(self):
        archive = self.backup(self.home)
        self.assertEqual(self.hbcore("cat", archive, "zeros.bin").stdout, bytes(300_000))
        self.assertEqual(self.hbcore("cat", archive, "sub/empty").stdout, b"")
        done = self.hbcore("cat", archive, "sub/deep/file.tx", expect=1)
        self.assertEqual(done.stdout, b"")
        self.assert_mentions(done, "sub/deep/file.tx")

    def test_cat_of_a_directory(self):
        """Also as `hbcore list` writes it, and where the archive has nothing but what lies below."""
        bare = self.dir / "bare.zip"
        with zipfile.ZipFile(bare, "w") as archive:
            archive.writestr("sub/deep/file.txt", b"x")
        for path in (self.backup(self.home), bare):
            for name in ("sub", "sub/", "./sub/deep/", "sub/deep//"):
                done = self.hbcore("cat", path, name, expect=1)
                self.assertEqual(done.stdout, b"")
                self.assert_mentions(done, f"{name} is not a file but a directory")
            for name in ("su/", "sub/deep/file.txt/", "sub/deep/file"):
                self.assert_mentions(self.hbcore("cat", path, name, expect=1), "has no member " + name)

    def test_verify_sees_a_flipped_bit(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            archive = self.backup(self.home, "v" + suffix, "--format", fmt)
            self.hbcore("verify", archive)
            data = bytearray(archive.read_bytes())
            where = data.find(hb.hashlib.shake_256(b"home").digest(64)[:16])
            self.assertGreater(where, 0, "noise.bin should be stored as it is")
            for at in (where, where + 30_000, where + 69_999):
                with self.subTest(format=fmt, at=at):
                    data[at] ^= 4
                    broken = self.dir / ("broken" + suffix)
                    broken.write_bytes(data)
                    data[at] ^= 4
                    done = self.hbcore("verify", broken, expect=1)
                    self.assert_mentions(done, broken)

    def test_verify_lists_all_damage(self):
        home = self.dir / "rescue"
        content = {f"{name}.bin": os.urandom(3_000_000) for name in "abcdefgh"}
        for name, data in content.items():
            hb.write(home / name, data)
        for form, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            archive = self.backup(home, "rescue" + suffix, "--format", form)
            data = bytearray(archive.read_bytes())
            for name in ("b.bin", "g.bin"):
                data[data.find(content[name][1_000_000:1_000_100])] ^= 1
            archive.write_bytes(data)
            done = self.hbcore("verify", archive, expect=1)
            self.assert_mentions(done, "Damaged (2)", "b.bin: ", "g.bin: ", "checksum",
                                 f"cat {archive} MEMBER")
            self.assertNotIn(b"c.bin", done.stderr)
            lines = [json.loads(line) for line in self.hbcore("--json", "verify", archive,
                                                              expect=1).stdout.splitlines()]
            self.assertEqual([(line["type"], line.get("path")) for line in lines],
                             [("damaged", "b.bin"), ("damaged", "g.bin"), ("error", None)])
            for name, whole in content.items():
                bad = name in ("b.bin", "g.bin")
                done = self.hbcore("cat", archive, name, expect=1 if bad else 0)
                self.assertTrue(bad or done.stdout == whole, name)
            self.hbcore("--home", self.dir / "rescued", "import", archive, expect=1)
            self.assertFalse((self.dir / "rescued").exists())

    def test_verify_sees_truncation(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            archive = self.backup(self.home, "v" + suffix, "--format", fmt)
            data = archive.read_bytes()
            for length in (0, 1, 100, len(data) // 2, len(data) - 1):
                with self.subTest(format=fmt, length=length):
                    broken = self.dir / ("short" + suffix)
                    broken.write_bytes(data[:length])
                    self.hbcore("verify", broken, expect=1)

    def test_dry_run_of_backup(self):
        before = hb.tree(self.dir)
        done = self.hbcore("--home", self.home, "--json", "backup", "--dry-run", "-o",
                           self.dir / "n.zip")
        self.assert_unchanged(before, self.dir)
        self.assertEqual(self.summary(done)["files"],
                         sum(row[0].startswith("-") for row in hb.tree(self.home).values()))

    def test_dry_run_of_import(self):
        archive = self.backup(self.make_home("other"))
        before = hb.tree(self.dir)
        self.hbcore("--home", self.home, "import", archive, "--dry-run")
        self.hbcore("--home", self.dir / "missing", "import", archive, "--dry-run")
        self.assert_unchanged(before, self.dir)

    def test_missing_home(self):
        done = self.hbcore("--home", self.dir / "none", "backup", "-o", self.dir / "a.zip",
                           expect=1)
        self.assert_mentions(done, self.dir / "none")
        self.assertFalse((self.dir / "a.zip").exists())

    def test_nothing_to_back_up(self):
        empty = self.dir / "empty"
        hb.write(empty / "__pycache__/x.pyc", b"x")
        done = self.hbcore("--home", empty, "backup", "-o", self.dir / "a.zip")
        self.assert_mentions(done, "nothing")
        self.assertFalse((self.dir / "a.zip").exists())
        self.assertIn(b"no archive was made", done.stdout)
        for words, code, said in ((("-o", "-"), 1, "no archive was written to -"), (("-o", "-", "--dry-run"), 0, "nothing"),
                                  (("--preset", "pre-update"), 0, "nothing")):
            done = self.hbcore("--home", empty, "backup", *words, expect=code)
            self.assert_mentions(done, said)
            self.assertTrue(words[:2] != ("-o", "-") or done.stdout == b"", words)
        self.assertFalse((empty / "backups").exists())
        summary = self.summary(self.hbcore("--home", empty, "--json", "backup", "-o", self.dir / "a.zip"))
        self.assertEqual((summary["archive"], summary["files"]), (None, 0))

    def test_directories_for_an_archive_that_fails(self):
        """What was made for it goes again; what was there, or holds something, stays."""
        there = self.dir / "there"
        there.mkdir()
        self.home.joinpath("broken.db").write_bytes(b"SQLite format 3\0" + bytes(200_000))
        only = self.dir / "only"
        hb.write(only / "broken.db", b"SQLite format 3\0" + bytes(200_000))
        stage = ("--set", f"backup.stage-dir={self.dir}/none")
        for path in (there / "new/a/b/x.zip", there / "new/", there / "x.zip", "~/new/x.zip"):
            done = self.hbcore("--home", self.home, *stage, "backup", "-o", f"{path}{'/' * (path == there / 'new/')}",
                               expect=None)
            self.assertEqual(done.returncode, 1, self.describe(done))
            self.assertEqual((list(there.iterdir()), list(self.user.glob("new"))), ([], []))
        done = self.hbcore("--home", self.home, *stage, "backup", "--preset", "pre-update", expect=1)
        self.assertFalse((self.home / "backups").exists())
        self.backup(self.home, "there/new/good.zip", expect=3)
        self.hbcore("--home", self.home, *stage, "backup", "-o", there / "new/more/x.zip", expect=1)
        self.assertEqual(os.listdir(there / "new"), ["good.zip"])

    def test_wrong_use(self):
        archive = self.backup(self.home)
        for arguments in (["bakup"], [], ["backup", "--no-such-option"], ["backup", "extra"],
                          ["import"], ["import", archive, "extra"], ["cat", archive],
                          ["list", archive, "extra"], ["verify"], ["plugins", "shw"], ["config", "chck"],
                          ["--no-such-option", "backup"], ["backup", "-o"]):
            with self.subTest(arguments=arguments):
                done = self.hbcore("--home", self.home, *arguments, expect=2)
                self.assertEqual(done.stdout, b"")
                self.assertIn(b"hbcore", done.stderr)

    def test_missing_archive(self):
        for command in (["import", "--force"], ["list"], ["verify"]):
            with self.subTest(command=command):
                done = self.hbcore("--home", self.home, *command, self.dir / "no.zip", expect=1)
                self.assert_mentions(done, self.dir / "no.zip")

    def test_only_import_reads_from_a_pipe(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            archive = self.backup(self.home, "p" + suffix, "--format", fmt)
            for command in (["list"], ["verify"], ["cat", "config.yaml"]):
                for name, code in (("-", 2), ("/dev/stdin", 1)):
                    with self.subTest(format=fmt, command=command, name=name):
                        done = self.hbcore(command[0], name, *command[1:], expect=code,
                                           input=archive.read_bytes())
                        self.assert_mentions(done, "only import reads from a pipe")
            self.hbcore("--home", self.dir / fmt, "import", "/dev/stdin", input=archive.read_bytes())
            self.assert_same_tree(self.home, self.dir / fmt)

    def test_help_and_version(self):
        self.assertRegex(self.hbcore("--version").stdout, rb"^hbcore \d+\.\d+")
        self.assertIn(b"backup", self.hbcore("--help").stdout)
        for command in ("backup", "import", "list", "cat", "verify", "plugins", "config"):
            with self.subTest(command=command):
                self.assertIn(command.encode(), self.hbcore(command, "--help").stdout)

    def test_quiet(self):
        done = self.hbcore("--home", self.home, "--quiet", "backup", "-o", self.dir / "q.zip")
        self.assertEqual(done.stderr, b"")
        for words in (("backup", "--dry-run"), ("import", "--force", "--dry-run", self.dir / "q.zip"),
                      ("snapshot", "create"), ("guard", "1"), ("snapshot", "prune", "--dry-run"), ("prune",),
                      ("import", "--force", self.dir / "q.zip"), ("verify", self.dir / "q.zip")):
            done = self.hbcore("--home", self.home, "--quiet", *words)
            self.assertEqual((done.stdout, done.stderr), (b"", b""), words)

    def test_progress(self):
        done = self.hbcore("--home", self.home, "--progress", "always", "backup", "-o",
                           self.dir / "p.zip")
        self.assertNotEqual(done.stderr, b"")
        done = self.hbcore("--home", self.home, "--progress", "never", "--json", "backup", "-o",
                           self.dir / "p.zip")
        self.assertEqual(done.stderr, b"")

    def test_a_line_at_least_every_500_files(self):
        for number in range(1300):
            hb.write(self.home / f"many/{number}", b"x")
        archive = self.dir / "p.zip"
        for arguments in (["backup", "-o", archive], ["import", archive, "-f"]):
            done = self.hbcore("--home", self.home, *arguments)
            rows = re.findall(r"^  (\w+) (\d+)/(\d+) files \.\.\.$", done.stderr.decode(), re.MULTILINE)
            verbs = {row[0] for row in rows}
            self.assertEqual(verbs, {"stored"} if arguments[0] == "backup" else {"unpacked", "restored"})
            for verb in verbs:
                counts = [(int(done), int(of)) for said, done, of in rows if said == verb]
                numbers = [0, *(count[0] for count in counts), counts[-1][1]]
                self.assertGreater(len(numbers), 3, done.stderr)
                self.assertEqual(numbers, sorted(numbers))
                self.assertLessEqual(max(b - a for a, b in zip(numbers, numbers[1:])), 510, numbers)

    def test_ten_names_and_how_many_more(self):
        """All of them by -v; the names sorted."""
        for number in range(13):
            (self.home / f"d{number:02}/__pycache__").mkdir(parents=True)
            (self.home / f"l{number:02}").symlink_to("/etc/passwd")
        for arguments, shown in (([], 10), (["-v"], 13)):
            done = self.hbcore("--home", self.home, *arguments, "backup", "-o", self.dir / "s.zip",
                               expect=3)
            for text, names in ((done.stdout, [f"d{i:02}/__pycache__/" for i in range(13)]),
                                (done.stderr, [f"l{i:02}: " for i in range(13)])):
                found = re.findall(r"^    ([dl]\d\d.*?(?:/$|: ))", text.decode(), re.MULTILINE)
                self.assertEqual(found, names[:shown])
                self.assertEqual("... and 3 more" in text.decode(), shown == 10)
        summary = self.summary(self.hbcore("--home", self.home, "--json", "backup", "-o",
                                           self.dir / "s.zip", expect=3))
        self.assertEqual((len(summary["skipped"]), len(summary["excluded_dirs"])), (13, 13))

    def test_config_show_says_where_from(self):
        done = self.hbcore("--set", "format:zip.level=3", "config", "show")
        self.assert_mentions(done, "level", "--set", "hermes.ini:", "default")

    def test_summary_for_people(self):
        (self.home / "node_modules").mkdir()
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "s.zip")
        self.assert_mentions(done, self.dir / "s.zip", "node_modules", "Restore with: hbcore", " import ")
        self.assertRegex(done.stdout.decode(), r"\d+\.\d [KMG]B")


    def test_the_command_to_restore_with_can_be_typed(self):
        for name in ("plain-1.zip", "two words.zip", "Bob's $HOME `x` \"y\".zip", "caf\u00e9.zip"):
            done = self.hbcore("--home", self.home, "backup", "-o", self.dir / name)
            command = done.stdout.decode().partition("Restore with: ")[2].strip()
            self.assertEqual(shlex.split(command),
                             ["hbcore", "--config", str(hb.HERMES), "--home", str(self.home),
                              "import", str(self.dir / name)])
        done = self.hbcore("--home", self.home, "snapshot", "create", "--label", "Bob's")
        command = done.stdout.decode().partition("Restore with: ")[2].strip()
        self.hbcore(*shlex.split(command)[1:])

    def test_a_shell_reads_names_that_no_terminal_shows(self):
        for name in ("h\x1b[1mx1", "it's\x07 \\ \u202e", "\udcff\n"):
            home = self.dir / name
            home.mkdir()
            (home / "file").write_bytes(b"x")
            done = self.hbcore("--home", home, "backup", "-o", self.dir / "x.zip")
            command = done.stdout.decode().partition("Restore with: ")[2].strip()
            words = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True).stdout
            self.assertIn(os.fsencode(home), words.split(b"\0"), command)

    def test_nothing_to_restore_with(self):
        """What went into a pipe or a device has no name to import."""
        for output in ("-", "/dev/null"):
            done = self.hbcore("--home", self.home, "backup", "-o", output)
            self.assertNotIn(b"Restore with", done.stdout + done.stderr)

    def test_hints_name_what_was_typed(self):
        file = self.dir / "it's.ini"
        file.write_text("[format:zip]\n")
        file.chmod(0o666)
        done = self.hbcore("--config", file, "config", "check", expect=2)
        self.assert_mentions(done, f"chmod go-w {shlex.quote(str(file))}".replace("'\"'\"'", "'\\''"))
        done = self.hbcore("--config", self.dir / "nofile", "config", "check", expect=2)
        self.assert_mentions(done, "correct the name behind --config")
        done = self.hbcore("--set", "filter:exclusion.patterns=x", "config", "check", expect=2)
        self.assert_mentions(done, "did you mean filter:exclusions?")
        done = self.hbcore("--set", "filter:zzz.patterns=x", "config", "check", expect=2)
        self.assert_mentions(done, "--set filter:zzz.patterns=… plugins list` shows")
        done = self.hbcore("--home", self.home, "backup", "--preset", "nope", expect=2)
        self.assert_mentions(done, "pre-update, pre-migration, nightly, manual, pre-import")
        done = self.hbcore("--config", self.write_config("[format:zip]\n"), "--home", self.home, "prune")
        self.assertEqual(done.stdout, b"There are no presets: nothing to remove.\n")

    def test_a_name_that_is_taken(self):
        """What has it is a file like others, also in the next archive."""
        now = time.time()
        taken = {time.strftime("hermes-backup-%Y-%m-%d-%H%M%S.zip", time.localtime(now + i))
                 for i in range(120)}
        for name in taken:
            hb.write(self.home / "kept" / name, name.encode())
        done = self.hbcore("--home", self.home, "--json", "backup", "-o", f"{self.home}/kept/")
        archive = pathlib.Path(self.summary(done)["archive"])
        self.assertRegex(archive.name, r"-2\.zip$")
        self.assertEqual({name[5:] for name in zipfile.ZipFile(archive).namelist()
                          if name.startswith("kept/") and name != "kept/"}, taken)

    def test_what_is_no_option_of_a_command(self):
        for arguments, words in (
                (("backup", "--preset", ""), "backup: --preset: the name is empty"),
                (("list", "--format=", "x"), "list: --format: the name is empty"),
                (("backup", "-o"), "-o needs a value"),
                (("import", "--include"), "--include needs a value"),
                (("--config",), "--config needs a value"),
                (("list", "--frob"), "unknown option --frob"),
                (("verify", "-z"), "unknown option -z")):
            done = self.tool(os.environ["HBCORE_BIN"], *arguments, expect=2)
            self.assertIn(words, done.stderr.decode())

    def test_an_option_that_is_nearly_one(self):
        for arguments, words, hint in (
                (("backup", "--dryrun"), "backup: unknown option --dryrun", "did you mean --dry-run?"),
                (("import", "--exlude=*.tmp", "x"), "import: unknown option --exlude", "did you mean --exclude?"),
                (("backup", "--jsn"), "backup: unknown option --jsn", "did you mean --json?"),
                (("prune", "--pr", "x"), "prune: unknown option --pr", "did you mean --preset or --progress?"),
                (("--dry-run", "backup"), "hbcore: unknown option --dry-run",
                 "it is an option of a command: type it behind the command"),
                (("-o", "x", "backup"), "hbcore: unknown option -o",
                 "it is an option of a command: type it behind the command"),
                (("-q", "list"), "hbcore: unknown option -q", "did you mean --quiet?"),
                (("verify", "x", "-q"), "verify: unknown option -q", "did you mean --quiet?"),
                (("prune", "--keep", "3"), "prune: unknown option --keep",
                 "the preset says how many stay: keep in its section, or --set preset:NAME.keep=N"),
                (("backup", "x.zip"), "backup: takes no argument: name the archive with -o",
                 "see: hbcore backup --help"),
                (("--hme", "/x", "backup"), "hbcore: unknown option --hme", "did you mean --home?"),
                (("verify", "-lz", "x"), "verify: unknown option -l", "see: hbcore verify --help"),
                (("list", "--frobnicate"), "list: unknown option --frobnicate", "see: hbcore list --help"),
                (("--frobnicate",), "hbcore: unknown option --frobnicate", "see: hbcore --help"),
                (("backup", "--dry-run=yes"), "backup: --dry-run takes no value", "see: hbcore backup --help"),
                (("backup", "--keep", "many"), "backup: --keep: 'many' is not a number", "see: hbcore backup --help"),
                (("list", "--wait", "9" * 30, "x"), f"list: --wait: {'9' * 30} is too large; the most is 1000000000",
                 "see: hbcore list --help"),
                (("backup", "--keep", "1000000001"), "backup: --keep: 1000000001 is too large",
                 "see: hbcore backup --help"),
                (("--wait", "-1", "list"), "hbcore: --wait: '-1' is not a number", "see: hbcore --help"),
                (("--progress", "much", "list"), "hbcore: --progress: 'much' is not auto, always or never",
                 "see: hbcore --help")):
            done = self.tool(os.environ["HBCORE_BIN"], *arguments, expect=2)
            said = done.stderr.decode().splitlines()
            self.assertEqual(len(said), 2, said)
            self.assertIn(words, said[0])
            self.assertEqual(said[1].strip(), hint)

    def test_a_format_that_is_not_there(self):
        """Wrong use, whatever command is told to read or write it; also what the environment says wrongly."""
        archive = self.backup(self.home)
        for words in (("list", archive), ("verify", archive), ("cat", archive, "config.yaml"), ("import", archive),
                      ("backup", "-o", self.dir / "b.zip")):
            done = self.hbcore("--home", self.home, *words, "--format", "rar", expect=2)
            self.assert_mentions(done, "'rar' not found", "plugins list")
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", expect=2,
                           env={"SOURCE_DATE_EPOCH": "yesterday"})
        self.assert_mentions(done, "SOURCE_DATE_EPOCH is not a number: yesterday")
        self.assertFalse((self.dir / "b.zip").exists())

    def test_what_other_programs_call_it(self):
        for words, hint in ((("restore", "x"), "hbcore import ARCHIVE"), (("extract", "x"), "hbcore cat ARCHIVE"),
                            (("create",), "hbcore backup"), (("export",), "hbcore backup"),
                            (("help",), "hbcore --help"), (("init",), "hbcore config new"),
                            (("bakcup",), "did you mean backup?"), (("exract", "x"), "hbcore cat ARCHIVE"),
                            (("Restore",), "hbcore import ARCHIVE"),
                            (("snapshot", "crate"), "did you mean `hbcore snapshot create`?"),
                            (("snapshot", "rm"), "did you mean `hbcore snapshot prune`?"),
                            (("config", "chek"), "did you mean `hbcore config check`?"),
                            (("plugins", "frobnicate"), "see: hbcore plugins --help")):
            done = self.tool(os.environ["HBCORE_BIN"], *words, expect=2)
            self.assertIn("unknown", done.stderr.decode().splitlines()[0])
            self.assertIn(hint, done.stderr.decode().splitlines()[1])

    def test_global_options_stand_anywhere(self):
        binary, archive, config = os.environ["HBCORE_BIN"], self.dir / "a.zip", hb.HERMES
        self.tool(binary, "backup", "--home", self.home, "-o", archive, "--config", config, "-v",
                  "--set", "backup.workers=1", "--progress=never", "--wait", "1")
        done = self.tool(binary, "list", archive, "--json")
        self.assertEqual(self.summary(done)["command"], "list")
        self.assertEqual(self.tool(binary, "verify", "--quiet", archive).stdout, b"")
        for command in ("backup", "snapshot", "completion"):
            self.assertRegex(self.tool(binary, command, "--version").stdout.decode(), r"^hbcore \d")
        # Those of the command win; behind -- there are none; JSON is asked for wherever it stands.
        self.assertEqual(json.loads(self.tool(binary, "snapshot", "create", "--config", config, "--home", self.home,
                                              "-l", "--json", "--json").stdout)["id"][-7:], "---json")
        self.assertIn(b"json", self.tool(binary, "list", "--", "--json", expect=1).stderr)
        done = self.tool(binary, "backup", "--frob", "--json", expect=2)
        self.assertEqual(json.loads(done.stdout)["exit_status"], 2)

    def test_a_subcommand_has_its_own_options(self):
        for words, message in ((("list", "--keep", "1"), "list has no option --keep"),
                               (("list", "--dry-run"), "list has no option --dry-run"),
                               (("create", "--limit", "2"), "create has no option --limit"),
                               (("restore", "1", "--label", "x"), "restore has no option --label"),
                               (("prune", "-l", "x"), "prune has no option --label")):
            done = self.hbcore("--home", self.home, "snapshot", *words, expect=2)
            self.assert_mentions(done, message)
        self.assertFalse((self.home / "state-snapshots").exists())

    def test_hints_have_the_options_that_were_typed(self):
        settings = ("--set", "snapshot.keep=3", "--set", "backup.prefix=a b-")
        for words in (("snapshot", "restore", "no-such"), ("guard", "no-such")):
            done = self.hbcore("--home", self.home, *settings, *words, expect=1)
            self.assert_mentions(done, f"`hbcore --config {hb.HERMES} --set 'snapshot.keep=3' --set 'backup.prefix=a b-' "
                                 f"--home {self.home} snapshot list`")
        done = self.hbcore("plugins", "show", "no-such-plugin", expect=1)
        self.assert_mentions(done, f"`hbcore --config {hb.HERMES} plugins list` shows")
        done = self.hbcore("--home", self.home, "backup", "--frob", expect=2)
        self.assert_mentions(done, "see: hbcore backup --help")
        done = self.hbcore(*settings, "backup", "--home", self.home, "-o", self.dir / "a.zip")
        command = done.stdout.decode().partition("Restore with: ")[2].strip()
        self.assertEqual(shlex.split(command),
                         ["hbcore", "--config", str(hb.HERMES), *settings, "--home", str(self.home), "import",
                          str(self.dir / "a.zip")])

    def test_why_standard_output_cannot_be_written(self):
        """The first write fails long before the end; the reason is told all the same."""
        home = self.dir / "many"
        for number in range(600):
            hb.write(home / f"{number:03}-{'x' * 60}", b"x")
        hb.write(home / "config.yaml", b"x")
        archive = self.backup(home)
        for words in (("list", archive), ("--json", "list", archive), ("verify", archive), ("config", "show"),
                      ("--home", home, "snapshot", "list")):
            with open("/dev/full", "wb") as full:
                done = subprocess.run(self.command(*words), stdout=full, stderr=subprocess.PIPE, check=False,
                                      env=self.environment())
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"standard output cannot be written: No space left on device", done.stderr, words)
        for words in (("list", archive), ("cat", archive, f"007-{'x' * 60}"), ("config", "show")):
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run(self.command(*words), stdout=writer, stderr=subprocess.PIPE, check=False,
                                  env=self.environment())
            os.close(writer)
            self.assertEqual((done.returncode, done.stderr), (1, b""), words)


class NoConfiguration(hb.Case):
    """Nobody has said how content is to be read: by each plugin that knows how."""

    config = None

    def test_databases_are_databases(self):
        home = self.dir / "home"
        path = self.make_database(home / "state.db", wal=True)
        database = sqlite3.connect(path)
        self.addCleanup(database.close)
        database.execute("INSERT INTO t (text) VALUES ('in the log')")
        database.commit()
        archive = self.dir / "a.zip"
        done = self.hbcore("--home", home, "--json", "backup", "--format", "zip", "-o", archive)
        self.assertEqual(self.summary(done)["databases"],
                         [{"path": "state.db", "method": "snapshot", "check": "ok"}])
        database.execute("DELETE FROM t")
        database.commit()
        self.hbcore("--home", home, "import", archive, "--force")
        self.assertEqual(database.execute("SELECT count(*) FROM t").fetchone()[0], 51)
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchone()[0], "ok")

    def test_that_there_is_none_is_told(self):
        """At once, and not what is missing one after the other."""
        home = self.make_home()
        archive = self.backup(home, "b.zip", "--format", "zip")
        for arguments, words in (
                (("backup",), ("which home and which format",)),
                (("--home", home, "backup"), ("which format", f"--home {home} backup")),
                (("backup", "--format", "zip"), ("which home",)),
                (("--home", home, "backup", "--preset", "nightly"), ("preset",)),
                (("import", archive), ("which home",)), (("snapshot", "list"), ("which home",)),
                (("prune",), ("which home",)), (("guard", "1"), ("which home",))):
            with self.subTest(arguments=arguments):
                done = self.hbcore(*arguments, expect=2)
                self.assert_mentions(done, "no configuration file", f"{self.user}/.config/hbcore/hbcore.ini",
                                     "/etc/hbcore/hbcore.ini", "`hbcore config new NAME`, generic or hermes for NAME",
                                     "--config", "generic.ini", *words)
        self.config = hb.GENERIC  # it is there, and does not say it
        done = self.hbcore("backup", expect=2)
        self.assertNotIn(b"no configuration file", done.stderr)

    def test_a_damaged_one_is_told(self):
        home = self.dir / "home"
        path = self.make_database(home / "state.db", rows=2000)
        with open(path, "r+b") as stream:
            stream.seek(3 * 4096)
            stream.write(b"\xff" * 4096)
        archive = self.dir / "a.zip"
        self.hbcore("--home", home, "backup", "--format", "zip", "-o", archive, expect=3)
        done = self.hbcore("verify", archive, expect=3)
        self.assert_mentions(done, "state.db")


class Home(hb.Case):
    """Which directory is meant."""

    def names(self, *arguments, **environment):
        archive = self.dir / "h.zip"
        self.hbcore(*arguments, "backup", "-o", archive, env=environment)
        with zipfile.ZipFile(archive) as opened:
            return {name for name in opened.namelist() if not name.endswith("/")}

    def test_variable_else_path(self):
        hb.write(self.user / ".hermes/default", b"x")
        hb.write(self.dir / "other/from-variable", b"x")
        self.assertEqual(self.names(), {"default"})
        self.assertEqual(self.names(HERMES_HOME=""), {"default"})
        self.assertEqual(self.names(HERMES_HOME=str(self.dir / "other")), {"from-variable"})

    def test_what_expands_in_the_configuration(self):
        hb.write(self.user / "in/x", b"x")
        root = pwd.getpwuid(os.getuid())
        for path in ("~/in", "$HOME/in", "${HOME}/in"):
            self.assertEqual(self.names("--set", f"home.path={path}"), {"x"})
            self.hbcore("--set", f"home.path={path}", "--set", f"preset:pre-update.directory={path[:-3]}/out",
                        "backup", "--preset", "pre-update")
        self.assertEqual(len(hb.archives(self.user / "out")), 3)
        done = self.hbcore("--set", f"home.path=~{root.pw_name}/no-such-home", "backup", expect=1)
        self.assert_mentions(done, f"{root.pw_dir}/no-such-home: the home does not exist")

    def test_the_home_that_is_named_is_literal(self):
        """Bash does not expand what stands behind '='."""
        for name in ("~/in", "$HOME/in", "~other/in"):
            done = self.hbcore(f"--home={name}", "backup", expect=1, cwd=self.dir)
            self.assert_mentions(done, name, "taken literally", "without '=' and quotes")
            with zipfile.ZipFile(self.dir / "i.zip", "w") as archive:
                archive.writestr("config.yaml", "a: 1\n")
            done = self.hbcore(f"--home={name}", "--json", "import", self.dir / "i.zip", cwd=self.dir)
            self.assertIn("taken literally", self.summary(done)["notes"][0]["reason"])
            self.assertTrue((self.dir / name / "config.yaml").exists())
            done = self.hbcore(f"--home={name}", "--json", "import", "-f", self.dir / "i.zip", cwd=self.dir)
            self.assertEqual(self.summary(done)["notes"], [])

    def test_a_profile_means_the_whole_home(self):
        hb.write(self.dir / "root/top", b"x")
        hb.write(self.dir / "root/profiles/work/.env", b"x")
        both = {"top", "profiles/work/.env"}
        profile = str(self.dir / "root/profiles/work")
        self.assertEqual(self.names(HERMES_HOME=profile), both)
        self.assertEqual(self.names(HERMES_HOME=profile + "/"), both)
        self.assertEqual(self.names("--home", profile), {".env"})

    def test_a_link(self):
        hb.write(self.dir / "real/profiles/work/.env", b"x")
        (self.dir / "link").symlink_to("real")
        (self.dir / "linked-profile").symlink_to("real/profiles/work")
        self.assertEqual(self.names(HERMES_HOME=str(self.dir / "link")), {"profiles/work/.env"})
        self.assertEqual(self.names(HERMES_HOME=str(self.dir / "link/profiles/work")),
                         {"profiles/work/.env"})
        self.assertEqual(self.names(HERMES_HOME=str(self.dir / "linked-profile")), {".env"})
        self.assertEqual(self.names("--home", self.dir / "link"), {"profiles/work/.env"})

    def test_read_only(self):
        """It is backed up to elsewhere; what would lie in it says that it cannot."""
        home = self.make_home()
        self.make_database(home / "state.db", wal=True)
        out = self.dir / "out"
        out.mkdir()
        self.hbcore("--home", home, "snapshot", "create")
        who = self.somebody_else(home, out)
        for directory in (home / "state-snapshots", home):
            directory.chmod(0o555)
        before = hb.tree(home)
        self.hbcore("--home", home, "backup", "-o", out, **who)
        for arguments in (["backup", "--preset", "pre-update"], ["snapshot", "create"]):
            done = self.hbcore("--home", home, *arguments, expect=1, **who)
            self.assert_mentions(done, home, "Permission denied")
        for arguments in (["snapshot", "list"], ["snapshot", "create", "--dry-run"], ["guard", "1"],
                          ["backup", "--dry-run"]):
            self.hbcore("--home", home, *arguments, **who)
        done = self.hbcore("--home", home, "import", "-f", next(out.iterdir()), expect=1, **who)
        self.assert_mentions(done, home)
        self.assert_unchanged(before, home)

    def test_tilde_in_home_option_is_literal(self):
        self.hbcore("--home", "~", "backup", "-o", self.dir / "x.zip", expect=1, cwd=self.dir)


class Question(hb.Case):
    def setUp(self):
        super().setUp()
        self.source = self.make_home("source")
        hb.write(self.source / "config.yaml", b"new\n")
        self.archive = self.backup(self.source)
        self.target = self.dir / "target"
        hb.write(self.target / "config.yaml", b"old\n")

    def ask(self, answer, expect):
        before = hb.tree(self.target)
        done = self.hbcore("--home", self.target, "import", self.archive, input=answer,
                           expect=expect)
        if expect == 0:
            self.assertEqual((self.target / "config.yaml").read_bytes(), b"new\n")
            hb.write(self.target / "config.yaml", b"old\n")
        else:
            self.assert_unchanged(before, self.target)
        return done

    def test_yes(self):
        for answer in (b"y\n", b"YES\n", b" yes \n", b"Y", b"\tyEs\r\n"):
            with self.subTest(answer=answer):
                done = self.ask(answer, 0)
                self.assert_mentions(done, "[y/N]", self.target)

    def test_no(self):
        for answer in (b"n\n", b"\n", b"no\n", b"yess\n", b"y y\n", b"maybe\n", b"0\n"):
            with self.subTest(answer=answer):
                self.ask(answer, 4)

    def test_end_of_input(self):
        self.ask(b"", 1)

    def test_force_does_not_ask(self):
        done = self.hbcore("--home", self.target, "import", "-f", self.archive)
        self.assertNotIn(b"[y/N]", done.stdout + done.stderr)

    def test_no_question_without_config(self):
        (self.target / "config.yaml").unlink()
        hb.write(self.target / "notes.txt", b"x")
        done = self.hbcore("--home", self.target, "import", self.archive)
        self.assertNotIn(b"[y/N]", done.stdout + done.stderr)

    def test_env_file_is_asked_about(self):
        (self.target / "config.yaml").rename(self.target / ".env")
        before = hb.tree(self.target)
        self.hbcore("--home", self.target, "import", self.archive, input=b"n\n", expect=4)
        self.assert_unchanged(before, self.target)

    def test_standard_input_needs_force(self):
        before = self.content(self.target)
        done = self.hbcore("--home", self.target, "import", "-", input=self.archive.read_bytes(),
                           expect=1)
        self.assert_mentions(done, "--force")
        self.assertEqual(hb.differences(before, self.content(self.target)), [])
        self.hbcore("--home", self.target, "import", "-", "-f", input=self.archive.read_bytes())
        self.hbcore("--home", self.dir / "new", "import", "-", input=self.archive.read_bytes())

    def test_interrupt_at_the_question(self):
        before = hb.tree(self.target)
        process = subprocess.Popen(
            self.command("--home", self.target, "import", self.archive), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment())
        seen = b""
        while b"[y/N]" not in seen:
            some = os.read(process.stdout.fileno(), 4096)
            self.assertTrue(some, f"it ended without a question: {seen!r}")
            seen += some
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assert_unchanged(before, self.target)


class Interrupted(hb.Case):
    def interrupt(self, number, expect):
        """Stops a run that waits for its reader, so that it is surely in the middle."""
        home = self.make_home(f"home{number}")
        for count in range(40):
            hb.write(home / f"n{count}", os.urandom(100_000))
        process = subprocess.Popen(
            self.command("--home", home, "backup", "-o", "-"), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment())
        self.assertEqual(len(process.stdout.read(1)), 1)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, expect, errors)
        self.assert_nothing_left(home)

    def test_interrupt(self):
        self.interrupt(signal.SIGINT, 130)

    def test_terminate(self):
        self.interrupt(signal.SIGTERM, 143)

    def test_closed_pipe(self):
        home = self.make_home()
        for count in range(40):
            hb.write(home / f"n{count}", os.urandom(100_000))
        process = subprocess.Popen(
            self.command("--home", home, "backup", "-o", "-"), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment())
        process.stdout.read(1)
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(60), 1, errors)
        self.assert_nothing_left(home)


class RunLock(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.archive = self.backup(self.home)

    def test_second_run_is_refused(self):
        with hb.HeldLock(self.home):
            for arguments in (["backup", "-o", self.dir / "b.zip"],
                              ["import", self.archive, "--force"]):
                before = hb.tree(self.home)
                done = self.hbcore("--home", self.home, *arguments, expect=5)
                self.assert_mentions(done, self.home)
                self.assert_unchanged(before, self.home)
        self.assertFalse((self.dir / "b.zip").exists())
        self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip")

    def test_wait_ends(self):
        with hb.HeldLock(self.home):
            self.hbcore("--wait", "1", "--home", self.home, "backup", "-o", self.dir / "b.zip",
                        expect=5)

    def test_wait_is_rewarded(self):
        lock = hb.HeldLock(self.home)
        with lock:
            process = subprocess.Popen(
                self.command("--wait", "60", "--home", self.home, "backup", "-o",
                             self.dir / "b.zip"), env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            lock.release()
            _, errors = process.communicate(timeout=90)
        self.assertEqual(process.returncode, 0, errors)

    def test_reading_needs_no_lock(self):
        with hb.HeldLock(self.home):
            self.hbcore("--home", self.home, "list", self.archive)
            self.hbcore("--home", self.home, "verify", self.archive)

    def test_lock_is_no_file(self):
        before = hb.tree(self.home)
        self.backup(self.home, "c.zip")
        self.assert_unchanged(before, self.home)


if __name__ == "__main__":
    unittest.main()
