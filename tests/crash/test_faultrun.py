"""The fault runner itself: what it counts, and that each fault does what it says."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import faults  # noqa: E402  (from this folder)

HEAD = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
static int must(int result, const char* what) {
  if (result < 0) { fprintf(stderr, "%s: %s\n", what, strerrorname_np(errno)); exit(75); }
  return result;
}
"""
WRITER = r"""
int main(int c, char** v) {
  must(chdir(v[1]), "chdir");
  int fd = must(open("tmp", O_WRONLY | O_CREAT | O_EXCL, 0600), "open");
  for (size_t done = 0; done < 10;)
    done += must(write(fd, "0123456789" + done, 10 - done), "write");
  must(fsync(fd), "fsync");
  must(close(fd), "close");
  must(rename("tmp", "new"), "rename");
  return 0;
}
"""
DAEMON = r"""
int main(int c, char** v) {
  must(chdir(v[1]), "chdir");
  close(must(creat("parent", 0600), "creat"));
  if (must(fork(), "fork") > 0) return 3;
  setsid();
  if (fork() > 0) _exit(0);
  usleep(20000);
  int fd = must(creat("grandchild", 0600), "creat");
  must(write(fd, "x", 1), "write");
  must(fsync(fd), "fsync");
  must(unlink("parent"), "unlink");
  return 0;
}
"""
VFORK = r"""
int main(int c, char** v) {
  must(chdir(v[1]), "chdir");
  pid_t child = vfork();
  if (child == 0) { execl("/bin/sh", "sh", "-c", "echo x > a; echo y > b", NULL); _exit(9); }
  int status;
  must(waitpid(child, &status, 0), "waitpid");
  close(must(creat("end", 0600), "creat"));
  return WEXITSTATUS(status);
}
"""
VECTORS = r"""
int main(int c, char** v) {
  struct iovec parts[3] = {{"abc", 3}, {"defg", 4}, {"hi", 2}};
  int pair[2], fd = must(open(v[1], O_WRONLY | O_CREAT, 0600), "open");
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
  int written = must(writev(fd, parts, 3), "writev");
  int sent = must(sendmsg(pair[0], &message, 0), "sendmsg");
  printf("%d %d %zu %zu %zu %zu\n", written, sent, message.msg_iovlen, parts[0].iov_len,
         parts[1].iov_len, parts[2].iov_len);
  return 0;
}
"""
HANDLER = r"""
static int fd;
static void on_term(int s) { must(write(fd, "handler ", 8), "write"); }
int main(int c, char** v) {
  struct sigaction action = {.sa_handler = on_term};
  sigaction(SIGTERM, &action, NULL);
  fd = must(creat(v[1], 0600), "creat");
  must(write(fd, "main ", 5), "write");
  must(write(fd, "end", 3), "write");
  return 0;
}
"""
RESTART = r"""
static void on_alarm(int s) {}
int main(int c, char** v) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  int ends[2];
  char byte;
  must(pipe(ends), "pipe");
  if (fork() == 0) { usleep(60000); must(write(ends[1], "x", 1), "write"); _exit(0); }
  ualarm(10000, 10000);
  must(read(ends[0], &byte, 1), "read");
  return 0;
}
"""
THREADS = r"""
static void* work(void* path) {
  close(must(creat(path, 0600), "creat"));
  execl("/bin/true", "true", NULL);
  return NULL;
}
int main(int c, char** v) {
  pthread_t one;
  pthread_create(&one, NULL, work, v[1]);
  for (;;) pause();
}
"""
STOPPED = r"""
int main(int c, char** v) {
  pid_t child = must(fork(), "fork");
  if (child == 0) {
    close(must(creat(v[1], 0600), "creat"));
    raise(SIGSTOP);
    _exit(7);
  }
  int status;
  waitpid(child, &status, WUNTRACED);
  if (!WIFSTOPPED(status)) return 1;
  usleep(10000);
  kill(child, SIGCONT);
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
"""


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    known = {}

    def compile_once(source):
        if source not in known:
            program = folder / f"program{len(known)}"
            command = ["gcc", "-w", "-O2", "-pthread", "-x", "c", "-", "-o", program]
            subprocess.run(command, input=(HEAD + source).encode(), check=True)
            known[source] = program
        return known[source]

    return compile_once


@pytest.fixture
def world(tmp_path):
    folder = tmp_path / "world"
    folder.mkdir()
    return folder


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names(calls):
    return [call.name for call in calls]


@pytest.fixture
def writer(compiled, world):
    return [compiled(WRITER), world]


