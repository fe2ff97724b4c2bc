"""What a caller leaves around a program: descriptors, limits, signals, masks, an environment. None of it matters."""

import itertools
import os
import pwd
import resource
import shlex
import signal
import socket
import subprocess

import pytest

from support.entries import committed
from support.smtpd import closed_port
from support.wellformed import assert_no_leftovers, assert_nothing_stored, only_entry

TEXT = b"Subject: x\n\nhello\n"
TO = ("-odq", "bob@x.test")


def shell(account, program, arguments, prelude="", redirections="", **more):
    """Runs a program as sh would after a prelude."""
    command = " ".join(shlex.quote(str(word)) for word in (account.programs[program], *arguments))
    return subprocess.run(["/bin/sh", "-c", f"{prelude}\nexec {command} {redirections}"], env=account.env,
                          cwd=account.work, capture_output=True, timeout=30, check=False, **{"input": TEXT, **more})


@pytest.mark.parametrize("arguments", [TO, ("-bs",)], ids=["message", "smtp"])
def test_input_that_does_not_block_is_waited_for(account, arguments):
    """O_NONBLOCK is the open file's, so a caller that sets it for itself sets it for us."""
    theirs, ours = socket.socketpair()
    theirs.settimeout(30)
    ours.setblocking(False)
    with theirs, subprocess.Popen([account.programs["sendmail"], *arguments], env=account.env, cwd=account.work,
                                  stdin=ours, stdout=ours, stderr=subprocess.PIPE) as process:
        ours.close()
        if arguments == TO:
            theirs.sendall(TEXT[:9])
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
            theirs.sendall(TEXT[9:])
        else:
            assert theirs.recv(100).startswith(b"220 ")
            theirs.sendall(b"NOOP\r\nQUIT\r\n")
        theirs.shutdown(socket.SHUT_WR)
        assert (process.wait(30), process.stderr.read()) == (0, b"")
    if arguments == TO:
        assert only_entry(account).body == b"hello\n"


# A11: closed descriptors.

CLOSED = [numbers for count in range(4) for numbers in itertools.combinations(range(3), count)]
closed = pytest.mark.parametrize("numbers", CLOSED, ids=lambda numbers: "".join(map(str, numbers)) or "none")


def closing(numbers):
    return " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in numbers)


@closed
def test_sendmail_with_closed_descriptors(account, numbers):
    done = shell(account, "sendmail", TO, redirections=closing(numbers))
    if 0 in numbers:  # an empty message would be a lie
        assert (done.returncode, done.stdout) == (66, b"")
        assert done.stderr == (b"" if 2 in numbers else b"sendmail: standard input: closed\n")
        return assert_nothing_stored(account)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert only_entry(account).body == b"hello\n"


@closed
def test_errors_go_nowhere_but_to_stderr(account, numbers):
    """With 2 closed, a diagnostic must not land in the next file that is opened."""
    account.config.write_text(account.config.read_text() + "\n[site]\nbad = x\n")
    done = shell(account, "sendmail", TO, redirections=closing(numbers))
    assert done.returncode == (66 if 0 in numbers else 0) and done.stdout == b""
    assert (b"postbag.ini:" in done.stderr) == (2 not in numbers)
    if 0 not in numbers:
        assert only_entry(account).body == b"hello\n"


@closed
def test_mailq_with_closed_descriptors(account, numbers):
    account.sendmail(*TO, input=TEXT)
    before = only_entry(account).path.read_bytes()
    done = shell(account, "mailq", (), redirections=closing(numbers))
    assert done.stderr == b"" or 1 in numbers
    assert (b"bob@x.test" in done.stdout) == (1 not in numbers)
    assert done.returncode == 0 or 1 in numbers
    assert only_entry(account).path.read_bytes() == before


@closed
def test_flush_with_closed_descriptors(account, smtpd, numbers):
    server = smtpd()
    account.relay_through(server, security="none")
    account.sendmail(*TO, input=TEXT)
    message = only_entry(account).message
    done = shell(account, "postbag-flush", ("-v",), redirections=closing(numbers))
    assert (done.returncode, done.stdout) == (0, b"")
    assert (b"status=sent" in done.stderr) == (2 not in numbers)
    assert account.entries() == [] and server.violations == []
    assert [got.data for got in server.messages] == [message.replace(b"\n", b"\r\n")]


