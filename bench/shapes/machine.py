# SPDX-License-Identifier: Apache-2.0
"""
Real files of this machine, which are named and not shipped: documentation, headers, and Python. The same for
the same seed and scale as long as the packages of the machine stay. At scale 1 all of them; below it so many,
chosen by their names, above it no more.

Left out are links, what the rules of a Hermes home leave out, and names that a listing writes in
another way than they are.
"""
import hashlib
import os
import pathlib
import re
import shutil
import sysconfig

import reference
import shapes

PLACES = ("/usr/share/doc", "/usr/include", "/usr/lib/python3", sysconfig.get_path("stdlib"))
PLAIN = re.compile(r"[!#-&(-\[\]-~]+")  # no blanks, quotes, backslashes
LEFT_OUT = {*reference.EXCLUDED_DIRECTORIES, *reference.EXCLUDED_NAMES, *reference.PRESERVED, "site-packages"}
LEAST = 12  # files, whatever the scale


def is_taken(path):
    return not (path.name.endswith((*reference.EXCLUDED_SUFFIXES, ".db")) or path.is_symlink()
                or LEFT_OUT.intersection(path.parts) or any(part.startswith(".") for part in path.parts)
                or not PLAIN.fullmatch(str(path)) or not path.is_file())


def chosen(scale, seed):
    """By digests of names, so that a package that comes or goes takes along its own files alone."""
    found = sorted(pathlib.Path(folder) / name for place in dict.fromkeys(PLACES)
                   for folder, _, names in os.walk(place) for name in names)
    found = [path for path in found if is_taken(path) and os.access(path, os.R_OK)]
    count = min(len(found), max(LEAST, round(scale * len(found))))
    found.sort(key=lambda path: hashlib.sha256(f"{seed}/{path}".encode()).digest())
    return sorted(found[:count])


def fill(home, scale, seed, workers=None):
    del workers  # one keeps the disk busy
    (home / "config.yaml").write_text("name: machine\n")
    for path in chosen(scale, seed):
        target = home / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


SHAPE = shapes.Shape("machine", "real files of the machine", 1, fill)
