# SPDX-License-Identifier: Apache-2.0
"""The lines of --json: schemas, manual page and program know the same members; names, times, progress."""
import base64
import collections
import contextlib
import io
import json
import os
import re
import sqlite3
import tarfile
import unittest
import zipfile

import hb
import schemas

# What takes an interrupted import, a broken profile or a database that cannot be read: other tests have them,
# and schemas.py looks at each of their lines.
RARE = {"completed_import_files", "left_alone_files", "reason"}
TYPES = {"backup": {"entry"}, "import": {"entry"}, "undo": {"entry"}, "list": {"entry"}, "prune": {"archive"},
         "archives": {"listed_archive"}, "diff": {"difference"}, "find": {"found"},
         "snapshot create": {"entry"}, "snapshot list": {"snapshot"}, "snapshot restore": {"entry"},
         "snapshot prune": {"snapshot"}, "verify": set(), "guard": set(), "plugins new": set(), "config new": set()}


def tables():
    """{"summary of backup": members} of the manual page."""
    page = (hb.SOURCE / "docs" / "hbcore.1").read_text().partition(".Sh JSON\n")[2].partition("\n.Sh ")[0]
    parts = re.split(r"^\.Ss JSON: (.*)$", page, flags=re.MULTILINE)[1:]
    return {title: [name for row in re.findall(r"^\.It Ic (.*)$", text, re.MULTILINE) for name in row.split(" , ")]
            for title, text in zip(parts[::2], parts[1::2])}


def plain(row):
    return {name for name in row if not name.endswith("_base64")}