@closed
def test_session_with_closed_descriptors(account, numbers):
    dialogue = b"MAIL FROM:<>\r\nRCPT TO:<bob@x.test>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n"
    done = shell(account, "sendmail", ("-bs", "-odq"), redirections=closing(numbers), input=dialogue)
    assert done.stdout.startswith(b"220 ") == (1 not in numbers)
    if 0 in numbers:
        return assert_nothing_stored(account)
    assert done.returncode == 0
    assert only_entry(account).body == b"hello\n"


def test_descriptors_of_the_caller_stay_out_of_the_flush(account, smtpd):
    """Whoever reads a pipe of the caller's to its end is not kept waiting."""
    reading, writing = os.pipe()
    server = smtpd({"greeting": lambda session: session.pause(20)})
    account.relay_through(server, security="none")
    done = account.sendmail("bob@x.test", input=TEXT, pass_fds=[writing])
    os.close(writing)
    assert done.returncode == 0
    server.wait_for_connections(1, ended=False)
    assert os.read(reading, 1) == b""  # the end, while the flush waits for its greeting
    os.close(reading)


# A12: limits.


def stored_or_not(account, done, statuses=(75,)):
    """Exit 0 means one whole entry, everything else none; tmp/ is empty at any rate."""
    entries = account.entries()
    assert_no_leftovers(account.spool)
    if done.returncode == 0:
        assert len(entries) == 1 and entries[0].body == b"hello\n" * 3000, done
        entries[0].path.unlink()
        return True
    assert entries == [] and done.returncode in statuses, done
    return False


LARGE = b"Subject: x\n\n" + b"hello\n" * 3000


def limited(account, limit, value, arguments=TO):
    argv = [account.programs["sendmail"], *arguments]
    return subprocess.run(list(map(str, argv)), input=LARGE, env=account.env, cwd=account.work, capture_output=True,
                          timeout=30, check=False, preexec_fn=lambda: resource.setrlimit(limit, (value, value)))


def test_limit_of_file_size(account):
    account.sendmail(*TO, input=LARGE)  # makes the spool
    size = only_entry(account).size
    only_entry(account).path.unlink()
    for value in (0, 1, 100, 512, 4096, 10_000, size - 1, size, size + 1):
        done = limited(account, resource.RLIMIT_FSIZE, value)
        assert stored_or_not(account, done) == (value >= size)
        if value < size:
            assert done.stderr.startswith(b"sendmail: message not stored, try again: ")


def test_limit_of_file_size_on_the_first_use(account):
    done = limited(account, resource.RLIMIT_FSIZE, 0)
    assert done.returncode == 75
    assert_nothing_stored(account)


def test_limit_of_descriptors(account):
    account.sendmail(*TO, input=LARGE)
    only_entry(account).path.unlink()
    outcomes = [stored_or_not(account, limited(account, resource.RLIMIT_NOFILE, value), (75, 127))
                for value in range(3, 21)]
    assert outcomes == sorted(outcomes) and outcomes[-1] and not outcomes[0]


def test_limit_of_memory(account):
    """Every amount of address space, page by page where it begins to suffice, also when a flush is to be started."""
    account.sendmail(*TO, input=LARGE)
    only_entry(account).path.unlink()
    # Without memory neither the loader nor an exception nor a sanitizer can say more.
    loader = (75, 127, -signal.SIGSEGV, -signal.SIGKILL, -signal.SIGABRT, 1)
    low, high = 1 << 20, 1 << 26
    while high - low > 4096:
        middle = (low + high) // 2 // 4096 * 4096
        if stored_or_not(account, limited(account, resource.RLIMIT_AS, middle), loader):
            high = middle
        else:
            low = middle
    for value in range(high - 40 * 4096, high + 40 * 4096, 4 * 4096):
        stored_or_not(account, limited(account, resource.RLIMIT_AS, value, ("bob@x.test",)), loader)
        account.wait_until_idle()


