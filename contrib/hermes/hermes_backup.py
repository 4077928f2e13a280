# SPDX-License-Identifier: Apache-2.0
"""The backup functions of Hermes, done by hbcore: put this file in the place of hermes_cli/backup.py.

Names, arguments and return values are those of that file, and so is what is printed where a person
looks: all of it goes to sys.stdout, and the question of an import to input().

The program is $HBCORE_PROGRAM, else hbcore in PATH. Its configuration is the user's own; where
there is none, the hermes.ini that was installed with the program.

It serves Hermes of June, August and November 2026, as tests/contrib/test_hermes_versions.py calls it. What
another Hermes asks for besides is told on standard error, as Hermes hides many errors of this file.

Another run on the same home, a nightly one perhaps, is waited for: $HBCORE_WAIT seconds, else 60.

An archive or an import that is incomplete says so; that is not a failure. Where $HBCORE_STRICT is set
it ends the process with 3, as hbcore(1) does.
"""
import codecs
import contextlib
import functools
import importlib
import inspect
import json
import logging
import os
import re
import select
import shutil
import signal
import sqlite3
import stat
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

_CRON_JOBS_REL = "cron/jobs.json"
_SQLITE_HEADER = b"SQLite format 3\0"
DEFAULT_INTEGRITY_CHECK_MAX_BYTES = 2 << 30  # a full check of more takes minutes

_INCOMPLETE, _DECLINED, _BUSY = 3, 4, 5  # exit codes
_QUESTION = "[y/N] "  # how it ends
_HERMES = "June, August and November 2026"

# Lists that other parts of Hermes read here: the options of the configuration that hold them.
_LISTS = {
    "_QUICK_STATE_FILES": ("snapshot", "files"),
    "_EXCLUDED_DIRS": ("filter:exclusions", "directories"),
    "_EXCLUDED_NAMES": ("filter:exclusions", "names"),
    "_EXCLUDED_SUFFIXES": ("filter:exclusions", "suffixes"),
    "_IMPORT_SKIP_NAMES": ("filter:import-skip", "names"),
    "_SECRET_FILE_NAMES": ("filter:import-skip", "private"),
}
# What an update must not change in config.yaml.
_PROTECTED_SETTINGS = (("model", "provider"), ("model", "default"), ("model", "base_url"),
                       ("model", "api_key"), ("moa",))


class HbcoreError(OSError):
    """hbcore could not do it, and said why."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class BackupInProgressError(HbcoreError, RuntimeError):
    """Another run works on the home, and did not end in time."""


# ---- what Hermes asks for ------------------------------------------------------------------------


def _complain(text: str) -> None:
    """Hermes logs many errors of this file at a level that nobody sees, and goes on."""
    logger.error("%s", text)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"hbcore: {text}", file=sys.stderr, flush=True)


def _warn(text: str) -> None:
    logger.warning("%s", text)
    _say(f"  WARNING: {text}\n")


def _api(function):
    """For Hermes: arguments of a version that is not known are told, not only raised."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*arguments, **keywords):
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            _complain(f"{function.__name__}(): {error}. This module is for Hermes of {_HERMES}; "
                      "this Hermes is another one: nothing was done")
            raise
        return function(*arguments, **keywords)

    return checked


