# SPDX-License-Identifier: Apache-2.0
"""File systems that a test mounts for itself: real ones in a loop device or by FUSE, for root alone.

    try:
        root = mounts.mount(case, "exfat")          # a path below case.dir; unmounted when the case ends
    except mounts.Missing as reason:
        case.skip(str(reason))

What cannot be had on a machine raises Missing, whose text says what is lacking: a program, a loop device, /dev/fuse, or the
file system in the kernel.
"""
import contextlib
import itertools
import os
import pathlib
import shutil
import subprocess

# What the names are: the arguments of the program that makes the file system, the one that mounts it, and how large it is.
IMAGES = {
    "ext4": (["mkfs.ext4", "-qF"], ["mount", "-t", "ext4"], 64),
    "ext4-seconds": (["mkfs.ext4", "-qF", "-I", "128"], ["mount", "-t", "ext4"], 64),
    "ext4-casefold": (["mkfs.ext4", "-qF", "-O", "casefold"], ["mount", "-t", "ext4"], 64),
    "xfs": (["mkfs.xfs", "-qf"], ["mount", "-t", "xfs"], 320),
    "btrfs": (["mkfs.btrfs", "-qf"], ["mount", "-t", "btrfs"], 160),
    "vfat": (["mkfs.vfat"], ["mount", "-t", "vfat", "-o", "iocharset=utf8"], 64),
    "exfat": (["mkfs.exfat"], ["mount.exfat-fuse"], 64),
    "ntfs": (["mkfs.ntfs", "-qF"], ["ntfs-3g"], 64),
    "ntfs-permissions": (["mkfs.ntfs", "-qF"], ["ntfs-3g", "-o", "permissions,acl"], 64),
    "ntfs-windows": (["mkfs.ntfs", "-qF"], ["lowntfs-3g", "-o", "windows_names,ignore_case"], 64),
}
OTHERS = ("tmpfs", "overlay", "bind", "bindfs")
FOLDS_NAMES = ("ext4-casefold", "vfat", "exfat", "ntfs-windows")  # two names that differ in case are one
HAS_NO_MODES = ("vfat", "exfat", "ntfs", "ntfs-windows")
BY_FUSE = ("exfat", "ntfs", "ntfs-permissions", "ntfs-windows", "bindfs")

_numbers = itertools.count()


class Missing(Exception):
    """It cannot be had here, and why."""


def _program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def _run(command, why):
    done = subprocess.run([_program(command[0]), *map(str, command[1:])], capture_output=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise Missing(f"{why}: {said[0] if said else f'exit {done.returncode}'}")
    return done.stdout.decode().strip()


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        return any(line.split()[4] == str(path) for line in lines)


def unmount(path):
    """Also one that is busy; its loop device goes with it."""
    if not is_mounted(path):
        return
    if subprocess.run(["umount", path], capture_output=True, check=False).returncode != 0:
        subprocess.run(["umount", "-l", path], capture_output=True, check=False)


def _attach(image):
    return _run(["losetup", "-f", "--show", image], "no loop device")


def _mount_image(case, kind, root, options):
    make, mount_by, megabytes = IMAGES[kind]
    _program(make[0])
    _program(mount_by[0])
    image = root.with_suffix(".img")
    with open(image, "wb") as stream:
        stream.truncate(megabytes << 20)
    device = _attach(image)
    case.addCleanup(subprocess.run, ["losetup", "-d", device], capture_output=True, check=False)
    _run([*make, device], f"{kind}: cannot be made")
    if options:
        mount_by = [*mount_by, "-o", options]
    _run([*mount_by, device, root], f"{kind}: cannot be mounted")


def mount(case, kind, source=None, options=None):
    """Mounts a new file system of that kind, empty but for what it makes itself; returns where (a Path below case.dir).

    `source`: the directory that "bind", "bindfs" or "overlay" (as its lower one) shows; a new one if it is missing.
    `options`: for mount -o; for bindfs, a list of its own arguments, such as ["--chmod-deny"].
    """
    if os.geteuid() != 0:
        raise Missing("only root can mount file systems")
    if kind in BY_FUSE and not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise Missing("/dev/fuse is missing")
    root = pathlib.Path(case.dir).resolve() / f"mount-{next(_numbers)}-{kind}"
    root.mkdir()
    case.addCleanup(unmount, root)
    if source is None and kind in ("bind", "bindfs", "overlay"):
        source = root.with_suffix(".source")
        source.mkdir()
    if kind in IMAGES:
        _mount_image(case, kind, root, options)
    elif kind == "tmpfs":
        _run(["mount", "-t", "tmpfs", "-o", ",".join(filter(None, ("size=256m", options))), "tmpfs", root],
             "tmpfs: cannot be mounted")
    elif kind == "bind":
        _run(["mount", "--bind", source, root], "a bind mount cannot be made")
    elif kind == "bindfs":
        _run(["bindfs", *(options or []), source, root], "bindfs: cannot be mounted")
    elif kind == "overlay":
        # What lies above must be on a file system that has what overlayfs needs: a tmpfs has.
        above = mount(case, "tmpfs")
        (above / "upper").mkdir()
        (above / "work").mkdir()
        (above / "upper").chmod(0o755)
        _run(["mount", "-t", "overlay", "-o", f"lowerdir={source},upperdir={above}/upper,workdir={above}/work",
              "overlay", root], "overlay: cannot be mounted")
    else:
        raise ValueError(kind)
    if kind == "ext4-casefold":
        folding = root / "folding"
        folding.mkdir()
        _run(["chattr", "+F", folding], "ext4: folds no names here")
        return folding
    if kind in ("ext4", "xfs", "btrfs", "tmpfs", "ntfs-permissions"):
        root.chmod(0o755)
    return root


@contextlib.contextmanager
def trying(case, kind, **keywords):
    """A subtest on such a file system: yields where it is mounted; where it cannot be had, says why and yields None."""
    with case.subTest(kind):
        try:
            root = mount(case, kind, **keywords)
        except Missing as reason:
            print(f"skipped: {case.id()} on {kind}: {reason}")
            root = None
        yield root
