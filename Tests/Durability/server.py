# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""A server in a process of its own, on loopback, that is killed more often than stopped."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import time


def free_port():
    """A port that no client is given by the system: one might have it while the server is down."""
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


class Server:
    def __init__(self, program, data, log):
        self.program, self.data, self.log = program, data, log
        self.port, self.process, self.key, self.console_key = free_port(), None, None, None

    def launch(self, disk=None, arguments=()):
        """Starts it, without waiting."""
        environment = os.environ | (disk.environment if disk else {})
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
                 "--log-level", "warning", "--log-format", "text", *arguments],
                stdout=log, stderr=log, env=environment)
        return time.monotonic()

    def start(self, disk=None, arguments=(), within=30):
        """Starts it and waits until it is ready; the seconds that this took."""
        begin = self.launch(disk, arguments)
        while time.monotonic() - begin < within:
            if self.process.poll() is not None:
                raise SystemExit(f"the server has stopped with {self.process.returncode}; {self.log} says why")
            if self.get("/readyz", timeout=5)[0] == 200:
                if self.key is None:
                    self.read_keys()
                return time.monotonic() - begin
            time.sleep(0.005)
        raise SystemExit(f"the server is not ready within {within} s; {self.log} may say why")

    def read_keys(self):
        """The first keys of the project, which are written down once."""
        with open(f"{self.data}/initial-keys.json", encoding="utf-8") as file:
            keys = {entry["kind"]: entry["key"] for entry in json.load(file)}
        self.key, self.console_key = keys["server"], keys["console"]

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """Ends it as an administrator does."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        if code != 0:
            raise SystemExit(f"the server ended with {code}; {self.log} may say why")

    def get(self, path, timeout=10):
        """Status and body; status 0 if there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"STATSIG-API-KEY": self.key} if self.key else {}
            if path == "/metrics":
                headers["Authorization"] = f"Bearer {self.console_key}"
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def serves_configuration(self):
        return self.get("/v1/download_config_specs")[0] == 200

    def run(self, *arguments):
        """Another command on the same folder; code, output, errors."""
        command = [self.program, *arguments, "--data", self.data]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr
