from __future__ import annotations

import errno
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from qa_service.artifact import publish
from qa_service.artifact.manifest import CALIBRATION, MANIFEST, verify
from qa_service.artifact.read import read
from qa_service.errors import ArtifactError, LockedError
from tests import fakes

OTHER_FAQ: list[dict[str, object]] = [{"id": "delta", "question": "What is delta?", "answer": "Red four."}]
THIRD_FAQ: list[dict[str, object]] = [{"id": "zeta", "question": "What is zeta?", "answer": "Green five."}]


def test_publishing_the_same_content_again_is_no_work(tmp_path: Path) -> None:
    """The second build finds the same version and writes nothing."""
    first = fakes.build_index(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "index").rglob("*") if p.is_file() and p.name != ".lock"}
    second = fakes.build_index(tmp_path)
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "index").rglob("*") if p.is_file() and p.name != ".lock"}
    assert (first.version, True, False) == (second.version, first.created, second.created)
    assert before == after


def test_content_published_before_becomes_current_again(tmp_path: Path) -> None:
    """An edit that is taken back points to the version that is there already, as the newest."""
    root = tmp_path / "index"
    first = fakes.build_index(tmp_path).version
    second = fakes.build_index(tmp_path, OTHER_FAQ).version
    again = fakes.build_index(tmp_path)
    assert (first, False) == (again.version, again.created)
    assert first == publish.current(root)
    assert [first, second] == publish.versions(root)


def test_three_versions_are_kept(tmp_path: Path) -> None:
    """The oldest beyond three go, the current one never."""
    root = tmp_path / "index"
    made = [
        fakes.build_index(tmp_path, [{"id": w, "question": f"What is {w}?", "answer": "Red."}]).version
        for w in ("alpha", "beta", "gamma", "delta")
    ]
    assert made[:0:-1] == publish.versions(root)
    assert made[3] == publish.current(root)


def test_a_damaged_version_is_never_deleted(tmp_path: Path) -> None:
    """Pruning passes over what it can't read, and publishing its content again puts it aside."""
    root = tmp_path / "index"
    damaged = fakes.build_index(tmp_path).version
    (root / damaged / CALIBRATION).write_text("{}")
    for w in ("beta", "gamma", "delta", "eta"):
        fakes.build_index(tmp_path, [{"id": w, "question": f"What is {w}?", "answer": "Red."}])
    assert damaged in publish.versions(root)
    assert damaged == fakes.build_index(tmp_path).version
    assert f"{damaged}.damaged-1" in {p.name for p in root.iterdir()}
    assert damaged == read(root / damaged).version


def test_rollback_points_to_the_version_before(tmp_path: Path) -> None:
    """Without a name, rollback takes the version published before the current one, and then the one before that."""
    root = tmp_path / "index"
    made = [fakes.build_index(tmp_path, faq).version for faq in (fakes.FAQ, OTHER_FAQ, THIRD_FAQ)]
    assert made[1] == publish.rollback(root)
    assert made[0] == publish.rollback(root)
    with pytest.raises(ArtifactError, match="no earlier version is kept"):
        publish.rollback(root)
    assert made[2] == publish.rollback(root, made[2])
    assert made[2] == publish.current(root)


def test_rollback_refuses_what_does_not_verify(tmp_path: Path) -> None:
    """CURRENT stays where it is when the version to go back to is damaged or unknown."""
    root = tmp_path / "index"
    first, second = (fakes.build_index(tmp_path, faq).version for faq in (fakes.FAQ, OTHER_FAQ))
    (root / first / CALIBRATION).write_text("{}")
    with pytest.raises(ArtifactError, match=CALIBRATION):
        publish.rollback(root)
    with pytest.raises(ArtifactError, match="no such version; kept are"):
        publish.rollback(root, "v-0123456789abcdef")
    assert second == publish.current(root)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"../../etc", "names no index version"), (b"", "names no index version"), (b"\xff\xfe", "can't be read")],
)
def test_a_pointer_that_names_no_version_is_refused(index: Path, content: bytes, message: str) -> None:
    """CURRENT is never followed to anything but a version's name."""
    (index / publish.CURRENT).write_bytes(content)
    with pytest.raises(ArtifactError, match=message):
        publish.current(index)


