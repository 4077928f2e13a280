# SPDX-License-Identifier: Apache-2.0
"""The keys of installations: nobody's is ever archived, copied into a snapshot or written by an import; root makes and
uses none in another user's directory."""
import json
import os
import stat
import subprocess
import unittest
import zipfile

import hb

USER = 1234
KEY = ".local/state/hbcore/reuse.key"
BYTES = b"K" * 32
FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}


def give(path, user=USER):
    subprocess.run(["chown", "-hR", f"{user}:{user}", path], check=True)


class Keys(hb.Case):
    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"his", 0o644)
        give(self.home)

    def run_root(self, *arguments, **keywords):
        return self.hbcore("--home", self.home, *arguments, **keywords)

    def run_user(self, *arguments, **keywords):
        return self.hbcore("--home", self.home, *arguments, user=USER, group=USER, extra_groups=[], **keywords)

    def plant(self, path=KEY, user=USER):
        hb.write(self.home / path, BYTES, 0o600)
        give(self.home)
        os.chown(self.home / path, user, user)


class Stored(Keys):
    def names(self, archive):
        rows = [json.loads(line) for line in self.hbcore("--json", "list", archive).stdout.splitlines()]
        return [row["path"] for row in rows if "path" in row]

    def assert_not_stored(self, run, path=KEY):
        folder = self.dir / "out"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        for fmt, suffix in FORMATS.items():
            with self.subTest(path=path, format=fmt):
                made = folder / f"a.{suffix}"
                done = run("backup", "--format", fmt, "-o", made)
                names = self.names(made)
                self.assertIn("config.yaml", names)
                self.assertEqual([name for name in names if "reuse.key" in name], [], self.describe(done))
                made.unlink()

    def test_the_users_by_root(self):
        for path in (KEY, "elsewhere/hbcore/reuse.key", "hbcore/reuse.key", KEY + ".0123456789abcdef"):
            self.plant(path)
            self.assert_not_stored(self.run_root, path)
            self.assert_not_stored(lambda *line, **more: self.run_root("--set", "home.read-as=root", *line, **more), path)

    def test_roots_by_the_user(self):
        self.user.chmod(0o777)
        self.plant(user=0)
        self.assert_not_stored(self.run_user)

    def test_where_the_home_is_the_directory(self):
        self.home = self.dir / "hbcore"
        hb.write(self.home / "config.yaml", b"his", 0o644)
        self.plant("reuse.key")
        self.assert_not_stored(self.run_root, "reuse.key")

    def test_others_of_that_name_are_files(self):
        for path in ("reuse.key", "other/reuse.key", "hbcore/reuse.keys", "nothbcore/reuse.key"):
            self.plant(path)
        made = self.dir / "a.zip"
        self.run_root("backup", "-o", made)
        self.assertEqual([name for name in self.names(made) if "reuse.key" in name],
                         ["hbcore/reuse.keys", "nothbcore/reuse.key", "other/reuse.key", "reuse.key"])

    def test_snapshots(self):
        self.plant()
        hb.write(self.dir / "outside/hbcore/reuse.key", BYTES, 0o600)
        give(self.dir / "outside")
        for name, target in (("link", KEY), ("out", self.dir / "outside/hbcore/reuse.key")):
            (self.home / name).symlink_to(target)
            os.lchown(self.home / name, USER, USER)
        self.user.chmod(0o777)
        for run in (self.run_root, self.run_user):
            for files in (".local", KEY, "link", "out"):
                with self.subTest(files=files, run=run.__name__):
                    run("--set", f"snapshot.files=config.yaml {files}", "snapshot", "create")
                    held = [path for path in (self.home / "state-snapshots").rglob("*")
                            if path.is_file() and path.read_bytes() == BYTES]
                    self.assertEqual(held, [])


