# SPDX-License-Identifier: Apache-2.0
"""
Real files of this machine, which are named and not shipped: documentation, headers, and Python. The same for
the same seed and scale as long as the packages of the machine stay. At scale 1 all of them; below it so many,
chosen by their names, above it no more.

Left out are links, what the rules of a Hermes home leave out, and names that a listing writes in
another way than they are.
"""
import configparser
import functools
import hashlib
import os
import pathlib
import re
import shutil
import stat
import sysconfig

import reference
import shapes

PLACES = ("/usr/share/doc", "/usr/include", "/usr/lib/python3", sysconfig.get_path("stdlib"))
PLAIN = re.compile(r"[!#-&(-\[\]-~]+")  # no blanks, quotes, backslashes
RULES = pathlib.Path(__file__).resolve().parents[2] / "conf" / "hermes.ini"
LEAST = 12  # files, whatever the scale


def left_out():
    """Names that the rules of a Hermes home, or those of the reference, keep out of an archive or of an import."""
    rules = configparser.ConfigParser(interpolation=None, comment_prefixes=(";",))
    rules.read(RULES, encoding="utf-8")
    found = {*reference.EXCLUDED_DIRECTORIES, *reference.EXCLUDED_NAMES, *reference.PRESERVED}
    for section, key in (("filter:exclusions", "directories"), ("filter:exclusions", "root-names"),
                         ("filter:exclusions", "names"), ("filter:import-skip", "names")):
        found.update(rules[section][key].split())
    return found


@functools.lru_cache
def taken():
    """The paths of all that may be chosen, looked for once a process."""
    found, gone = [], left_out()
    for place in dict.fromkeys(PLACES):
        for folder, directories, names in os.walk(place):
            directories[:] = [name for name in directories if name not in gone and name[0] != "."]
            for name in names:
                path = os.path.join(folder, name)
                if (PLAIN.fullmatch(path) and name not in gone and name[0] != "."
                        and not name.endswith((*reference.EXCLUDED_SUFFIXES, ".db"))
                        and stat.S_ISREG(os.lstat(path).st_mode) and os.access(path, os.R_OK)):
                    found.append(path)
    return found


def chosen(scale, seed):
    """By digests of names, so that a package that comes or goes takes along its own files alone."""
    found = sorted(taken(), key=lambda path: hashlib.sha256(f"{seed}/{path}".encode()).digest())
    return sorted(found[:max(LEAST, round(scale * len(found)))])


def fill(home, scale, seed, workers=None):
    del workers  # one keeps the disk busy
    (home / "config.yaml").write_text("name: machine\n")
    for path in chosen(scale, seed):
        target = home / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


SHAPE = shapes.Shape("machine", "real files of the machine", 1, fill)
