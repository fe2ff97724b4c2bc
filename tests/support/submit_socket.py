"""Stands in for the service manager on /run/postbag/submit of a World: `sendmail -bs` for each connection.

As a service manager does it, but without becoming the one who connects. Other behaviours show what a caller does then:
"silent" accepts and never answers, "full" never accepts and has no room for more, "refusing" has nobody behind it.
"""

import socket
import subprocess
import threading

PATH = "/run/postbag/submit"


class SubmitSocket:
    def __init__(self, world, sendmail=None, env=None, behaviour="serving"):
        self.world, self.sendmail, self.env = world, sendmail, env or {}
        self.connections = []
        folder = world.path("/run/postbag")
        folder.mkdir(mode=0o755, exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(world.path(PATH)))
        world.path(PATH).chmod(0o666)
        if behaviour == "refusing":
            self.listener.close()
            return
        self.listener.listen(0 if behaviour == "full" else 16)
        if behaviour == "full":
            self.connections = self._fill()
        else:
            threading.Thread(target=self._accept, args=(behaviour,), daemon=True).start()

    def close(self):
        for connection in (*self.connections, self.listener):
            connection.close()

    def _fill(self):
        """Connects until the backlog takes no more."""
        made = []
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            made.append(client)
            try:
                client.connect(str(self.world.path(PATH)))
            except BlockingIOError:
                return made

    def _accept(self, behaviour):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            if behaviour == "serving":
                with self.world.popen([self.sendmail, "-bs", "-odq"], env=self.env, stdin=connection,
                                      stdout=connection, stderr=subprocess.DEVNULL) as process:
                    connection.close()
                    process.wait(30)
