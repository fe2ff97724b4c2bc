"""Faults from outside: run a program through faultrun and let one of its system calls go wrong.

    calls = list_calls(["prog", "arg"], paths=[folder])
    result = run(["prog", "arg"], at=7, error="ENOSPC", paths=[folder])
    outcome = matrix(["prog", "{folder}"], check=check, setup=setup)
    assert not outcome.complaints, outcome
"""

import collections
import dataclasses
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = pathlib.Path(__file__).resolve().parent

KINDS = ("kill", "kill-process", "error", "short", "error-after", "signal", "full")

# Per call, what Linux file systems and networks do answer. A name that is missing gets EIO.
ERRNOS = {
    "write": "ENOSPC EDQUOT EIO EFBIG", "fsync": "EIO ENOSPC EDQUOT", "read": "EIO EINTR EAGAIN",
    "create": "ENOSPC EACCES EROFS EMFILE ENFILE EDQUOT EEXIST",
    "open": "ENOENT EACCES EMFILE ELOOP EIO EINTR", "rename": "ENOSPC EIO EEXIST EACCES EDQUOT",
    "renameat2": "ENOSPC EIO EEXIST EINVAL EACCES EDQUOT", "close": "EIO EDQUOT",
    "link": "ENOSPC EIO EEXIST EPERM EMLINK EDQUOT", "symlink": "ENOSPC EACCES EEXIST EROFS",
    "unlink": "EIO EACCES EROFS", "mkdir": "ENOSPC EACCES EROFS EEXIST EDQUOT",
    "rmdir": "EIO EACCES ENOTEMPTY", "utimensat": "EPERM EROFS EIO", "chmod": "EPERM EROFS EIO",
    "truncate": "EIO EPERM", "fallocate": "ENOSPC EOPNOTSUPP EINTR",
    "memfd_create": "EMFILE ENOMEM",
    "send": "EPIPE ECONNRESET EINTR ENOBUFS", "receive": "ECONNRESET EINTR EAGAIN",
    "fork": "EAGAIN ENOMEM", "clone3": "EAGAIN ENOMEM ENOSYS", "execve": "ENOENT EACCES ENOMEM",
    "connect": "ECONNREFUSED ETIMEDOUT ENETUNREACH EINTR", "socket": "EMFILE EAFNOSUPPORT",
    "bind": "EADDRINUSE EACCES", "accept": "EMFILE ECONNABORTED EINTR", "poll": "EINTR",
    "flock": "EINTR ENOLCK EAGAIN", "getdents64": "EIO", "fstat": "EIO",
    "stat": "ENOENT EACCES EIO",
    "getrandom": "EINTR ENOSYS", "lseek": "EIO", "dup": "EMFILE", "pipe": "EMFILE ENFILE",
    "setsid": "EPERM", "chdir": "ENOENT EACCES", "copy": "ENOSPC EIO EXDEV EINVAL",
}
SAME = {
    "write": "pwrite64 writev pwritev pwritev2", "read": "pread64 readv preadv",
    "copy": "sendfile copy_file_range splice", "open": "openat openat2", "create": "creat",
    "fsync": "fdatasync sync_file_range syncfs", "rename": "renameat", "link": "linkat",
    "symlink": "symlinkat", "unlink": "unlinkat", "mkdir": "mkdirat", "truncate": "ftruncate",
    "chmod": "fchmod fchmodat chown lchown fchown fchownat", "send": "sendto sendmsg sendmmsg",
    "receive": "recvfrom recvmsg", "fork": "vfork clone", "execve": "execveat",
    "accept": "accept4", "poll": "ppoll", "flock": "fcntl", "socket": "socketpair",
    "stat": "lstat newfstatat statx access faccessat faccessat2 readlink readlinkat",
    "dup": "dup2 dup3", "pipe": "pipe2", "chdir": "fchdir", "fstat": "fstatfs statfs",
}
GROUP = {name: group for group, names in SAME.items() for name in names.split()}
TRANSFERS = {name for group in ("write", "read", "copy", "send", "receive")
             for name in [group, *SAME[group].split()]} - {"sendmmsg"}
LYING = {"close", "write", "pwrite64", "writev", "fsync", "fdatasync", "rename", "renameat",
         "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat", "sendto",
         "sendmsg"}
SPACE = {"open", "openat", "openat2", "creat", "mkdir", "mkdirat", "write", "pwrite64", "writev",
         "pwritev", "fallocate", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
         "symlinkat", "copy_file_range", "sendfile", "fsync", "fdatasync"}
VOLATILE = r"(?=[0-9A-Za-z]*[0-9])[0-9A-Za-z]{6,}"  # ids, times and mkstemp() names in a path


