# SPDX-License-Identifier: Apache-2.0
"""
Runs commands one at a time and says what each took. A process of its own, kept small: Linux counts the
memory of whoever starts a program as part of that program's peak.

Reads one JSON object a line: argv, cwd, env, stdout, stderr (paths), sync and cold (whether to write out all
and to drop the page cache before), warm (a directory whose files are to be in the page cache, or null), flush
(paths to bring to the disk if it ends well: a file with fsync, the file system of a directory with syncfs),
watch and result (a home and an archive, or null: to look all the while at what the program has on the disk).
Answers with one line each.
"""
import ctypes
import json
import os
import stat
import sys
import time

BLOCK_BYTES = 512  # of which getrusage counts those that were written to
WARM_BYTES = 1 << 18  # that are read at a time
WATCH_SECONDS = 0.003
TICKS = os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """Of all processors together, since the machine was started, stolen time included."""
    with open("/proc/stat", encoding="ascii") as stream:
        user, nice, system, _, _, irq, softirq, steal = map(int, stream.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def start(request):
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        for target, path in ((0, "/dev/null"), (1, request["stdout"]), (2, request["stderr"])):
            flags = os.O_RDONLY if target == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(path, flags, 0o600), target)
        os.chdir(request["cwd"])
        os.execvpe(request["argv"][0], request["argv"], request["env"])
    except OSError as error:
        os.write(2, f"{request['argv'][0]}: {error}\n".encode())
    finally:
        os._exit(127)


def warm(folder):
    """Reads all files below it."""
    buffer = bytearray(WARM_BYTES)
    for root, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(os.path.join(root, name), os.O_RDONLY | os.O_NOFOLLOW)
            while os.readv(descriptor, [buffer]) > 0:
                pass
            os.close(descriptor)


def flush(paths, library):
    begun = time.monotonic()
    for path in paths:
        directory = os.path.isdir(path)
        descriptor = os.open(path, os.O_RDONLY)
        if (library.syncfs if directory else library.fsync)(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "cannot flush", path)
        os.close(descriptor)
    return time.monotonic() - begun


# ---- room on the disk: what a program has open for writing, without what lies in the home ----------

def writable(pid):
    """(device, inode, bytes on the disk, path) of regular files."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return  # it has ended
    for name in names:
        try:
            status = os.stat(f"/proc/{pid}/fd/{name}")
            if not stat.S_ISREG(status.st_mode):
                continue
            with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as stream:
                flags = int(stream.read().split("flags:")[1].split()[0], 8)
            if flags & os.O_ACCMODE != os.O_RDONLY:
                yield (status.st_dev, status.st_ino, status.st_blocks * BLOCK_BYTES,
                       os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass  # it was closed meanwhile


def is_beside(path, request):
    """Not the database and its log, which SQLite opens, nor what it says, nor memory."""
    there = path.startswith(request["watch"] + "/") and not path.endswith(" (deleted)")
    return not there and not path.startswith("/memfd:") and path not in (request["stdout"], request["stderr"])


def wait_and_watch(pid, request):
    """As wait4, and with the most bytes that were in use at once beside the file that became the archive."""
    looks = []
    while True:
        looks.append({(device, inode): size for device, inode, size, path in writable(pid)
                      if is_beside(path, request)})
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            break
        time.sleep(WATCH_SECONDS)
    own = None
    if os.path.exists(request["result"]):
        archive = os.stat(request["result"])
        own = (archive.st_dev, archive.st_ino)
    return status, usage, max(sum(size for key, size in look.items() if key != own) for look in looks)


def measure(request, library):
    if request["sync"]:
        os.sync()  # what earlier programs left to be written is not this one's
    if request["cold"]:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as stream:
            stream.write("3\n")
    elif request["warm"]:
        warm(request["warm"])
    busy, begun = busy_seconds(), time.monotonic()
    pid = start(request)
    if request["watch"]:
        status, usage, beside = wait_and_watch(pid, request)
    else:
        (_, status, usage), beside = os.wait4(pid, 0), None
    wall = time.monotonic() - begun
    cpu = usage.ru_utime + usage.ru_stime
    others = max(0.0, busy_seconds() - busy - cpu)
    code = os.waitstatus_to_exitcode(status)
    return {"status": code, "wall": wall, "cpu": cpu,
            "user": usage.ru_utime, "system": usage.ru_stime, "peak": usage.ru_maxrss * 1024,
            "written": usage.ru_oublock * BLOCK_BYTES, "others": others, "beside": beside,
            "flush": flush(request["flush"] if code == 0 else (), library)}


def main():
    library = ctypes.CDLL(None, use_errno=True)
    for line in sys.stdin:
        print(json.dumps(measure(json.loads(line), library)), flush=True)


if __name__ == "__main__":
    main()
