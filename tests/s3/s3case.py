# SPDX-License-Identifier: Apache-2.0
"""What the tests of the plugin s3 share: a service, the front before it, a configuration."""
import io
import os
import pathlib
import random
import re
import subprocess
import sys
import time
import unittest
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
import hb  # noqa: E402
from bucket import ACCESS, SECRET, Bucket  # noqa: E402
from front import Front  # noqa: E402

hb.use_memory()
MARK = ".hbcore-upload-"
OLD_ENOUGH = 3.1  # seconds; then the clock of the file system has left its time behind
COPIED = 20  # MB of a file of which the service copies something: behind a first part that is sent, there is another one
SMALL = ("--set", "store:s3.part-size=5M")


# With HBCORE_SEALED all archives are sealed: the same tests, and age(1) opens what lies there before others look at it.
SEALED = bool(os.environ.get("HBCORE_SEALED"))
ARCHIVE = re.compile(r"((?:s3|rclone)://.*\.(?:zip|tar\.zst))$", re.DOTALL)
KEY = pathlib.Path("/nonexistent")


def unless_sealed(why):
    return unittest.skipIf(SEALED, why)


def named(name):
    """The key that an archive of this name has."""
    return name + ".age" if SEALED else name


def unseal(data):
    if not SEALED:
        return data
    return subprocess.run(["age", "-d", "-i", KEY], input=data, capture_output=True, check=True).stdout


def is_whole(data):
    try:
        data = unseal(data)
    except subprocess.CalledProcessError:
        return False
    try:
        return zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    except (zipfile.BadZipFile, EOFError):
        return False


class Case(hb.Case):
    config = None
    options = ""  # more lines of the section

    def setUp(self):
        super().setUp()
        self.service = self.make_service()
        self.front = Front(self.service, self.make_tls())
        self.addCleanup(self.front.stop)
        self.home = self.make_home()
        self.ini = self.write_config(self.configuration() + (self.sealing() if SEALED else ""))

    def sealing(self):
        global KEY  # pylint: disable=global-statement
        self.need("age", "age-keygen")
        KEY = self.dir / "key"
        self.tool("age-keygen", "-o", KEY)
        public = self.tool("age-keygen", "-y", KEY).stdout.decode().strip()
        return f"[transform:age]\nrecipient = {public}\nidentity = {KEY}\n"

    def environment(self, **changes):
        # Libraries that come with libcurl have memory of their own for each thread, in which LeakSanitizer of GCC 12 gets
        # lost now and then ("Tracer caught signal 11"). Without it nothing counts as reachable by way of that memory.
        return super().environment(**{"LSAN_OPTIONS": "exitcode=99:use_tls=0:print_suppressions=0", **changes})

    def make_tls(self):
        return None

    def make_service(self):
        service = Bucket()
        service.buckets.add("bucket")
        return service

    def section(self):
        return (f"[store:s3]\nendpoint = http://127.0.0.1:{self.front.port}\naccess-key-id = {ACCESS}\n"
                f"secret-access-key = {SECRET}\nretry-time = 12s\ntimeout = 1s\n{self.options}")

    def configuration(self):
        seal = "seal = age\n" if SEALED else ""
        return (f"[home]\npath = {self.home}\n[backup]\nworkers = 2\n{seal}{self.section()}\n[format:zip]\n[format:tar-zstd]\n"
                "[content:sqlite-snap]\n[preset:nightly]\ndirectory = s3://bucket/n/\nkeep = 2\n")

    def run_it(self, *arguments, **keywords):
        return self.hbcore("--config", self.ini, *arguments, **keywords)

    def command(self, *arguments):
        """A name without the suffix of what is sealed gets it."""
        if SEALED:
            arguments = [ARCHIVE.sub(r"\1.age", word) if isinstance(word, str) else word for word in arguments]
        return super().command(*arguments)

    def make_large(self, megabytes=11, name="large.bin"):
        """More than one part; what cannot be made smaller."""
        hb.write(self.home / name, random.Random(megabytes).randbytes(megabytes << 20), mtime_ns=10**18)

    def make_old(self, name="large.bin"):
        """A file that has just been made is taken over by parts that are too small to be copied by the service."""
        while time.time() < (self.home / name).stat().st_ctime + OLD_ENOUGH:
            time.sleep(0.05)

    # ---- what lies there ----

    def objects(self):
        return {key.replace(".age", ""): found.data for (_, key), found in self.service.objects.items()}

    def archives(self):
        return {key: data for key, data in self.objects().items() if not key.endswith(".facts") and MARK not in key}

    def assert_all_whole(self):
        for key, data in self.archives().items():
            self.assertTrue(is_whole(data), f"{key}: an archive that is not whole has a name")

    def requests(self):
        return list(self.front.log)