def test_list_names_each_state_changing_call_in_order(writer, world):
    calls = faults.list_calls(writer)
    assert [(call.name, call.path, call.args, call.result) for call in calls] == [
        ("openat", f"{world}/tmp", "flags=O_WRONLY|O_CREAT|O_EXCL", "3"),
        ("write", f"{world}/tmp", "n=10", "10"),
        ("fsync", f"{world}/tmp", "-", "0"),
        ("rename", f"{world}/tmp", f"to={world}/new", "0"),
    ]
    assert files(world) == {"new": b"0123456789"}


def test_list_is_stable_over_two_runs(compiled, tmp_path):
    for source in (WRITER, DAEMON, VFORK):
        lists = []
        for run in "ab":
            folder = tmp_path / run / str(len(source))
            folder.mkdir(parents=True)
            calls = faults.list_calls([compiled(source), folder], fallible=True)
            lists.append([(c.n, c.process, c.name, os.path.basename(c.path), c.result)
                          for c in calls])
        assert lists[0] == lists[1]


def test_calls_of_the_loader_are_not_counted(writer):
    assert names(faults.list_calls(writer, fallible=True)) == [
        "chdir", "openat", "write", "fsync", "close", "rename"]


def test_kill_comes_before_the_effect(writer, world):
    expected = [{}, {"tmp": b""}, {"tmp": b"0123456789"}, {"tmp": b"0123456789"}]
    for n, left in enumerate(expected, 1):
        for path in world.iterdir():
            path.unlink()
        result = faults.run(writer, at=n, kill="tree")
        assert (result.status, result.hit.n, files(world)) == (137, n, left)


def test_past_the_end_nothing_is_hit(writer, world):
    result = faults.run(writer, at=5, kill="tree")
    assert (result.status, result.hit, result.counted) == (0, None, 4)


@pytest.mark.parametrize("n, what", [(1, "open"), (2, "write"), (3, "fsync"), (4, "rename")])
def test_an_injected_error_is_seen_and_has_no_effect(writer, world, n, what):
    result = faults.run(writer, at=n, error="ENOSPC")
    assert (result.status, result.stderr) == (75, f"{what}: ENOSPC\n".encode())
    assert files(world) == [{}, {"tmp": b""}, {"tmp": b"0123456789"}, {"tmp": b"0123456789"}][n - 1]


def test_a_short_write_is_short_and_the_program_writes_the_rest(writer, world):
    result = faults.run(writer, at=2, short=3, listing=True)
    assert [call.result for call in result.calls if call.name == "write"] == ["3", "7"]
    assert (result.status, files(world)) == (0, {"new": b"0123456789"})


def test_short_vectors_are_short_and_restored(compiled, tmp_path):
    program = [compiled(VECTORS), tmp_path / "file"]
    for at, wanted in ((2, b"5 9 3 3 4 2\n"), (3, b"9 5 3 3 4 2\n")):
        assert faults.run(program, at=at, short=5).stdout == wanted
    assert faults.run(program, at=2, short=5).hit.name == "writev"


def test_error_after_performs_the_effect(writer, world):
    result = faults.run(writer, at=4, error_after="EIO")
    assert (result.status, result.stderr) == (75, b"rename: EIO\n")
    assert files(world) == {"new": b"0123456789"}


def test_a_signal_arrives_before_the_call(compiled, tmp_path):
    program = [compiled(HANDLER), tmp_path / "file"]
    result = faults.run(program, at=2, signal="TERM", listing=True)
    assert (tmp_path / "file").read_bytes() == b"handler main end"
    assert (result.status, result.hit.n, result.counted) == (0, 2, 4)


def test_from_a_call_on_everything_fails(writer, world):
    result = faults.run(writer, from_=2, error="ENOSPC", calls=faults.SPACE, paths=[world])
    assert (result.stderr, files(world)) == (b"write: ENOSPC\n", {"tmp": b""})
    shell = ["sh", "-c", "for i in 1 2 3 4; do echo $i > $0/f$i; done; true", world]
    result = faults.run(shell, from_=2, error="ENOSPC", calls=["write"], paths=[world])
    assert (result.hits, files(world)["f1"], files(world)["f4"]) == (3, b"1\n", b"")
    result = faults.run(shell, point="2:write:*/f?", times=2, error="ENOSPC", paths=[world])
    assert (result.hits, [files(world)[name] for name in ("f1", "f2", "f3", "f4")]) == (2, [b"1\n", b"", b"", b"4\n"])


def test_one_counter_runs_over_the_tree_and_outlives_the_main_child(compiled, world):
    program = [compiled(DAEMON), world]
    calls = faults.list_calls(program)
    assert names(calls) == ["creat", "creat", "write", "fsync", "unlink"]
    assert [call.process for call in calls] == [1, 3, 3, 3, 3]


def test_tree_kill_gets_the_daemon(compiled, world):
    result = faults.run([compiled(DAEMON), world], at=3, kill="tree")
    assert (result.status, files(world)) == (3, {"parent": b"", "grandchild": b""})


