"""Small SMTP clients for tests of servers, also of one on standard input."""

import smtplib
import socket
import ssl
import subprocess

TEXT = "Subject: x\r\n\r\n.dotted\r\n..\r\nend\r\n"


def client(server, **more):
    """An smtplib client of anything that has a port."""
    return smtplib.SMTP("localhost", server.port, local_hostname="client.test", timeout=5, **more)


def send(server, recipients=("b@x.test",), text=TEXT):
    with client(server) as smtp:
        return smtp.sendmail("a@x.test", list(recipients), text)


def trusting(certs):
    return ssl.create_default_context(cafile=str(certs.ca))


def talk(server, *parts):
    """Sends raw parts, each after a reply to the one before; returns all replies.

    A part of several commands is (bytes, what is waited for in the replies to it).
    """
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        replies = sock.recv(65536)
        for part in parts:
            part, awaited = part if isinstance(part, tuple) else (part, b"")
            sock.sendall(part)
            answer = sock.recv(65536)
            while awaited not in answer:
                answer += sock.recv(65536)
            replies += answer
        return replies


def read_to_end(sock):
    replies = b""
    while chunk := sock.recv(65536):
        replies += chunk
    return replies


class ProgramSMTP(smtplib.SMTP):
    """Speaks with a program, `sendmail -bs`, over its standard input and output, which are one end of a socket pair."""

    def __init__(self, argv, **more):
        self.process = None
        self._start = (list(map(str, argv)), more)
        super().__init__("program", local_hostname="client.test", timeout=10)

    def _get_socket(self, host, port, timeout):
        ours, theirs = socket.socketpair()
        argv, more = self._start
        with theirs:
            self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, **more)
        ours.settimeout(timeout)
        return ours

    def finish(self, timeout=10):
        """Hangs up, if that was not done yet; returns the program's exit status."""
        self.close()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