def __getattr__(name: str):
    """A list of the configuration; anything else is what no known Hermes has here."""
    if name in _LISTS:
        try:
            return tuple(word.rstrip("/") for word in _setting(*_LISTS[name]) or ())
        except OSError as error:
            _complain(f"{name}: {error}")
    elif not name.startswith("__"):
        _complain(f"this Hermes asks for '{name}', which this module does not have: it is for Hermes of {_HERMES}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _is_november() -> bool:
    """This file was put beside those of November, in which backup.py has parts."""
    return Path(__file__).with_name("backup_restore.py").exists()


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
        kind = BackupInProgressError if done.returncode == _BUSY else HbcoreError
        raise kind(errors or f"hbcore ended with {done.returncode}", done.returncode)
    if errors:
        logger.warning("%s", errors)
    lines = done.stdout.splitlines()
    summary = json.loads(lines[-1]) if lines else {}
    for kind in ("skipped", "doubtful"):
        for row in summary.get(kind, []):
            logger.warning("%s: %s: %s", kind, row.get("path"), row.get("reason"))
    return {**summary, "lines": lines[:-1]}


def _setting(section: str, key: str) -> Any:
    """An option as the configuration has it; None: there is no such section."""
    for line in _summary(None, "config", "show")["lines"]:
        row = json.loads(line)
        if (row.get("section"), row.get("key")) == (section, key):
            return row["value"]
    return None


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


def _run(home: Optional[Path], *arguments: str, environment: Optional[Dict[str, str]] = None) -> int:
    """Runs a command for a person."""
    progress = ["--progress", "always"] if sys.stdout.isatty() else []
    try:
        process = subprocess.Popen(
            _command(home, *progress, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**_environment(), **(environment or {})})
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


def _paths_of_provider() -> List[Path]:
    """What the memory provider says that it keeps; of a Hermes that has none, or where it cannot be asked, nothing."""
    try:
        from hermes_cli.config import load_config
        from plugins.memory import load_memory_provider
    except ImportError:
        return []
    try:
        memory = load_config().get("memory") or {}
        name = str(memory.get("provider") or "").strip()
        provider = load_memory_provider(name) if name else None
        paths = provider.backup_paths() if hasattr(provider, "backup_paths") else []
        return [Path(path).expanduser() for path in paths]
    except Exception as error:  # whatever a provider does, the home is backed up
        _warn(f"The memory provider cannot say what it keeps outside of the home: {error}")
        return []


def _memory(home: Optional[Path]) -> List[str]:
    """Settings for what lies outside of the home and belongs to it: stored by its path from the login directory."""
    login, inside = Path.home().resolve(), Path(home or get_hermes_home()).resolve()
    wanted = []
    for path in _paths_of_provider():
        place = path.resolve()
        if place == inside or inside in place.parents:
            continue  # a part of the home
        relative = os.path.relpath(place, login)
        if login not in place.parents or place in inside.parents or len(relative.split()) != 1:
            _warn(f"{path} of the memory provider is not in the backup: "
                  + ("its name has a space in it" if login in place.parents else "it lies outside of " + str(login)))
        else:
            wanted.append(relative)
    if not wanted:
        return []
    known = _setting("root:external", "paths")
    settings = ["--set", "root:external.paths=" + " ".join(dict.fromkeys([*(known or []), *wanted]))]
    if known is None:  # a configuration of one's own
        settings += ["--set", "root:external.prefix=_external", "--set", "root:external.directory=~"]
    return settings


def _kept_by_hand(output: Optional[str], keep: int) -> List[str]:
    """Of those made by hand so many stay, where they lie; none goes beside a name that was chosen."""
    directory = Path(output).expanduser() if output else None
    if keep <= 0 or (directory is not None and not directory.is_dir()):
        return [f"--output={output}"] if output else []
    settings = []
    if directory is not None:
        settings = ["--set", f"preset:manual.directory={directory.absolute()}"]
    if _setting("preset:manual", "prefix") is None:  # a configuration of one's own
        settings += ["--set", f"preset:manual.prefix={_setting('backup', 'prefix')}"]
        if directory is None:
            settings += ["--set", f"preset:manual.directory={_setting('backup', 'directory')}"]
    return [*settings, "--preset", "manual", "--keep", str(keep)]


@_api
def run_backup(args) -> None:
    """Create an archive of the Hermes home directory."""
    output, keep = getattr(args, "output", None), getattr(args, "keep", None)
    # "=": what begins with '-' is a name, too.
    where = [f"--output={output}"] if output else []
    try:
        if keep is not None:
            where = _kept_by_hand(output, keep)
    except OSError as error:
        print(f"Error: {error}")
        sys.exit(getattr(error, "code", 1))
    dry_run = ["--dry-run"] if getattr(args, "dry_run", False) else []
    _end(_run(_root(None), *_memory(_root(None)), "backup", *dry_run, *where))


@_api
def run_import(args) -> None:
    """Restore a Hermes backup: to the profile that Hermes works on, or as [import] nested-in says."""
    archive = str(Path(args.zipfile).expanduser().resolve())
    force = ["--force"] if getattr(args, "force", False) else []
    if _root(None) is None:
        code = _run(None, "import", *force, archive)
    else:
        code = _run(None, "--set", "home.variable=HERMES_HOME", "import", *force, archive,
                    environment={"HERMES_HOME": str(get_hermes_home())})
    _end(code, _DECLINED)
    if code in (0, _INCOMPLETE) and _is_november():
        _start_gateway(Path(get_hermes_home()), code == 0)


def _gateway_runs(home: Path) -> bool:
    """Is the process of gateway.pid there? One that cannot be told counts as running."""
    try:
        text = (home / "gateway.pid").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"\d+", text if '"pid"' not in text else text.split('"pid"', 1)[1])
        if found is None:
            return False
        os.kill(int(found.group()), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except (OSError, OverflowError):
        return True
    return True


def _start_gateway(home: Path, complete: bool) -> None:
    """After an import, as November does: not of another home, whose service is another."""
    start = os.environ.get("HBCORE_GATEWAY") or "start"
    if home.resolve() != (Path.home() / ".hermes").resolve() or start == "no":
        return
    if _gateway_runs(home):
        _say("The gateway runs. For it to see what was restored: hermes gateway restart\n")
        return
    program = shutil.which("hermes")
    if program is not None and complete:
        _say("Starting the gateway: hermes gateway start\n")
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if subprocess.run([program, "gateway", "start"], stdin=subprocess.DEVNULL, check=False,
                              timeout=120).returncode == 0:
                return
    _say("The gateway was not started. To start it: hermes gateway start\n")


def _archive(root: Optional[Path], *arguments: str) -> Optional[Path]:
    try:
        archive = _summary(root, *_memory(root), "backup", *arguments).get("archive")
    except OSError as error:
        _warn(f"The backup could not be made: {error}")
        return None
    return Path(archive) if archive else None


def _write_full_zip_backup(out_path: Path, hermes_root: Path) -> Optional[Path]:
    """A zip of the home under this name; None if there was nothing or it failed.

    An incomplete one does not replace a complete one of that name: the path returned is then
    another, beside it."""
    return _archive(hermes_root, "--format", "zip", f"--output={out_path}")


def _preset(name: str, home: Optional[Path], keep: int) -> Optional[Path]:
    return _archive(_root(home), "--preset", name, "--keep", str(max(keep, 1)))


@_api
def create_pre_update_backup(
    hermes_home: Optional[Path] = None,
    keep: int = _PRE_UPDATE_DEFAULT_KEEP,
) -> Optional[Path]:
    """Make backups/pre-update-<time> in the home; None if there was nothing or it failed."""
    return _preset("pre-update", hermes_home, keep)


@_api
def create_pre_migration_backup(
    hermes_home: Optional[Path] = None,
    keep: int = _PRE_MIGRATION_DEFAULT_KEEP,
) -> Optional[Path]:
    """Make backups/pre-migration-<time> in the home; None if there was nothing or it failed."""
    return _preset("pre-migration", hermes_home, keep)


# ---- quick snapshots -----------------------------------------------------------------------------


@_api
def create_quick_snapshot(
    label: Optional[str] = None,
    hermes_home: Optional[Path] = None,
    keep: Optional[int] = None,
    max_file_size: Optional[int] = None,
) -> Optional[str]:
    """Copy the critical state files; the id of the snapshot, or None if there were none.

    Larger files than `max_file_size` are left out; what it lacks, or may be of no use, is printed."""
    settings = ["--set", f"snapshot.max-file-size={max_file_size}"] if max_file_size else []
    arguments = [f"--label={label}"] if label else []
    if keep is not None:
        arguments += ["--keep", str(max(keep, 0))]
    try:
        summary = _summary(_home(hermes_home), *settings, "snapshot", "create", *arguments)
    except OSError as error:
        _warn(f"No snapshot was made: {error}")
        raise
    for kind, what in (("skipped", "is not in it"), ("doubtful", "may be of no use")):
        for row in summary.get(kind, []):
            _warn(f"Snapshot {summary['id']} is INCOMPLETE: {row['path']} {what}: {row['reason']}")
    return summary["id"]


@_api
def _quick_snapshot_root(hermes_home: Optional[Path] = None) -> Path:
    """The directory of the snapshots."""
    return _home(hermes_home) / _QUICK_SNAPSHOTS_DIR


def _manifest(directory: Path) -> Dict[str, Any]:
    try:
        with open(directory / "manifest.json", encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return {"id": directory.name, "file_count": 0, "total_size": 0}


@_api
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


@_api
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
        _warn(f"Snapshot {snapshot_id} was not restored: {error}")
        return False


@_api
def prune_quick_snapshots(
    keep: int = _QUICK_DEFAULT_KEEP,
    hermes_home: Optional[Path] = None,
) -> int:
    """Remove all but the newest snapshots; how many went."""
    home = _home(hermes_home)
    if not (home / _QUICK_SNAPSHOTS_DIR).is_dir():
        return 0
    return _summary(home, "snapshot", "prune", "--keep", str(max(keep, 0)))["removed"]


@_api
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


@_api
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
        _warn(f"Cron jobs could not be looked after: {error}")
        return None
    if not summary.get("restored"):
        return None
    logger.warning("Restored %d cron job(s) from snapshot %s", summary["job_count"], snapshot_id)
    return {"restored": True, "job_count": summary["job_count"], "snapshot_id": snapshot_id}


def _yaml():
    """Hermes has it; without it there is nothing that could be put back."""
    try:
        return importlib.import_module("yaml")
    except ImportError:
        _warn("config.yaml was not compared with the snapshot: Python has no module yaml")
        return None


def _settings_of(yaml, path: Path) -> Optional[Dict[str, Any]]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return found if isinstance(found, dict) else None


def _member(settings: Dict[str, Any], path: Tuple[str, ...]) -> Any:
    for name in path:
        settings = settings.get(name) if isinstance(settings, dict) else None
    return settings


def _put_member(settings: Dict[str, Any], path: Tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(settings.get(name), dict):
            settings[name] = {}
        settings = settings[name]
    settings[path[-1]] = value


def _replace_text(path: Path, text: str) -> None:
    """As a whole, with the mode that it has; through a link."""
    path = path.resolve()
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(number, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(number, stat.S_IMODE(path.stat().st_mode))
            os.fsync(number)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


@_api
def restore_config_model_settings_if_rewritten(
    snapshot_id: str,
    hermes_home: Optional[Path] = None,
) -> Optional[Dict[str, Any]]:
    """Put the settings of the model back if an update changed them; None if nothing was done."""
    home, yaml = _home(hermes_home), _yaml()
    snapshot = home / _QUICK_SNAPSHOTS_DIR / snapshot_id if snapshot_id else None
    if yaml is None or snapshot is None or snapshot.parent != home / _QUICK_SNAPSHOTS_DIR or snapshot.name == "..":
        return None
    before, now = (_settings_of(yaml, place / "config.yaml") for place in (snapshot, home))
    if not before or now is None:
        return None
    keys = []
    for path in _PROTECTED_SETTINGS:
        value = _member(before, path)
        if value not in (None, "", {}, []) and _member(now, path) != value:
            _put_member(now, path, value)
            keys.append(".".join(path))
    if not keys:
        return None
    try:
        _replace_text(home / "config.yaml", yaml.safe_dump(now, sort_keys=False, allow_unicode=True))
    except (OSError, yaml.YAMLError) as error:
        _warn(f"config.yaml lost {', '.join(keys)}, which could not be put back: {error}")
        return None
    logger.warning("Restored %s of config.yaml from snapshot %s", ", ".join(keys), snapshot_id)
    return {"restored": True, "keys": keys, "snapshot_id": snapshot_id}


# ---- of all profiles -----------------------------------------------------------------------------


def _other_homes(invoking_home: Optional[Path]) -> Dict[str, Path]:
    """The whole home ("default") and its profiles, but for the one that is worked on."""
    own = _home(invoking_home)
    root = _root(None)
    if root is None:
        root = own.parent.parent if own.parent.name == "profiles" else own
    homes = {"default": root}
    with contextlib.suppress(OSError):
        for place in sorted((root / "profiles").iterdir()):
            if place.is_dir() and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", place.name):
                homes.setdefault(place.name, place)
    return {name: place for name, place in homes.items()
            if place.is_dir() and place.resolve() != own.resolve()}


@_api
def create_pre_update_snapshots_all_profiles(
    invoking_home: Optional[Path] = None,
    keep: Optional[int] = None,
    max_file_size: Optional[int] = None,
) -> Dict[str, str]:
    """A snapshot of each other profile, in it: name to id. One that fails is printed."""
    made = {}
    for name, home in _other_homes(invoking_home).items():
        with contextlib.suppress(OSError):  # it has been printed
            snapshot = create_quick_snapshot("pre-update", home, keep, max_file_size)
            if snapshot:
                made[name] = snapshot
    return made


def _of_each(function, profile_snapshots: Dict[str, str], invoking_home: Optional[Path]) -> List[Dict[str, Any]]:
    homes, done = _other_homes(invoking_home), []
    for name, snapshot in (profile_snapshots or {}).items():
        try:
            result = function(snapshot, homes[name]) if name in homes else None
        except OSError as error:
            _warn(f"Profile {name}: {error}")
            continue
        if result:
            done.append({**result, "profile": name})
    return done


@_api
def restore_cron_jobs_all_profiles(
    profile_snapshots: Dict[str, str],
    invoking_home: Optional[Path] = None,
) -> List[Dict[str, Any]]:
    """restore_cron_jobs_if_emptied() for each of those snapshots; what was put back."""
    return _of_each(restore_cron_jobs_if_emptied, profile_snapshots, invoking_home)


@_api
def restore_config_model_settings_all_profiles(
    profile_snapshots: Dict[str, str],
    invoking_home: Optional[Path] = None,
) -> List[Dict[str, Any]]:
    """restore_config_model_settings_if_rewritten() for each of those snapshots."""
    return _of_each(restore_config_model_settings_if_rewritten, profile_snapshots, invoking_home)


# ---- databases -----------------------------------------------------------------------------------


def _first_bytes(path: Path, count: int) -> bytes:
    """Read by another process: to close a file here would drop this process's SQLite locks on it."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{path}: is no regular file")
    done = subprocess.run(["head", "-c", str(count), "--", str(path)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=30)
    if done.returncode != 0:
        raise OSError(done.stderr.decode(errors="replace").strip())
    return done.stdout


@_api
def is_zeroed_sqlite_file(path: Path, *, probe_bytes: int = 100, force: bool = False) -> bool:
    """Does it begin with zeros where a database has its header?"""
    del force  # it is safe beside open connections, too
    try:
        head = _first_bytes(Path(path), max(probe_bytes, 1))
    except (OSError, subprocess.SubprocessError):
        return False
    return bool(head) and not any(head)


def _open_to_check(path: Path, head: bytes) -> sqlite3.Connection:
    """Nothing is written beside a copy: one in WAL mode that nobody uses is read as it lies."""
    log = Path(f"{path}-wal")
    unused = head[18:20] == b"\2\2" and not (log.exists() and log.stat().st_size > 0)
    uri = f"{path.absolute().as_uri()}?{'immutable=1' if unused else 'mode=ro'}"
    return sqlite3.connect(uri, uri=True, timeout=10.0)


@_api
def verify_sqlite_integrity(
    path: Path,
    *,
    check_header: bool = True,
    run_pragma: bool = True,
    max_bytes: int = DEFAULT_INTEGRITY_CHECK_MAX_BYTES,
) -> Dict[str, Any]:
    """Is it a sound database? {"valid", "message", "size"}. Of one above `max_bytes` only header and
    schema are read. One that is locked counts as valid: Hermes would put an old copy in its place."""
    path = Path(path)
    result: Dict[str, Any] = {"valid": False, "message": "", "size": None}
    try:
        result["size"] = size = path.stat().st_size
        head = _first_bytes(path, 100)
    except FileNotFoundError:
        return {**result, "message": f"not found: {path}"}
    except (OSError, subprocess.SubprocessError) as error:
        return {**result, "message": f"cannot be read: {error}"}
    if size < 100:
        return {**result, "message": f"too small for a database: {size} bytes"}
    if check_header and not head.startswith(_SQLITE_HEADER):
        what = "all zero" if not any(head) else "not that of a database"
        return {**result, "message": f"bad header: it is {what}"}
    if not run_pragma:
        return {**result, "valid": True, "message": "header check passed"}
    large = 0 < max_bytes < size
    try:
        with contextlib.closing(_open_to_check(path, head)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            rows = [] if large else [str(row[0]) for row in database.execute("PRAGMA integrity_check(5)")]
    except sqlite3.OperationalError as error:
        if "locked" not in str(error) and "busy" not in str(error):
            return {**result, "message": f"cannot be opened: {error}"}
        logger.warning("%s: not checked: %s", path, error)
        return {**result, "valid": True, "message": f"not checked, in use by another program: {error}"}
    except sqlite3.Error as error:
        return {**result, "message": f"integrity check failed: {error}"}
    if large:
        return {**result, "valid": True, "message": f"larger than {max_bytes} bytes: header and schema check passed"}
    if rows != ["ok"]:
        return {**result, "message": f"integrity check failed: {'; '.join(rows)}"}
    return {**result, "valid": True, "message": "integrity check passed"}


@_api
def _foreign_db_holder_pids(db_path: Path) -> Optional[List[int]]:
    """Other processes that have the database open, also if it was deleted; of those that can be looked
    into. None: it cannot be told."""
    path = os.path.realpath(db_path)
    watched = {f"{path}{suffix}{gone}" for suffix in ("", "-wal", "-shm") for gone in ("", " (deleted)")}
    try:
        processes = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    except OSError:
        return None
    holders = []
    for process in processes:
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            links = [entry.path for entry in os.scandir(f"/proc/{process}/fd")]
            for link in links:
                with contextlib.suppress(OSError):
                    if os.readlink(link) in watched:
                        holders.append(process)
                        break
    return holders


def _copy_by_sqlite(src: Path, dst: Path, seconds: float) -> None:
    """One consistent state of it, to a new file."""
    uri = f"{Path(src).absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=seconds)) as source, \
            contextlib.closing(sqlite3.connect(str(dst))) as copy:
        source.execute("BEGIN")  # or each commit of others would make it begin again
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(copy)


@_api
def copy_db_and_verify(src: Path, dst: Path) -> bool:
    """A checked copy of a database, or none: what was at `dst` stays then."""
    dst = Path(dst)
    beside = [f"{dst}{suffix}" for suffix in ("-wal", "-journal") if os.path.exists(f"{dst}{suffix}")]
    if beside:
        _warn(f"{src} was not copied: {beside[0]} would be taken for the log of the copy")
        return False
    try:
        number, name = tempfile.mkstemp(prefix=f".{dst.name}.", dir=dst.parent)
        os.close(number)
    except OSError as error:
        _warn(f"{src} was not copied: {error}")
        return False
    try:
        _copy_by_sqlite(src, Path(name), 10.0)
        found = verify_sqlite_integrity(Path(name))
        if not found["valid"]:
            raise OSError(f"the copy is not sound: {found['message']}")
        with open(name, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(name, dst)
        return True
    except (OSError, sqlite3.Error) as error:
        _warn(f"{src} was not copied: {error}")
        return False
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                os.unlink(f"{name}{suffix}")


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


@_api
def _safe_copy_db(src: Path, dst: Path, timeout_seconds: float = 10.0) -> bool:
    """One consistent state of a database; its bytes, if SQLite cannot read it; of one that stays
    locked nothing: its bytes may be half a transaction."""
    was_there = os.path.lexists(dst)
    try:
        _copy_by_sqlite(src, dst, timeout_seconds)
        return True
    except sqlite3.Error as error:
        if "locked" in str(error):
            if not was_there:
                with contextlib.suppress(OSError):
                    os.unlink(dst)  # an empty file
            logger.error("%s: not copied: %s", src, error)
            return False
        logger.warning("%s: SQLite cannot read it, its bytes are copied: %s", src, error)
    try:
        shutil.copy2(src, dst)
        return True
    except OSError as error:
        logger.error("%s: cannot be copied: %s", src, error)
        return False
