# SPDX-License-Identifier: Apache-2.0
"""hbcore prune over several presets: each keeps what was adopted for it, and what is wrong with the
directory of one is no reason to leave out another.
"""
import json
import os
import shutil
import unittest

import fault
import hb
import odd_store

fault.need()


class Presets(fault.FaultCase):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home, self.shared = self.dir / "home", self.dir / "shared"
        hb.write(self.home / "a.txt", b"a")
        self.shared.mkdir()
        self.old = self.dir / "old.zip"
        self.hbcore("--home", self.home, "backup", "-o", self.old, env={"SOURCE_DATE_EPOCH": "1700000000"})
        self.assertIsNone(hb.origin(self.old))

    def presets(self, **directories):
        rows = ["[format:zip]\n"] + [f"[preset:{name}]\ndirectory = {directory}\nkeep = 9\nprefix = {name}-\n"
                for name, directory in directories.items()]
        self.config = self.write_config("".join(rows))

    def put(self, directory, name, day=1):
        directory.mkdir(exist_ok=True)
        path = directory / f"{name}-2024-01-0{day}-000000.zip"
        shutil.copyfile(self.old, path)
        return path

    def prune(self, *arguments, expect=0, **keywords):
        done = self.hbcore("--home", self.home, "--json", "prune", *arguments, expect=expect, **keywords)
        return self.fates(done), self.summary(done)

    @staticmethod
    def fates(done):
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {row["path"]: row["fate"] for row in rows if row["type"] == "archive"}

    def adopted(self):
        rows = json.loads((self.home / hb.HOME_ID).read_text()).get("adopted", [])
        return sorted(odd_store.path(row["path"]) for row in rows)


class Adopted(Presets):
    def assert_both_stay(self, one, other):
        """Each is adopted alone, and once more together."""
        self.prune("--adopt", "--preset", "one")
        for words in (("--preset", "two"), ("--preset", "one"), ()):
            self.prune("--adopt", *words)
            self.assertEqual(self.adopted(), sorted((str(one), str(other))), words)
        self.assertEqual(set(self.prune()[0].values()), {"kept"})

    def test_two_presets_in_one_directory(self):
        self.presets(one=self.shared, two=self.shared)
        self.assert_both_stay(self.put(self.shared, "one"), self.put(self.shared, "two"))

    def test_one_directory_in_the_other(self):
        self.presets(one=self.shared, two=self.shared / "two")
        self.assert_both_stay(self.put(self.shared, "one"), self.put(self.shared / "two", "two"))

    def test_one_prefix_begins_like_the_other(self):
        self.presets(one=self.shared, two=self.shared)
        config = self.config.read_text().replace("prefix = two-", "prefix = one-two-")
        self.config = self.write_config(config)
        self.assert_both_stay(self.put(self.shared, "one"), self.put(self.shared, "one-two"))

    def test_what_is_gone_is_forgotten(self):
        self.presets(one=self.shared, two=self.shared)
        gone, stays, other = self.put(self.shared, "one"), self.put(self.shared, "one", 2), self.put(self.shared, "two")
        self.prune("--adopt")
        gone.unlink()
        self.assertEqual(len(self.adopted()), 3)
        self.prune("--adopt", "--preset", "one")
        self.assertEqual(self.adopted(), sorted((str(stays), str(other))))

    def test_what_is_no_archive_is_not_adopted(self):
        """Its name is that of one, outside the home: it stays, whatever the preset keeps."""
        self.presets(one=self.shared)
        archive, junk = self.put(self.shared, "one"), {}
        for day, data in enumerate((b"my notes\n", b"", os.urandom(5000), b"%PDF-1.7\n" * 1000), 2):
            path = self.put(self.shared, "one", day)
            hb.write(path, data)
            junk[path] = data
        for words in (("--adopt",), (), ("--adopt", "--preset", "one")):
            done = self.hbcore("--home", self.home, "--set", "preset:one.keep=1", "prune", *words)
            self.assert_mentions(done, *(f"{path.name}: stays, because it is not an archive" for path in junk))
        self.assertEqual(self.adopted(), [str(archive)])
        for path, data in junk.items():
            self.assertEqual(path.read_bytes(), data)

    def test_another_file_of_the_name_takes_its_place(self):
        self.presets(one=self.shared)
        path = self.put(self.shared, "one")
        for second in range(3):
            os.utime(path, (second, second))
            self.assertEqual(self.prune("--adopt")[1]["adopted"], 1)
        self.assertEqual(self.adopted(), [str(path)])

    def test_what_cannot_be_read_now_stays_adopted(self):
        self.presets(one=self.shared)
        path = self.put(self.shared, "one")
        self.prune("--adopt")
        for calls in ("openat", "newfstatat"):
            self.faulted("--home", self.home, "prune", "--adopt", calls=calls, path=path, at="1+", error="EIO", expect=3)
            self.assertEqual(self.adopted(), [str(path)], calls)
        self.assertEqual(self.prune()[0], {str(path): "kept"})


