# SPDX-License-Identifier: Apache-2.0
"""What went in comes out: ours by every reader, and everybody's archives by us."""
import os
import subprocess
import unittest
import zipfile

import hb

hb.need("unzip", "zip", "7z", "bsdtar", "tar", "zstd")

FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}


class RoundTrip(hb.Case):
    def import_into_new(self, archive, name="back", **keywords):
        target = self.dir / name
        self.hbcore("--home", target, "import", archive, **keywords)
        return target

    def test_same_tree(self):
        home = self.make_home()
        for name, suffix in FORMATS.items():
            with self.subTest(format=name):
                archive = self.backup(home, "a" + suffix, "--format", name)
                target = self.import_into_new(archive, "back-" + name)
                self.assert_same_tree(home, target)
                again = self.backup(target, "b" + suffix, "--format", name)
                self.assertEqual(hb.timeless(archive.read_bytes()), hb.timeless(again.read_bytes()),
                                 "the restored tree gives another archive")

    def test_frames_of_odd_sizes(self):
        """The checksum of a content does not depend on where it was cut, and holes count as zeros."""
        home = self.dir / "odd"
        hb.write(home / "config.yaml", b"x")
        hb.write(home / "noise", os.urandom(1_300_001))
        with open(home / "holes", "wb") as stream:
            stream.seek(400_000)
            stream.write(b"in the middle")
            stream.truncate(1_500_000)
        for size in (1 << 18, (1 << 18) + 1, 300_000, (1 << 20) - 1):
            archive = self.dir / f"{size}.tar.zst"
            self.hbcore("--home", home, "--set", f"format:tar-zstd.frame-size={size}", "backup", "--format", "tar-zstd",
                        "-o", archive)
            self.hbcore("verify", archive)
            self.hbcore("--home", self.dir / f"odd-{size}", "import", "-", input=archive.read_bytes())
            self.assert_same_tree(home, self.dir / f"odd-{size}")

    def test_other_readers_agree(self):
        # bsdtar and unzip know whole seconds only in a zip; ours restores all (test_same_tree).
        home = self.make_home(whole_seconds=True)
        readers = {"zip": (["bsdtar", "-xpf"], ["7z", "x", "-y"], ["unzip", "-q"]),
                   "tar-zstd": (["tar", "--zstd", "-xpf"], ["bsdtar", "-xpf"])}
        for name, commands in readers.items():
            archive = self.backup(home, "a" + FORMATS[name], "--format", name)
            for command in commands:
                with self.subTest(format=name, reader=command[0]):
                    out = self.dir / f"{name}-{command[0]}"
                    out.mkdir()
                    self.tool(*command, archive, cwd=out)
                    # 7z and unzip restore times and directory modes only in part.
                    exact = command[0] not in ("7z", "unzip")
                    self.assert_same_tree(home, out, times=exact, directory_times=False)

    def test_over_pipes(self):
        home = self.make_home()
        for name in FORMATS:
            with self.subTest(format=name):
                sent = self.hbcore("--home", home, "backup", "--format", name, "-o", "-").stdout
                target = self.dir / f"pipe-{name}"
                self.hbcore("--home", target, "import", "-", "--force", input=sent)
                self.assert_same_tree(home, target)

    def test_over_pipes_with_a_name(self):
        """By path, by URL, and over a link."""
        home, pipe = self.make_home(), self.dir / "pipe"
        os.mkfifo(pipe)
        (self.dir / "link").symlink_to(pipe)
        for name, suffix in FORMATS.items():
            archive = self.backup(home, "a" + suffix, "--format", name)
            for number, place in enumerate((pipe, f"file://{pipe}", f"file://localhost{self.dir}/%6cink")):
                with self.subTest(format=name, place=place):
                    target = self.dir / f"{name}-{number}"
                    with subprocess.Popen(["sh", "-c", 'cat "$0" > "$1"', archive, pipe]):
                        self.hbcore("--home", target, "import", "--force", place)
                    self.assert_same_tree(home, target)

    def test_archives_of_others(self):
        home = self.make_home(whole_seconds=True)
        names = sorted(os.listdir(home))
        makers = {
            "info-zip": ("o.zip", ["zip", "-qr", "-y"]),
            "7z": ("o7.zip", ["7z", "a", "-tzip", "-y"]),
            "bsdtar-zip": ("ob.zip", ["bsdtar", "-a", "-cf"]),
            "bsdtar-zst": ("ob.tar.zst", ["bsdtar", "-a", "-cf"]),
            "gnu-tar": ("og.tar.zst", ["tar", "--zstd", "-cf"]),
        }
        for name, (archive, command) in makers.items():
            with self.subTest(maker=name):
                self.tool(*command, self.dir / archive, "--", *names, cwd=home)
                target = self.import_into_new(self.dir / archive, "from-" + name)
                self.assert_same_tree(home, target, directory_times=False,
                                      **({"times": False} if name == "7z" else {}))

    def test_archive_of_python(self):
        home = self.make_home()
        archive = self.dir / "python.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            for name in sorted(hb.tree(home)):
                if name != b".":
                    made.write(home / os.fsdecode(name), os.fsdecode(name))
        # DOS times are local and even; what counts is content and mode.
        self.assert_same_tree(home, self.import_into_new(archive), times=False)

    def test_gnu_tar_over_a_pipe(self):
        home = self.make_home()
        sent = self.tool("tar", "--zstd", "-C", home, "--format=pax", "-cf", "-", ".").stdout
        target = self.dir / "piped"
        self.hbcore("--home", target, "import", "-", "--force", input=sent)
        self.assert_same_tree(home, target, directory_times=False)

    def test_swap_by_one_line(self):
        home = self.make_home()
        text = hb.HERMES.read_text()
        self.assertEqual(text.count("\nformat = zip\n"), 1, "conf/hermes.ini")
        self.config = self.write_config(text.replace("\nformat = zip\n", "\nformat = tar-zstd\n"))
        done = self.hbcore("--home", home, "--json", "backup", "-o", self.dir)
        summary = self.summary(done)
        self.assertEqual(summary["format"], "tar-zstd")
        self.assertTrue(summary["archive"].endswith(".tar.zst"), summary)
        self.tool("tar", "--zstd", "-tf", summary["archive"])

    def test_swap_by_option(self):
        home = self.make_home()
        done = self.hbcore("--home", home, "--json", "backup", "--format", "tar-zstd", "-o",
                           self.dir / "swapped")
        self.assertEqual(self.summary(done)["archive"], str(self.dir / "swapped.tar.zst"))

    def test_unknown_format_names_the_nearest(self):
        done = self.hbcore("--home", self.make_home(), "backup", "--format", "tar-zst", "-o",
                           self.dir / "x", expect=2)
        self.assert_mentions(done, "tar-zst", "tar-zstd")

    def test_links_stored_with_the_generic_configuration(self):
        self.config = hb.GENERIC
        home = self.make_home()
        os.symlink("sub/deep/file.txt", home / "inside")
        os.symlink("sub", home / "linked-directory")
        self.set_directory_times(home)
        for name, suffix in FORMATS.items():
            with self.subTest(format=name):
                archive = self.backup(home, "l" + suffix, "--format", name)
                listed = self.tool("bsdtar", "-tvf", archive).stdout
                self.assertIn(b"inside -> sub/deep/file.txt", listed)
                self.assert_same_tree(home, self.import_into_new(archive, "links-" + name))

    def test_old_and_late_times(self):
        home = self.dir / "home"
        times = {"1970": 1, "1979": 300_000_000, "1981": 350_000_000, "2107": 4_350_000_000,
                 "2110": 4_420_000_000, "odd": 1_700_000_001}
        for name, second in times.items():
            hb.write(home / "t" / name, b"x", 0o600, second * 10**9)
        hb.write(home / "config.yaml", b"x")
        for name, suffix in FORMATS.items():
            with self.subTest(format=name):
                archive = self.backup(home, "t" + suffix, "--format", name)
                target = self.import_into_new(archive, "times-" + name)
                found = {path.name: path.stat().st_mtime_ns // 10**9
                         for path in (target / "t").iterdir()}
                self.assertEqual(found, times)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_files_of_others(self):
        home = self.make_home()
        for number, (path, names, files) in enumerate(os.walk(home)):
            for name in names + files:
                os.lchown(os.path.join(path, name), 61000 + number, 100)  # whose groups nobody knows
        for name, suffix in FORMATS.items():
            with self.subTest(format=name):
                archive = self.backup(home, "o" + suffix, "--format", name)
                self.hbcore("verify", archive)
                self.assertEqual(self.hbcore("cat", archive, "sub/deep/file.txt").stdout,
                                 (home / "sub/deep/file.txt").read_bytes())
                self.assert_same_tree(home, self.import_into_new(archive, "others-" + name))

    def test_database_comes_back(self):
        home = self.make_home()
        source = self.make_database(home / "state.db", wal=True)
        self.make_database(home / "memory" / "old.db")
        expected = self.database_rows(source)
        for name, suffix in FORMATS.items():
            with self.subTest(format=name):
                archive = self.backup(home, "d" + suffix, "--format", name)
                target = self.import_into_new(archive, "db-" + name)
                self.assertEqual(self.database_rows(target / "state.db"), expected)
                self.assertEqual(len(self.database_rows(target / "memory" / "old.db")), 50)


if __name__ == "__main__":
    unittest.main()
