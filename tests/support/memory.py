"""How much memory a program used at its height, whatever it was started by."""

import ctypes
import os
import re
import signal
import subprocess
import tempfile
import threading

PTRACE_TRACEME, PTRACE_CONT, PTRACE_SETOPTIONS = 0, 7, 0x4200
PTRACE_O_TRACEEXIT, PTRACE_O_EXITKILL, EVENT_EXIT = 0x40, 0x100000, 6
LIBC = ctypes.CDLL(None, use_errno=True)


def ptrace(request, pid=0, data=0):
    if LIBC.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, ctypes.c_void_p(data)) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def run_measured(argv, chunks=(), **more):
    """Runs a program fed with chunks of bytes; returns (exit status, stdout, stderr, kilobytes).

    rusage would count what its parent used before exec; this is VmHWM, read by a tracer while the program exits.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(list(map(str, argv)), stdin=subprocess.PIPE, stdout=stdout, stderr=stderr,
                                   preexec_fn=lambda: ptrace(PTRACE_TRACEME), **more)
        peak = run_to_end(process, chunks)
        for file in (stdout, stderr):
            file.seek(0)
        return process.returncode, stdout.read(), stderr.read(), peak


def run_to_end(process, chunks):
    os.waitpid(process.pid, 0)  # stopped by exec
    ptrace(PTRACE_SETOPTIONS, process.pid, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)
    ptrace(PTRACE_CONT, process.pid)
    feeder = threading.Thread(target=feed, args=(process.stdin, chunks))
    feeder.start()
    status, peak = watch(process.pid)
    feeder.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return peak


def feed(pipe, chunks):
    try:
        with pipe:
            for chunk in chunks:
                pipe.write(chunk)
    except BrokenPipeError:  # it had enough
        pass


def watch(pid):
    """(wait status, VmHWM in kB) of a traced process, once it has ended."""
    peak = None
    while True:
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSTOPPED(status):
            return status, peak
        at_exit = status >> 16 == EVENT_EXIT
        if at_exit:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                peak = int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1])
        number = os.WSTOPSIG(status)
        ptrace(PTRACE_CONT, pid, 0 if at_exit or number == signal.SIGTRAP else number)
