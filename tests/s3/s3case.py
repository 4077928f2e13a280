# SPDX-License-Identifier: Apache-2.0
"""What the tests of the plugin s3 share: a service, the front before it, a configuration."""
import io
import pathlib
import random
import sys
import time
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


def is_whole(data):
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
        self.ini = self.write_config(self.configuration())

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
        return (f"[home]\npath = {self.home}\n[backup]\nworkers = 2\n{self.section()}\n[format:zip]\n[format:tar-zstd]\n"
                "[content:sqlite-snap]\n[preset:nightly]\ndirectory = s3://bucket/n/\nkeep = 2\n")

    def run_it(self, *arguments, **keywords):
        return self.hbcore("--config", self.ini, *arguments, **keywords)

    def make_large(self, megabytes=11, name="large.bin"):
        """More than one part; what cannot be made smaller."""
        hb.write(self.home / name, random.Random(megabytes).randbytes(megabytes << 20), mtime_ns=10**18)

    def make_old(self, name="large.bin"):
        """A file that has just been made is taken over by parts that are too small to be copied by the service."""
        while time.time() < (self.home / name).stat().st_ctime + OLD_ENOUGH:
            time.sleep(0.05)

    # ---- what lies there ----

    def objects(self):
        return {key: found.data for (_, key), found in self.service.objects.items()}

    def archives(self):
        return {key: data for key, data in self.objects().items() if not key.endswith(".facts") and MARK not in key}

    def assert_all_whole(self):
        for key, data in self.archives().items():
            self.assertTrue(is_whole(data), f"{key}: an archive that is not whole has a name")

    def requests(self):
        return list(self.front.log)
