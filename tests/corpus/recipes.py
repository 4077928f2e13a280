# SPDX-License-Identifier: Apache-2.0
"""How archives are made: a recipe puts some into a directory of its own."""
import os
import shutil
import subprocess

ALL = {}  # name to (function, programs that it needs)
SECRET = "secret"


class Failed(Exception):
    pass


class Bench:
    """What a recipe works with: the trees, and a directory for what it makes."""

    def __init__(self, trees, out):
        self.trees, self.out = trees, out
        self.environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": out,
                            "NODE_PATH": "/usr/share/nodejs:/usr/share/javascript", "GIT_CONFIG_NOSYSTEM": "1"}

    def tree(self, shape):
        return os.path.join(self.trees, shape)

    def path(self, name):
        return os.path.join(self.out, name)

    def copy(self, shape, name):
        """A tree that the recipe may change."""
        target = self.path(name)
        subprocess.run(["cp", "-a", self.tree(shape), target], check=True)
        return target

    def run(self, *command, cwd=None, okay=(0,), to=None, input=None, environment=None):
        """Runs a program; `to`: its standard output becomes that archive."""
        out = open(self.path(to), "wb") if to else subprocess.DEVNULL
        try:
            done = subprocess.run([os.fspath(word) for word in command], cwd=cwd or self.out, stdout=out, input=input,
                                  stderr=subprocess.PIPE, env={**self.environment, **(environment or {})}, check=False,
                                  timeout=60, **({} if input is not None else {"stdin": subprocess.DEVNULL}))
        finally:
            if to:
                out.close()
        if done.returncode not in okay:
            raise Failed(f"{command}: exit {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def drop(self, *names):
        for name in names:
            path = self.path(name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def recipe(name, *programs):
    """All archives of a recipe have names that begin with its name."""
    def note(function):
        assert name not in ALL
        ALL[name] = (function, programs)
        return function
    return note
