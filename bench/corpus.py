# SPDX-License-Identifier: Apache-2.0
"""
The corpus: a Hermes home with 15,000 files and 0.86 GB at scale 1, the same for the same seed.

The scale changes how many files there are and how large the database is; the files keep their sizes.
Only the salts in the log of the database differ from one making to the next: SQLite draws them.
"""
import collections
import json
import os
import time

import database
import making
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


class Shard(making.Maker):
    """Some files of one kind."""

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


def make_root(root, language, seed, scale):
    shard = Shard(root, language, f"{seed}/root")
    shard.home_files("", "default")
    shard.write("gateway_state.json", json.dumps({"state": "running", "pid": 4242}))
    shard.write("channel_directory.json", json.dumps({"channels": shard.text.words(200)}))
    for number in range(max(2, round(EMPTY_DIRECTORIES * scale))):
        (root / f"sandboxes/{shard.text.word()}-{number}/workspace").mkdir(parents=True)


def fill(home, scale, seed, workers=None):
    """The database in a process of its own, which ends without closing it; the rest in others."""
    language = words.language(seed)
    make_root(home, language, seed, scale)

    def make_shard(kind, number, count, size):
        shard = Shard(home, language, f"{seed}/{kind}/{number}")
        getattr(shard, kind)(number, count, size)

    making.run_all(shards(scale), make_shard, workers, [(database.make_in_use, (
        home / "state.db", round(STATE_BYTES * scale), language, f"{seed}/state"))])
    (home / "state.db").chmod(0o600)
