# SPDX-License-Identifier: Apache-2.0
"""Hard links in archives that others made: restored as GNU tar does, or named with the reason; `cat` follows them."""
import os
import tarfile
import unittest

import hb

FILE, LINK, SYMLINK, DIRECTORY, DEVICE = (tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE,
                                          tarfile.CHRTYPE)
HARMLESS = ("z", FILE, b"z")


class HardLinks(hb.Case):
    def setUp(self):
        super().setUp()
        self.config = hb.GENERIC

    def make(self, *rows, pax=False):
        """A row: name, kind, data or target; a link's data."""
        path = self.fresh("archive")
        with open(path, "wb") as stream:
            for name, kind, what, *data in rows:
                info = tarfile.TarInfo(name)
                info.type = kind
                body = what if kind == FILE else b"".join(data)
                info.size = len(body)
                info.linkname = what if kind in (LINK, SYMLINK) else ""
                info.pax_headers = {"comment": "pax"} if pax else {}
                stream.write(info.tobuf(tarfile.PAX_FORMAT) + body + bytes(-len(body) % 512))
            stream.write(bytes(1024))
        return path

    def read(self, root):
        """Names to content, or to the target of a symbolic link."""
        found = {}
        for folder, names, files in os.walk(root):
            for name in files + [name for name in names if os.path.islink(os.path.join(folder, name))]:
                path = os.path.join(folder, name)
                short = os.path.relpath(path, root)
                if os.path.islink(path):
                    found[short] = os.readlink(path)
                elif short != hb.HOME_ID:
                    with open(path, "rb") as stream:
                        found[short] = stream.read()
        return found

    def take(self, archive, *more, settings=("import.links=restore",), expect=0):
        """What is restored, and {name: reason} of what is not; the same from a pipe."""
        target, piped = self.fresh("target"), self.fresh("piped")
        options = ("--json", *(f"--set={setting}" for setting in settings), "import", *more)
        done = self.summary(self.hbcore("--home", target, *options, archive, expect=expect))
        self.hbcore("--home", piped, *options, "-", input=archive.read_bytes(), expect=expect)
        self.assertEqual(self.read(piped), self.read(target))
        return self.read(target), {row["path"]: row["reason"] for row in done["skipped"]}

    def gnu(self, archive, expect=0):
        judge = self.fresh("judge")
        judge.mkdir()
        self.tool("tar", "-C", judge, "-xf", archive, expect=expect)
        return self.read(judge)

    def cat(self, archive, name, expect=0):
        return self.hbcore("cat", archive, name, expect=expect)

    def test_as_gnu_tar(self):
        for rows in ((("a", FILE, b"A"), ("a", LINK, "a"), ("b", LINK, "a"), ("b", LINK, "b")),
                     (("x", FILE, b"X"), ("s", SYMLINK, "x"), ("t", LINK, "s"), ("u", LINK, "t"), ("d/v", LINK, "u")),
                     (("d/a", FILE, b"A"), ("b", LINK, "d//a"), ("c", LINK, "./d/a"), ("./e", LINK, "d/./a")),
                     (("a", FILE, b"1"), ("b", LINK, "a"), ("a", FILE, b"2"), ("c", LINK, "./a"), ("d", LINK, "b"))):
            archive = self.make(*rows)
            found, skipped = self.take(archive)
            self.assertEqual((found, skipped), (self.gnu(archive), {}), rows)

    def test_twice_by_gnu_tar_itself(self):
        hb.write(self.dir / "tree/a", b"A")
        archive = self.dir / "twice.tar"
        self.tool("tar", "-C", self.dir / "tree", "-cf", archive, "a", "a", "./a")
        self.assertEqual(self.take(archive), ({"a": b"A"}, {}))
        self.assertEqual(self.cat(archive, "a").stdout, b"A")

    def test_a_tree_of_links_to_links(self):
        """As cp -al makes them: symbolic links with two names."""
        hb.write(self.dir / "tree/one/file", b"f")
        os.symlink("file", self.dir / "tree/one/link")
        self.tool("cp", "-al", self.dir / "tree/one", self.dir / "tree/two")
        archive = self.dir / "tree.tar"
        self.tool("tar", "-C", self.dir / "tree", "-cf", archive, "--sort=name", ".")
        self.assertEqual(self.take(archive), (self.gnu(archive), {}))
        found, skipped = self.take(archive, settings=("import.links=refuse",), expect=3)
        self.assertEqual(found, {"one/file": b"f", "two/file": b"f"})
        self.assertEqual({name.removeprefix("./") for name in skipped}, {"one/link", "two/link"})

    def test_what_stands_behind(self):
        archive = self.make(("c", LINK, "b"), ("b", LINK, "a"), ("a", FILE, b"A"))
        self.assertEqual(self.take(archive), ({"a": b"A", "b": b"A", "c": b"A"}, {}))
        for name in "abc":
            self.assertEqual(self.cat(archive, name).stdout, b"A")

    def test_what_is_left_out(self):
        """Which of the names holds the data is the archive's affair: a name that is wanted gets them."""
        archive = self.make(HARMLESS, ("a", FILE, b"A"), ("b", LINK, "a"), ("c", LINK, "b"))
        self.assertEqual(self.take(archive, "--exclude", "b"), ({"a": b"A", "c": b"A", "z": b"z"}, {}))
        self.assertEqual(self.take(archive, "--exclude", "a", "--exclude", "b"), ({"c": b"A", "z": b"z"}, {}))
        self.assertEqual(self.take(archive, "--include", "c"), ({"c": b"A"}, {}))
        self.assertEqual(self.take(archive, "--include", "b", "--include", "z"), ({"b": b"A", "z": b"z"}, {}))

    def test_true_reasons(self):
        rows = ((("l", LINK, "none"), "not in the archive"), (("l", LINK, "l"), "itself"),
                (("l", LINK, "d"), "directory"), (("l", LINK, "c"), "device"), (("l", LINK, "../q"), "not restored"),
                (("l", LINK, "hard/q"), "not restored"), (("l", LINK, "r"), "leads back"))
        for row, reason in rows:
            archive = self.make(HARMLESS, ("d", DIRECTORY, None), ("c", DEVICE, None), ("../q", FILE, b"q"),
                                ("hard/../q", FILE, b"q"), ("hard/q", SYMLINK, "z"), ("r", LINK, "l"), row)
            found, skipped = self.take(archive, settings=("import.links=refuse",), expect=3)
            self.assertEqual(found, {"z": b"z"}, row)
            self.assertIn(reason, skipped["l"], row)
            if reason != "not restored":
                self.cat(archive, "l", expect=1)

    def test_what_begins_as_long_as_the_wrapper(self):
        """ "abcdex" is not "home/x": it is nothing in this archive."""
        archive = self.make(("home/x", FILE, b"X"), ("home/l", LINK, "abcdx"), ("home/m", LINK, "home/x"))
        found, skipped = self.take(archive, settings=("import.wrappers=home",), expect=3)
        self.assertEqual((found, set(skipped)), ({"x": b"X", "m": b"X"}, {"l"}))

    def test_data_of_its_own(self):
        rows = (("a", FILE, b"A" * 600), ("b", LINK, "a", b"B" * 700), ("c", FILE, b"c"))
        archive = self.make(*rows, pax=True)
        self.assertEqual(self.take(archive)[0], {"a": b"A" * 600, "b": b"B" * 700, "c": b"c"})
        self.assertEqual(self.cat(archive, "b").stdout, b"B" * 700)
        for elsewhere in (rows, (*rows[:1], ("b", LINK, "a", rows[0][2]), rows[2])):
            told = self.hbcore("--home", self.fresh("told"), "import", self.make(*elsewhere), expect=1)
            self.assert_mentions(told, "b is a hard link with data of its own")


if __name__ == "__main__":
    unittest.main()
