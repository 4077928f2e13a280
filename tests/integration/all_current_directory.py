# SPDX-License-Identifier: Apache-2.0
"""Relative names where no name leads to the current directory, or a very long one.

What is relative to a directory that was removed, unmounted or mounted over must not become a name in "/" nor in what lies
over it. All of it runs in a root of its own, where only that root can be harmed.
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

import hb

NO_CURRENT = "the current directory cannot be found"
DEEP = 25  # directories of 200 bytes: 5,000 bytes, more than PATH_MAX

SHELL = r"""
set -e
root=$1; shift
mount -t tmpfs -o size=64m tmpfs "$root"
for name in bin lib lib64 sbin; do [ -e "/$name" ] && ln -s "usr/$name" "$root/$name"; done
cd "$root"; mkdir -p usr etc dev proc w
mount --bind /usr usr; mount --rbind /dev dev; mount --rbind /proc proc
for given in "$1" "$2" "$3" "$4"; do
    case $given in /usr | /usr/*) continue ;; esac
    mkdir -p "./$given"; mount --bind "$given" "./$given"
done
cp /etc/ld.so.cache etc/
exec chroot . "${@:5}"
"""


def run(line, *arguments):
    done = subprocess.run([*line, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode(errors="backslashreplace")


def names_of(*roots):
    found = {}
    for root in roots:
        found[root] = sorted(os.listdir(root))
    return found


def go_removed():
    os.mkdir("/w/gone")
    os.chdir("/w/gone")
    os.rmdir("/w/gone")
    return ["/"]


def go_unmounted():
    os.mkdir("/w/m")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/w/m"], check=True)
    os.mkdir("/w/m/in")
    os.chdir("/w/m/in")
    subprocess.run(["umount", "-l", "/w/m"], check=True)
    os.mkdir("/in")  # what the kernel's name for it leads to
    return ["/", "/in", "/w/m"]


def go_covered():
    os.makedirs("/w/c/in")
    os.chdir("/w/c/in")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/w/c"], check=True)
    os.mkdir("/w/c/in")
    return ["/", "/w/c", "/w/c/in"]


def go_deep():
    os.chdir("/w")
    for _ in range(DEEP):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    pathlib.Path("x.zip").write_bytes(pathlib.Path(os.environ["HB_ARCHIVE"]).read_bytes())
    return ["/"]


def child(where, *line):
    """In that root: goes there, runs what is relative to it, and says what came of it."""
    archive = os.environ["HB_ARCHIVE"]
    home = pathlib.Path("/w/home")
    hb.write(home / "config.yaml", "model: small\n")
    watched = {"removed": go_removed, "unmounted": go_unmounted, "covered": go_covered, "deep": go_deep}[where]()
    before, here, answers = names_of(*watched), os.open(".", os.O_RDONLY), {}
    commands = {
        "import": ["--home", ".", "import", "-f", archive],
        "import below": ["--home", "a/b", "import", "-f", archive],
        "snapshot": ["--home", ".", "snapshot", "create"],
        "backup": ["--home", home, "backup", "-o", "rel.zip"],
        "backup here": ["--home", home, "--set", "backup.directory=.", "backup"],
        "absolute": ["--home", home, "--json", "backup", "-o", "/w/a.zip"],
        "cat": ["cat", "x.zip", "config.yaml"],
        "check": ["plugins", "check", "x.so"],
        "import absolute": ["--home", "/w/other", "import", "-f", archive],
    }
    for name, arguments in commands.items():
        answers[name] = run(line, *map(str, arguments))
    print(json.dumps({"answers": answers, "before": before, "after": names_of(*watched), "here": sorted(os.listdir(here)),
                      "imported": pathlib.Path("/w/other/config.yaml").read_text(encoding="utf-8")}))


class CurrentDirectory(hb.Case):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skip("only root makes a root of its own")
        self.need("unshare", "chroot", "mount")
        probe = subprocess.run(["unshare", "-m", "--propagation", "private", "true"], check=False, capture_output=True)
        if probe.returncode != 0:
            self.skip("no mount namespace of its own here")

    def look(self, where):
        home, root = self.make_home(), self.dir / "root"
        archive = self.backup(home)
        root.mkdir()
        done = subprocess.run(
            ["unshare", "-m", "--propagation", "private", "bash", "-c", SHELL, "bash", root, self.dir,
             os.environ["HBCORE_BUILD"], hb.SOURCE, sys.base_prefix, sys.executable, "-B", pathlib.Path(__file__).resolve(), where,
             *self.command()],
            env=self.environment(HB_ARCHIVE=str(archive), **{name: os.environ[name] for name in os.environ
                                                             if name.startswith("HBCORE_")}),
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=240)
        self.assertEqual(done.returncode, 0, self.describe(done))
        said = json.loads(done.stdout)
        self.assertEqual(said["before"], said["after"])
        self.assertEqual(said["answers"]["absolute"][0], 0, said["answers"]["absolute"])
        self.assertEqual(said["answers"]["import absolute"][0], 0, said["answers"]["import absolute"])
        self.assertEqual(said["imported"], "model: large\n")
        return said

    def look_nameless(self, where):
        said = self.look(where)
        self.assertEqual(said["here"], [])
        for name in ("import", "import below", "snapshot", "backup", "backup here", "check"):
            code, text = said["answers"][name]
            self.assertEqual(code, 2 if name == "check" and code == 2 else 1, f"{name}: {text}")
            self.assertIn(NO_CURRENT, text, name)
        self.assertEqual(said["answers"]["cat"][0], 1, said["answers"]["cat"])

    def test_it_was_removed(self):
        self.look_nameless("removed")

    def test_it_was_unmounted(self):
        self.look_nameless("unmounted")

    def test_another_file_system_lies_over_it(self):
        self.look_nameless("covered")

    def test_its_name_is_longer_than_a_call_takes(self):
        said = self.look("deep")
        self.assertIn("rel.zip", said["here"])
        self.assertEqual([name for name in said["here"] if not name.endswith(".zip")], ["a"])  # of "import below"
        self.assertEqual(said["answers"]["backup"][0], 0, said["answers"]["backup"])
        self.assertEqual(said["answers"]["cat"], [0, "model: large\n"])
        for name in ("import", "snapshot", "backup here"):
            code, text = said["answers"][name]
            self.assertEqual(code, 1, text)
            self.assertIn("File name too long", text)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        child(*sys.argv[1:])
    else:
        unittest.main()