class Lines(hb.Case):
    def setUp(self):
        super().setUp()
        self.seen = collections.defaultdict(list)  # by type, and of a summary by command
        self.home = self.make_home()
        os.symlink("config.yaml", self.home / "link")

    def run_json(self, *arguments, home=None, options=(), expect=0, **keywords):
        done = self.hbcore("--json", "--home", home or self.home, *options, *arguments, expect=expect, **keywords)
        lines = schemas.lines_of(done.args, done)
        rows = [json.loads(line) for line in lines]
        for row in rows:
            self.seen[(row["type"], row.get("command") if row["type"] == "summary" else None)].append(row)
        return rows

    def summary_of(self, *arguments, **keywords):
        row = self.run_json(*arguments, **keywords)[-1]
        self.assertEqual(row["type"], "summary", row)
        return row

    # ---- every command ----

    def every_command(self):
        """Each line that each command knows, at least once."""
        self.make_database(self.home / "state.db")
        preset = ("--set", f"preset:nightly.directory={self.dir}/nightly")
        archive = self.dir / "a.zip"
        self.run_json("backup", "--dry-run")
        self.run_json("backup", "-o", archive, options=("--set", "content:sqlite.count=t"))
        self.run_json("backup", "--preset", "nightly", options=preset)
        self.run_json("list", archive)
        self.run_json("verify", archive)
        self.run_json("verify", archive, "--sample", "50%")
        self.run_json("verify", archive, "--restore")
        self.run_json("cat", archive, "config.yaml")
        target = self.dir / "target"
        hb.write(target / "config.yaml", "old\n")
        hb.write(target / "profiles/one/config.yaml", "")
        self.run_json("import", archive, "--dry-run", home=target)
        self.run_json("import", archive, "--force", home=target, options=("--set", "hook:hermes.aliases=always"))
        back = ("--set", f"preset:pre-import.directory={self.dir}/back")
        self.run_json("import", archive, "--force", "--backup-first", "--include", "sub/", home=target, options=back)
        self.run_json("undo", "--dry-run", home=target, options=back)
        self.run_json("undo", "--yes", home=target, options=back)
        self.run_json("list", self.write_tar("links.tar"))
        self.run_json("list", self.write_unreadable("method.zip"))
        self.run_json("snapshot", "create", "--dry-run")
        made = self.summary_of("snapshot", "create", "--label", "one")
        self.run_json("snapshot", "list")
        self.run_json("snapshot", "restore", "1", "--dry-run")
        self.run_json("snapshot", "restore", made["id"])
        self.run_json("guard", made["id"])
        self.run_json("snapshot", "prune", "--keep", "0")
        self.run_json("prune", options=preset)
        self.run_json("archives", options=preset)
        hb.write(self.home / "one more.txt", "new since")
        self.run_json("backup", "-o", self.dir / "later.zip")
        self.run_json("find", "config.yaml", "nightly", options=preset)
        self.run_json("diff", archive, self.dir / "later.zip")
        with contextlib.closing(sqlite3.connect(self.home / "state.db", isolation_level=None)) as database:
            database.execute("DELETE FROM t WHERE id = 1")
        self.run_json("diff", archive, "home", options=("--set", "content:sqlite.count=t"))
        self.run_json("plugins", "list")
        self.run_json("plugins", "show", "zip")
        self.run_json("plugins", "show", "hermes")
        self.run_json("plugins", "new", "filter", "mine", cwd=self.dir)
        self.run_json("config", "check")
        self.run_json("config", "new", "generic", options=("--config", self.dir / "new.ini"))
        self.run_json("config", "show")
        self.run_json("schedule", "nightly")
        for words in (["bash"], ["words", "ba"], ["words", "import", ""]):
            self.run_json("completion", *words)
        self.run_json("verify", archive, options=("--progress", "always"))
        self.run_json("bakup", expect=2)
        self.run_json("--version")
        self.run_json("backup", "--help")
        self.run_json("--help")
        broken = self.dir / "plugins/broken.so"
        hb.write(broken, "no library" * 50, 0o644)
        self.run_json("plugins", "list", options=("--set", f"plugins.path={broken.parent} {os.environ['HBCORE_PLUGINS']}"),
                      expect=3)
        torn = bytearray(archive.read_bytes())
        at = torn.index(b"noise.bin") + 60_000
        torn[at] ^= 255
        hb.write(self.dir / "torn.zip", bytes(torn))
        self.run_json("verify", self.dir / "torn.zip", expect=1)

    def write_tar(self, name):
        path = self.dir / name
        with tarfile.open(path, "w") as archive:
            for kind, link in ((tarfile.REGTYPE, ""), (tarfile.SYMTYPE, "file"), (tarfile.LNKTYPE, "file0")):
                member = tarfile.TarInfo("file" + kind.decode())
                member.type, member.linkname, member.mtime = kind, link, 1_700_000_000
                archive.addfile(member, io.BytesIO())
        return path

    def write_unreadable(self, name):
        """A zip with a member of a compression method that nobody knows."""
        path = self.dir / name
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.yaml", b"a")
        data = bytearray(path.read_bytes())
        for signature, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
            data[data.index(signature) + offset] = 97
        return hb.write(path, bytes(data))

    def test_page_schemas_and_program_know_the_same_members(self):
        self.every_command()
        self.check_page()
        self.check_strictness()
        for command, kinds in TYPES.items():
            self.assertIn(("summary", command), self.seen)
            for kind in kinds:
                self.assertTrue(self.seen[(kind, None)], command)

    def check_page(self):
        """Each member of the page is printed, and each that is printed is in the page and in its schema."""
        pages = tables()
        files = {path.stem for path in schemas.SCHEMAS.glob("*.json")}
        self.assertEqual(set(pages.pop("types of lines")), files)
        common = set(pages.pop("every summary"))
        for title, names in pages.items():
            self.assertEqual(len(names), len(set(names)), f"{title}: a member stands there twice")
            kind, _, command = title.partition(" of ")
            kind = kind.removeprefix("type ")
            wanted = set(names) | {"type"} | (common if command else set())
            self.assertEqual(wanted, schemas.members(kind, command or None), f"{title}: the schema")
            rows = self.seen[(kind, command or None)]
            if kind != "before":
                self.assertTrue(rows, f"{title}: no such line was seen")
                self.assertEqual(set().union(*map(plain, rows)) | RARE, wanted | RARE, f"{title}: what is printed")
        titles = {f"summary of {command}" for command in TYPES} | {f"type {kind}" for kind in files - {"summary"}}
        self.assertEqual(set(pages), titles)

    def check_strictness(self):
        """A line without a member, with one more, or with a value of another type is not valid."""
        if schemas.jsonschema is None:
            self.skip("python3-jsonschema is not installed")
        for path in schemas.SCHEMAS.glob("*.json"):
            schemas.jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))
        optional = {"plugin": {"suffixes", "commands"}, "entry": {"mode", "link", "change", "unreadable"}, "snapshot": {"fate"}, "difference": {"facts"},
                    "summary": {"sample", "all_files", "all_bytes", "restored", "different"}}
        for (kind, command), rows in self.seen.items():
            for row in {id(row): row for row in sorted(rows, key=len)[::len(rows) - 1 or 1]}.values():
                with self.subTest(kind=kind, command=command):
                    hooks = set(row.get("added_members", ()))
                    self.assertIsNone(schemas.problem(row))
                    self.assertIsNotNone(schemas.problem({**row, "more": 1}))
                    for name in row.keys() - {"type"}:
                        less = {key: value for key, value in row.items() if key != name}
                        if name not in optional.get(kind, set()) | hooks:
                            self.assertIsNotNone(schemas.problem(less), f"without {name}")
                        self.assertIsNotNone(schemas.problem({**row, name: {"a": 1.5}}), f"another {name}")

    # ---- what every summary says ----

    def test_of_its_run(self):
        made = self.summary_of("backup", "-o", self.dir / "a.zip")
        self.assertEqual((made["schema"], made["home"], made["preset"]), (1, str(self.home), None))
        self.assertEqual(made["host"], os.uname().nodename)
        version = self.hbcore("--version").stdout.split()[1].decode()
        self.assertEqual(made["version"], version)
        self.assertEqual(self.run_json("--version"), [{"type": "version", "version": version, "schema": 1}])
        for row in (made, self.summary_of("import", self.dir / "a.zip", home=self.dir / "new")):
            self.assertIs(type(row["started"]), int)
            self.assertLess(abs(row["started"] - os.stat(self.dir / "a.zip").st_mtime), 600)
            self.assertEqual(row["started_text"], self.tool(
                "date", "-u", f"--date=@{row['started']}", "+%Y-%m-%dT%H:%M:%SZ").stdout.decode().strip())
            self.assertLess(row["seconds"], 240)
        self.assertEqual(row["home"], str(self.dir / "new"))
        self.assertEqual(row["format"], "zip")
        self.assertEqual(self.summary_of("backup", "--preset", "pre-update", "--dry-run")["preset"], "pre-update")
        for arguments in (["list", "a.zip"], ["verify", "a.zip"], ["snapshot", "list"], ["import", "a.zip", "--dry-run"]):
            self.assertEqual(self.summary_of(*arguments, home="home", cwd=self.dir)["home"], str(self.home), arguments)
        self.config = self.write_config("[format:zip]\n")
        done = self.hbcore("--json", "list", self.dir / "a.zip")
        self.assertIsNone(self.summary(done)["home"])

    def test_of_what_was_removed(self):
        options = ("--set", f"preset:nightly.directory={self.dir}/nightly")
        made = [self.summary_of("backup", "--preset", "nightly", "--keep", "1", options=options) for _ in range(3)]
        for before, row in zip(made, made[1:]):
            self.assertEqual((row["removed"], row["removed_archives"]), (1, [before["archive"]]))
        ids = [self.summary_of("snapshot", "create", "--label", str(number))["id"] for number in range(3)]
        rows = self.run_json("snapshot", "prune", "--keep", "1", "--dry-run")
        self.assertEqual([(row["id"], row["number"], row["fate"]) for row in rows[:-1]],
                         [(ids[2], 1, "kept"), (ids[1], 2, "removed"), (ids[0], 3, "removed")])
        self.assertEqual((rows[-1]["removed"], sorted(rows[-1]["removed_snapshots"]), rows[-1]["snapshots"]),
                         (2, ids[:2], 1))
        last = self.summary_of("snapshot", "create", "--label", "last", "--keep", "1")
        self.assertEqual((last["label"], last["removed"], last["snapshots"]), ("last", 3, 1))

    # ---- names ----

    def assert_named(self, row, key, name):
        name = os.fsencode(name)
        self.assertEqual(row[key], name.decode(errors="replace"))
        self.assertEqual(base64.b64decode(row[key + "_base64"]), name)

    def test_names_that_are_not_utf8(self):
        strange = os.fsencode(self.dir) + b"/h\xff"
        for name, data in ((b"f\xfe", b"x"), (b"config.yaml", b"a"), (b"node_modules\xff/a", b""), (b".git/x\xff", b"")):
            hb.write(strange + b"/" + name, data)
        os.symlink(b"f\xfe", strange + b"/l\xfd")
        os.mkfifo(strange + b"/p\xfc")
        archive = strange + b".zip"
        made = self.summary_of("backup", "-o", archive, home=strange)
        self.assert_named(made, "home", strange)
        self.assert_named(made, "archive", archive)
        self.assert_named(made["links"][0], "path", b"l\xfd")
        self.assert_named(made["special"][0], "path", b"p\xfc")
        for arguments in (["list", archive], ["import", archive, "--dry-run"], ["backup", "--dry-run"]):
            rows = self.run_json(*arguments, home=strange)
            self.assert_named([row for row in rows if row.get("path") == "f\ufffd"][0], "path", b"f\xfe")
            if arguments[0] != "backup":
                self.assert_named(rows[-1], "archive", archive)
        self.assert_named(rows[-1], "home", strange)
        back = self.summary_of("import", archive, "--force", "--backup-first", home=strange)
        self.assert_named(back, "target", strange)
        self.assertTrue(base64.b64decode(back["way_back_base64"]).startswith(strange + b"/"))
        options = ("--set", b"preset:nightly.directory=" + strange + b"-n")
        for _ in range(2):
            row = self.summary_of("backup", "--preset", "nightly", "--keep", "1", home=strange, options=options)
        self.assertIn(b"-n/", base64.b64decode(row["removed_archives"][0]["path_base64"]))
        rows = self.run_json("prune", home=strange, options=options)
        self.assertTrue(base64.b64decode(rows[0]["path_base64"]).startswith(strange + b"-n/"))
        row = self.run_json("list", strange + b"-none", expect=1)[-1]
        self.assertIn("h\\xFF-none", row["message"])

    def test_links_and_snapshots_and_settings_that_are_not_utf8(self):
        path = self.dir / "l.tar"
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
            for name, link in (("t\xff/x", ""), ("t\xff/l", "x\xfe")):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = (tarfile.SYMTYPE, link) if link else (tarfile.REGTYPE, "")
                archive.addfile(member, io.BytesIO())
        rows = self.run_json("list", path)
        self.assert_named(rows[1], "path", b"t\xff/l")
        self.assert_named(rows[1], "link", b"x\xfe")
        strange = os.fsencode(self.home) + b"/state-snapshots/20200101-000000-\xff"
        hb.write(strange + b"/manifest.json", json.dumps({"id": "x", "timestamp": "x", "label": None, "file_count": 0,
                                                           "total_size": 0, "files": {}}))
        self.summary_of("snapshot", "create")
        self.assert_named(self.run_json("snapshot", "list")[1], "id", strange.rpartition(b"/")[2])
        row = self.summary_of("snapshot", "prune", "--keep", "1")
        self.assert_named(row["removed_snapshots"][0], "id", strange.rpartition(b"/")[2])
        rows = self.run_json("config", "show", options=("--set", b"preset:nightly.directory=/d\xff",
                                                        "--set", b"snapshot.files=a\xff b"))
        found = {(row["section"], row["key"]): row for row in rows}
        self.assert_named(found["preset:nightly", "directory"], "value", b"/d\xff")
        self.assert_named(found["snapshot", "files"]["value"][0], "value", b"a\xff")
        self.assertEqual(found["snapshot", "files"]["value"][1], "b")

    # ---- times ----

    def test_times_are_whole_numbers(self):
        """Before 1970, to the nanosecond, and where a double has lost the seconds."""
        times = {"config.yaml": 0, "b": 1_764_550_859_999_999_999, "c": -1_500_000_000, "d": -1, "e": 4_102_444_800_000_000_001,
                 "f": -86_400_000_000_001}
        home = self.dir / "times"
        for name, mtime in times.items():
            hb.write(home / name, name, mtime_ns=mtime)
        archive = self.dir / "t.tar.zst"
        self.run_json("backup", "--format", "tar-zstd", "-o", archive, home=home)
        for arguments, where in ((["list", archive], home), (["import", archive, "--dry-run"], self.dir / "into"),
                                 (["backup", "--dry-run"], home), (["snapshot", "create", "--dry-run"], home)):
            rows = {row["path"]: row for row in self.run_json(*arguments, home=where) if "path" in row}
            for name, mtime in times.items() if arguments[0] != "snapshot" else [("config.yaml", 0)]:
                self.assertEqual((rows[name]["mtime"], rows[name]["mtime_ns"]), divmod(mtime, 10**9), name)

    # ---- progress ----

    def test_progress(self):
        """On request, where all lines go; then there is no bar."""
        archive = self.dir / "a.zip"
        for arguments, options in ((["backup", "-o", archive], ()), (["backup", "-o", "-"], ()), (["verify", archive], ()),
                                   (["import", archive, "--force"], ()), (["backup", "-o", archive], ("--quiet",))):
            with self.subTest(arguments=arguments, options=options):
                rows = self.run_json(*arguments, options=("--progress", "always", *options))
                told = [row for row in rows if row["type"] == "progress"]
                self.assertGreaterEqual(len(told), 2, rows)
                self.assertEqual((told[0]["files_done"], told[0]["bytes_done"]), (0, 0))
                self.assertEqual(told[-1]["bytes_done"], told[-1]["bytes"])
                self.assertLessEqual(told[-1]["files_done"], told[-1]["files"])
                self.assertEqual([row["type"] for row in rows if row["type"] != "progress"], ["summary"])
                self.assertEqual(rows[-1]["type"], "summary")
        for when in ("auto", "never"):
            rows = self.run_json("backup", "-o", archive, options=("--progress", when))
            self.assertEqual([row["type"] for row in rows], ["summary"])
        done = self.hbcore("--home", self.home, "--json", "--progress", "always", "backup", "-o", archive)
        self.assertEqual(done.stderr, b"")

    # ---- errors ----

    def test_wrong_use_is_told_wherever_json_stands(self):
        self.config = None
        for words in (["--json"], ["--frob", "--json", "backup"], ["--json", "--frob"], ["backup", "--json"],
                      ["snapshot", "list", "--json"], ["snapshot", "--json"], ["bakup", "--json"], ["--js", "bakup"],
                      ["--wait", "x", "--json", "list"], ["--json", "--progress", "much", "list"],
                      ["--json", "--set", "nonsense", "config", "check"], ["--json", "--config", self.dir / "no.ini", "backup"],
                      ["--json", "backup", "--preset", "none"], ["--json", "config"], ["--json", "guard"]):
            with self.subTest(words=words):
                done = self.hbcore(*words, expect=2)
                rows = [json.loads(line) for line in done.stdout.splitlines()]
                self.assertEqual([(row["type"], row["exit_status"]) for row in rows], [("error", 2)])
                self.assertIn(f"hbcore: {rows[0]['message']}\n", done.stderr.decode())
        for words in (["bakup"], ["backup", "-o", "--json"], ["bakup", "--", "--json"]):
            self.assertNotIn(b'"type":"error"' if words[-2:] != ["-o", "--json"] else b'"summary"',
                             self.hbcore(*words, expect=2).stdout)

    def test_the_option_itself_as_a_value(self):
        """Nobody has asked for JSON who says that a file is called so."""
        done = self.hbcore("--home", self.dir / "none", "backup", "-o", "--json", expect=1)
        self.assertEqual(done.stdout, b"")
        done = self.hbcore("cat", self.backup(self.home), "--", "--json", expect=1)
        self.assertEqual(done.stdout, b"")
        self.assertNotIn(b'{"type"', done.stderr)

    def test_help(self):
        wanted = self.hbcore("backup", "--help").stdout.decode()
        self.assertEqual(self.run_json("backup", "--help"), [{"type": "help", "command": "backup", "text": wanted}])
        self.assertIsNone(self.run_json("--help")[0]["command"])


if __name__ == "__main__":
    unittest.main()
