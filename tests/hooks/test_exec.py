# SPDX-License-Identifier: Apache-2.0
"""The plugin exec: which program runs when, what it is told, what its failure does; the recipes of docs/exec.md."""
import http.server
import json
import os
import pathlib
import re
import select
import shutil
import signal
import threading
import unittest

import hb

DOC = pathlib.Path(os.environ["HBCORE_SOURCE"]) / "docs/exec.md"
# Notes when it runs, what it is told in both ways, and which archives are there meanwhile.
TELLS = """#!/bin/sh
{ cat; env | grep -a ^HBCORE_[A-Z_]*= | sort | tr '\\n' '\\037'; echo; ls KEPT 2>/dev/null | grep -c zip$; } >> SAID
exit 0
"""
MOMENTS = ("before", "on-success", "on-failure", "always")


class ExecCase(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.said, self.kept = self.dir / "home", self.dir / "said", self.dir / "kept"
        for name in ("one", "two", "three"):
            hb.write(self.home / name, b"old\n")
        self.tells = self.script("tells", TELLS.replace("KEPT", str(self.kept)).replace("SAID", str(self.said)))

    def script(self, name, text):
        path = self.dir / name
        hb.write(path, text.encode())
        path.chmod(0o755)
        return path

    def configure(self, *sections, home=None):
        hooks = "".join(f"[hook:job{number}]\nplugin = exec\n{section}\n" for number, section in enumerate(sections))
        self.config = self.write_config(
            f"[home]\npath = {home or self.home}\n[backup]\nformat = zip\ndirectory = {self.kept}\n"
            f"[content:sqlite-snap]\n[snapshot]\nfiles = one\n[import]\nbackup-preset = nightly\n"
            f"[preset:nightly]\ndirectory = {self.kept}\nkeep = 1\n{hooks}")

    def every(self, more=""):
        return "\n".join(f"{moment} = {self.tells}" for moment in MOMENTS) + "\n" + more

    def assert_in(self, words, done):
        self.assertIn(words, done.stderr.decode() + done.stdout.decode())

    def wait_for(self, condition):
        """Until it holds; as soon as something may have happened."""
        for _ in range(2400):
            if condition():
                return
            os.sched_yield()
            select.select([], [], [], 0.05)
        self.fail("it never came")

    def told(self):
        """(JSON, environment, archives there) of each program that ran."""
        lines = self.said.read_text(errors="surrogateescape").splitlines() if self.said.exists() else []
        self.said.unlink(missing_ok=True)
        self.assertEqual(len(lines) % 3, 0)
        return [(json.loads(lines[at]), dict(pair.split("=", 1) for pair in lines[at + 1].split("\037") if pair),
                 int(lines[at + 2])) for at in range(0, len(lines), 3)]

    def archives(self):
        return sorted(self.kept.glob("*.zip")) if self.kept.exists() else []

    def nightly(self, expect=0, **keywords):
        return self.hbcore("backup", "--preset", "nightly", expect=expect, **keywords)


class Moments(ExecCase):
    def test_a_good_backup(self):
        self.configure(self.every())
        self.nightly()
        self.told()
        self.nightly()
        told = self.told()
        self.assertEqual([facts["when"] for facts, _, _ in told], ["before", "on-success", "always"])
        self.assertEqual([there for _, _, there in told], [1, 2, 1], "on-success comes before retention, always after it")
        facts, environment, _ = told[2]
        self.assertEqual((facts["outcome"], facts["command"], facts["home"], facts["preset"], facts["exit_status"]),
                         ("success", "backup", str(self.home), "nightly", 0))
        self.assertEqual((facts["files"], facts["bytes"], facts["archive_bytes"]),
                         (3, 12, self.archives()[0].stat().st_size))
        self.assertEqual(facts["archive"], str(self.archives()[0]))
        self.assertEqual(len(facts["removed"]), 1)
        self.assertEqual(facts["reasons"], [])
        for key, value in environment.items():
            member = facts[key.removeprefix("HBCORE_").lower()]
            self.assertEqual(value, "" if member is None else str(member), key)
        self.assertEqual(len(environment), 17)

    def test_an_incomplete_one(self):
        hb.write(self.home / "state.db", b"SQLite format 3\0" + b"\1" * 4000)
        self.configure(self.every())
        self.nightly(expect=3)
        told = self.told()
        self.assertEqual([facts["when"] for facts, _, _ in told], ["before", "on-failure", "always"])
        facts, environment, _ = told[1]
        self.assertEqual((facts["outcome"], facts["exit_status"], facts["error"]), ("incomplete", 3, None))
        self.assertIn("state.db", [reason["path"] for reason in facts["reasons"]])
        self.assertEqual(environment["HBCORE_OUTCOME"], "incomplete")

    def test_a_failed_one(self):
        self.configure(self.every())
        hb.write(self.kept, b"no directory\n")
        done = self.nightly(expect=1)
        told = self.told()
        self.assertEqual([facts["when"] for facts, _, _ in told][-2:], ["on-failure", "always"])
        facts, environment, _ = told[-1]
        self.assertEqual(facts["outcome"], "failure")
        self.assertIn(facts["error"], done.stderr.decode())
        self.assertEqual(environment["HBCORE_ERROR"], facts["error"])

    def test_of_other_commands(self):
        self.configure(self.every())
        for words, command in ((("snapshot", "create"), "snapshot create"), (("prune",), "prune")):
            self.hbcore(*words)
            self.assertEqual({facts["command"] for facts, _, _ in self.told()}, {command})
        self.configure(self.every("on = import"))
        archive = self.dir / "a.zip"
        self.hbcore("backup", "-o", archive)
        self.assertEqual(self.told(), [])
        self.hbcore("import", "--force", archive)
        self.assertEqual({(facts["command"], facts["files"]) for facts, _, _ in self.told() if facts["when"] != "before"},
                         {("import", 3)})

    def test_a_dry_run_runs_none(self):
        self.configure(self.every())
        self.hbcore("backup", "--dry-run", "--preset", "nightly")
        self.hbcore("prune", "--dry-run")
        self.assertEqual(self.told(), [])

    def test_names_that_are_not_utf_8(self):
        home = pathlib.Path(os.fsdecode(os.fsencode(self.dir) + b"/h\xff\xe2\x82\xac\xe2\x82"))
        hb.write(home / "one", b"new\n")
        self.configure(self.every())
        self.hbcore("--home", home, "backup")
        facts, environment, _ = self.told()[0]
        self.assertEqual(facts["home"], str(self.dir) + "/h\ufffd€\ufffd\ufffd")
        self.assertEqual(environment["HBCORE_HOME"], str(home))
        self.assertTrue(facts["elsewhere"])


class Failures(ExecCase):
    def failing(self, moment, status=7):
        return self.script(f"fails-{moment}", f"#!/bin/sh\necho told on standard output\n"
                                              f"echo the disk of {moment} is gone >&2\nexit {status}\n")

    def test_before_is_a_veto(self):
        self.configure(f"before = {self.failing('before')}\non-failure = {self.tells}")
        done = self.nightly(expect=1)
        self.assert_in("job0", done)
        self.assert_in("fails-before ended with status 7: the disk of before is gone", done)
        self.assertEqual(self.archives(), [])
        self.assertEqual([facts["outcome"] for facts, _, _ in self.told()], ["failure"])

    def test_veto_no(self):
        self.configure(f"veto = no\nbefore = {self.failing('before')}")
        done = self.nightly()
        self.assert_in("the disk of before is gone", done)
        self.assertEqual(len(self.archives()), 1)

    def test_retention(self):
        for hold, kept in (("no", 1), ("yes", 2)):
            with self.subTest(hold=hold):
                shutil.rmtree(self.kept, ignore_errors=True)
                self.configure(f"hold-retention = {hold}\non-success = {self.failing('on-success')}")
                self.nightly()
                done = self.nightly()
                self.assert_in("the disk of on-success is gone", done)
                self.assertEqual(len(self.archives()), kept)

    def test_at_the_end(self):
        """It changes nothing, and is told."""
        self.configure(f"always = {self.failing('always')}")
        done = self.nightly()
        self.assert_in("the disk of always is gone", done)
        self.assertEqual(len(self.archives()), 1)

    def test_what_cannot_run(self):
        for words, said in ((f"{self.dir}/none", "none"), (f"{self.home}/one", "one")):
            for veto, expect in (("yes", 1), ("no", 0)):
                with self.subTest(words=words, veto=veto):
                    self.configure(f"veto = {veto}\nbefore = {words}")
                    self.assert_in(said, self.nightly(expect=expect))

    def test_time(self):
        """All that it started goes with it."""
        child = self.dir / "pid"
        slow = self.script("slow", f"#!/bin/sh\nsleep 1000 & echo $! > {child}.new; mv {child}.new {child}; wait\n")
        self.configure(f"timeout = 1s\nbefore = {slow}")
        done = self.nightly(expect=1)
        self.assert_in("slow", done)
        pid = int(child.read_text())
        self.wait_for(lambda: not os.path.exists(f"/proc/{pid}") or
                      pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
        self.assertEqual(self.archives(), [])

    def test_a_signal(self):
        started = self.dir / "started"
        slow = self.script("slow", f"#!/bin/sh\n: > {started}\nexec sleep 1000\n")
        self.configure(f"before = {slow}")
        process = self.start_hbcore("backup", "--preset", "nightly")
        self.wait_for(started.exists)
        process.send_signal(signal.SIGTERM)
        self.finish(process, expect=128 + signal.SIGTERM)
        self.assertEqual(self.archives(), [])

    def test_much_output(self):
        floods = self.script("floods", "#!/bin/sh\nhead -c 50000000 /dev/zero | tr '\\0' x\n"
                                       "head -c 50000000 /dev/zero | tr '\\0' y >&2\necho the end >&2\nexit 1\n")
        self.configure(f"before = {floods}")
        done = self.nightly(expect=1)
        self.assert_in("the end", done)
        self.assertLess(len(done.stderr), 10000)

    def test_settings(self):
        self.configure("on = backup")
        self.assert_in("names a program", self.hbcore("config", "check", expect=2))
        self.configure("before = true\nshell = yes")
        self.hbcore("config", "check")


class Words(ExecCase):
    def test_no_shell_unless_asked_for(self):
        shows = self.script("shows", f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {self.said}\n")
        for shell, shown in (("no", ["$HBCORE_PRESET", "a  b;", "*"]), ("yes", ["nightly", "a", "b"])):
            with self.subTest(shell=shell):
                words = f'{shows} $HBCORE_PRESET "a  b;"' + (" *" if shell == "no" else " :")
                self.configure(f"shell = {shell}\nbefore = {words}")
                self.nightly()
                self.assertEqual(self.said.read_text().splitlines(), shown)
                self.said.unlink()

    def test_what_it_inherits(self):
        shows = self.script("shows", f"#!/bin/sh\nls /proc/self/fd | wc -l > {self.said}\n")
        self.configure(f"before = {shows}")
        self.nightly()
        self.assertEqual(int(self.said.read_text()), 4, "standard streams, and the directory that ls reads")


class Recipes(ExecCase):
    """As they stand in docs/exec.md, with a service of this machine in place of the others' names."""

    def setUp(self):
        super().setUp()
        self.calls = calls = []

        class Service(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                calls.append((self.command, self.path, body.decode(), self.headers.get("Title")))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_PUT = do_POST = answer

            def log_message(self, *_):
                pass

        self.service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
        threading.Thread(target=self.service.serve_forever, daemon=True).start()
        self.addCleanup(self.service.server_close)
        self.addCleanup(self.service.shutdown)

    def recipe(self, label):
        """The lines of the section, and the script below it; names of services and places replaced."""
        text = DOC.read_text()
        found = re.search(rf"^    \[hook:{label}\]\n((?:    .*\n)+)", text[text.index("## Recipes"):], re.MULTILINE)
        self.assertIsNotNone(found, label)
        section = re.sub(r"https://[a-z.-]+/", f"http://127.0.0.1:{self.service.server_address[1]}/", found[1])
        script = re.search(r"/etc/hbcore/(\S+)", section)
        if script:
            body = text[text.index(f"`{script[0]}`:"):]
            lines = re.search(r"\n\n((?:    .*\n|\n)+)", body)[1]
            section = section.replace(script[0], str(self.script(
                script[1], "".join(line[4:] for line in lines.splitlines(keepends=True)))))
        return "\n".join(line.strip() for line in section.splitlines() if "plugin" not in line)

    def spoil(self):
        hb.write(self.home / "state.db", b"SQLite format 3\0" + b"\1" * 4000)

    def test_ping(self):
        self.need("curl")
        self.configure(self.recipe("ping"))
        self.nightly()
        self.spoil()
        self.nightly(expect=3)
        self.assertEqual([call[1] for call in self.calls], ["/your-uuid/0", "/your-uuid/3"])

    def test_ntfy(self):
        self.need("curl")
        self.configure(self.recipe("ntfy"))
        self.nightly()
        self.assertEqual(self.calls, [])
        hb.shutil.rmtree(self.kept)
        hb.write(self.kept, b"no directory\n")
        done = self.nightly(expect=1)
        (method, path, body, title), = self.calls
        self.assertEqual((method, path, title), ("PUT", "/your-topic", "hbcore"))
        self.assertEqual(body.splitlines()[:2], ["backup", "failure"])
        self.assertIn(body.splitlines()[2], done.stderr.decode())

    def test_prometheus(self):
        text = self.recipe("prometheus").replace("/var/lib/prometheus/node-exporter", str(self.dir))
        self.configure(text)
        self.nightly()
        lines = dict(line.rsplit(" ", 1) for line in (self.dir / "hbcore_nightly.prom").read_text().splitlines())
        self.assertEqual((lines['hbcore_last_exit_status{preset="nightly"}'], lines['hbcore_last_files{preset="nightly"}']),
                         ("0", "3"))
        self.assertEqual(len(lines), 6)
        self.spoil()
        self.nightly(expect=3)
        self.assertIn('hbcore_last_exit_status{preset="nightly"} 3\n', (self.dir / "hbcore_nightly.prom").read_text())

    def test_dump(self):
        """Of a real server: it is in the archive; and without the server there is none."""
        self.need("redis-server", "redis-cli")
        socket, data = self.dir / "redis.sock", self.dir / "redis"
        data.mkdir()
        log = self.dir / "redis.log"
        server = hb.subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", socket, "--dir", data, "--save", "", "--logfile", log],
            stdout=hb.subprocess.DEVNULL)
        self.addCleanup(server.kill)
        self.wait_for(socket.exists)
        recipe = self.recipe("dump")
        script = self.dir / "dump.sh"
        script.write_text(script.read_text().replace("redis-cli", f"redis-cli -s {socket}"))
        self.tool("redis-cli", "-s", socket, "set", "key", "of the server")
        self.configure(recipe)
        self.nightly()
        dump = self.hbcore("cat", self.archives()[0], "dump.rdb").stdout
        self.assertTrue(dump.startswith(b"REDIS") and b"of the server" in dump, dump[:100])
        server.terminate()
        server.wait()
        self.nightly(expect=1)
        self.assertEqual(len(self.archives()), 1)


if __name__ == "__main__":
    unittest.main()