@dataclasses.dataclass(frozen=True)
class Call:
    """One counted call; process is the order of first appearance, args and result are words."""

    n: int
    process: int
    name: str
    path: str
    args: str = "-"
    result: str = "?"


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a run; hit is the call that went wrong, None if there was no such call."""

    status: int
    stdout: bytes
    stderr: bytes
    hit: Call | None
    hits: int
    counted: int
    calls: list[Call]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Fault:
    """One cell of a matrix: what happens at which call of the listing run."""

    call: Call
    kind: str
    value: str | int | None
    where: dict

    def __str__(self):
        detail = f"={self.value}" if self.value is not None else ""
        return f"{self.kind}{detail} at {self.call.n} {self.call.name} {self.call.path}"

    def options(self):
        """The keywords for run()."""
        key = {"kill-process": "kill", "full": "error", "error-after": "error_after"}
        value = {"kill": "tree", "kill-process": "process"}.get(self.kind, self.value)
        return {**self.where, key.get(self.kind, self.kind): value}


@dataclasses.dataclass
class Outcome:
    """Of a matrix: how many faults were run, how many found their call, what check() said."""

    points: int
    hit: int
    counts: dict
    complaints: list
    seconds: float

    def __str__(self):
        lines = [f"{fault}: {complaint}" for fault, complaint in self.complaints[:20]]
        return "\n".join([f"{self.hit} of {self.points} faults hit, {self.seconds:.1f} s", *lines])


def build():
    """The runner's path; compiled here if the Makefile has not done it since it changed."""
    if "POSTBAG_FAULTRUN" in os.environ:
        return pathlib.Path(os.environ["POSTBAG_FAULTRUN"])
    runner = ROOT / "build/release/tests/faultrun"
    newest = max(source.stat().st_mtime for source in SOURCES.glob("faultrun*.[ch]*"))
    if not runner.exists() or runner.stat().st_mtime < newest:
        runner.parent.mkdir(parents=True, exist_ok=True)
        fresh = runner.with_name(f".faultrun.{os.getpid()}")
        command = ["g++", "-std=c++20", "-O2", SOURCES / "faultrun.cpp", "-o", fresh]
        subprocess.run(command, check=True)
        fresh.replace(runner)
    return runner


def errnos_for(name, args=""):
    """Plausible errors of a call, the likeliest first; args tells an open that creates."""
    group = GROUP.get(name, name)
    group = name if name in ERRNOS else group
    if group == "open" and re.search("O_CREAT|O_TMPFILE", args):
        group = "create"
    return ERRNOS.get(group, "EIO").split()


def _unescape(word):
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def _read_report(text):
    calls, hits, counted = [], [], 0
    for line in text.splitlines():
        words = line.split(" ")
        if words[0] == "hit":
            hits.append(Call(int(words[1]), 0, words[2], _unescape(words[3])))
        elif words[0] == "counted":
            counted = int(words[1])
        elif words[0] != "nothing":
            n, process, name, path, args, _, result = words
            calls.append(Call(int(n), int(process), name, _unescape(path), _unescape(args), result))
    return calls, hits, counted


def _selection(paths, calls, fallible, on, listing):
    words = ["--class", "fallible" if fallible else "state"]
    words += itertools.chain.from_iterable(("--path", str(path)) for path in paths)
    words += ["--calls", ",".join(sorted(calls))] if calls else []
    words += [f"--{what}" for what in on]
    return words + (["--list"] if listing else [])


def run(argv, *, at=None, from_=None, point=None, times=None, kill=None, error=None, error_after=None,
        short=None, signal=None, paths=(), calls=(), fallible=False, on=(), listing=False,
        stdin=None, env=None, cwd=None, timeout=30):
    """Run argv, with a fault if one is asked for (at, from_ or point="NTH:CALL:GLOB" say where, times
    how many of the calls that fit the point, one after the other).

    paths, calls, fallible and on (of "stdin", "stdout", "sockets", "all") choose what is counted.
    stdin is bytes or the path of a file. Returns when the last descendant has ended.
    """
    words = [build(), "--timeout", str(timeout)]
    words += _selection(paths, calls, fallible, on, listing)
    options = {"at": at, "from": from_, "point": point, "times": times, "kill": kill, "error": error,
               "error-after": error_after, "short": short, "signal": signal}
    for name, value in options.items():
        words += [f"--{name}", str(value)] if value is not None else []
    given = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": subprocess.DEVNULL}
    if stdin is not None and not isinstance(stdin, bytes):
        given["stdin"] = open(stdin, "rb")
    with tempfile.NamedTemporaryFile(prefix="faultrun.") as report:
        words += ["--report", report.name, "--", *argv]
        start = time.monotonic()
        try:
            done = subprocess.run(words, capture_output=True, env=env, cwd=cwd,
                                  start_new_session=True, timeout=timeout + 20, **given)
        finally:
            if hasattr(given.get("stdin"), "close"):
                given["stdin"].close()
        seconds = time.monotonic() - start
        listed, hits, counted = _read_report(report.read().decode(errors="surrogateescape"))
    if done.returncode == 125 and done.stderr.startswith(b"faultrun: "):
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return Result(done.returncode, done.stdout, done.stderr, hits[0] if hits else None, len(hits),
                  counted, listed, seconds)