def test_no_processes_left(world, programs):
    """No process may be made to start a flush: the message is stored all the same."""
    place = world(users=["jane"])  # root would not be limited
    for name in ("sendmail", "postbag-flush"):
        place.path(f"/usr/local/sbin/{name}").write_bytes(programs[name].read_bytes())
        place.path(f"/usr/local/sbin/{name}").chmod(0o755)
    done = place.run(["prlimit", "--nproc=1:1", "sendmail", "bob@x.test"], user="jane", input=TEXT,
                     env={"ASAN_OPTIONS": "detect_leaks=0"})  # which would take a thread
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry, = committed(place.path("/home/jane/.local/state/postbag/spool"))
    assert entry.body == b"hello\n"


NAMES = ["SIGPIPE", "SIGCHLD", "SIGALRM", "SIGTERM", "SIGHUP", "SIGXFSZ", "SIGUSR1", "SIGINT"]


@pytest.mark.parametrize("how", ["ignored", "blocked"])
def test_signals_of_the_caller(account, smtpd, how):
    """A run that is started by a submission, with all of them ignored or blocked on entry."""
    numbers = {getattr(signal, name) for name in NAMES}

    def prepare():
        if how == "blocked":
            signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        else:
            for number in numbers:
                signal.signal(number, signal.SIG_IGN)

    server = smtpd()
    account.relay_through(server, security="none")
    done = account.sendmail("bob@x.test", input=TEXT, preexec_fn=prepare)
    assert (done.returncode, done.stderr) == (0, b"")
    server.wait_for(1)
    account.wait_until_empty()
    done = account.flush(preexec_fn=prepare)
    assert done.returncode == 0
    done = account.mailq(preexec_fn=prepare)
    assert (done.returncode, done.stdout) == (0, b"Mail queue is empty\n")


def test_a_pending_alarm_does_not_end_the_flush(account, smtpd):
    server = smtpd()
    account.relay_through(server, security="none")
    account.sendmail(*TO, input=TEXT)
    done = account.flush(preexec_fn=lambda: signal.setitimer(signal.ITIMER_REAL, 0.001))
    assert done.returncode in (0, -signal.SIGALRM)  # before its first instruction nothing can help
    account.flush()
    assert len(server.messages) == 1


# A13: masks.


@pytest.mark.parametrize("mask", [0, 0o22, 0o77, 0o777, 0o137], ids=oct)
def test_modes(account, smtpd, mask):
    account.relay_through(smtpd({"rcpt": "450 4.2.0 later"}), security="none")
    for program, arguments in (("sendmail", TO), ("postbag-flush", ()), ("mailq", ())):
        done = account.run(program, *arguments, input=TEXT, preexec_fn=lambda: os.umask(mask))
        assert done.returncode == 0
    found = {path: path.stat().st_mode & 0o7777 for path in [account.spool, *account.spool.rglob("*")]}
    assert {path for path in found if path.is_file()} >= {only_entry(account).path}
    assert found == {path: 0o700 if path.is_dir() else 0o600 for path in found}
    assert {path.name for path in found if path.is_dir()} == {"spool", "tmp", "queue", "why", "bad", "run"}


# A14: identity.

IDENTITY = ["USER", "LOGNAME", "USERNAME", "MAILUSER", "MAILNAME", "MAILHOST", "NULLMAILER_USER", "NULLMAILER_HOST",
            "QMAILUSER", "QMAILHOST", "QMAILINJECT", "NAME", "SUDO_USER", "SUDO_UID", "HOME", "EMAIL", "DEBFULLNAME",
            "HOSTNAME", "FROM", "REPLYTO", "MAILRC", "SENDER", "UID", "EUID"]


def test_the_environment_is_nobody(account):
    account.sendmail(*TO, input=TEXT)
    plain = only_entry(account)
    plain.path.unlink()
    account.sendmail(*TO, input=TEXT, env={name: "eve" for name in IDENTITY})
    entry = only_entry(account)
    assert (entry.sender, entry.uid) == (pwd.getpwuid(os.geteuid()).pw_name, os.geteuid())
    assert b"eve" not in entry.message.replace(b"Received", b"")
    assert len(entry.message) == len(plain.message)


def test_an_empty_environment(account):
    """Nothing but what names the test's own spool; and no working folder."""
    gone = account.folder / "gone"
    gone.mkdir()
    done = subprocess.run([str(account.programs["sendmail"]), *TO], input=TEXT, capture_output=True, check=False,
                          env={"POSTBAG_CONFIG": str(account.config)}, cwd=gone, preexec_fn=gone.rmdir)
    assert (done.returncode, done.stderr) == (0, b"")
    assert only_entry(account).body == b"hello\n"


