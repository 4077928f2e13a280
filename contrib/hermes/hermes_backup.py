# SPDX-License-Identifier: Apache-2.0
"""The backup functions of Hermes, done by hbcore: put this file in the place of hermes_cli/backup.py.

Names, arguments and return values are those of that file, and so is what is printed where a person
looks: all of it goes to sys.stdout, and the question of an import to input().

The program is $HBCORE_PROGRAM, else hbcore in PATH. Its configuration is the user's own; where
there is none, the hermes.ini that was installed with the program.

Another run on the same home, a nightly one perhaps, is waited for: $HBCORE_WAIT seconds, else 60.

An archive or an import that is incomplete says so; that is not a failure. Where $HBCORE_STRICT is set
it ends the process with 3, as hbcore(1) does.
"""
import codecs
import contextlib
import json
import logging
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

try:
    from hermes_constants import display_hermes_home, get_default_hermes_root, get_hermes_home
except ImportError:  # outside of Hermes

    def get_hermes_home() -> Path:
        """What a snapshot is of: the home itself, also when that is a profile."""
        return Path(os.environ.get("HERMES_HOME") or Path.home() / ".hermes")

    def get_default_hermes_root() -> Optional[Path]:
        """What a full backup is of; None: hbcore knows by its configuration."""
        return None

    def display_hermes_home() -> str:
        """The home, as people are told."""
        return str(get_hermes_home())


logger = logging.getLogger(__name__)

_QUICK_SNAPSHOTS_DIR = "state-snapshots"
_QUICK_DEFAULT_KEEP = 20
_PRE_UPDATE_DEFAULT_KEEP = 5
_PRE_MIGRATION_DEFAULT_KEEP = 5

_INCOMPLETE, _DECLINED = 3, 4  # exit codes
_QUESTION = "[y/N] "  # how it ends


class HbcoreError(OSError):
    """hbcore could not do it, and said why."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


# ---- the program ---------------------------------------------------------------------------------


def _program() -> str:
    name = os.environ.get("HBCORE_PROGRAM") or "hbcore"
    found = shutil.which(name)
    if found is None:
        raise HbcoreError(f"{name}: not found; install hbcore, or name it in HBCORE_PROGRAM", 127)
    return found


def _configuration(program: str) -> List[str]:
    """--config with the installed hermes.ini, unless hbcore finds a configuration itself."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or ".")
    base = base if base.is_absolute() else Path.home() / ".config"
    own = (base / "hbcore/hbcore.ini", Path("/etc/hbcore/hbcore.ini"))
    if os.environ.get("HBCORE_CONFIG") or any(path.exists() for path in own):
        return []
    here = Path(__file__).resolve().parent
    for path in (Path(program).resolve().parent.parent / "share/hbcore/hermes.ini",
                 here / "hermes.ini",  # installed, and this file is a link to it
                 here.parent.parent / "conf/hermes.ini",  # the same of the source
                 Path("/usr/local/share/hbcore/hermes.ini"), Path("/usr/share/hbcore/hermes.ini")):
        if path.is_file():
            return ["--config", str(path)]
    return []


def _command(home: Optional[Path], *arguments: str) -> List[str]:
    program = _program()
    where = [] if home is None else ["--home", str(home)]
    return [program, *_configuration(program), "--set", "backup.restore-command=hermes import",
            "--wait", os.environ.get("HBCORE_WAIT") or "60", *where, *arguments]


def _environment() -> Dict[str, str]:
    """hbcore expands ~ by HOME: it has to mean there what it means here."""
    return {**os.environ, "HOME": str(Path.home())}


