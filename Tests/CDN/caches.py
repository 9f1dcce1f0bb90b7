# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Starts each cache from deploy/cdn, without privileges, in a temporary folder, on a free port of loopback."""

import email.utils
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import wire

CONFIGURATIONS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "cdn"
NOBODY = 65534


def free_port():
    """A port below those that the kernel gives to clients, of which the tests have thousands."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Clock:
    """A wall clock that a cache started with it believes, and that can be put ahead while it runs."""

    def __init__(self, folder):
        self.file, self.preload = pathlib.Path(folder) / "clock", pathlib.Path(folder) / "clock.so"
        if not self.preload.exists():
            source = pathlib.Path(__file__).with_name("clock.c")
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.preload, source], check=True)
        self.put_ahead(0)
        self.file.chmod(0o644)

    @staticmethod
    def is_possible():
        return shutil.which("cc") is not None

    def put_ahead(self, seconds):
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, sys.byteorder))


class Cache:
    """A running cache. Subclasses say how it starts, and what it cannot do by its nature."""

    name = program = ""
    limits = {}  # name of a case → why this cache does not pass it
    left_out = ()  # cases that say nothing new
    balances = False  # whether it may stand in front of several servers
    checks = False  # whether it asks them for their health
    settles = 1.5  # seconds until it has acted on a clock that was put ahead

    def __init__(self, folder, origin_port, clock=None, second_port=None):
        self.state = pathlib.Path(folder) / f"{self.name}-{free_port()}"
        self.state.mkdir(mode=0o755)
        self.port, self.origin, self.clock = free_port(), f"127.0.0.1:{origin_port}", clock
        self.second = second_port and f"127.0.0.1:{second_port}"
        self.processes = []
        try:
            self.start()
            self.wait(self.port)
        except BaseException:
            self.stop()
            raise

    @classmethod
    def is_installed(cls):
        return all(shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin") for program in cls.program.split())

    def filled(self, name, **values):
        """A configuration with its parameters filled in, as README.md has it done with sed."""
        text = (CONFIGURATIONS / name).read_text()
        for key, value in {"STATE": self.state, "ORIGIN": self.origin, "PURGERS": "127.0.0.1", **values}.items():
            text = text.replace(f"@{key}@", str(value))
        path = self.state / name
        path.write_text(self.widened(text))
        return path

    def widened(self, text):
        """A configuration with the second server in it, if there is one, as README.md has it done by hand."""
        return text

    def run(self, *command, **environment):
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin", **environment}
        if self.clock:
            environment |= {"LD_PRELOAD": str(self.clock.preload), "FLOODGATE_CLOCK": str(self.clock.file)}
        user = {}
        if os.geteuid() == 0:
            for path in (self.state, *self.state.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        log = open(self.state / "output.log", "ab")
        self.processes.append(
            subprocess.Popen(
                list(map(str, command)),
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.state,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **user,
            )
        )
        log.close()

    def wait(self, port):
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                stopped = [process.returncode for process in self.processes if process.poll() is not None]
                if stopped or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not start: {self.output()[-2000:]}") from None
                time.sleep(0.05)

    def output(self):
        """All that it has logged."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.state.glob("*.log")))

    def believes_later(self, seconds):
        """Whether its clock is that far ahead, by the Date of an answer of its own."""
        date = email.utils.parsedate_to_datetime(wire.ask(self.port, "GET", "/delivery/v1/x?own").field("date"))
        return date.timestamp() - time.time() > seconds - 60

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # the group that start_new_session made for it
                process.wait()


class Nginx(Cache):
    name = program = "nginx"
    balances = True
    settles = 11  # what was not asked for in a while goes when the cache manager comes, every 10 s

    def start(self):
        path = self.filled("nginx.conf", LISTEN=f"127.0.0.1:{self.port}", INNER=f"127.0.0.1:{free_port()}")
        self.run("nginx", "-c", path, "-e", self.state / "start.log", "-g", "daemon off;")

    def widened(self, text):
        if not self.second:
            return text
        return re.sub(r"(server \S+?)( max_fails=0)?; keepalive", rf"\1\2; server {self.second}\2; keepalive", text)


class Varnish(Cache):
    name, program = "varnish", "varnishd varnishncsa"
    limits = {"intake": "stands in front of one server"}

    def start(self):
        host, port = self.origin.split(":")
        path = self.filled("varnish.vcl", ORIGIN_HOST=host, ORIGIN_PORT=port)
        work = self.state / "work"
        self.run(
            "varnishd",
            "-F",
            "-n",
            work,
            "-f",
            path,
            "-a",
            f"127.0.0.1:{self.port}",
            "-s",
            "default,256m",
            "-j",
            "none",
            "-p",
            "vsl_mask=-ReqURL,-BereqURL,-ReqHeader,-BereqHeader,-Hash",
        )
        self.wait(self.port)
        if self.clock is None:
            self.run(
                "varnishncsa",
                "-n",
                work,
                "-w",
                self.state / "access.log",
                "-F",
                "%h %t %m %{VCL_Log:path}x %s %b %D %{Varnish:handling}x",
            )


class HAProxy(Cache):
    name = program = "haproxy"
    balances = checks = True
    limits = {
        "cold": "does not collapse requests",
        "expiry": "does not collapse requests",
        "slow": "serves nothing stale",
        "orphan": "serves nothing stale",
        "errors": "serves nothing stale",
        "stopped": "serves nothing stale",
    }

    def start(self, **more):
        self.run(
            "haproxy",
            "-db",
            "-f",
            self.filled("haproxy.cfg"),
            FLOODGATE_ORIGIN=self.origin,
            FLOODGATE_LISTEN=f"127.0.0.1:{self.port}",
            FLOODGATE_PURGERS="127.0.0.1",
            **more,
        )


    def widened(self, text):
        line = '    server edge1 "${FLOODGATE_ORIGIN}"\n'
        return text.replace(line, line + f"    server edge2 {self.second}\n") if self.second else text


class HAProxyAndVarnish(HAProxy):
    """HAProxy balances, Varnish behind it caches."""

    name, program, limits = "haproxy+varnish", "haproxy varnishd varnishncsa", {}
    left_out = ("cold", "vary", "absent", "older", "intake")

    def start(self):
        self.behind = Varnish(self.state.parent, int(self.origin.split(":")[1]), self.clock)
        super().start(FLOODGATE_CACHE=f"127.0.0.1:{self.behind.port}")

    def believes_later(self, seconds):
        return self.behind.believes_later(seconds)

    def output(self):
        return super().output() + self.behind.output()

    def stop(self):
        super().stop()
        if hasattr(self, "behind"):
            self.behind.stop()
