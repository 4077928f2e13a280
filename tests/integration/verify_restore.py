# SPDX-License-Identifier: Apache-2.0
"""verify --restore: a drill. All is restored aside, compared and checked, and nothing of it stays, whatever happens."""
import json
import os
import pathlib
import signal
import stat
import subprocess
import unittest

import hb

# Of whatever is read from a file of that name, the last byte is another one: the disk has lied.
LIAR = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
ssize_t read(int fd, void *data, size_t bytes)
{
    ssize_t (*real)(int, void *, size_t) = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    char link[64], path[4096];
    const char *victim = getenv("VICTIM"), *sign = getenv("VICTIM_SIGNAL");
    ssize_t got = real(fd, data, bytes), length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = got > 0 && victim != NULL ? readlink(link, path, sizeof path - 1) : 0;
    if (length <= 0)
        return got;
    path[length] = 0;
    if ((size_t)length < strlen(victim) || strcmp(path + length - strlen(victim), victim) != 0)
        return got;
    if (sign != NULL)
        raise(atoi(sign));
    else
        ((char *)data)[got - 1] ^= 1;
    return got;
}
"""


class Drill(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for number in range(20):
            hb.write(self.home / f"d{number % 3}/file-{number}", os.urandom(3000 + number))
        hb.write(self.home / "d1/victim", os.urandom(70000))
        (self.home / "empty").mkdir()
        (self.home / "link").symlink_to("d1/victim")
        hb.write(self.home / "read-only", "x\n", 0o400)
        self.make_database(self.home / "rows.db")
        self.place = self.dir / "place"
        self.place.mkdir()
        self.count = 23
        for name, kind in (("a.zip", "zip"), ("a.tar.zst", "tar-zstd")):
            self.hbcore("--config", hb.GENERIC, "--home", self.home, "backup", "-o", self.dir / name, "--format", kind)

    def environment(self, **changes):
        return super().environment(**{"TMPDIR": str(self.place), **changes})

    def drill(self, archive, *options, expect=0, **keywords):
        done = self.hbcore("--config", hb.GENERIC, "--json", *options, "verify", archive, "--restore", expect=expect, **keywords)
        return json.loads(done.stdout.splitlines()[-1])

    def left(self):
        return sorted(os.listdir(self.place))

    def liar(self, **variables):
        library = self.dir / "liar.so"
        if not library.exists():
            source = self.dir / "liar.c"
            source.write_text(LIAR)
            self.tool(os.environ.get("HBCORE_CC", "cc"), "-shared", "-fPIC", "-o", library, source, "-ldl")
        options = hb.SANITIZER_OPTIONS["ASAN_OPTIONS"] + ":verify_asan_link_order=0:detect_leaks=0"
        return {"LD_PRELOAD": str(library), "ASAN_OPTIONS": options, **variables}

    def test_all_is_what_was_stored(self):
        for name in ("a.zip", "a.tar.zst"):
            said = self.drill(self.dir / name)
            self.assertEqual((said["files"], said["all_files"], said["different"]), (self.count, self.count, 0))
            self.assertEqual((said["status"], said["restored"], said["databases"][0]["check"]), ("complete", True, "ok"))
            done = self.hbcore("--config", hb.GENERIC, "verify", "--restore", self.dir / name)
            self.assertRegex(done.stdout, rb"Restore ok: .*: 23 of 23 files, .*, restored and compared\n  rows.db: sound")
            self.assertEqual(self.left(), [])
        done = self.hbcore("--config", hb.GENERIC, "verify", self.dir / "a.zip", "--restore", "--sample", "5%", expect=2)
        self.assertIn(b"do not go together", done.stderr)

    def test_what_differs_is_named(self):
        for name in ("a.zip", "a.tar.zst"):
            said = self.drill(self.dir / name, expect=3, env=self.liar(VICTIM="/home/d1/victim"))
            self.assertEqual((said["different"], said["status"]), (1, "incomplete"))
            self.assertEqual([row["path"] for row in said["doubtful"]], ["d1/victim"])
            self.assertIn("its content is another one", said["doubtful"][0]["reason"])
            self.assertEqual(self.left(), [])

    def test_damage_costs_it_and_nothing_stays(self):
        data = bytearray((self.dir / "a.zip").read_bytes())
        at = data.index(b"d1/victim") + 200
        data[at] ^= 1
        (self.dir / "bad.zip").write_bytes(data)
        said = self.drill(self.dir / "bad.zip", expect=1)
        self.assertIn("d1/victim", said["message"])
        self.assertEqual(self.left(), [])
        said = self.drill(self.dir / "a.zip", expect=1, env={"TMPDIR": str(self.dir / "none")})
        self.assertIn(str(self.dir / "none"), said["message"])

    def test_no_hook_hears_of_it(self):
        heard = self.dir / "heard"
        config = self.write_config(hb.GENERIC.read_text() + f"\n[hook:exec]\nplugin = exec\nbefore = /bin/touch {heard}\n"
                                   f"always = /bin/touch {heard}\n")
        self.hbcore("--config", config, "verify", self.dir / "a.zip", "--restore")
        self.assertFalse(heard.exists())
        self.hbcore("--config", config, "--home", self.dir / "target", "import", self.dir / "a.zip")
        self.assertTrue(heard.exists())

    def test_stage_dir_goes_before_the_variable(self):
        other = self.dir / "other"
        self.drill(self.dir / "a.zip", "--set", f"backup.stage-dir={other}", expect=1)
        other.mkdir()
        self.drill(self.dir / "a.zip", "--set", f"backup.stage-dir={other}", env={"TMPDIR": "/nowhere"})
        self.assertEqual(os.listdir(other), [])

    def test_a_signal_removes_it(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            env = self.liar(VICTIM="/home/d1/victim", VICTIM_SIGNAL=str(int(number)))
            self.drill(self.dir / "a.zip", expect=128 + number, env=env)
            self.assertEqual(self.left(), [])

    def test_one_that_was_killed_is_swept_by_the_next(self):
        env = self.liar(VICTIM="/home/d1/victim", VICTIM_SIGNAL=str(int(signal.SIGKILL)))
        command = self.command("--config", hb.GENERIC, "verify", self.dir / "a.zip", "--restore")
        done = subprocess.run(command, env=self.environment(**env), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=240, check=False)
        self.assertEqual(done.returncode, -signal.SIGKILL)
        (stage,) = self.left()
        self.assertEqual(stat.S_IMODE(os.stat(self.place / stage).st_mode), 0o700)
        self.assertTrue((self.place / stage / "home/d1/victim").exists())
        self.drill(self.dir / "a.zip")
        self.assertEqual(self.left(), [])

    def test_without_checksums(self):
        self.tool("zip", "-qr", self.dir / "other.zip", ".", cwd=self.home)
        said = self.drill(self.dir / "other.zip", expect=None)
        self.assertEqual(said["different"], 0)
        self.assertTrue([row for row in said["notes"] if "compared by type and size" in row["reason"]], said)

    def test_in_a_store(self):
        self.hbcore("--config", hb.GENERIC, "--home", self.home, "backup", "-o", f"file://{self.dir}/s.zip", "--format", "zip")
        said = self.drill(f"file://{self.dir}/s.zip")
        self.assertEqual((said["files"], said["different"]), (self.count, 0))
        self.assertEqual(self.left(), [])

    def test_sealed(self):
        key = pathlib.Path(self.dir / "key")
        if not pathlib.Path("/usr/bin/age-keygen").exists():
            self.skipTest("age-keygen is not installed")
        self.tool("age-keygen", "-o", key)
        public = self.tool("age-keygen", "-y", key).stdout.decode().strip()
        config = self.write_config(f"[format:zip]\n[content:sqlite]\nplugin = sqlite-snap\n[backup]\nseal = age\n"
                                   f"[transform:age]\nrecipient = {public}\nidentity = {key}\n")
        sealed = self.dir / "a.zip.age"
        self.hbcore("--config", config, "--home", self.home, "backup", "-o", sealed)
        done = self.hbcore("--config", config, "--json", "verify", sealed, "--restore")
        said = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((said["files"], said["different"], said["sealed"]), (self.count, 0, "age"))
        self.assertEqual(said["databases"][0]["check"], "ok")
        self.hbcore("--config", config, "--set", "transform:age.identity=", "verify", sealed, "--restore", expect=3)
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    unittest.main()
