#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives in a bucket of OpenStack Swift on this machine, beside what one would do by hand: an archive in a file, which
rclone puts there or gets from there.

    bench/store.py --hbcore BINARY [--config FILE] [--scale S] [--rounds N] [--slow MB] [--part-size BYTES]

Ways take turns in each round; the median of the ratios of the rounds counts. `--slow`: the service behind a line of so
many MB a second, each way. Needs what tools/install-deps.sh test installs (Swift, rclone).
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/s3"))
import shapes  # noqa: E402

PIECE = 64 << 10


class Line(threading.Thread):
    """Forwards connections to a port, at most so many bytes a second in each direction, all of them together."""

    def __init__(self, port, bytes_a_second):
        super().__init__(daemon=True)
        self.to, self.speed, self.locks, self.free = port, bytes_a_second, (threading.Lock(), threading.Lock()), [0.0, 0.0]
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.server.getsockname()[1]

    def run(self):
        while True:
            here, _ = self.server.accept()
            there = socket.create_connection(("127.0.0.1", self.to))
            for way, (a, b) in enumerate(((here, there), (there, here))):
                threading.Thread(target=self.forward, args=(way, a, b), daemon=True).start()

    def forward(self, way, a, b):
        try:
            while data := a.recv(PIECE):
                with self.locks[way]:
                    start = max(self.free[way], time.monotonic())
                    self.free[way] = start + len(data) / self.speed
                time.sleep(max(0, self.free[way] - time.monotonic()))
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            a.close()
            b.close()


class Bench:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.port = 20_000 + os.getpid() % 10_000
        subprocess.run([HERE.parent / "tests/s3/swift.sh", str(self.port), work / "swift"], check=True)
        self.home, self.local = work / "corpus/home", work / "local.zip"
        self.ini = work / "bench.ini"

    def stop(self):
        for pid in (self.work / "swift/run/pids").read_text().split():
            os.kill(int(pid), signal.SIGTERM)

    def reach(self, port):
        """All that follows goes by way of that port."""
        (self.work / "rclone.conf").write_text(
            "[swift]\ntype = s3\nprovider = Other\naccess_key_id = test:tester\nsecret_access_key = testing\n"
            f"endpoint = http://127.0.0.1:{port}\nchunk_size = 8M\n")
        self.ini.write_text(
            f"[home]\npath = {self.home}\n[store:s3]\nendpoint = http://127.0.0.1:{port}\naccess-key-id = test:tester\n"
            "secret-access-key = text:testing\n[format:zip]\n[format:tar-zstd]\n[content:sqlite-snap]\n")
        self.ini.chmod(0o600)

    def timed(self, *words):
        start = time.monotonic()
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env={"PATH": os.environ["PATH"], "HOME": str(self.work)})
        took = time.monotonic() - start
        if done.returncode not in (0, 3):
            raise SystemExit(f"{words}: exit {done.returncode}\n{done.stderr.decode()}")
        return took

    def hbcore(self, *words):
        return self.timed(self.options.hbcore, "--config", self.ini, *words)

    def rclone(self, *words):
        return self.timed("rclone", "--config", self.work / "rclone.conf", *words)

    # ---- the ways ----

    def up(self):
        return self.hbcore("backup", "--replace", "-o", "s3://bench/a.zip")

    def up_by_hand(self):
        self.local.unlink(missing_ok=True)
        return self.hbcore("backup", "-o", self.local), self.rclone("copyto", self.local, "swift:bench/b.zip")

    def down(self):
        shutil.rmtree(self.work / "target", ignore_errors=True)
        return self.hbcore("--home", self.work / "target", "import", "--force", "s3://bench/b.zip")

    def down_by_hand(self):
        got = self.work / "got.zip"
        got.unlink(missing_ok=True)
        shutil.rmtree(self.work / "target", ignore_errors=True)
        return self.rclone("copyto", "swift:bench/b.zip", got), self.hbcore("--home", self.work / "target", "import", "--force", got)

    def rounds(self, name):
        rows = []
        for number in range(self.options.rounds):
            ways = [("up", self.up), ("by hand", self.up_by_hand)]
            row = {what: way() for what, way in (ways if number % 2 == 0 else reversed(ways))}
            ways = [("down", self.down), ("down by hand", self.down_by_hand)]
            rows.append({**row, **{what: way() for what, way in (ways if number % 2 == 0 else reversed(ways))}})
            print(f"{name} {number + 1}:", {what: [round(t, 2) for t in (took if isinstance(took, tuple) else (took,))]
                                            for what, took in rows[-1].items()}, flush=True)
        return rows

    def requests(self):
        """Of each command, through a front that counts them."""
        from front import Forward, Front
        front = Front(Forward(self.port))
        self.reach(front.port)
        counts = {}
        for words in (("list", "s3://bench/a.zip"), ("cat", "s3://bench/a.zip", "config.yaml"), ("cat", "s3://bench/a.zip", "state.db"),
                      ("verify", "s3://bench/a.zip"), ("verify", "--sample=5%", "s3://bench/a.zip"), ("backup", "-o", "s3://bench/c.zip", "--replace")):
            front.arm()
            self.hbcore(*words)
            counts[" ".join(word for word in words if not word.startswith("s3:"))] = len(front.log)
        front.stop()
        return counts

    def listing(self):
        """Of 15,000 entries: there, and here."""
        many, name = self.work / "many", self.work / "many.zip"
        for number in range(15_000):
            place = many / f"d{number // 100}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"a file of the usual kind {number}.json").write_text(str(number))
        self.reach(self.port)
        self.hbcore("--home", many, "backup", "-o", name)
        self.rclone("copyto", name, "swift:bench/many.zip")
        rows = [(self.hbcore("list", "s3://bench/many.zip"), self.hbcore("list", name)) for _ in range(9)]
        return statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows)


def median(rows, ratio):
    return round(statistics.median(ratio(row) for row in rows), 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--hbcore", type=pathlib.Path, required=True)
    parser.add_argument("--scale", type=float, default=0.3)
    parser.add_argument("--shape", default="corpus")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", type=float, default=40, metavar="MB")
    parser.add_argument("--work", type=pathlib.Path, help="where everything is made, on a file system with extended attributes")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-bench-store-", dir=options.work))
    (shape,) = shapes.named(options.shape)
    bench = None
    try:
        shape.make(work / "corpus", options.scale, 1)
        bench = Bench(options, work)
        bench.reach(bench.port)
        bench.rclone("mkdir", "swift:bench")
        near = bench.rounds("near")
        line = Line(bench.port, options.slow * 1e6)
        line.start()
        bench.reach(line.port)
        far = bench.rounds(f"{options.slow:.0f} MB/s")
        there, here = bench.listing()
        print(json.dumps({
            "archive_bytes": bench.local.stat().st_size,
            "upload, of both by hand": median(near, lambda row: row["up"] / sum(row["by hand"])),
            "restore, of both by hand": median(near, lambda row: row["down"] / sum(row["down by hand"])),
            "slow upload, of the larger by hand": median(far, lambda row: row["up"] / max(row["by hand"])),
            "slow restore, of both by hand": median(far, lambda row: row["down"] / sum(row["down by hand"])),
            "list of 15,000, of that here": round(there / here, 2), "list there": round(there, 3), "list here": round(here, 3),
            "requests": bench.requests()}, indent=2))
    finally:
        if bench:
            bench.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
