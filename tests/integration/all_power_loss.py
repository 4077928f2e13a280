# SPDX-License-Identifier: Apache-2.0
"""A model of a power cut, over the system calls of each command that writes.

The model is the weakest file system that POSIX allows: data of a file is on the disk once the file
is flushed, a name once its directory is, and syncfs() flushes all of one file system. At each point
of the record it is known what a power cut would leave. The rules:

1. A final name (which is not that of a temporary of ours) is given to a file only when all that was
   written to it has been flushed before; if it is a directory, all that was written below it.
2. Before success is told, and before anything is removed that the new name takes the place of, the
   directory of each final name has been flushed after the name was given.
3. The directory above each new directory that stays has been flushed before success is told.
4. Archives, snapshots and journals are removed durably before success is told.
5. While a journal has its name only in memory, nothing of the home changes: without it, nobody knew what is half done.
6. While the mark that writing into a file has begun is only in memory, nothing is written into a file of the home.

Success is told by the first write to standard output or error after the last of these, or the end.
"""
import os
import re
import shutil
import subprocess
import unittest

import hb

hb.need("strace")

CALLS = ("mkdir,mkdirat,open,openat,openat2,creat,write,pwrite64,writev,pwritev,ftruncate,fallocate,copy_file_range,"
         "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,fsync,fdatasync,syncfs,symlinkat,symlink")