# A9: the flush and its environment.


def hostile(folder, port):
    proxy = f"http://127.0.0.1:{port}"
    return {"LD_LIBRARY_PATH": str(folder), "IFS": "/", "PATH": str(folder), "TZ": "/etc/shadow", "LOCPATH": str(folder),
            "GCONV_PATH": str(folder), "NLSPATH": f"{folder}/%N", "LC_ALL": "xx_XX.UTF-8", "LANGUAGE": "xx",
            "MALLOC_PERTURB_": "165", "MALLOC_CHECK_": "3", "CURL_HOME": str(folder), "HOME": str(folder),
            "SSLKEYLOGFILE": str(folder / "keys"), "OPENSSL_CONF": str(folder / "openssl.cnf"),
            "OPENSSL_MODULES": str(folder), "OPENSSL_ENGINES": str(folder), "SSL_CERT_FILE": "/dev/null",
            "SSL_CERT_DIR": str(folder), "CURL_CA_BUNDLE": "/dev/null", "CURL_SSL_BACKEND": "none",
            "NETRC": str(folder / "netrc"), "http_proxy": proxy, "https_proxy": proxy, "smtp_proxy": proxy,
            "smtps_proxy": proxy, "ALL_PROXY": proxy, "all_proxy": proxy, "no_proxy": "", "RES_OPTIONS": "timeout:1",
            "LOCALDOMAIN": "eve.test", "HOSTALIASES": str(folder / "hosts"), "TMPDIR": str(folder),
            "USER": "eve", "LOGNAME": "eve", "SHELL": str(folder / "sh"), "ENV": str(folder / "env"),
            # A library's constructor calls setlocale(), and glibc's loses a few bytes where LOCPATH is set.
            "ASAN_OPTIONS": "detect_leaks=0",
            "BASH_ENV": str(folder / "env"), "BASH_FUNC_echo%%": "() { touch canary; }",
            **{f"XDG_{name}": str(folder) for name in ("CONFIG_HOME", "STATE_HOME", "RUNTIME_DIR", "DATA_HOME",
                                                       "CACHE_HOME", "CONFIG_DIRS")}}


@pytest.mark.parametrize("started", ["by hand", "by sendmail"])
def test_a_hostile_environment_changes_nothing(account, smtpd, certs, tmp_path, started):
    server = smtpd(certificate=certs.good, passwords={"me": "pw"}, require_tls=True, require_auth=True)
    proxy = smtpd()
    secret = account.folder / "secret"
    secret.write_text("pw\n")
    secret.chmod(0o600)
    account.relay_through(server, ca=certs.ca, user="me", password=f"file {secret}")
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "openssl.cnf").write_text("openssl_conf = x\n[x]\nengines = y\n[y]\nz = z\n[z]\ndynamic_path = /x\ninit = 1\n")
    (folder / "hosts").write_text("localhost eve.test\n")
    (folder / "netrc").write_text("machine localhost login eve password eve\n")
    (folder / ".netrc").write_text("machine localhost login eve password eve\n")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    environment = hostile(folder, proxy.port)
    if started == "by hand":
        account.sendmail(*TO, input=TEXT)
        done = account.flush(env=environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    else:
        done = account.sendmail("bob@x.test", input=TEXT, env=environment)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        server.wait_for(1)
        account.wait_until_empty()
        account.wait_until_idle()
    assert account.entries() == [] and server.violations == []
    got, = server.messages
    assert (got.tls, got.user, got.addresses) == (True, "me", ["bob@x.test"])
    assert got.sender == f"{pwd.getpwuid(os.geteuid()).pw_name}@lan.example"
    assert proxy.connections == []
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert list(account.work.iterdir()) == []


def test_a_wrong_answer_is_the_same_in_a_hostile_environment(account, tmp_path):
    account.relay_through(closed_port(), security="none")
    account.sendmail(*TO, input=TEXT)
    done = account.flush("-v", env=hostile(tmp_path, 1))
    assert done.returncode == 0 and b"Connection refused" in done.stderr
    assert only_entry(account).statuses == "."
