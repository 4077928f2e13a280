# SPDX-License-Identifier: Apache-2.0
"""What conf/hermes.ini leaves out of a backup, and what looks like it but stays."""
import json
import os
import socket
import unittest
import zipfile

import hb

LEFT_OUT = """
__pycache__/a.py sub/__pycache__/a.py .git/config sub/.git/HEAD node_modules/x a/b/node_modules/x
backups/old.zip sub/backups/x checkpoints/1 .venv/lib venv/lib a/site-packages/m.py .cache/x .tox/x
.nox/x .pytest_cache/x .mypy_cache/x .ruff_cache/x hermes-agent/main.py state-snapshots/s/state.db
profiles/work/state-snapshots/s/x profiles/work/.venv/x m.pyc a/m.pyo state.db-wal a/x.db-shm
x.db-journal gateway.pid profiles/work/cron.pid sub/checkpoints
""".split()
KEPT = """
config.yaml .env __pycache__x/a.py git/config .github/x my-backups/x skills/x/hermes-agent/main.py
profiles/work/hermes-agent/x a/state-snapshots/x profiles/work/deep/state-snapshots/x m.pyc.txt
pyc Venv/x NODE_MODULES/x gateway.pid.bak a.PYC gateway_state.json processes.json state.db.bak
profiles/work/.env db-wal .gitignore
""".split()