WRITES = ("write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "copy_file_range")
LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?(?: .*)?$")
FD = re.compile(r"^(?:\d+|AT_FDCWD)<(.*)>$")
MARK = re.compile(r"/\.hbcore-stage-[^/]+/begun$")
TEMPORARY = re.compile(r"/\.hbcore-(stage|alias)-[^/]+(/|$)|/reuse\.key\.[0-9a-f]{16}$")


def arguments(text):
    """The arguments of a line of strace, cut at commas outside of quotes and brackets."""
    found, depth, quoted, start = [], 0, False, 0
    position = 0
    while position < len(text):
        letter = text[position]
        if quoted:
            if letter == "\\":
                position += 1
            elif letter == '"':
                quoted = False
        elif letter == '"':
            quoted = True
        elif letter in "[{<(":
            depth += 1
        elif letter in "]}>)":
            depth -= 1
        elif letter == "," and depth == 0:
            found.append(text[start:position].strip())
            start = position + 1
        position += 1
    return [*found, text[start:].strip()]


def plain(word):
    return word.strip('"').rstrip(".").strip('"')


class Record:
    """The calls that succeeded: (call, path, second path or None), in order, paths absolute."""

    def __init__(self, text, directory):
        self.calls = []
        pending = {}
        for raw in text.splitlines():
            process, _, line = raw.partition(" ")
            line = line.strip()
            if line.endswith("<unfinished ...>"):
                pending[process] = line[:-len("<unfinished ...>")].rstrip()
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>(.*)$", line)
            if resumed:
                line = pending.pop(process, "") + resumed.group(1)
            match = LINE.match(line)
            if match is None or int(match.group(3)) < 0:
                continue
            self.take(match.group(1), arguments(match.group(2)), match.group(4), directory)

    @staticmethod
    def at(word, name, directory):
        base = FD.match(word)
        return os.path.normpath(os.path.join(base.group(1) if base else directory, plain(name)))

    def take(self, call, words, result, directory):
        if call in ("mkdir", "unlink", "rmdir", "creat"):
            self.calls.append(({"rmdir": "unlink"}.get(call, call), os.path.join(directory, plain(words[0])), None))
        elif call == "rename" or call == "link":
            self.calls.append((call, os.path.join(directory, plain(words[0])), os.path.join(directory, plain(words[1]))))
        elif call in ("mkdirat", "unlinkat"):
            self.calls.append((call[:-2], self.at(words[0], words[1], directory), None))
        elif call in ("renameat", "renameat2", "linkat"):
            self.calls.append(("link" if call == "linkat" else "rename", self.at(words[0], words[1], directory),
                               self.at(words[2], words[3], directory)))
        elif call in ("open", "openat", "openat2"):
            if "O_CREAT" in " ".join(words) and result is not None:
                self.calls.append(("create", result, None))
        elif call in ("symlinkat", "symlink"):
            self.calls.append(("create", self.at(words[1], words[2], directory) if call == "symlinkat"
                               else os.path.join(directory, plain(words[1])), None))
        else:
            # copy_file_range writes to its third argument
            word = words[2] if call == "copy_file_range" else words[0]
            path = FD.match(word)
            number = word.split("<")[0]
            self.calls.append((call, path.group(1) if path else number, number))


class Model:
    """What is on the disk, and what only in memory. Raises on the first rule that is broken."""

    def __init__(self, record, root, mounts=()):
        self.root = root
        self.mounts = mounts    # directories below it that are file systems of their own
        self.created = set()    # by the run itself
        self.unflushed = {}     # file: place of its last write
        self.names = {}         # final name: place where it was given, its directory not flushed yet
        self.made = {}          # new directory: place, the one above it not flushed yet
        self.removed = {}       # durable things whose removal is not flushed yet
        self.published, self.directories, self.removals = 0, 0, 0
        self.written_live = 0   # calls that write into what was there before
        self.problems = []
        final = [place for place, (call, first, second) in enumerate(record.calls)
                 if call in ("rename", "link", "unlink", "mkdir", "create", "creat") and self.is_final(second or first)]
        told = [place for place, (call, _, fd) in enumerate(record.calls)
                if call in WRITES and fd in ("1", "2") and place > (final[-1] if final else -1)]
        self.end = told[0] if told else len(record.calls)
        for place, (call, first, second) in enumerate(record.calls[:self.end]):
            self.step(place, call, first, second)
        self.told()

    def ours(self, path):
        return path.startswith(self.root + "/") and not path.endswith(" (deleted)")

    @staticmethod
    def temporary(path):
        return TEMPORARY.search(path) is not None

    def system(self, path):
        return [mount for mount in self.mounts if path == mount or path.startswith(f"{mount}/")]

    def is_final(self, path):
        return self.ours(path) and not self.temporary(path)

    def below(self, path):
        return [file for file in self.unflushed if file == path or file.startswith(path + "/")]

    def step(self, place, call, first, second):
        self.look_at_order(place, call, first, second)
        if call in WRITES:
            if self.ours(first):
                self.unflushed[first] = place
        elif call in ("create", "creat") and self.ours(first):
            if MARK.search(first) and first not in self.created:
                self.names[first] = place
            self.created.add(first)
            if not self.temporary(first):
                self.names[first] = place
                self.published += 1
        elif call == "mkdir" and self.ours(first):
            if not self.temporary(first):
                self.made[first] = place
                self.directories += 1
        elif call in ("rename", "link") and self.ours(second):
            self.publish(place, first, second)
        elif call == "unlink" and self.ours(first):
            self.unflushed.pop(first, None)
            self.names.pop(first, None)
            self.made.pop(first, None)
            if not self.temporary(first) and first not in self.created:
                self.removed[first] = place
                self.removals += 1
        elif call in ("fsync", "fdatasync"):
            self.flush(first)
        elif call == "syncfs":
            for rows in (self.unflushed, self.names, self.made, self.removed):
                for path in [path for path in rows if self.system(path) == self.system(first)]:
                    del rows[path]

    def look_at_order(self, place, call, first, second):
        """Rules 5 and 6."""
        changed = {"rename": second, "link": second}.get(call, first)
        if call not in (*WRITES, "rename", "link", "create", "creat", "mkdir", "unlink") or not self.is_final(changed):
            return
        waiting = [name for name in self.names if name.endswith("/journal") and self.temporary(name)]
        if call in WRITES:
            self.written_live += changed not in self.created
            waiting += [name for rows in (self.names, self.unflushed) for name in rows if MARK.search(name)]
        self.problems += [f"{place}: {call} of {changed}, while {name} is not flushed" for name in sorted(set(waiting))]

    def flush(self, path):
        self.unflushed.pop(path, None)
        for names in (self.names, self.made, self.removed):
            for name in [name for name in names if os.path.dirname(name) == path]:
                del names[name]

    def publish(self, place, first, second):
        if self.temporary(second) and not second.endswith("/journal"):
            for file in self.below(first):  # it moves, no more
                self.unflushed[second + file[len(first):]] = self.unflushed.pop(file)
            if not self.temporary(first):
                self.removed[first] = place
                self.removals += 1
            return
        for file in self.below(first):
            self.problems.append(f"{place}: {second} is given to what is not flushed: {file}")
            self.unflushed[second + file[len(first):]] = self.unflushed.pop(file)
        self.published += 1
        self.names[second] = place

    def told(self):
        for what, names in (("the directory of a new name is", self.names), ("the directory above a new directory is",
                            self.made), ("a removal is", self.removed)):
            self.problems += [f"{what} not flushed before success is told: {name} (call {place})"
                              for name, place in names.items()]


class PowerLoss(hb.Case):
    def setUp(self):
        super().setUp()
        self.source = self.make_home("source")
        for number in range(12):
            hb.write(self.source / f"many/{number % 3}/{number}", b"new" * number)
        for name in ("state.db", "log.db"):
            self.make_database(self.source / name, wal=name == "log.db")

    def watch(self, *command, published=1, directories=0, removals=0, expect=0, mounts=(), **keywords):
        log = self.dir.parent / f"{self.dir.name}.strace"
        self.addCleanup(lambda: log.exists() and log.unlink())
        line = ["strace", "-f", "-y", "-s", "400", "-o", log, "-e", f"trace={CALLS}", *self.command(*command)]
        done = subprocess.run([os.fspath(word) for word in line], env=self.environment(ASAN_OPTIONS="detect_leaks=0"),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=240, check=False, cwd=self.dir,
                              **keywords)
        self.assertIn(done.returncode, (0, 3) if expect is None else (expect,), self.describe(done))
        text = log.read_text(errors="surrogateescape")
        model = Model(Record(text, str(self.dir)), str(self.dir), mounts)
        self.assertEqual(model.problems, [], "\n".join(model.problems))
        # The model has seen what it is about.
        self.assertGreaterEqual(model.published, published)
        self.assertGreaterEqual(model.directories, directories)
        self.assertGreaterEqual(model.removals, removals)
        return model

    # ---- archives ----

    def test_backup(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            with self.subTest(format=fmt):
                self.watch("--home", self.source, "backup", "--format", fmt, "-o", self.dir / f"a/{fmt}/c/x{suffix}",
                           published=1, directories=2)
                self.watch("--home", self.source, "backup", "--format", fmt, "-o", self.dir / f"a/{fmt}/c/x{suffix}")

    def test_first_backup(self):
        """The id of the home, and the key with its directories."""
        self.watch("--home", self.source, "backup", "--preset", "pre-update", published=3, directories=3)
        self.assertTrue((self.user / "state/hbcore/reuse.key").exists())

    def test_preset(self):
        arguments = ("--home", self.source, "backup", "--preset", "pre-update")
        self.watch(*arguments, published=1, directories=1)
        for _ in range(2):
            self.watch(*arguments, "--keep", "1", published=1, removals=1)

    def test_prune(self):
        for _ in range(3):
            self.hbcore("--home", self.source, "backup", "--preset", "pre-update", "--keep", "5")
        self.watch("--home", self.source, "--set", "preset:pre-update.keep=1", "prune", published=0, removals=2)

    def test_stage_elsewhere(self):
        (self.dir / "stage").mkdir()
        self.watch("--home", self.source, "--set", f"backup.stage-dir={self.dir}/stage", "backup", "-o",
                   self.dir / "new/x.zip", directories=1)

    # ---- snapshots ----

    def test_snapshot(self):
        self.watch("--home", self.source, "snapshot", "create")
        self.watch("--home", self.source, "snapshot", "create", "--keep", "1", removals=1)
        self.hbcore("--home", self.source, "snapshot", "create")
        self.watch("--home", self.source, "snapshot", "prune", "--keep", "1", published=0, removals=1)

    def test_restored_snapshot(self):
        self.hbcore("--home", self.source, "snapshot", "create")
        shutil.rmtree(self.source / "many")
        (self.source / "config.yaml").unlink()
        self.watch("--home", self.source, "snapshot", "restore", "1", published=2)

    def test_guard(self):
        jobs = self.source / "cron/jobs.json"
        hb.write(jobs, b'{"jobs":[{"id":"1"}]}')
        self.hbcore("--home", self.source, "snapshot", "create")
        name = next(path.name for path in (self.source / "state-snapshots").iterdir())
        jobs.unlink()
        hb.write(jobs, b'{"jobs":[]}')
        self.watch("--home", self.source, "guard", name)
        self.assertIn(b'"1"', jobs.read_bytes())

    # ---- imports ----

    def test_import(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            archive = self.backup(self.source, f"a{suffix}", "--format", fmt)
            for workers in (1, 3):
                home = self.dir / f"new/{fmt}/home{workers}"
                with self.subTest(format=fmt, workers=workers):
                    arguments = ("--home", home, "--set", f"backup.workers={workers}", "import", "-f", archive)
                    self.watch(*arguments, published=5, directories=1)
                    hb.write(home / "many/1/4", b"other")
                    model = self.watch(*arguments, published=5)
                    self.assertGreater(model.written_live, 1)  # the databases

    def test_import_with_a_way_back(self):
        archive = self.backup(self.source)
        home = self.make_home("other")
        self.watch("--home", home, "import", "-f", "--backup-first", archive, published=5, directories=1)
        self.watch("--home", home, "undo", "--yes", published=3, removals=5, expect=None)
        self.watch("--home", home, "undo", "--yes", published=5)

    def test_import_over_mounts(self):
        """Other file systems below the home, one of which gets nothing but directories."""
        home = self.dir / "target"
        mounts = [str(home / "many"), str(home / "hollow2")]
        for mount in mounts:
            os.makedirs(mount)
            if subprocess.run(["mount", "-t", "tmpfs", "none", mount], capture_output=True, check=False).returncode != 0:
                self.skip("nothing can be mounted")
            self.addCleanup(subprocess.run, ["umount", "-l", mount], check=False)
        self.watch("--home", home, "import", "-f", self.backup(self.source), published=15, directories=1, mounts=mounts)

    # ---- what else is made ----

    def test_new_plugin(self):
        self.watch("plugins", "new", "filter", "mine", published=1, directories=1)


class TheModelItself(unittest.TestCase):
    """It notices what is missing."""

    def judge(self, *calls, mounts=()):
        record = Record("", "/")
        record.calls = [*calls, ("write", "pipe:[1]", "1")]
        return Model(record, "/r", mounts).problems

    def test_archive(self):
        stage = "/r/.hbcore-stage-0123456789abcdef"
        good = [("mkdir", "/r/a", None), ("fsync", "/r", "3"), ("mkdir", stage, None), ("create", f"{stage}/x", None),
                ("write", f"{stage}/x", "4"), ("fsync", f"{stage}/x", "4"), ("rename", f"{stage}/x", "/r/a/x"),
                ("fsync", "/r/a", "5"), ("unlink", stage, None)]
        self.assertEqual(self.judge(*good), [])
        for missing in (1, 5, 7):
            self.assertEqual(len(self.judge(*good[:missing], *good[missing + 1:])), 1, good[missing])
        late = [*good[:5], good[6], good[5], *good[7:]]
        self.assertEqual(len(self.judge(*late)), 1)

    def test_restore(self):
        """The journal has its name on the disk before anything changes; a mark, before its file does."""
        stage = "/r/.hbcore-stage-0123456789abcdef"
        draft, journal, mark = f"{stage}/1-journal", f"{stage}/journal", f"{stage}/begun"
        good = [("create", draft, None), ("write", draft, "4"), ("fsync", draft, "4"), ("rename", draft, journal),
                ("fsync", stage, "3"), ("create", mark, None), ("write", mark, "5"), ("fdatasync", mark, "5"),
                ("fsync", stage, "3"), ("write", "/r/a.db", "6"), ("syncfs", "/r", "7")]
        self.assertEqual(self.judge(*good), [])
        for missing in (2, 7, 8):
            self.assertEqual(len(self.judge(*good[:missing], *good[missing + 1:])), 1, good[missing])
        for late in ("write", "rename", "mkdir", "unlink"):
            change = (late, "/r/b", "/r/c" if late == "rename" else "6")
            self.assertEqual(len(self.judge(*good[:4], change, *good[4:])), 1, late)
            self.assertEqual(self.judge(*good[:5], change, *good[5:]), [])
            self.assertEqual(len(self.judge(*good[:6], change, *good[6:])), late == "write")

    def test_removal(self):
        self.assertEqual(len(self.judge(("unlink", "/r/a.zip", None))), 1)
        self.assertEqual(self.judge(("unlink", "/r/a.zip", None), ("fsync", "/r", "3")), [])

    def test_mounts(self):
        calls = [("mkdir", "/r/m/a", None), ("syncfs", "/r", "3")]
        self.assertEqual(self.judge(*calls), [])
        self.assertEqual(len(self.judge(*calls, mounts=["/r/m"])), 1)
        self.assertEqual(self.judge(*calls, ("syncfs", "/r/m", "3"), mounts=["/r/m"]), [])

    def test_record(self):
        text = ('12 mkdirat(AT_FDCWD</r>, "a", 0777) = 0\n'
                '12 renameat2(3</r/a>, "1-x, y", 4</r>, "z(1)", RENAME_NOREPLACE <unfinished ...>\n'
                '13 fsync(5</r>) = 0\n12 <... renameat2 resumed>) = 0\n'
                '12 fsync(5</r>) = -1 EIO (Input/output error)\n'
                '12 openat(3</r/a>, "n", O_RDWR|O_CREAT, 0600) = 7</r/a/n>\n')
        self.assertEqual(Record(text, "/").calls, [("mkdir", "/r/a", None), ("fsync", "/r", "5"),
                                                   ("rename", "/r/a/1-x, y", "/r/z(1)"), ("create", "/r/a/n", None)])


if __name__ == "__main__":
    unittest.main()
