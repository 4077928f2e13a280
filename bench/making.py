# SPDX-License-Identifier: Apache-2.0
"""How a home to measure with is made, whatever its shape: whole or not at all, by several processes."""
import json
import multiprocessing
import os
import pathlib
import random
import shutil

import check
import messages
import words

DIRECTORY_TIME = messages.BASE_TIME + 30_000_000


class Maker:
    """Writes files below `root`. Their text depends on the seed and on `key` alone."""

    def __init__(self, root, language, key):
        self.root, self.text = root, words.Text(language, key)
        self.language, self.key = language, key

    def write(self, name, data, mode=0o644):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = data if isinstance(data, bytes) else data.encode()
        with open(path, "wb") as stream:
            stream.write(data)
        os.chmod(path, mode)
        return len(data)


def work_off(tasks, taken, work):
    """One of the worker processes: does what the others have not taken yet."""
    while True:
        with taken.get_lock():
            position, taken.value = taken.value, taken.value + 1
        if position >= len(tasks):
            return
        work(*tasks[position])


def run_all(tasks, work, workers=None, beside=()):
    """Calls `work` for each task, in several processes. `beside`: (function, arguments) with a process each."""
    context = multiprocessing.get_context("fork")
    taken = context.Value("q", 0)
    processes = [context.Process(target=function, args=arguments) for function, arguments in beside]
    processes += [context.Process(target=work_off, args=(tasks, taken, work))
                  for _ in range(workers or os.cpu_count())]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode != 0 for process in processes):
        raise RuntimeError("the home could not be made")


def set_times(root, seed):
    """Different times for all files, the same for the same seed; all in whole milliseconds."""
    rng = random.Random(f"{seed}/times")
    for folder, directories, files in os.walk(root, topdown=False):
        directories.sort()
        for name in sorted(files):
            stamp = (messages.BASE_TIME * 1000 + rng.randint(0, 30_000_000_000)) * 1_000_000
            os.utime(os.path.join(folder, name), ns=(stamp, stamp))
        os.utime(folder, ns=(DIRECTORY_TIME * 10**9, DIRECTORY_TIME * 10**9))


def whole(directory, fill, seed, parameters):
    """
    A directory with `home`, which `fill` makes, and the manifest of it. It must not be there, and is
    complete when this returns, else there is none.
    """
    directory = pathlib.Path(directory)
    begun = directory.with_name(directory.name + ".making")
    shutil.rmtree(begun, ignore_errors=True)
    home = begun / "home"
    home.mkdir(parents=True)
    home.chmod(0o700)
    fill(home)
    manifest = check.describe(home)
    set_times(home, seed)
    manifest["parameters"] = parameters
    (begun / check.MANIFEST).write_text(json.dumps(manifest))
    begun.rename(directory)
    return directory
