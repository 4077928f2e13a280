#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The history of `find`: seconds and bytes for many archives of a home that hardly changes.

    history.py PROGRAM [--archives 400] [--files 15000] [--shape still|changing|deep] [--format tar-zstd]

still: nothing changes; changing: one file of a hundred a night; deep: long names, and as many changes. The first call
fills the history, the second one is answered from it. Behind each in brackets: seconds of processors, which say more on
a machine that is busy; "without": the archives are read, and nothing is kept.
"""
import argparse
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time


def make_home(home, files, deep):
    paths = []
    for number in range(files):
        folder = home / f"folder-{number % 150:03}"
        if deep:
            folder = home.joinpath(*(f"a rather long name of a directory {(number + level) % 20:02}" for level in range(4)))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (f"the long name of file number {number:05}, as mail programs make them.message" if deep else f"file-{number:05}.txt")
        path.write_text(f"content {number}\n")
        paths.append(path)
    return paths


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--archives", type=int, default=400)
    parser.add_argument("--files", type=int, default=15000)
    parser.add_argument("--shape", choices=("still", "changing", "deep"), default="changing")
    parser.add_argument("--format", default="tar-zstd")
    words = parser.parse_args()
    draw = random.Random(1)
    with tempfile.TemporaryDirectory(dir=os.environ.get("HBCORE_BENCH_DIR")) as name:
        top = pathlib.Path(name)
        paths = make_home(top / "home", words.files, words.shape == "deep")
        common = [os.path.abspath(words.program), "--home", str(top / "home"), "--set", f"preset:mine.directory={top / 'kept'}", "--set",
                  "preset:mine.keep=1000", "--set", f"preset:mine.format={words.format}"]
        environment = {**os.environ, "XDG_STATE_HOME": str(top / "state"), "HOME": str(top)}

        def run(*arguments, **changes):
            begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run([*common, *arguments], env={**environment, **changes}, capture_output=True, check=True)
            took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return f"{took:.2f} s ({used:.2f})", done.stdout

        for night in range(words.archives):
            for path in draw.sample(paths, 0 if words.shape == "still" else words.files // 100):
                path.write_text(f"{path.name} in night {night} {draw.random()}\n")
            run("backup", "--preset", "mine")
        time.sleep(3)  # what is younger is read each time
        file = top / "state/hbcore/find.history"
        pattern = "*file*00017*"
        archives = run("archives", "mine")[0]
        other = top / "other/hbcore"
        shutil.copytree(top / "state/hbcore", other)
        (other / "find.history").mkdir()
        without = run("find", pattern, "mine", XDG_STATE_HOME=str(top / "other"))[0]
        first, listed = run("find", pattern, "mine")
        second, again = run("find", pattern, "mine")
        size = file.stat().st_size if file.exists() else 0
        everything = run("find", "*", "mine")[0]
        run("backup", "--preset", "mine")
        time.sleep(3)
        night = run("find", pattern, "mine")[0]
        if again != listed:
            sys.exit("the second answer is another one")
        print(f"{words.shape}: archives {archives}; find: without {without}, first {first}, second {second}, all names {everything}, "
              f"a night later {night}; history {size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
