"""What the scanner looks at and what it passes over, on real trees."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mspace_legacy.errors import InvalidInput
from mspace_legacy.migration.scan import Summary, scan
from mspace_legacy.migration.scan.tree import read

CALL = 'u = "https://h.example/mspaceservice/wr/sms/balance/username=U/password=P"\n'


def put(root: Path, *names: str, text: str = CALL) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def names(root: Path, *, ignore: bool = True) -> list[str]:
    return [Path(finding.path).relative_to(root).as_posix() for finding in scan([root], ignore=ignore)]


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    put(tmp_path, "b/x.py", "b/a.py", "a.py", "c.py", "b/sub/z.py")
    assert names(tmp_path) == ["a.py", "c.py", "b/a.py", "b/x.py", "b/sub/z.py"]


def test_gitignore_as_git_reads_it(tmp_path: Path) -> None:
    roots = "a.py old.py kept_old.py build/x.py only/x.py logs/a.py logs/b.py"
    below = "build/x.py keep.py drop.py deep/drop.py only/x.py old.py"
    put(tmp_path, *roots.split(), *(f"src/{name}" for name in below.split()))
    put(tmp_path, ".gitignore", text="*old.py\n!kept_old.py\nbuild/\n/only/\nlogs/*\n!logs/b.py\n# a.py\n")
    put(tmp_path / "src", ".gitignore", text="drop.py\n!old.py\n")
    put(tmp_path / "src/deep", ".gitignore", text="!drop.py\n")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # noqa: S607  # git, wherever it is
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-standard", "*.py"],  # noqa: S607  # as above
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert sorted(names(tmp_path)) == sorted(listed)
    assert len(names(tmp_path, ignore=False)) == 13


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        # A pattern for directories is none for files.
        (b"a.py/\nsub/\n", ["a.py", "\udcff.py"]),
        # What lies in a directory that is ignored does not come back.
        (b"sub/\n!sub/b.py\n", ["a.py", "\udcff.py"]),
        # A name is octets, whatever they spell.
        (b"\xff.py\n", ["a.py", "sub/b.py"]),
        # Sets of which Python's `re` warns, or which it refuses.
        (b"[[a].py\n", ["sub/b.py", "\udcff.py"]),
        (b"[z-a].py\na.py\n", ["sub/b.py", "\udcff.py"]),
        # As some editors on Windows begin a file.
        (b"\xef\xbb\xbfa.py\n", ["\udcff.py", "sub/b.py"]),
    ],
)
def test_what_patterns_are_about_as_git_reads_them(tmp_path: Path, patterns: bytes, left: list[str]) -> None:
    put(tmp_path, "a.py", "sub/b.py", os.fsdecode(b"\xff.py"))
    (tmp_path / ".gitignore").write_bytes(patterns)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # noqa: S607  # git, wherever it is
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "ls-files", "-z", "--others", "--exclude-standard", "*.py"],  # noqa: S607
        check=True, capture_output=True,
    ).stdout.split(b"\0")[:-1]  # fmt: skip
    assert sorted(map(os.fsdecode, listed)) == sorted(left)
    assert sorted(names(tmp_path)) == sorted(left)


def test_gitignore_of_the_repository_holds_for_a_part_of_it(tmp_path: Path) -> None:
    put(tmp_path, "src/a.py", "src/generated.py")
    put(tmp_path, ".gitignore", text="generated.py\n")
    assert names(tmp_path / "src") == ["a.py", "generated.py"]  # in no repository
    (tmp_path / ".git").mkdir()
    assert names(tmp_path / "src") == ["a.py"]
    assert names(tmp_path / "src", ignore=False) == ["a.py", "generated.py"]


def test_a_directory_that_is_ignored_is_looked_at_where_it_is_named(tmp_path: Path) -> None:
    put(tmp_path, "out/a.py")
    put(tmp_path, ".gitignore", text="out/\n")
    (tmp_path / ".git").mkdir()
    assert names(tmp_path / "out") == ["a.py"]
    assert len(list(scan([tmp_path / "out" / "a.py"]))) == 1


def test_a_pattern_that_means_nothing_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "b.py")
    put(tmp_path, ".gitignore", text="/\n!\nb.py\n\\\n")
    assert names(tmp_path) == ["a.py"]


@pytest.mark.parametrize("name", ["node_modules", "vendor", ".venv", "bower_components"])
def test_other_peoples_code(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.py", f"{name}/x/b.py")
    assert names(tmp_path) == ["a.py"]
    assert len(names(tmp_path, ignore=False)) == 2
    assert len(list(scan([tmp_path]))) == 1, "it is passed over by default"


@pytest.mark.parametrize("name", [".git", ".svn", ".hg"])
def test_version_control_is_never_looked_at(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.py", f"{name}/b.py")
    assert names(tmp_path, ignore=False) == ["a.py"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    put(outside, "secret.py")
    put(inside, "a.py")
    (inside / "loop").symlink_to(inside)
    (inside / "up").symlink_to(outside)
    (inside / "file.py").symlink_to(outside / "secret.py")
    (inside / "broken.py").symlink_to(tmp_path / "nowhere")
    assert names(inside) == ["a.py"]
    (tmp_path / "named").symlink_to(inside)
    assert names(tmp_path / "named") == ["a.py"]


def test_files_and_directories_are_named_side_by_side(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "src/b.py", "c.py")
    roots = [tmp_path / name for name in ("a.py", "src", "c.py")]
    assert [Path(finding.path).name for finding in scan(roots)] == ["a.py", "b.py", "c.py"]


def test_a_path_that_can_be_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r": no path: give a file or a directory that is there$"):
        scan([f"{tmp_path}/a\0b"])


def test_roots_that_overlap_give_each_file_once(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "src/b.py")
    findings = scan([tmp_path, tmp_path / "src", tmp_path, tmp_path / "a.py"])
    assert sorted(Path(finding.path).name for finding in findings) == ["a.py", "b.py"]


def test_pipes_and_what_can_not_be_read(tmp_path: Path) -> None:
    put(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe.py")
    assert names(tmp_path) == ["a.py"]
    summary = Summary()
    assert list(scan([tmp_path / "pipe.py"], summary=summary)) == []
    assert summary.unreadable == 1


def test_what_goes_away_while_the_scan_is_under_way_is_counted(tmp_path: Path) -> None:
    """It is read as it comes, so that what was listed may be gone when its turn comes."""
    put(tmp_path, "a.py", "b.py", "c.py", "d.py", "x/a.py", "y/a.py", "z/a.py")
    summary = Summary()
    findings = scan([tmp_path], summary=summary)
    assert next(findings).path.endswith("a.py")
    for gone in ("b.py", "c.py", "x/a.py", "y/a.py"):
        (tmp_path / gone).unlink()
    for gone in ("x", "y"):
        (tmp_path / gone).rmdir()
    assert [Path(finding.path).relative_to(tmp_path).as_posix() for finding in findings] == ["d.py", "z/a.py"]
    assert (summary.scanned, summary.unreadable) == (3, 4)


def short_reads(monkeypatch: pytest.MonkeyPatch, file: Path, after_the_first: bytes | None) -> None:
    """The system gives fewer bytes than it is asked for, as it may (read(2)), and then the file is another."""
    read = os.read

    def short(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size if done else size // 2)
        if not done and after_the_first is not None:
            file.write_bytes(after_the_first)
        done.append(data)
        return data

    done: list[bytes] = []
    monkeypatch.setattr(os, "read", short)


@pytest.mark.parametrize(
    ("then", "lines"),
    [
        (None, [1, 2]),
        # No more is read than was found small enough.
        (CALL.encode() * 50, [1, 2]),
        (b"", [1]),
    ],
    ids=["the same", "longer", "shorter"],
)
def test_a_file_that_comes_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: bytes | None, lines: list[int]
) -> None:
    put(tmp_path, "a.py", text=CALL * 2)
    short_reads(monkeypatch, tmp_path / "a.py", then)
    assert [finding.line for finding in scan([tmp_path])] == lines


def test_a_disk_that_fails_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    put(tmp_path, "a.py", "b.py")
    monkeypatch.setattr(os, "read", fail)
    summary = Summary()
    assert list(scan([tmp_path], summary=summary)) == []
    assert (summary.scanned, summary.unreadable) == (0, 2)


def test_each_file_is_counted_once_by_what_became_of_it(tmp_path: Path) -> None:
    for name, data in {
        "plain": CALL.encode(),
        "bom": b"\xff\xfe" + CALL.encode("utf-16-le"),
        "windows": "# für\n".encode("cp1252") + CALL.encode(),
        "nothing": b"",
        "binary": CALL.encode() + b"\0",
        "utf-16": b"\xff\xfe\x00\xd8",
        "noise": bytes(range(128, 256)) * 20,
        "large": b" " * 3001,
    }.items():
        for copy in ("1", "2"):
            (tmp_path / f"{name}-{copy}.py").write_bytes(data)
    pipes = [tmp_path / "pipe-1", tmp_path / "pipe-2"]
    for pipe in pipes:
        os.mkfifo(pipe)
    summary = Summary()
    assert len(list(scan([tmp_path, *pipes], max_size=3000, summary=summary))) == 6
    assert summary == Summary(scanned=8, binary=2, undecodable=4, too_large=2, unreadable=2, findings={"MSP001": 6})
    assert summary.skipped == 10


def test_a_file_of_just_the_size_is_looked_at(tmp_path: Path) -> None:
    put(tmp_path, "a.py")
    assert len(list(scan([tmp_path], max_size=len(CALL)))) == 1
    assert list(scan([tmp_path], max_size=len(CALL) - 1)) == []


@pytest.mark.parametrize(
    ("data", "counted"),
    [
        (CALL.encode(), "scanned"),
        (b"\xef\xbb\xbf" + CALL.encode(), "scanned"),
        (b"\xff\xfe" + CALL.encode("utf-16-le"), "scanned"),
        (b"\xfe\xff" + CALL.encode("utf-16-be"), "scanned"),
        ("# Übersetzung: «für»\n".encode("cp1252") + CALL.encode(), "scanned"),
        # 0x81 is nothing in Windows-1252, and no reason to pass over the rest.
        (b"# \x81\n" + CALL.encode(), "scanned"),
        (CALL.encode() + b"\0", "binary"),
        (b"\xff\xfe" + CALL.encode("utf-16-le") + b"\x00\xd8", "undecodable"),
        (bytes(range(128, 256)) * 20 + CALL.encode(), "undecodable"),
        ("€".encode("cp1252") * 1000 + CALL.encode(), "undecodable"),
        (b"\xff\x01\x02\x03" + CALL.encode(), "undecodable"),
        (CALL.encode() + b" " * 5000, "too_large"),
        (b"", "nothing"),
    ],
)
def test_what_a_file_may_hold(tmp_path: Path, data: bytes, counted: str) -> None:
    (tmp_path / "a.py").write_bytes(data)
    summary = Summary()
    findings = list(scan([tmp_path], max_size=2000 if counted == "too_large" else 100_000, summary=summary))
    assert [finding.rule.id for finding in findings] == (["MSP001"] if counted == "scanned" else [])
    counts = {
        name: getattr(summary, name) for name in ("scanned", "binary", "undecodable", "too_large", "unreadable")
    }
    assert {name for name, count in counts.items() if count} == {"scanned" if counted == "nothing" else counted}
    assert summary.skipped == (counted not in ("scanned", "nothing"))


@pytest.mark.parametrize(
    ("text", "looked_at"),
    [
        ("MSPACE_PASSWORD=s3cr3tpw9", True),
        ("sms_mspace_password = 's3cr3tpw9'", True),
        ("$this->smsMSpace->send()", True),
        ("const useMspace = 1", True),
        ("u = 'http%3A%2F%2Fh.example%2FMSpaceService%2Fwr'", True),
        ("u = '/UserName=' + u + '/PassWord=' + p", True),
        ("entities = {'mediumspace': 8287}", False),
        ("itemSpace = bottomspace(FORMSPACE)", False),
        ("connect(username='root')", False),
        ("connect(password='root')", False),
    ],
)
def test_time_is_not_spent_on_what_others_programs_are_full_of(tmp_path: Path, text: str, looked_at: bool) -> None:
    put(tmp_path, "a.py", text=text)
    assert read(str(tmp_path / "a.py"), max_size=1000, summary=Summary()) == (text if looked_at else None)


def test_paths_are_relative_to_where_the_scan_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "src/a.py")
    monkeypatch.chdir(tmp_path)
    for root in (".", "src", tmp_path, tmp_path / "src", "./src/../src"):
        assert [finding.path for finding in scan([root])] == ["src/a.py"]


def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.py", "w", encoding="utf-8") as file:
        file.write(CALL)
    assert len(names(tmp_path)) == 1


def test_a_password_in_the_name_of_a_file(tmp_path: Path) -> None:
    put(tmp_path, "username=U/password=Canary-71")
    put(tmp_path, "password=Canary-71/a.py")
    paths = [finding.path for finding in scan([tmp_path])]
    assert len(paths) == 2
    assert "Canary" not in str(paths)


MEASURE = """
import resource, sys
from mspace_legacy.errors import InvalidInput
from mspace_legacy.migration.scan import scan
list(scan([sys.argv[1]]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    """Of the largest file, at most; not of all of them."""
    few, many = tmp_path / "few", tmp_path / "many"
    body = "x = 1\n" * 2000
    put(few, "a.py", text=body + CALL)
    for number in range(3000):
        put(many, f"{number % 50}/{number}.py", text=body + CALL if number % 100 == 0 else body)

    def peak(root: Path) -> int:
        ended = subprocess.run([sys.executable, "-c", MEASURE, str(root)], check=True, capture_output=True, text=True)
        return int(ended.stdout)

    assert peak(many) - peak(few) < 3000  # KiB; the trees differ by 36 MB
