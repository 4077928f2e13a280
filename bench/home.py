#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a home to measure with, the same for the same shape, seed and scale.

    bench/home.py DIRECTORY [--shape NAME] [--scale S] [--seed N]

DIRECTORY gets `home`, and beside it `manifest.json` with what a right restore must give.
"""
import argparse
import pathlib
import sys
import time

import check
import shapes


def main():
    known = shapes.every()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--shape", default="corpus", choices=known)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.directory.exists():
        sys.exit(f"{parser.prog}: {arguments.directory}: is there already")
    begun = time.monotonic()
    known[arguments.shape].make(arguments.directory, arguments.scale, arguments.seed)
    manifest = check.load(arguments.directory)
    print(f"{arguments.directory}: {len(manifest['files'])} files, "
          f"{manifest['bytes'] / 1e6:.1f} MB, {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
