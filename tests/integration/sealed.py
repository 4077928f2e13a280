# SPDX-License-Identifier: Apache-2.0
"""What the tests of sealed archives share: a configuration with the toy transform (external-plugin/plugin/toy.c), which
hides nothing from anybody who looks twice, and refuses what is not to the bit what it has sealed."""
import os
import pathlib

import hb

BUILD = pathlib.Path(os.environ["HBCORE_BUILD"])
PATH = f"{BUILD}/tests/toy-transform {BUILD}/tests/odd-store"
FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}
# Of the toy: bytes of its header, and by which a block is longer.
HEADER, EXTRA = 49, 19
KEY, NO_KEY, WRONG_KEY = "open = text:secret", "", "open = text:another"


class Case(hb.Case):
    config = None
    block = 4096

    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.store = self.dir / "store"
        self.store.mkdir()
        self.config = self.configure(KEY, "with.ini")
        self.public = self.configure(NO_KEY, "public.ini")
        self.wrong = self.configure(WRONG_KEY, "wrong.ini")

    def configure(self, key, name, more=""):
        databases = f"[backup]\nseal = toy\nlinks = store\nstage-dir = {self.dir}/stage\n"
        (self.dir / "stage").mkdir(exist_ok=True)
        return self.write_config(
            f"[home]\npath = {self.home}\n[plugins]\npath = {PATH}\n{databases}"
            f"[import]\nlinks = restore\n[format:zip]\n[format:tar-zstd]\n[content:sqlite-snap]\n"
            f"[store:odd]\nroot = {self.store}\n"
            f"[preset:kept]\ndirectory = {self.dir}/kept\nkeep = 2\n"
            f"[preset:far]\ndirectory = odd://far\nkeep = 2\n"
            f"[transform:toy]\nkey = text:secret\nblock = {self.block}\n{key}\n{more}", name)

    def run_with(self, config, *arguments, **keywords):
        return self.hbcore("--config", config, *arguments, **keywords)

    def seal(self, name="a.zip", *arguments, **keywords):
        """The archive that was made of the home."""
        self.hbcore("backup", "-o", self.dir / name, *arguments, **keywords)
        return self.dir / f"{name}.toy"

    def import_from(self, archive, **keywords):
        target = self.fresh("target")
        self.hbcore("--home", target, "import", archive, "--force", **keywords)
        return target

    @staticmethod
    def copy(path, data):
        path.write_bytes(data)
        return path
