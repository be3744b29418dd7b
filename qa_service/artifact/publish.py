"""Making a version current so that a crash at any moment leaves a whole old version or a whole new one.

The order is: temporary folder, write and fsync each file, fsync the folder, rename it, fsync its parent, and then the
pointer `CURRENT` the same way. A rename is atomic, and what is renamed is on the disk before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from qa_service.artifact.manifest import MANIFEST, Manifest, is_version_name, verify, version_name
from qa_service.errors import ArtifactError, LockedError

CURRENT = "CURRENT"
_LOCK = ".lock"
_STAGING = ".staging-"
_POINTER = ".CURRENT-"
_DISCARDED = ".discarded-"


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the index folder for one writer; the kernel lets go of it when the process ends, however it ends.

    Raises:
        LockedError: another process holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"another build is at work in {root.name}/; try again when it has ended") from None
        _sweep(root)
        yield


def _sweep(root: Path) -> None:
    """Remove what a killed build left; nobody else can be using it, for the lock is ours."""
    for leftover in root.iterdir():
        if leftover.name.startswith((_STAGING, _DISCARDED)):
            shutil.rmtree(leftover)
        elif leftover.name.startswith(_POINTER):
            leftover.unlink()


@contextlib.contextmanager
def staging(root: Path) -> Iterator[Path]:
    """A temporary folder on the same file system, gone at the end unless it was published."""
    folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=root))
    folder.chmod(0o755)  # mkdtemp's 0700 would shut out a server that runs as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def point_to(root: Path, version: str) -> None:
    """Move `CURRENT` to a version that is on the disk already."""
    pointer = root / f"{_POINTER}{os.getpid()}"
    try:
        _write(pointer, f"{version}\n".encode())
        pointer.rename(root / CURRENT)
    except BaseException:
        pointer.unlink(missing_ok=True)
        raise
    _fsync(root)


def publish(root: Path, staged: Path, manifest: Manifest) -> tuple[str, bool]:
    """Publish a staged folder, whose files the manifest describes, and make it current. The lock must be held.

    Returns:
        The version, and whether it is new; the same content again is the same version, and nothing is written.
    """
    raw = manifest.to_bytes()
    version = version_name(raw)
    target = root / version
    if target.exists():
        try:
            verify(target)
        except ArtifactError:
            _set_aside(root, target)
        else:
            if current(root) != version:
                os.utime(target)  # it is the newest again; versions are ordered by the time they were published
                point_to(root, version)
            return version, False
    _write(staged / MANIFEST, raw)
    for name in manifest.files:
        _fsync(staged / name)
    _fsync(staged)
    staged.rename(target)
    _fsync(root)
    point_to(root, version)
    return version, True


def _set_aside(root: Path, damaged: Path) -> None:
    """Give a damaged version another name; what can't be read is never deleted."""
    number = 1
    while (place := root / f"{damaged.name}.damaged-{number}").exists():
        number += 1
    damaged.rename(place)


def current(root: Path) -> str:
    """The version that `CURRENT` names.

    Raises:
        ArtifactError: there is no pointer, or it names no version.
    """
    try:
        name = (root / CURRENT).read_text("utf-8").strip()
    except FileNotFoundError:
        raise ArtifactError("no index has been built yet; run `qa build`", CURRENT) from None
    except (OSError, UnicodeDecodeError):
        raise ArtifactError("can't be read; run `qa rollback` or `qa build`", CURRENT) from None
    if not is_version_name(name):
        raise ArtifactError("names no index version; run `qa rollback` or `qa build`", CURRENT)
    return name


def versions(root: Path) -> list[str]:
    """All versions, the last published first."""
    if not root.is_dir():
        return []
    folders = [p for p in root.iterdir() if is_version_name(p.name) and p.is_dir()]
    return [p.name for p in sorted(folders, key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)]


def prune(root: Path, keep: int) -> list[str]:
    """Remove the oldest versions beyond `keep`, the current one never, nor one that does not verify.

    Returns:
        The versions that were removed.
    """
    serving = current(root)
    removed = []
    for version in [v for v in versions(root) if v != serving][max(0, keep - 1) :]:
        try:
            verify(root / version)
        except ArtifactError:
            continue
        discarded = root / f"{_DISCARDED}{version}"
        (root / version).rename(discarded)  # so that half a removal never looks like a version
        shutil.rmtree(discarded)
        removed.append(version)
    return removed


def rollback(root: Path, version: str | None = None) -> str:
    """Point `CURRENT` to an earlier version: the one named, or the last one published before the current.

    Raises:
        ArtifactError: there is no such version, or it does not verify.
    """
    with locked(root):
        published = versions(root)
        if version is None:
            serving = _current_or_none(root)
            later = published.index(serving) + 1 if serving in published else 0
            candidates = published[later:]
            if not candidates:
                raise ArtifactError("no earlier version is kept", CURRENT)
            version = candidates[0]
        if not is_version_name(version) or version not in published:
            raise ArtifactError(f"no such version; kept are {', '.join(published) or 'none'}", version)
        verify(root / version)
        point_to(root, version)
    return version


def _current_or_none(root: Path) -> str | None:
    try:
        return current(root)
    except ArtifactError:
        return None