def list_calls(argv, **options):
    """The counted calls of an undisturbed run, in order."""
    return run(argv, listing=True, **options).calls


def glob_of(path, folder, volatile=VOLATILE):
    """A pattern that fits the path in another world folder and another run."""
    inside = path[len(str(folder)):] if path.startswith(str(folder)) else path
    pieces = re.split(f"({volatile})", inside)
    escaped = [re.sub(r"([\\*?\[])", r"\\\1", piece) for piece in pieces[::2]]
    return ("*" if inside is not path else "") + "*".join(escaped)


def _faults_at(call, where, kinds, signals):
    """The faults of one call; `where` places one fault, its name is what run() calls it."""
    size = re.fullmatch(r"n=(\d+)", call.args)
    half = max(int(size[1]) // 2, 1) if size else 1
    wanted = {
        "kill": [None], "kill-process": [None], "signal": signals,
        # A failed close() has closed the descriptor all the same.
        "error": errnos_for(call.name, call.args) if call.name != "close" else [],
        "error-after": errnos_for(call.name, call.args)[:1] if call.name in LYING else [],
        "short": sorted({1, half}) if call.name in TRANSFERS else [],
    }
    for kind in kinds:
        for value in wanted.get(kind, []):
            yield Fault(call, kind, value, where)


def faults(calls, folder, kinds=KINDS, by="number", signals=("TERM",), volatile=VOLATILE):
    """All faults worth trying at the listed calls.

    by="point" names a call by (name, path pattern, nth) and so still finds it where processes run
    side by side; by="number" takes its number.
    """
    seen, spaces = collections.Counter(), itertools.count(1)
    for call in calls:
        glob = glob_of(call.path, folder, volatile)
        seen[call.name, glob] += 1
        point = {"point": f"{seen[call.name, glob]}:{call.name}:{glob}"}
        fits = by == "point" and call.path != "-"
        yield from _faults_at(call, point if fits else {"at": call.n}, kinds, signals)
        if call.name in SPACE:
            where = {"from_": next(spaces), "calls": tuple(sorted(SPACE))}
            if "full" in kinds:
                yield Fault(call, "full", "ENOSPC", where)


def _in_world(argv, setup, base, options):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="world.", dir=base))
    if setup is not None:
        setup(folder)

    def placed(value):
        return str(value).replace("{folder}", str(folder))

    paths = [placed(path) for path in options.pop("paths")]
    if "env" in options and options["env"] is not None:
        options["env"] = {name: placed(value) for name, value in options["env"].items()}
    if options.get("cwd") is not None:
        options["cwd"] = placed(options["cwd"])
    return folder, run([placed(word) for word in argv], paths=paths, **options)


def matrix(argv, check, *, setup=None, kinds=KINDS, by="number", paths=("{folder}",), base=None,
           signals=("TERM",), volatile=VOLATILE, workers=2, keep=None, **options):
    """Run argv once per fault, each time in a fresh folder that setup(folder) fills.

    "{folder}" in argv, paths, cwd and values of env stands for that folder. check(folder, result,
    fault) returns a list of complaints. keep(fault), if given, chooses among the faults; the other
    options are run()'s.
    """
    start = time.monotonic()
    build()
    top = tempfile.mkdtemp(prefix="matrix.", dir=base)
    try:
        folder, listed = _in_world(argv, setup, top, {**options, "paths": paths, "listing": True})
        todo = faults(listed.calls, folder, kinds, by, signals, volatile)
        todo = [fault for fault in todo if keep is None or keep(fault)]

        def attempt(fault):
            asked = {**options, "paths": paths, **fault.options()}
            world, result = _in_world(argv, setup, top, asked)
            complaints = list(check(world, result, fault))
            shutil.rmtree(world, ignore_errors=True)
            return result.hit is not None, [(fault, complaint) for complaint in complaints]

        with ThreadPoolExecutor(workers) as pool:
            answers = list(pool.map(attempt, todo))
    finally:
        shutil.rmtree(top, ignore_errors=True)
    counts = collections.Counter(fault.kind for fault in todo)
    return Outcome(len(todo), sum(hit for hit, _ in answers), dict(counts),
                   [complaint for _, found in answers for complaint in found],
                   time.monotonic() - start)
