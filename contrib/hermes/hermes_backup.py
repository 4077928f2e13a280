# SPDX-License-Identifier: Apache-2.0
"""The backup functions of Hermes, done by hbcore: put this file in the place of hermes_cli/backup.py.

Names, arguments and return values are those of that file. What differs is the exit code: 3 where
an archive or an import is incomplete, as hbcore(1) says, and not 0.

The program is $HBCORE_PROGRAM, else hbcore in PATH. Its configuration is the user's own; where
there is none, the hermes.ini that was installed with the program.
"""
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

logger = logging.getLogger(__name__)

_SNAPSHOTS = "state-snapshots"
_DEFAULT_KEEP = 20
_PRESET_KEEP = 5


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
    own = (Path.home() / ".config/hbcore/hbcore.ini", Path("/etc/hbcore/hbcore.ini"))
    if os.environ.get("HBCORE_CONFIG") or any(path.exists() for path in own):
        return []
    prefix = Path(program).resolve().parent.parent
    for path in (prefix / "share/hbcore/hermes.ini", Path("/usr/share/hbcore/hermes.ini")):
        if path.is_file():
            return ["--config", str(path)]
    return []


def _command(home: Optional[Path], *arguments: str) -> List[str]:
    program = _program()
    where = [] if home is None else ["--home", str(home)]
    return [program, *_configuration(program), "--set", "backup.restore-command=hermes import",
            *where, *arguments]


def _summary(home: Optional[Path], *arguments: str) -> Dict[str, Any]:
    """Runs a command and returns its summary; warnings go to the log."""
    done = subprocess.run([*_command(home, "--json", *arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    errors = done.stderr.decode(errors="replace").strip()
    if done.returncode not in (0, 3):
        raise HbcoreError(errors or f"hbcore ended with {done.returncode}", done.returncode)
    if errors:
        logger.warning("%s", errors)
    lines = done.stdout.splitlines()
    summary = json.loads(lines[-1]) if lines else {}
    for kind in ("skipped", "doubtful"):
        for row in summary.get(kind, []):
            logger.warning("%s: %s: %s", kind, row.get("path"), row.get("reason"))
    return {**summary, "lines": lines[:-1]}


def _run(home: Optional[Path], *arguments: str) -> int:
    """Runs a command for the person at the terminal."""
    sys.stdout.flush()
    try:
        return subprocess.run(_command(home, *arguments), check=False).returncode
    except HbcoreError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # hbcore got it too, and left everything as it was
        return 130


# ---- the home ------------------------------------------------------------------------------------


def _home(given: Optional[Path]) -> Path:
    """What a snapshot is of: the home itself, also when that is a profile."""
    if given is not None:
        return Path(given)
    try:
        from hermes_constants import get_hermes_home
        return Path(get_hermes_home())
    except ImportError:
        return Path(os.environ.get("HERMES_HOME") or Path.home() / ".hermes")


def _root(given: Optional[Path]) -> Optional[Path]:
    """What a full backup is of; None: hbcore knows by its configuration."""
    if given is not None:
        return Path(given)
    try:
        from hermes_constants import get_default_hermes_root
        return Path(get_default_hermes_root())
    except ImportError:
        return None


# ---- full backups --------------------------------------------------------------------------------


def run_backup(args) -> None:
    """Create an archive of the Hermes home directory."""
    output = getattr(args, "output", None)
    # "=": what begins with '-' is a name, too.
    code = _run(_root(None), "backup", *([f"--output={output}"] if output else []))
    if code != 0:
        sys.exit(code)


def run_import(args) -> None:
    """Restore a Hermes backup."""
    archive = str(Path(args.zipfile).expanduser().resolve())
    force = ["--force"] if getattr(args, "force", False) else []
    code = _run(_root(None), "import", *force, archive)
    if code not in (0, 4):  # 4: the user said no
        sys.exit(code)


def _preset(name: str, home: Optional[Path], keep: int) -> Optional[Path]:
    try:
        summary = _summary(_root(home), "backup", "--preset", name, "--keep", str(max(keep, 1)))
    except OSError as error:
        logger.warning("Backup %s could not be made: %s", name, error)
        return None
    archive = summary.get("archive")
    return Path(archive) if archive else None


def create_pre_update_backup(
    hermes_home: Optional[Path] = None,
    keep: int = _PRESET_KEEP,
) -> Optional[Path]:
    """Make backups/pre-update-<time> in the home; None if there was nothing or it failed."""
    return _preset("pre-update", hermes_home, keep)


def create_pre_migration_backup(
    hermes_home: Optional[Path] = None,
    keep: int = _PRESET_KEEP,
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
    if not (home / _SNAPSHOTS).is_dir():
        return []
    lines = _summary(home, "snapshot", "list", "--limit", str(max(limit, 0)))["lines"]
    return [_manifest(home / _SNAPSHOTS / json.loads(line)["id"]) for line in lines]


def restore_quick_snapshot(
    snapshot_id: str,
    hermes_home: Optional[Path] = None,
) -> bool:
    """Put the files of a snapshot back; True if at least one was."""
    home = _home(hermes_home)
    # A number is an id here, and not a place in the list.
    if not snapshot_id or not (home / _SNAPSHOTS / snapshot_id).is_dir():
        return False
    try:
        return _summary(home, "snapshot", "restore", "--", snapshot_id)["files"] > 0
    except HbcoreError as error:
        if error.code != 1:
            raise
        logger.error("Snapshot %s was not restored: %s", snapshot_id, error)
        return False


def prune_quick_snapshots(
    keep: int = _DEFAULT_KEEP,
    hermes_home: Optional[Path] = None,
) -> int:
    """Remove all but the newest snapshots; how many went."""
    home = _home(hermes_home)
    if not (home / _SNAPSHOTS).is_dir():
        return 0
    return _summary(home, "snapshot", "prune", "--keep", str(max(keep, 0)))["removed"]


def run_quick_backup(args) -> None:
    """hermes backup --quick"""
    snapshot = create_quick_snapshot(label=getattr(args, "label", None))
    if snapshot is None:
        print("No state files found to snapshot.")
        return
    print(f"State snapshot created: {snapshot}")
    print(f"  {len(list_quick_snapshots())} snapshot(s) stored in {_home(None) / _SNAPSHOTS}/")
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
