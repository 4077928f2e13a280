# SPDX-License-Identifier: Apache-2.0
"""The patterns of core/base/patterns.c leave out what git leaves out, by the same pattern.

Lists of patterns, from a table and made at random with a fixed seed, each with all paths of a tree, go to
`git check-ignore --no-index -v -n` and to hb-patterns. They have to name the same pattern.
"""
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

ASK = os.environ["HB_PATTERNS"]
LISTS = 100
NAMES = ["a", "b", "ab", "a.c", "b.db", "README", "foo", "foobar", "a b", "x-y", "[a]", "a*", "\\a", "!a", "#a",
         "\u00e9", "A", "a ", "z]", "1"]
ODD = [b"\xff\xfe", b"new\nline", b"tab\t", b"\xc3"]
TABLE = [
    "*.db", "/*.db", "a/", "a/*\n!a/b", "a\n!a/b", "**/a", "a/**", "a/**/b", "a**/b", "**\\/b", "/**/a", "***/a", "a/***", "**",
    "**/", "/", "//a", "a//", "!a", "\\!a", "\\#a", "#a", "a\\ ", "a ", "a  \n", "\\", "a\\", "[", "[a", "[a]", "[!a]*", "[^a]*",
    "[]a]*", "[a-c]", "[c-a]", "[a-]*", "[--b]*", "[[:alpha:]]", "[[:digit:]a]", "[[:nope:]]", "[[:alpha]*", "[a/b]b", "a[/]b",
    "[\\]]", "z[]]", "z\\]", "?", "??", "*?*", "*a*a*a*b", "foo*/bar", "foo**/bar", "foo/**bar", "*\n!*/\n!*.db",
    "*.db\n!b.db\nb.db", "/a/b\n!/a", "a/b/", "./a", "a/./b", "../a", "\xff\xfe", "\u00e9", "?\u00e9", "[\u00e9]", "new?line",
    "*\n!/a\n/a/*\n!/a/b", "\ufeffa", "a\r", "/*\n!/foo\n/foo/*\n!/foo/bar", "cache/*\n!cache/images\n", "[[:space:]]*",
    "*[[:blank:]]", "[[:punct:]]*", "*[[:cntrl:]]*", "[[:upper:]]*", "[[:graph:]]", "\\a", "\\*a", "a\\*", "a/\\b", "**/**/b",
    "a/**/**", "*/b", "/*/b", "*/*", "*/", "**/b/", "b/**/", "a/?/b", "a/*/b", "[a-\\c]", "[\\a-c]", "![ab]", "a/[!b]",
]
PIECES = ["a", "b", "ab", "foo", "bar", ".db", "*", "**", "?", "/", "/", "/**/", "**/", "[ab]", "[!a]", "[a-f]", "\\a", "\\*", ".", "\u00e9",
          "[[:alpha:]]", "[", "]", " ", "-", "!", "\\"]


def make_tree(root, chance):
    """Directories three levels deep, with about 500 names; all of it, a directory ending in '/'."""
    paths = []

    def fill(directory, depth, names):
        for name in names:
            path = directory + name
            exists = os.path.lexists(root + b"/" + path)
            if depth < 3 and not exists and chance.random() < (0.7 if depth < 2 else 0.2):
                os.makedirs(root + b"/" + path)
                paths.append(path + b"/")
                fill(path + b"/", depth + 1, chance.sample(every, 6))
            elif not exists:
                pathlib.Path(os.fsdecode(root + b"/" + path)).write_bytes(b"")
                paths.append(path)

    every = [name.encode() for name in NAMES] + ODD
    for path in (b"ax/y/b", b"foo/x/bar", b"foobar2/bar", b"aa/b/c/a/b", b"cache2/images/1"):
        os.makedirs(os.path.dirname(root + b"/" + path), exist_ok=True)
        pathlib.Path(os.fsdecode(root + b"/" + path)).write_bytes(b"")
        parts = path.split(b"/")
        paths += [b"/".join(parts[:i]) + b"/" for i in range(1, len(parts))] + [path]
    fill(b"", 1, every)
    return sorted(set(paths))


def random_list(chance):
    lines = []
    for _ in range(chance.randint(1, 6)):
        line = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 5)))
        lines.append(("!" if lines and chance.random() < 0.3 else "") + line + chance.choice(["", "", "", "/"]))
    return "\n".join(lines) + "\n"