class Exclusions(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name in LEFT_OUT + KEPT:
            if not (self.home / name).is_dir():
                hb.write(self.home / name, name)

    def stored(self, archive):
        with zipfile.ZipFile(archive) as opened:
            return {name for name in opened.namelist() if not name.endswith("/")}

    def test_rules(self):
        self.assertEqual(self.stored(self.backup(self.home)), set(KEPT))

    def test_private_mode_opens_nothing(self):
        """It takes rights of the group and of others away, and never gives any."""
        for name, mode in (("config.yaml", 0o644), (".env", 0o600), ("a.PYC", 0o640)):
            (self.home / name).chmod(mode)
        words = ("--set", "filter:exclusions.private=config.yaml .env a.PYC")
        for private, found in ("0600", [0o600] * 3), ("0666", [0o644, 0o600, 0o640]), ("0604", [0o604, 0o600, 0o600]):
            archive = self.backup(self.home, f"{private}.zip", *words, "--set", f"filter:exclusions.private-mode={private}")
            with zipfile.ZipFile(archive) as opened:
                modes = [opened.getinfo(name).external_attr >> 16 & 0o7777 for name in ("config.yaml", ".env", "a.PYC")]
            self.assertEqual(modes, found, private)

    def test_summary_names_the_directories_sorted(self):
        summary = self.summary(self.hbcore("--home", self.home, "--json", "backup", "-o",
                                           self.dir / "a.zip"))
        found = summary["excluded_dirs"]
        self.assertEqual(found, sorted(found))
        self.assertLessEqual({".git", "hermes-agent", "profiles/work/state-snapshots",
                              "a/b/node_modules"}, set(found))
        self.assertNotIn("a/state-snapshots", found)

    def test_an_excluded_directory_is_never_walked(self):
        inner = self.home / "node_modules/locked"
        inner.mkdir()
        inner.chmod(0)
        self.backup(self.home)
        inner.chmod(0o700)

    def test_links_are_counted_and_not_followed(self):
        hb.write(self.dir / "outside/secret", b"x")
        os.symlink("config.yaml", self.home / "alias")
        os.symlink("skills", self.home / "linked-directory")
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "l.zip")
        self.assertEqual(self.stored(self.dir / "l.zip"), set(KEPT))
        self.assert_mentions(done, "link")
        # What only a link leads to is missing in the archive, so that one is no longer complete.
        os.symlink(self.dir / "outside", self.home / "away")
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "l.zip", expect=3)
        self.assertEqual(self.stored(self.dir / "l.zip"), set(KEPT))
        self.assert_mentions(done, "away")

    def test_special_files_are_passed_over(self):
        os.mkfifo(self.home / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            os.chdir(self.home)
            listener.bind("socket")
            os.chdir("/")
            archive = self.backup(self.home)
        self.assertEqual(self.stored(archive), set(KEPT))

    def test_unreadable_files_and_directories(self):
        out = self.dir / "out"
        out.mkdir()
        who = self.somebody_else(self.dir)
        (self.home / "config.yaml").chmod(0)
        (self.home / "git").chmod(0)
        command = self.command("--home", self.home, "--json", "backup", "-o", out / "u.zip")
        done = hb.subprocess.run(command, env=self.environment(), capture_output=True, check=False,
                                 stdin=hb.subprocess.DEVNULL, **who)
        self.assertEqual(done.returncode, 3, self.describe(done))
        summary = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(sorted(row["path"] for row in summary["skipped"]),
                         ["config.yaml", "git"], summary)
        self.assertEqual(self.stored(out / "u.zip"), set(KEPT) - {"config.yaml", "git/config"})


class Filter(hb.Case):
    """The options of the filter that have no place in conf/hermes.ini."""

    config = hb.GENERIC

    def stored(self, *settings, files=(), expect=0):
        """What is stored of a home with these files (name, or name and content), and the summary."""
        home, archive = self.dir / "home", self.dir / "a.zip"
        for name in files:
            name, data = (name, b"") if isinstance(name, (str, bytes)) else name
            hb.write(os.fsencode(home) + b"/" + os.fsencode(name), data)
        config = self.write_config(hb.GENERIC.read_text() + "\n[filter:f]\nplugin = runtime-filter\n"
                                   + "".join(line + "\n" for line in settings))
        done = self.hbcore("--config", config, "--json", "--home", home, "backup", "-o", archive, expect=expect)
        if expect != 0:
            return set(), done
        with zipfile.ZipFile(archive) as opened:
            return {name for name in opened.namelist() if not name.endswith("/")}, self.summary(done)

    def test_only_these_below_here(self):
        """Of cache/, here and in each profile, six directories; of others that are called so, all."""
        kept = ["images", "audio", "videos", "documents", "screenshots", "citations"]
        tops = ["cache", "profiles/work/cache", "profiles/home/cache"]
        wanted = [f"{top}/{name}/deep/x" for top in tops for name in kept] + \
            ["skills/s/cache/any/x", "profiles/work/deep/cache/any", "cached/x", "config.yaml"]
        others = [f"{top}/{name}" for top in tops for name in
                  ("chrome-debug/x", "tool-output/images/x", "a.json", "images2/x", "Images/x")]
        lines = ["patterns ="] + ["  " + " ".join([f"{top}/*"] + [f"!{top}/{name}" for name in kept])
                                  for top in ("cache", "profiles/*/cache")]
        found, summary = self.stored(*lines, files=wanted + others)
        self.assertEqual(found, set(wanted))
        self.assertIn("cache/chrome-debug", summary["excluded_dirs"])
        self.assertIn("cache/a.json", [row["path"] for row in summary["left_out"]])

    def test_odd_names(self):
        found, _ = self.stored('patterns = "a b" *.tmp !keep.tmp [[:upper:]]?', files=[
            "a b/x", "x/a b", "a/b", "d\n.tmp", "e/f.tmp", "e/keep.tmp", "AB", "ABC", "Ab", "e/aB"])
        self.assertEqual(found, {"a/b", "e/keep.tmp", "ABC", "e/aB"})

    def test_what_matched_nothing_is_a_note(self):
        _, summary = self.stored("patterns = a *.tmp !b.tmp /nowhere", files=["a", "c"])
        said = [row["reason"] for row in summary["notes"] if "patterns" in row["reason"]]
        self.assertEqual(said, ["[filter:f] patterns: 3 of its 4 patterns match nothing in the home: "
                                "'*.tmp', '!b.tmp', '/nowhere'"])
        _, summary = self.stored("patterns = a c", files=["a", "c", "d"])
        self.assertNotIn("patterns", str(summary["notes"]))

    def test_what_can_never_match(self):
        for pattern in ("./a", "a//b", "a[b", "x\\", "/", "../x"):
            _, done = self.stored(f"patterns = ok {pattern}", files=["a"], expect=2)
            self.assert_mentions(done, ".ini:", f'patterns: "{pattern}" would never match')

    def test_caches(self):
        """By the signature, in a regular file; the home itself is none."""
        tag = b"Signature: 8a477f597d28d172789f06886806bc55"
        files = [("c/CACHEDIR.TAG", tag + b"\n# made by a test"), "c/x", "c/d/x", ("c/d/CACHEDIR.TAG", tag),
                 ("short/CACHEDIR.TAG", tag[:-1]), "short/x", ("other/CACHEDIR.TAG", b"x" + tag), "other/x",
                 ("e/deep/CACHEDIR.TAG", tag), "e/deep/f/g/x", "e/x", "link/x", ("lower/cachedir.tag", tag), "lower/x",
                 "is-directory/CACHEDIR.TAG/x", "CACHEDIR.TAG2", "c2/x"]
        (self.dir / "home/link").mkdir(parents=True)
        os.symlink("../c/CACHEDIR.TAG", self.dir / "home/link/CACHEDIR.TAG")
        (self.dir / "home/fifo").mkdir()
        os.mkfifo(self.dir / "home/fifo/CACHEDIR.TAG")
        every, _ = self.stored(files=files)
        found, summary = self.stored("exclude-caches = yes")
        self.assertEqual(every - found, {"c/x", "c/d/x", "c/d/CACHEDIR.TAG", "e/deep/f/g/x"})
        self.assertEqual(summary["excluded_dirs"], ["c/d", "e/deep/f"])
        self.assertEqual(summary["left_out"], [{"path": "c/x", "reason": "in a cache directory"}])
        hb.write(self.dir / "home/CACHEDIR.TAG", tag)
        again, summary = self.stored("exclude-caches = yes")
        self.assertEqual(again, found | {"CACHEDIR.TAG"})
        self.assertIn("the home itself has a CACHEDIR.TAG", summary["notes"][0]["reason"])

    def test_larger_than(self):
        found, summary = self.stored("exclude-larger-than = 2K", files=[
            ("just", bytes(2048)), ("more", bytes(2049)), ("d/big", bytes(9999)), "empty"])
        self.assertEqual(found, {"just", "empty"})
        self.assertEqual(summary["left_out"], [{"path": name, "reason": "larger than 2K"} for name in ("d/big", "more")])
        database = self.make_database(self.dir / "home/state.db", wal=True)
        with hb.sqlite3.connect(database) as opened:  # holds the log
            opened.execute("INSERT INTO t (text) VALUES ('x')")
            opened.commit()
            self.assertTrue((self.dir / "home/state.db-wal").exists())
            found, _ = self.stored("exclude-larger-than = 2K")
        opened.close()
        self.assertEqual(found, {"just", "empty"}, "no log without its database")


class Databases(hb.Case):
    """What a file called .db gets, by what is in it."""

    def summary_of(self, data, name="x.db", expect=0):
        home = self.dir / f"home-{name}"
        hb.write(home / name, data)
        archive = self.dir / "a.zip"
        summary = self.summary(self.hbcore("--home", home, "--json", "backup", "-o", archive,
                                           expect=expect))
        with zipfile.ZipFile(archive) as opened:
            self.assertEqual(opened.read(name), data)
        return summary

    def test_ordinary_files_in_disguise(self):
        self.summary_of(b"just some text, and long enough to have held a header" * 20)
        self.summary_of(b"", "empty.db")

    def test_not_ours_by_name(self):
        whole = self.make_database(self.dir / "w").read_bytes()
        for name in (".db", "x.DB", "x.db.bak", "xdb"):
            with self.subTest(name=name):
                self.assertEqual(self.summary_of(whole, name)["databases"], [])

    def test_all_zero_is_doubtful(self):
        summary = self.summary_of(bytes(8192), expect=3)
        self.assertEqual(summary["status"], "incomplete", summary)

    def test_corrupt_is_stored_raw_and_doubtful(self):
        data = bytearray(self.make_database(self.dir / "c").read_bytes())
        data[100:4096] = os.urandom(3996)
        summary = self.summary_of(bytes(data), expect=3)
        self.assertEqual([(row["path"], row["method"]) for row in summary["databases"]],
                         [("x.db", "raw")], summary)

    def test_commits_in_the_journal_are_in_the_snapshot(self):
        home = self.dir / "home"
        path = self.make_database(home / "state.db", wal=True)
        database = hb.sqlite3.connect(path)
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.execute("INSERT INTO t (text) VALUES ('only in the wal')")
        database.commit()
        archive = self.backup(home)
        database.close()
        self.tool("bsdtar", "-xf", archive, "-C", self.user)
        self.assertIn("only in the wal",
                      [text for _, text in self.database_rows(self.user / "state.db")])

    def test_leaves_no_side_files(self):
        home = self.dir / "home"
        self.make_database(home / "state.db", wal=True)
        self.make_database(home / "old.db")
        before = hb.tree(home)
        self.assertEqual(set(before), {b".", b"state.db", b"old.db"})
        self.backup(home)
        self.assert_unchanged(before, home)


if __name__ == "__main__":
    unittest.main()