class Imported(Keys):
    def archive(self, fmt, path):
        """As another program makes one; ours would leave it out."""
        made = self.dir / f"in.{FORMATS[fmt]}"
        if fmt == "zip":
            with zipfile.ZipFile(made, "w") as out:
                out.writestr("config.yaml", b"new")
                out.writestr(path, b"N" * 32)
            return made
        source = self.dir / "source"
        hb.write(source / "config.yaml", b"new")
        hb.write(source / path, b"N" * 32)
        self.tool("tar", "--zstd", "-cf", made, "-C", source, "config.yaml", path)
        self.tool("rm", "-r", source)
        return made

    def test_it_is_not_written(self):
        self.need("tar", "zstd")
        for there in (True, False):
            for fmt in FORMATS:
                for path in (KEY, "new/hbcore/reuse.key"):
                    with self.subTest(there=there, format=fmt, path=path):
                        if there:
                            self.plant(path)
                        elif (self.home / path).exists():
                            (self.home / path).unlink()
                        done = self.run_root("import", "--force", self.archive(fmt, path), expect=None)
                        self.assertIn(done.returncode, (0, 3), self.describe(done))
                        self.assert_mentions(done, "reuse.key", "key of an installation")
                        self.assertEqual((self.home / "config.yaml").read_bytes(), b"new")
                        self.assertEqual((self.home / path).exists(), there)
                        if there:
                            self.assertEqual((self.home / path).read_bytes(), BYTES)

    def test_behind_a_link(self):
        (self.home / ".local/state/hbcore").mkdir(parents=True)
        (self.home / "linked").symlink_to(".local/state/hbcore")
        give(self.home)
        self.run_root("import", "--force", self.archive("zip", "linked/reuse.key"), expect=None)
        self.assertFalse((self.home / KEY).exists())


class Made(Keys):
    """XDG_STATE_HOME leads root into a directory of the user's, as sudo -E leaves it."""

    def preset(self, state):
        return self.run_root("backup", "--preset", "pre-update", env={"XDG_STATE_HOME": str(state)}, expect=None)

    def test_none_in_a_directory_of_the_users(self):
        for state in (self.home / ".local/state", self.home / "new"):
            if state.name == "state":
                state.mkdir(parents=True)
                give(self.home)
            before = sorted(path for path in self.home.rglob("*") if "backups" not in path.parts)
            done = self.preset(state)
            self.assert_mentions(done, "nothing is reused", "hbcore", "another user")
            after = [path for path in self.home.rglob("*") if path.name.startswith(("reuse", "hbcore", "new"))]
            self.assertEqual(after, [], before)

    def test_none_behind_a_link_of_the_users(self):
        target = self.dir / "roots"
        target.mkdir(mode=0o700)
        (self.home / "state").symlink_to(target)
        os.lchown(self.home / "state", USER, USER)
        self.assert_mentions(self.preset(self.home / "state"), "nothing is reused")
        self.assertEqual(list(target.iterdir()), [])
        target.chmod(0o755)
        self.assert_mentions(self.preset(self.home / "state"), "nothing is reused")
        self.assertEqual(list(target.iterdir()), [])
        # Nor is one used that is there.
        self.preset(target)
        self.assertTrue((target / "hbcore/reuse.key").exists())
        self.assert_mentions(self.preset(self.home / "state"), "nothing is reused")

    def test_the_users_own_is_not_roots(self):
        self.plant()
        self.assert_mentions(self.preset(self.home / ".local/state"), "nothing is reused", "another user")
        self.assertEqual((self.home / KEY).read_bytes(), BYTES)

    def test_where_it_is_made(self):
        state = self.dir / "a/b/c"
        done = self.preset(state)
        self.assertNotIn(b"nothing is reused", done.stderr + done.stdout)
        for path, mode in ((state, 0o700), (state / "hbcore", 0o700), (state / "hbcore/reuse.key", 0o600)):
            found = path.stat()
            self.assertEqual((found.st_uid, stat.S_IMODE(found.st_mode)), (0, mode), path)
        link = self.dir / "link"
        link.symlink_to("a/b")
        self.assertNotIn(b"nothing is reused", self.preset(link / "c").stderr)

    def test_the_user_makes_his_own(self):
        state = self.home / "s/t"
        self.run_user("backup", "--preset", "pre-update", env={"XDG_STATE_HOME": str(state)})
        self.assertEqual((state / "hbcore/reuse.key").stat().st_uid, USER)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: only root works in the homes of others")
        raise SystemExit(hb.SKIPPED)
    unittest.main()