def test_no_pointer_says_how_to_make_one(tmp_path: Path) -> None:
    """A folder without an index asks for a build; one that does not exist has no versions."""
    with pytest.raises(ArtifactError, match="run `qa build`"):
        publish.current(tmp_path)
    assert [] == publish.versions(tmp_path / "nowhere")


def test_rollback_mends_a_lost_pointer(index: Path) -> None:
    """Where CURRENT can't be read, rollback points to the newest version."""
    version = publish.current(index)
    (index / publish.CURRENT).write_bytes(b"?")
    assert version == publish.rollback(index)
    assert version == publish.current(index)


def test_a_second_build_is_turned_away(tmp_path: Path) -> None:
    """While one process holds the lock, another gets its own error, with its own exit status."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib\n"
            "from qa_service.artifact.publish import locked\n"
            f"with locked(pathlib.Path({str(tmp_path / 'index')!r})):\n"
            "    print('held', flush=True)\n"
            "    sys.stdin.read()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(LockedError) as refused:
        fakes.build_index(tmp_path)
    assert refused.value.exit_status == 75
    holder.stdin.close()
    holder.stdout.close()
    assert holder.wait() == 0
    assert fakes.build_index(tmp_path).created


def test_what_a_killed_build_left_is_swept(index: Path) -> None:
    """The next writer removes temporary folders and pointers, and nothing else."""
    for left in (".staging-abc", ".discarded-v-0123456789abcdef"):
        (index / left).mkdir()
        (index / left / "half").write_text("x")
    (index / ".CURRENT-99").write_text("v-")
    kept = {p.name for p in index.iterdir() if not p.name.startswith((".staging", ".discarded", ".CURRENT-"))}
    with publish.locked(index):
        assert kept == {p.name for p in index.iterdir()}


# A child that publishes a second version and is struck at its n-th call of the functions that touch the disk.
CHILD = textwrap.dedent(
    """
    import os, pathlib, signal, sys
    from qa_service.artifact import publish
    from tests import fakes

    folder, strike, how = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    calls = 0

    def struck(function):
        def wrapper(*args, **kwargs):
            global calls
            calls += 1
            if calls == strike:
                if how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError(int(how), os.strerror(int(how)))
            return function(*args, **kwargs)
        return wrapper

    for name in ("fsync", "rename", "mkdir", "open", "unlink", "utime", "rmdir"):
        setattr(os, name, struck(getattr(os, name)))
    pathlib.Path.write_text = struck(pathlib.Path.write_text)
    fakes.build_index(folder, [{"id": "delta", "question": "What is delta?", "answer": "Red four."}])
    print(calls)
    """
)


def strike(folder: Path, number: int, how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD, str(folder), str(number), how]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)


@pytest.mark.parametrize("how", ["kill", str(errno.ENOSPC), str(errno.EIO)])
def test_a_strike_at_any_disk_call_leaves_a_whole_version(tmp_path: Path, how: str) -> None:
    """Killed or failed at every fifth call that touches the disk, CURRENT names a whole old or whole new version.

    `make faults` does the same at every system call, with strace.
    """
    (tmp_path / "old").mkdir()
    old = fakes.build_index(tmp_path / "old").version
    (tmp_path / "count").mkdir()
    total = int(strike(tmp_path / "count", 0, how).stdout)
    outcomes = set()
    for number in range(1, total + 1, 5):
        folder = tmp_path / f"case-{how}-{number}"
        folder.mkdir()
        fakes.build_index(folder)
        done = strike(folder, number, how)
        assert how != "kill" or done.returncode == -signal.SIGKILL
        current = publish.current(folder / "index")
        verify(folder / "index" / current)
        assert (folder / "index" / current / MANIFEST).exists()
        outcomes.add(current)
        # The next build, undisturbed, always succeeds.
        assert strike(folder, 0, how).returncode == 0
        assert [] == [p.name for p in (folder / "index").iterdir() if p.name.startswith((".staging", ".CURRENT-"))]
    assert old in outcomes
    assert len(outcomes) <= 2


def test_files_are_readable_by_the_server_of_another_user(index: Path) -> None:
    """The version's folder is not private to the builder, as a temporary folder is."""
    folder = index / publish.current(index)
    assert folder.stat().st_mode & 0o055 == 0o055
    assert all(p.stat().st_mode & 0o044 == 0o044 for p in folder.iterdir())