class Unlisted(Presets):
    def setUp(self):
        super().setUp()
        self.presets(one=self.dir / "one", two=self.dir / "two", three=self.dir / "three")
        self.files = {name: [self.put(self.dir / name, name, day) for day in (1, 2)] for name in ("one", "two", "three")}

    def assert_others_are_done(self, done, about):
        """Two archives of each of the others are adopted, and the older goes."""
        fates, summary = self.fates(done), self.summary(done)
        self.assertEqual(len(summary["doubtful"]), 1, about)
        self.assertEqual(summary["status"], "incomplete", about)
        self.assertIn("[preset:two]", summary["doubtful"][0]["reason"], about)
        self.assertIn(str(self.dir / "two"), summary["doubtful"][0]["reason"], about)
        expected = {str(path): fate for name in ("one", "three")
                    for path, fate in zip(self.files[name], ("removed", "kept"))}
        self.assertEqual(fates, expected, about)
        self.assertEqual((summary["removed"], summary["adopted"]), (2, 4), about)
        self.assertEqual(self.adopted(), sorted(str(self.files[name][1]) for name in ("one", "three")), about)
        self.assertEqual(sorted((self.dir / "two").glob("*.zip")), self.files["two"], about)

    def words(self):
        keep = [word for name in ("one", "two", "three") for word in ("--set", f"preset:{name}.keep=1")]
        return ("--home", self.home, "--json", *keep, "prune", "--adopt")

    @odd_store.local("calls on its files fail")
    def test_an_error(self):
        for calls in ("openat,openat2,open", "getdents64"):
            for path in self.files["one"] + self.files["three"]:
                shutil.copyfile(self.old, path)
            (self.home / hb.HOME_ID).unlink(missing_ok=True)
            for error in ("EIO", "EMFILE"):
                done = self.faulted(*self.words(), "--dry-run", calls=calls, path=self.dir / "two", at="1+", error=error,
                                    expect=3)
                self.assertEqual(len(self.fates(done)), 4)
            done = self.faulted(*self.words(), calls=calls, path=self.dir / "two", at="1+", error="EIO", expect=3)
            self.assert_others_are_done(done, calls)

    @odd_store.local("its modes")
    def test_no_permission(self):
        keywords = self.somebody_else(self.home, self.dir / "one", self.dir / "three", self.user, self.config)
        (self.dir / "two").chmod(0o700 if keywords else 0)
        done = self.hbcore(*self.words(), expect=3, **keywords)
        (self.dir / "two").chmod(0o700)
        self.assert_others_are_done(done, "EACCES")

    @odd_store.local("its names lead to files")
    def test_a_file_where_the_directory_should_be(self):
        shutil.move(self.dir / "two", self.dir / "kept")
        hb.write(self.dir / "two", b"x")
        done = self.hbcore(*self.words(), expect=3)
        (self.dir / "two").unlink()
        shutil.move(self.dir / "kept", self.dir / "two")
        self.assert_others_are_done(done, "ENOTDIR")

    def test_one_that_was_never_made_holds_none(self):
        shutil.rmtree(self.dir / "two")
        done = self.hbcore(*self.words())
        self.assertEqual(len(self.fates(done)), 4)
        self.assertEqual(self.summary(done)["doubtful"], [])


if __name__ == "__main__":
    unittest.main()
