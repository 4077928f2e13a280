#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a home to measure with: 15,000 files and 0.86 GB at scale 1, the same for the same seed.

    bench/corpus.py DIRECTORY [--scale S] [--seed N]

DIRECTORY gets `home`, and beside it `manifest.json` with what a right restore must give. The scale
changes how many files there are and how large the database is; the files keep their sizes. Only the
salts in the log of the database differ from one making to the next: SQLite draws them.
"""
import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import sys
import time

import check
import database
import messages
import words

VERSION = 1  # a cached corpus of another version is made again
MB = 1_000_000

# At scale 1.
STATE_BYTES = 292 * MB
Kind = collections.namedtuple("Kind", "name files bytes shard")
KINDS = (  # name, files, bytes, files that are made in one go
    Kind("sessions", 2900, 303 * MB, 50),
    Kind("logs", 26, 81 * MB, 2),
    Kind("images", 930, 93 * MB, 100),
    Kind("skills", 10_500, 63 * MB, 200),
    Kind("profiles", 6, 22 * MB, 1),
    Kind("odds", 220, 2 * MB, 220),
)
PROFILE_SESSIONS, PROFILE_SKILLS = 20, 40
SKILL_CATEGORIES = ("devops", "research", "software", "media", "productivity", "data", "social",
                    "mlops", "writing", "home")
EMPTY_DIRECTORIES = 40
DIRECTORY_TIME = messages.BASE_TIME + 30_000_000


class Shard:
    """Some files of one kind. Its text depends on the seed, the kind and its number alone."""

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

    def session(self, folder, size):
        start = messages.BASE_TIME + self.text.rng.randint(0, 20_000_000)
        stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(start))
        name = f"{folder}/session_{stamp}_{self.text.hex(4)}.json"
        self.write(name, messages.session_document(self.text, size, float(start)), 0o600)

    def sessions(self, _, count, size):
        for one in self.text.sizes(count, size):
            self.session("sessions", one)

    def logs(self, number, count, size):
        for index, one in enumerate(self.text.sizes(count, size, 0.3)):
            name = self.text.rng.choice(("agent", "gateway", "errors", "tools"))
            self.write(f"logs/{name}.log.{number}.{index}", self.log(one))

    def log(self, size):
        text, moment, rows = self.text, float(messages.BASE_TIME), []
        names = [".".join(text.words(2)) for _ in range(12)]
        while size > 0:
            moment += text.rng.expovariate(0.5)
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
            row = (f"{stamp},{int(moment * 1000) % 1000:03d} - {text.rng.choice(names)} - "
                   f"{text.rng.choice(('INFO', 'INFO', 'INFO', 'DEBUG', 'WARNING'))} - ")
            row += (f"request {text.uuid()} {text.rng.randint(1, 90_000)} ms "
                    if text.rng.random() < 0.3 else "")
            rows.append(row + text.prose(text.rng.randint(10, 120)).replace("\n", " "))
            size -= len(rows[-1]) + 1
        return "\n".join(rows) + "\n"

    def images(self, _, count, size):
        for one in self.text.sizes(count, size, 0.8):
            kind = self.text.rng.choice(("image_cache", "image_cache", "audio_cache"))
            ending, head = ("ogg", b"OggS") if kind[0] == "a" else ("png", b"\x89PNG\r\n\x1a\n")
            self.write(f"{kind}/{self.text.hex(8)}.{ending}", head + self.text.rng.randbytes(one))

    def skills(self, number, count, size, folder="skills"):
        """A skill has a page, some further reading and perhaps a script."""
        sizes = iter(self.text.sizes(count, size, 0.7))
        skill, left = "", 0
        for index, one in enumerate(sizes):
            if left == 0:
                left = self.text.rng.randint(4, 12)
                name = "-".join(self.text.words(2))
                category = self.text.rng.choice(SKILL_CATEGORIES)
                skill = f"{folder}/{category}/{name}-{number}-{index}"
                self.write(f"{skill}/SKILL.md", self.skill_page(one, name))
            elif self.text.rng.random() < 0.15:
                self.write(f"{skill}/scripts/{self.text.word()}-{index}.py",
                           "#!/usr/bin/env python3\n" + self.script(one), 0o755)
            else:
                self.write(f"{skill}/references/{self.text.word()}-{index}.md",
                           self.markdown(one))
            left -= 1

    def skill_page(self, size, name):
        head = (f"---\nname: {name}\ndescription: {self.text.prose(90)}\nversion: "
                f"1.{self.text.rng.randint(0, 30)}.0\n---\n\n")
        return head + self.markdown(size - len(head))

    def markdown(self, size):
        parts = []
        while size > 0:
            part = f"## {self.text.prose(24)}\n\n{self.text.prose(min(size, 900))}\n\n"
            if self.text.rng.random() < 0.3:
                part += f"```bash\n{messages.path(self.text)} --{self.text.word()}\n```\n\n"
            parts.append(part)
            size -= len(part)
        return "".join(parts)

    def script(self, size):
        rows = []
        while size > 0:
            names = self.text.words(4)
            rows.append(f"def {names[0]}_{names[1]}({names[2]}, {names[3]}=None):\n"
                        f'    """{self.text.prose(60)}"""\n'
                        f"    return {names[2]}.get({names[3]!r}, {self.text.rng.randint(0, 999)})\n")
            size -= len(rows[-1])
        return "\n\n".join(rows)

    def home_files(self, folder, name):
        """What a home and a profile both have."""
        text = self.text
        prefix = f"{folder}/" if folder else ""
        self.write(f"{prefix}config.yaml", f"model: {text.rng.choice(messages.MODELS)}\nname: {name}\n"
                   + "".join(f"{word}: {text.rng.randint(0, 9999)}\n" for word in text.words(60)))
        self.write(f"{prefix}.env", "".join(f"{text.word().upper()}_API_KEY=sk-{text.hex(24)}\n"
                                            for _ in range(8)), 0o600)
        self.write(f"{prefix}auth.json", json.dumps(
            {"providers": {word: {"token": text.base64(180)} for word in text.words(3)}}), 0o600)
        self.write(f"{prefix}SOUL.md", self.markdown(2000))
        self.write(f"{prefix}memories/MEMORY.md", self.markdown(6000))
        self.write(f"{prefix}memories/USER.md", self.markdown(2000))
        self.write(f"{prefix}cron/jobs.json", json.dumps({"jobs": [
            {"id": text.hex(6), "name": text.prose(20), "prompt": text.prose(300),
             "schedule": {"kind": "cron", "expr": f"{text.rng.randint(0, 59)} * * * *"}}
            for _ in range(12)]}, indent=2), 0o600)

    def profiles(self, number, count, size):
        assert count == 1
        name = f"{self.text.word()}-{number}"
        folder = f"profiles/{name}"
        self.home_files(folder, name)
        skills = size // 15
        for one in self.text.sizes(PROFILE_SESSIONS, (size - skills) * 2 // 3):
            self.session(f"{folder}/sessions", one)
        self.skills(number, PROFILE_SKILLS, skills, f"{folder}/skills")
        database.make(self.root / folder / "state.db", (size - skills) // 3, self.language,
                      self.key + "/state", True)
        os.chmod(self.root / folder / "state.db", 0o600)

    def odds(self, number, count, size):
        """Small files of many sorts, and the databases of other programs."""
        for index, one in enumerate(self.text.sizes(count - 1, size // 2)):
            place, ending = self.text.rng.choice((("cron/output", "md"), ("pairing", "json"),
                                                  ("hooks", "yaml"), ("whatsapp/session", "json")))
            self.write(f"{place}/{self.text.word()}-{number}-{index}.{ending}",
                       json.dumps({"id": self.text.uuid(), "body": self.text.prose(one)}))
        path = self.root / f"kanban/board-{number}.db"
        path.parent.mkdir(exist_ok=True)
        database.make(path, size // 2, self.language, self.key + "/kanban", False)


# ---- all of it -----------------------------------------------------------------------------------

def shards(scale):
    """(kind, number, files, bytes), the largest first, so that no worker ends long after the others."""
    found = []
    for kind in KINDS:
        files = max(2, round(kind.files * scale))
        for number, first in enumerate(range(0, files, kind.shard)):
            count = min(kind.shard, files - first)
            found.append((kind.name, number, count, round(kind.bytes * scale * count / files)))
    return sorted(found, key=lambda shard: -shard[3])


def make_shards(root, language, seed, tasks, taken):
    """One of the worker processes: makes what the others have not taken yet."""
    while True:
        with taken.get_lock():
            position, taken.value = taken.value, taken.value + 1
        if position >= len(tasks):
            return
        kind, number, count, size = tasks[position]
        shard = Shard(root, language, f"{seed}/{kind}/{number}")
        getattr(shard, kind)(number, count, size)


def make_root(root, language, seed, scale):
    shard = Shard(root, language, f"{seed}/root")
    shard.home_files("", "default")
    shard.write("gateway_state.json", json.dumps({"state": "running", "pid": 4242}))
    shard.write("channel_directory.json", json.dumps({"channels": shard.text.words(200)}))
    for number in range(max(2, round(EMPTY_DIRECTORIES * scale))):
        (root / f"sandboxes/{shard.text.word()}-{number}/workspace").mkdir(parents=True)


def make_parts(home, language, seed, scale, workers):
    """The database in a process of its own, which ends without closing it; the rest in others."""
    context = multiprocessing.get_context("fork")
    tasks, taken = shards(scale), context.Value("q", 0)
    processes = [context.Process(target=database.make_in_use, args=(
        home / "state.db", round(STATE_BYTES * scale), language, f"{seed}/state"))]
    processes += [context.Process(target=make_shards, args=(home, language, seed, tasks, taken))
                  for _ in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode != 0 for process in processes):
        raise RuntimeError("the corpus could not be made")


def set_times(root, seed):
    """Different times for all files, the same for the same seed; all in whole milliseconds."""
    rng = random.Random(f"{seed}/times")
    for folder, directories, files in os.walk(root, topdown=False):
        directories.sort()
        for name in sorted(files):
            stamp = (messages.BASE_TIME * 1000 + rng.randint(0, 30_000_000_000)) * 1_000_000
            os.utime(os.path.join(folder, name), ns=(stamp, stamp))
        os.utime(folder, ns=(DIRECTORY_TIME * 10**9, DIRECTORY_TIME * 10**9))


def make(directory, scale=1.0, seed=1, workers=None):
    """`directory` must not be there. It is complete when this returns, else there is none."""
    directory = pathlib.Path(directory)
    begun = directory.with_name(directory.name + ".making")
    shutil.rmtree(begun, ignore_errors=True)
    home = begun / "home"
    home.mkdir(parents=True)
    home.chmod(0o700)
    language = words.Language(seed)
    make_root(home, language, seed, scale)
    make_parts(home, language, seed, scale, workers or os.cpu_count())
    (home / "state.db").chmod(0o600)
    manifest = check.describe(home)
    set_times(home, seed)
    manifest["parameters"] = {"version": VERSION, "scale": scale, "seed": seed}
    (begun / check.MANIFEST).write_text(json.dumps(manifest))
    begun.rename(directory)
    return directory


def cached(folder, scale, seed):
    """The corpus of these parameters, made if it is not there yet."""
    directory = pathlib.Path(folder) / f"corpus-v{VERSION}-scale{scale:g}-seed{seed}"
    if not directory.is_dir():
        directory.parent.mkdir(parents=True, exist_ok=True)
        make(directory, scale, seed)
    return directory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.directory.exists():
        sys.exit(f"{parser.prog}: {arguments.directory}: is there already")
    begun = time.monotonic()
    make(arguments.directory, arguments.scale, arguments.seed)
    manifest = check.load(arguments.directory)
    print(f"{arguments.directory}: {len(manifest['files'])} files, "
          f"{manifest['bytes'] / 1e6:.1f} MB, {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