def _summary(home: Optional[Path], *arguments: str) -> Dict[str, Any]:
    """Runs a command and returns its summary; warnings go to the log."""
    done = subprocess.run(_command(home, "--json", *arguments), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          env=_environment())
    errors = done.stderr.decode(errors="replace").strip()
    if done.returncode not in (0, _INCOMPLETE):
        raise HbcoreError(errors or f"hbcore ended with {done.returncode}", done.returncode)
    if errors:
        logger.warning("%s", errors)
    lines = done.stdout.splitlines()
    summary = json.loads(lines[-1]) if lines else {}
    for kind in ("skipped", "doubtful"):
        for row in summary.get(kind, []):
            logger.warning("%s: %s: %s", kind, row.get("path"), row.get("reason"))
    return {**summary, "lines": lines[:-1]}


def _say(text: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def _is_typed(process: subprocess.Popen) -> bool:
    """On a terminal: waits until there is something to read; False: the program ended before.
    An interrupt just before input() begins to read would be slept through by it; not by the program."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # stdin is not a file
        if sys.stdin.isatty():
            return sys.stdin in _wait_for(sys.stdin, process.stdout)
    return True


def _wait_for(*streams):
    """Those that can be read. A signal that comes just before a call blocks is seen a second later."""
    ready = []
    while not ready:
        ready = select.select(streams, [], [], 1)[0]
    return ready


def _answer(process: subprocess.Popen) -> None:
    try:
        if not _is_typed(process):
            return
        answer = input()
    except EOFError:
        process.stdin.close()  # no answer: it leaves everything as it was
        return
    except KeyboardInterrupt:
        process.stdin.close()
        raise
    with contextlib.suppress(BrokenPipeError):  # it has ended, and said why
        process.stdin.write(answer.encode(errors="replace") + b"\n")
        process.stdin.flush()


def _pass_on(process: subprocess.Popen) -> None:
    """What it says, until it has ended; its question is put to whoever input() asks."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    said = ""
    while True:
        _wait_for(process.stdout)
        chunk = os.read(process.stdout.fileno(), 1 << 16)
        if not chunk:
            return
        text = decode(chunk)
        _say(text)
        said = (said + text)[-len(_QUESTION):]
        if said == _QUESTION:
            _answer(process)
            said = ""


def _run(home: Optional[Path], *arguments: str) -> int:
    """Runs a command for a person."""
    progress = ["--progress", "always"] if sys.stdout.isatty() else []
    try:
        process = subprocess.Popen(
            _command(home, *progress, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=_environment())
    except OSError as error:
        print(f"Error: {error}")
        return 1
    with process:
        try:
            _pass_on(process)
        except KeyboardInterrupt:  # it undoes what it has begun, and says so
            if not process.stdin.closed:  # else it has asked, and goes without an answer
                process.send_signal(signal.SIGINT)
            _pass_on(process)
            process.wait()
            return 130 if process.returncode != 0 else 0
    return process.returncode


def _end(code: int, *good: int) -> None:
    if code == _INCOMPLETE and not os.environ.get("HBCORE_STRICT"):
        return  # hbcore has said what is missing
    if code not in (0, *good):
        sys.exit(code)


# ---- the home ------------------------------------------------------------------------------------


def _home(given: Optional[Path]) -> Path:
    return Path(given or get_hermes_home())


def _root(given: Optional[Path]) -> Optional[Path]:
    root = given or get_default_hermes_root()
    return None if root is None else Path(root)


# ---- full backups --------------------------------------------------------------------------------


def run_backup(args) -> None:
    """Create an archive of the Hermes home directory."""
    output = getattr(args, "output", None)
    # "=": what begins with '-' is a name, too.
    _end(_run(_root(None), "backup", *([f"--output={output}"] if output else [])))


def run_import(args) -> None:
    """Restore a Hermes backup."""
    archive = str(Path(args.zipfile).expanduser().resolve())
    force = ["--force"] if getattr(args, "force", False) else []
    _end(_run(_root(None), "import", *force, archive), _DECLINED)


def _archive(root: Optional[Path], *arguments: str) -> Optional[Path]:
    try:
        archive = _summary(root, "backup", *arguments).get("archive")
    except OSError as error:
        logger.warning("The backup could not be made: %s", error)
        return None
    return Path(archive) if archive else None


def _write_full_zip_backup(out_path: Path, hermes_root: Path) -> Optional[Path]:
    """A zip of the home under this name; None if there was nothing or it failed.

    An incomplete one does not replace a complete one of that name: the path returned is then
    another, beside it."""
    return _archive(hermes_root, "--format", "zip", f"--output={out_path}")


def _preset(name: str, home: Optional[Path], keep: int) -> Optional[Path]:
    return _archive(_root(home), "--preset", name, "--keep", str(max(keep, 1)))


def create_pre_update_backup(
    hermes_home: Optional[Path] = None,
    keep: int = _PRE_UPDATE_DEFAULT_KEEP,
) -> Optional[Path]:
    """Make backups/pre-update-<time> in the home; None if there was nothing or it failed."""
    return _preset("pre-update", hermes_home, keep)


def create_pre_migration_backup(
    hermes_home: Optional[Path] = None,
    keep: int = _PRE_MIGRATION_DEFAULT_KEEP,
) -> Optional[Path]:
    """Make backups/pre-migration-<time> in the home; None if there was nothing or it failed."""
    return _preset("pre-migration", hermes_home, keep)


# ---- quick snapshots -----------------------------------------------------------------------------


def create_quick_snapshot(
    label: Optional[str] = None,
    hermes_home: Optional[Path] = None,
    keep: Optional[int] = None,
) -> Optional[str]:
    """Copy the critical state files; the id of the snapshot, or None if there were none."""
    arguments = [f"--label={label}"] if label else []
    if keep is not None:
        arguments += ["--keep", str(max(keep, 0))]
    return _summary(_home(hermes_home), "snapshot", "create", *arguments)["id"]


def _manifest(directory: Path) -> Dict[str, Any]:
    try:
        with open(directory / "manifest.json", encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return {"id": directory.name, "file_count": 0, "total_size": 0}


def list_quick_snapshots(
    limit: int = 20,
    hermes_home: Optional[Path] = None,
) -> List[Dict[str, Any]]:
    """The manifests of the newest snapshots, newest first."""
    home = _home(hermes_home)
    if not (home / _QUICK_SNAPSHOTS_DIR).is_dir():
        return []
    lines = _summary(home, "snapshot", "list", "--limit", str(max(limit, 0)))["lines"]
    return [_manifest(home / _QUICK_SNAPSHOTS_DIR / json.loads(line)["id"]) for line in lines]


def restore_quick_snapshot(
    snapshot_id: str,
    hermes_home: Optional[Path] = None,
) -> bool:
    """Put the files of a snapshot back; True if at least one was."""
    home = _home(hermes_home)
    # A number is an id here, and not a place in the list.
    if not snapshot_id or not (home / _QUICK_SNAPSHOTS_DIR / snapshot_id).is_dir():
        return False
    try:
        return _summary(home, "snapshot", "restore", "--", snapshot_id)["files"] > 0
    except HbcoreError as error:
        if error.code != 1:
            raise
        logger.error("Snapshot %s was not restored: %s", snapshot_id, error)
        return False


def prune_quick_snapshots(
    keep: int = _QUICK_DEFAULT_KEEP,
    hermes_home: Optional[Path] = None,
) -> int:
    """Remove all but the newest snapshots; how many went."""
    home = _home(hermes_home)
    if not (home / _QUICK_SNAPSHOTS_DIR).is_dir():
        return 0
    return _summary(home, "snapshot", "prune", "--keep", str(max(keep, 0)))["removed"]


def run_quick_backup(args) -> None:
    """hermes backup --quick"""
    snapshot = create_quick_snapshot(label=getattr(args, "label", None))
    if snapshot is None:
        print("No state files found to snapshot.")
        return
    print(f"State snapshot created: {snapshot}")
    print(f"  {len(list_quick_snapshots())} snapshot(s) stored in "
          f"{display_hermes_home()}/{_QUICK_SNAPSHOTS_DIR}/")
    print(f"  Restore with: /snapshot restore {snapshot}")


# ---- after an update -----------------------------------------------------------------------------


def restore_cron_jobs_if_emptied(
    snapshot_id: str,
    hermes_home: Optional[Path] = None,
) -> Optional[Dict[str, Any]]:
    """Put the cron jobs back if an update lost them; None if nothing was done."""
    if not snapshot_id:
        return None
    try:
        summary = _summary(_home(hermes_home), "guard", "--", snapshot_id)
    except HbcoreError as error:
        logger.error("Cron jobs could not be looked after: %s", error)
        return None
    if not summary.get("restored"):
        return None
    logger.warning("Restored %d cron job(s) from snapshot %s", summary["job_count"], snapshot_id)
    return {"restored": True, "job_count": summary["job_count"], "snapshot_id": snapshot_id}


# ---- what Hermes takes from that file besides ----------------------------------------------------


def _format_size(nbytes: int) -> str:
    """A number of bytes as people read it."""
    if nbytes < 1024:
        return f"{nbytes} B"
    size = float(nbytes)
    for unit in ("KB", "MB", "GB", "TB"):
        size /= 1024
        if size < 1024 or unit == "TB":
            break
    return f"{size:.1f} {unit}"


def _should_exclude(rel_path: Path) -> bool:
    """Would a backup leave this path out? Asks hbcore, with a home that holds nothing else."""
    rel_path = Path(rel_path)
    if rel_path.is_absolute() or ".." in rel_path.parts:
        raise ValueError(f"{rel_path}: is not a path in a home")
    with tempfile.TemporaryDirectory() as home:
        (home / rel_path).parent.mkdir(parents=True, exist_ok=True)
        (home / rel_path).touch()
        lines = _summary(Path(home), "backup", "--dry-run")["lines"]
    return rel_path.as_posix() not in [json.loads(line)["path"] for line in lines]


def _look_into(archive: zipfile.ZipFile, *settings: str) -> Dict[str, Any]:
    """What an import of it into an empty home would do."""
    with tempfile.TemporaryDirectory() as scratch:
        path = archive.filename
        if path is None or not os.path.isfile(path):  # it is read from memory
            path = os.path.join(scratch, "archive.zip")
            place = archive.fp.tell()
            archive.fp.seek(0)
            with open(path, "wb") as copy:
                shutil.copyfileobj(archive.fp, copy)
            archive.fp.seek(place)
        return _summary(Path(scratch) / "home", *settings, "import", "--dry-run", path)


def _validate_backup_zip(zf: zipfile.ZipFile) -> Tuple[bool, str]:
    """Is it a backup of a Hermes home? If not, why not."""
    try:
        _look_into(zf)
    except HbcoreError as error:
        return False, str(error)
    return True, ""


def _detect_prefix(zf: zipfile.ZipFile) -> str:
    """The directory around everything that an import strips, with its slash; or nothing."""
    try:
        prefix = _look_into(zf, "--set", "import.markers=")["prefix"]
    except HbcoreError:
        return ""
    return f"{prefix}/" if prefix else ""


def _safe_copy_db(src: Path, dst: Path) -> bool:
    """One consistent state of a database; its bytes, if SQLite cannot read it."""
    try:
        uri = f"{Path(src).absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as source, \
                contextlib.closing(sqlite3.connect(str(dst))) as copy:
            source.execute("BEGIN")  # or each commit of others would make it begin again
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy)
        return True
    except sqlite3.Error as error:
        logger.warning("%s: SQLite cannot read it, its bytes are copied: %s", src, error)
    try:
        shutil.copy2(src, dst)
        return True
    except OSError as error:
        logger.error("%s: cannot be copied: %s", src, error)
        return False
