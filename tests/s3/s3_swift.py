#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same as s3_store.py, where it counts, with a service that somebody else has written: OpenStack Swift. It is started
here, on this machine alone, and ended with the test; s3cmd is the judge of what lies there."""
import io
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import unittest
import zipfile

import s3case
from front import Forward
from s3case import hb

hb.need("swift-proxy-server", "memcached", "s3cmd", "curl", "rclone")
HERE = pathlib.Path(__file__).resolve().parent
running = {}


def free_ports(count):
    """The first of some that follow each other, and that nobody has."""
    for first in range(20_000 + os.getpid() % 10_000, 60_000, count):
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    raise OSError("no ports")


def stop(pids):
    for pid in pids.read_text().split() if pids.exists() else []:
        try:
            os.kill(int(pid), signal.SIGTERM)
        except ProcessLookupError:
            pass


def setUpModule():
    root = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-swift-", dir=hb.scratch()))
    unittest.addModuleCleanup(shutil.rmtree, root, ignore_errors=True)
    port = free_ports(5)
    unittest.addModuleCleanup(stop, root / "run/pids")
    try:
        os.setxattr(root, "user.hbcore", b"1")
    except OSError:
        raise unittest.SkipTest("Swift needs extended attributes, and they are not to be had here") from None
    subprocess.run([HERE / "swift.sh", str(port), str(root)], check=True)
    running.update(port=port, root=root)


class Swift(s3case.Case):
    options = "part-size = 5M\n"
    number = 0

    def make_service(self):
        return Forward(running["port"])

    def section(self):
        text = super().section().replace(s3case.ACCESS, "test:tester").replace(s3case.SECRET, "testing")
        return text.replace("retry-time = 12s", "retry-time = 60s").replace("timeout = 1s", "timeout = 60s")

    def setUp(self):
        super().setUp()
        Swift.number += 1
        self.bucket = f"bucket{Swift.number}"
        config = self.ini.read_text().replace("s3://bucket/", f"s3://{self.bucket}/")
        self.ini.write_text(config)
        hb.write(self.dir / "s3cfg", "[default]\naccess_key = test:tester\nsecret_key = testing\nuse_https = False\n"
                 f"host_base = 127.0.0.1:{running['port']}\nhost_bucket = 127.0.0.1:{running['port']}\n", 0o600)
        self.s3cmd("mb", f"s3://{self.bucket}")

    def s3cmd(self, *words):
        return self.tool("s3cmd", "-c", self.dir / "s3cfg", *words).stdout.decode()

    def keys(self):
        rows = self.s3cmd("ls", "-r", f"s3://{self.bucket}").splitlines()
        return [row.split(f"s3://{self.bucket}/", 1)[1].replace(".age", "") for row in rows]

    def get(self, name, got):
        """By s3cmd; and what is sealed is opened."""
        self.s3cmd("get", f"s3://{self.bucket}/{s3case.named(name)}", got)
        got.write_bytes(s3case.unseal(got.read_bytes()))

    def test_there_and_back(self):
        self.make_large(6)
        for format_, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            for workers in ("1", "8"):
                url, got = f"s3://{self.bucket}/ä +{workers}{suffix}", self.dir / f"{workers}{suffix}"
                words = ("--config", self.ini, "--set", f"backup.workers={workers}", "backup", "--format", format_)
                fixed = {"SOURCE_DATE_EPOCH": "1800000000"}
                self.hbcore(*words, "-o", url, env=fixed)
                self.get(f"ä +{workers}{suffix}", got)
                self.assertEqual(got.read_bytes(), s3case.unseal(self.hbcore(*words, "-o", "-", env=fixed).stdout))
                self.assertEqual(self.run_it("cat", url, "config.yaml").stdout, b"model: large\n")
                target = self.fresh("target")
                self.run_it("--set", f"backup.workers={workers}", "--home", target, "import", url, "--force")
                self.assert_same_tree(self.home, target)
        self.run_it("list", url)
        self.run_it("verify", url)
        self.run_it("backup", "-o", url, "--format", "tar-zstd", expect=1)
        self.run_it("backup", "--replace", "-o", url, "--format", "tar-zstd")

    def rclone(self, *words):
        hb.write(self.dir / "rclone.conf", "[swift]\ntype = s3\nprovider = Other\naccess_key_id = test:tester\nsecret_access_key = testing\n"
                 f"endpoint = http://127.0.0.1:{running['port']}\n", 0o600)
        return self.tool("rclone", "--config", self.dir / "rclone.conf", *words).stdout if words else None

    def test_what_others_read(self):
        """After a plain download: with s3cmd above, here with rclone."""
        self.need("unzip", "7z", "bsdtar")
        self.make_large(6)
        names = {os.fsdecode(name) for name in hb.tree(self.home, times=False) if name != b"."}
        for format_, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            self.run_it("backup", "--format", format_, "-o", f"s3://{self.bucket}/a{suffix}")
            got = self.dir / f"got{suffix}"
            self.rclone("copyto", f"swift:{self.bucket}/{s3case.named(f'a{suffix}')}", got)
            got.write_bytes(s3case.unseal(got.read_bytes()))
            readers = {"zip": (("unzip", "-qo", got), ("7z", "x", "-y", got), ("bsdtar", "-xf", got)),
                       "tar-zstd": (("tar", "--zstd", "-xf", got), ("bsdtar", "-xf", got))}[format_]
            for words in readers:
                place = self.fresh("read")
                place.mkdir()
                self.tool(*words, cwd=place)
                self.assertEqual((place / "large.bin").read_bytes(), (self.home / "large.bin").read_bytes(), words)
                found = {os.fsdecode(name) for name in hb.tree(place, times=False) if name != b"."}
                self.assertLessEqual(names - found, {"state.db-wal", "state.db-shm"}, words)
        self.assertIsNone(zipfile.ZipFile(self.dir / "got.zip").testzip())
        plain = self.tool("zstd", "-dqc", self.dir / "got.tar.zst").stdout
        self.assertIn("large.bin", tarfile.open(fileobj=io.BytesIO(plain)).getnames())

    def test_by_rclone(self):
        """The plugin rclone with a remote that is far away: it is the same archive, there and by s3://."""
        self.make_large(6)
        self.rclone()
        words = ("--set", f"store:rclone.config={self.dir}/rclone.conf")
        self.ini.write_text(self.ini.read_text() + "[store:rclone]\n")
        fixed = {"SOURCE_DATE_EPOCH": "1800000000"}
        self.hbcore("--config", self.ini, *words, "backup", "-o", f"rclone://swift/{self.bucket}/x y/ä.zip", env=fixed)
        self.get("x y/ä.zip", self.dir / "got.zip")
        self.assertEqual((self.dir / "got.zip").read_bytes(),
                         s3case.unseal(self.hbcore("--config", self.ini, "backup", "-o", "-", env=fixed).stdout))
        self.run_it("list", f"s3://{self.bucket}/x y/ä.zip")
        target = self.fresh("target")
        self.run_it(*words, "--home", target, "import", f"rclone://swift/{self.bucket}/x y/ä.zip", "--force")
        self.assert_same_tree(self.home, target)
        for _ in range(2):
            self.run_it(*words, "--set", f"preset:nightly.directory=rclone://swift/{self.bucket}/n/", "--set", "preset:nightly.keep=1",
                        "backup", "--preset", "nightly")
        self.assertEqual(len([key for key in self.keys() if key.startswith("n/") and key.endswith(".zip")]), 1, self.keys())

    def test_presets(self):
        """Parts are copied on its side, and only of the version that was read."""
        self.make_large(s3case.COPIED)
        self.make_old()
        for _ in range(3):
            self.front.arm()
            made = self.summary(self.run_it("--json", "backup", "--preset", "nightly"))
        self.assertGreaterEqual(made["reused_bytes"], 20 << 20)
        self.assertEqual(not [row for row in self.front.log if row.endswith("copy")], s3case.SEALED, self.front.log)
        self.assertEqual(len([key for key in self.keys() if key.endswith(".zip")]), 2, self.keys())
        self.assertEqual(len(self.keys()), 4)
        self.run_it("verify", made["archive"])

    @s3case.unless_sealed("nothing is copied of what is sealed")
    def test_a_copy_of_another_version(self):
        """The archive before is replaced when the first copy of it is asked for: no mixture comes of it."""
        self.make_large(s3case.COPIED)
        self.make_old()
        self.run_it("backup", "--preset", "nightly")
        source = next(key for key in self.keys() if key.endswith(".zip"))
        hb.write(self.dir / "other", os.urandom(20 << 20))
        copies = []

        def replace(request):
            if "x-amz-copy-source" in request.headers and not copies:
                copies.append(str(request))
                self.s3cmd("put", "--disable-multipart", self.dir / "other", f"s3://{self.bucket}/{source}")
        self.front.before = replace
        self.run_it("backup", "--preset", "nightly", expect=None)
        self.assertTrue(copies)
        for key in self.keys():
            if key.endswith(".zip") and key != source:
                self.run_it("verify", f"s3://{self.bucket}/{key}")

    def test_what_fails_on_the_way(self):
        """A few of s3_faults.py, with all its kinds if HBCORE_FULL is set."""
        self.make_large(6)
        words = ("--set", "store:s3.timeout=3s", "backup", "--preset", "nightly")
        self.run_it(*words)
        self.front.arm()
        self.run_it(*words)
        total = len(self.front.log)
        for turn, kind in enumerate(("lost", "reset", "cut", "slow", "digest")):
            for at in range(1, total + 1) if hb.FULL else [1 + (os.getpid() + turn * 3) % total]:
                self.front.arm(kind, at)
                self.run_it(*words)
                self.front.at = 0
        for key in self.keys():
            if key.endswith(".zip"):
                self.run_it("verify", f"s3://{self.bucket}/{key}")

    def test_what_is_left(self):
        self.make_large(6)
        words = ("backup", "--preset", "nightly")
        process = subprocess.Popen(self.command("--config", self.ini, *words), env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.front.before = lambda request: process.kill() if "partNumber" in request.query else None
        process.wait()
        self.front.before = None
        self.left_behind_is_fine = True
        self.assertIn("nightly", self.s3cmd("multipart", f"s3://{self.bucket}"))
        library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
        if library is None:
            self.skip("libfaketime is not installed")
        # Two days later, by our clock; by that of the service it is the same day, and it is asked.
        self.run_it(*words, env={"LD_PRELOAD": str(library), "FAKETIME": "+2d"})
        self.assertNotIn("nightly", self.s3cmd("multipart", f"s3://{self.bucket}"))


if __name__ == "__main__":
    unittest.main()