class Judge(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if shutil.which("git") is None:
            print("skipped: git is not installed")
            raise SystemExit(77)
        self.dir = os.fsencode(tempfile.mkdtemp(prefix="hbcore-patterns-", dir=os.environ.get("TMPDIR") or None))
        self.addCleanup(shutil.rmtree, self.dir)
        self.environment = {"PATH": os.environ["PATH"], "HOME": os.fsdecode(self.dir), "GIT_CONFIG_NOSYSTEM": "1",
                            "GIT_CEILING_DIRECTORIES": os.path.dirname(os.fsdecode(self.dir)), "LC_ALL": "C.UTF-8"}
        self.root = self.dir + b"/tree"

    def git(self, *arguments, **keywords):
        return subprocess.run(["git", *arguments], cwd=self.root, env=self.environment, capture_output=True, **keywords)

    def ask_git(self, paths):
        done = self.git("check-ignore", "--no-index", "-v", "-n", "-z", "--stdin", check=False,
                        input=b"".join(path.rstrip(b"/") + b"\0" for path in paths))
        self.assertIn(done.returncode, (0, 1), done.stderr)
        fields = done.stdout.split(b"\0")[:-1]
        self.assertEqual(len(fields), 4 * len(paths))
        return [(int(line or 0), pattern) for line, pattern in zip(fields[1::4], fields[2::4])]

    def ask_us(self, name, paths):
        done = subprocess.run([ASK, name], input=b"".join(path + b"\0" for path in paths), capture_output=True, check=True)
        return [int(number) for number in done.stdout.split()]

    def compare(self, text, paths):
        """The paths on which both differ. git names a line, and also a pattern that takes a path back."""
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        with open(self.root + b"/.gitignore", "wb") as stream:
            stream.write(data)
        lines = [number for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
                 if line.rstrip(b"\r").rstrip(b" ") and not line.startswith(b"#")]
        found = []
        for path, (line, pattern), number in zip(paths, self.ask_git(paths), self.ask_us(self.root + b"/.gitignore", paths)):
            git = 0 if line == 0 or pattern.startswith(b"!") else line
            ours = lines[number - 1] if number else 0
            if git != ours:
                found.append((data, path, f"git: line {git}", f"hbcore: line {ours}"))
        return found

    def test_as_git(self):
        chance = random.Random(17)
        paths = make_tree(self.root, chance)
        self.git("init", "-q", check=True)
        lists = TABLE + [random_list(chance) for _ in range(LISTS)]
        found = []
        for text in lists:
            found += self.compare(text, paths)
        self.assertGreater(len(lists) * len(paths), 30_000)
        self.assertEqual(found[:20], [], f"{len(found)} of {len(lists) * len(paths)} differ")

    def test_shuffled(self):
        """What is remembered of directories does not depend on the order of the paths."""
        chance = random.Random(3)
        paths = make_tree(self.root, chance)
        name = self.dir + b"/list"
        with open(name, "wb") as stream:
            stream.write(b"*.db\na/*\n!a/b\nfoo/\n!foo/bar\nb/**/a\n!?\n[A-Z]*\n")
        straight = dict(zip(paths, self.ask_us(name, paths)))
        self.assertGreater(len(set(straight.values())), 4)
        for _ in range(5):
            chance.shuffle(paths)
            self.assertEqual(dict(zip(paths, self.ask_us(name, paths))), straight)

    def test_time(self):
        """200 patterns and 100,000 paths; and what takes exponential time where each '*' is tried anew."""
        kinds = ["*.tmp{0}", "/dir{0}/*", "name{0}", "a/**/b{0}", "*x{0}*y", "deep/{0}/", "[a-f]{0}[0-9]", "!keep{0}"]
        name = self.dir + b"/list"
        with open(name, "w", encoding="ascii") as stream:
            stream.write("".join(kinds[i % len(kinds)].format(i) + "\n" for i in range(200)))
        paths = [b"dir/sub%d/part%d/file%d.txt" % (i // 1000, i // 50, i) for i in range(100_000)]
        took = {}
        for count in (len(paths) // 4, len(paths)):
            start = time.monotonic()
            self.ask_us(name, paths[:count])
            took[count] = time.monotonic() - start
        print(f"200 patterns, {len(paths)} paths: {took[len(paths)]:.2f} s")
        self.assertLess(took[len(paths)], 20 * max(took[len(paths) // 4], 0.05), took)
        with open(name, "w", encoding="ascii") as stream:
            stream.write("*a" * 60 + "b\n/" + "**/a/" * 40 + "b\n/x*" + "a*?" * 50 + "c\n")
        start = time.monotonic()
        self.ask_us(name, [b"a" * 250, b"/".join([b"a"] * 2000), b"x" + b"a" * 60_000])
        self.assertLess(time.monotonic() - start, 60)


if __name__ == "__main__":
    unittest.main()