def test_killing_the_tree_kills_those_who_make_no_call(world):
    script = "(setsid sleep 100 &); sleep 0.05; echo x > $0/a"
    start = time.monotonic()
    result = faults.run(["sh", "-c", script, world], at=1, kill="tree", paths=[world])
    assert (result.status, files(world), time.monotonic() - start < 5) == (137, {}, True)


def test_killing_a_process_spares_the_others(compiled, world):
    result = faults.run([compiled(VFORK), world], at=3, kill="process", paths=[world])
    assert (result.status, files(world)) == (0, {"a": b"x\n", "end": b""})


def test_vfork_and_exec_are_followed(compiled, world):
    calls = faults.list_calls([compiled(VFORK), world], paths=[world])
    assert [(c.process, os.path.basename(c.path)) for c in calls] == [
        (2, "a"), (2, "a"), (2, "b"), (2, "b"), (1, "end")]


def test_exec_from_a_thread(compiled, world):
    result = faults.run([compiled(THREADS), world / "file"], listing=True, fallible=True)
    assert (result.status, files(world)) == (0, {"file": b""})
    assert "execve" in names(result.calls)


def test_job_control_stops_are_kept(compiled, tmp_path):
    assert faults.run([compiled(STOPPED), tmp_path / "file"]).status == 7


def test_a_restarted_call_is_counted_once(compiled):
    calls = faults.list_calls([compiled(RESTART)], fallible=True, calls=["read"])
    assert [(call.name, call.result) for call in calls] == [("read", "1")]


def test_a_point_is_named_by_call_path_and_nth(world):
    shell = ["sh", "-c", "for i in 1 2 3; do echo $i > $0/f$i; echo $i > $0/g$i; done; true", world]
    result = faults.run(shell, point="2:write:*/g?", error="EIO", paths=[world])
    assert result.hit.path == f"{world}/g2"
    assert (files(world)["g2"], files(world)["g3"]) == (b"", b"3\n")


def test_standard_input_can_be_counted_alone(tmp_path):
    result = faults.run(["cat"], stdin=b"hello", on=["stdin"], fallible=True, calls=["read"], at=1,
                        error="EIO")
    assert (result.status, result.hit.path) == (1, "fd0:pipe")
    (tmp_path / "in").write_bytes(b"hello")
    assert faults.run(["cat"], stdin=tmp_path / "in").stdout == b"hello"


def test_the_time_limit_ends_a_hanging_program():
    start = time.monotonic()
    result = faults.run(["sh", "-c", "(setsid sleep 100 &); sleep 100"], timeout=0.2)
    assert (result.status, time.monotonic() - start < 2) == (124, True)


def test_many_processes_at_once(world):
    script = "for i in $(seq 40); do (echo $i > $0/$i; exec true) & done; wait"
    words = ["bash", "-c", script, world]
    assert faults.run(words, paths=[world]).counted == 80
    for n in range(1, 80, 8):
        result = faults.run(words, at=n, kill="tree", paths=[world])
        assert (result.status, result.hit.n) == (137, n)


def test_exit_status_is_that_of_the_program():
    assert faults.run(["sh", "-c", "exit 42"]).status == 42
    assert faults.run(["sh", "-c", "kill -TERM $$"]).status == 143
    assert faults.run(["/nonexistent"]).status == 127
    with pytest.raises(RuntimeError):
        faults.run(["true"], at=1, error="ENOSUCH")


def test_every_call_of_the_table_has_errors():
    assert faults.errnos_for("openat", "flags=O_WRONLY|O_CREAT")[0] == "ENOSPC"
    assert faults.errnos_for("openat", "flags=O_RDONLY")[0] == "ENOENT"
    assert faults.errnos_for("pwrite64") == faults.errnos_for("write")
    assert faults.errnos_for("renameat2")[3] == "EINVAL"


@pytest.mark.parametrize("by", ["number", "point"])
def test_a_matrix_of_the_writer(compiled, by, capsys):
    def check(folder, result, fault):
        left = files(folder)
        if result.status == 0 and left != {"new": b"0123456789"}:
            yield f"success, but {left}"
        if "new" in left and left["new"] != b"0123456789":
            yield "torn"

    outcome = faults.matrix([compiled(WRITER), "{folder}"], check, by=by, fallible=True)
    assert (outcome.complaints, outcome.hit) == ([], outcome.points)
    with capsys.disabled():
        each = 1000 * outcome.seconds / outcome.points
        print(f" {outcome.points} points, {each:.1f} ms each", end="")


def test_a_matrix_finds_what_is_wrong(compiled):
    def check(folder, result, fault):
        return [] if "tmp" not in files(folder) else ["tmp left behind"]

    outcome = faults.matrix([compiled(WRITER), "{folder}"], check, kinds=("kill", "full"))
    assert [str(fault) for fault, _ in outcome.complaints][0].startswith("kill at 2 write")
