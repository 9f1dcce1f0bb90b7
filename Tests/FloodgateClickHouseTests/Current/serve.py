# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""The HTTP interface of ClickHouse, as far as Floodgate uses it, in front of a current ClickHouse in this process (chdb).

`serve.py PORT FOLDER [PORT…]`; runs until it is killed. A config.xml of the folder is the engine's, as for a replica's
ZooKeeper and macros. What an engine in a process lacks of a cluster is made up here: statements `ON CLUSTER` run on all
the ports, which are the replicas of one shard, its own first, and `clusterAllReplicas` asks them all.
"""

import http.server
import os
import re
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

os.makedirs(sys.argv[2], exist_ok=True)
os.chdir(sys.argv[2])  # chdb takes a config.xml of the folder that it starts in for its own

from chdb import session  # noqa: E402

# What is for the interface and not for the engine.
INTERFACE = {"query", "query_id", "default_format", "wait_end_of_query", "buffer_size"}
# What the engine in a process has no use for: it is nobody's server.
ENGINE_HAS_NONE = {"readonly", "distributed_ddl_task_timeout"}

replicas = sys.argv[3:]
engine = session.Session(sys.argv[2] + "/data")
# The engine has one session. While replicas ask each other nobody holds it.
one_at_a_time = threading.Lock()


def run(parameters, body):
    settings = {name: value for name, value in parameters.items() if name not in INTERFACE | ENGINE_HAS_NONE}
    clause = " SETTINGS " + ", ".join(f"{name} = '{value}'" for name, value in settings.items()) if settings else ""
    if "query" in parameters:
        statement, form = parameters["query"].rsplit(" FORMAT ", 1)
        text = f"{statement}{clause} FORMAT {form}\n".encode() + body
        return ask(text, "TabSeparated")
    text = body.decode()
    if parameters.get("readonly") == "2" and not re.match(r"\s*(\(|select|selekt)", text, re.IGNORECASE):
        raise RuntimeError("Code: 164. DB::Exception: Cannot execute query in readonly mode.")
    everywhere = re.sub(r" ON CLUSTER `\w+`", "", text)
    if everywhere != text:
        return ask_all(everywhere, parameters, must_answer=True)
    everywhere = re.sub(r"clusterAllReplicas\('\w+', (\w+), (\w+)\)", r"\1.\2", text)
    if everywhere != text:
        if os.path.exists("alone"):
            raise RuntimeError("Code: 497. DB::Exception: Not enough privileges: REMOTE ON *.*. (ACCESS_DENIED)")
        return ask_all(everywhere, parameters, must_answer=False)
    if re.match(r"\s*select", text, re.IGNORECASE):
        text += clause
    return ask(text, parameters.get("default_format", "TabSeparated"))


def ask(text, form):
    with one_at_a_time:
        return engine.query(text, form).bytes() or b""


def ask_all(text, parameters, must_answer):
    """What all replicas answer, one behind the other; who should have answered is named when the others have."""
    answers, failures = [], []
    for port in replicas:
        url = f"http://127.0.0.1:{port}/?" + urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, text.encode(), method="POST"), timeout=20) as answer:
                answers.append(answer.read())
        except urllib.error.HTTPError as error:
            failures.append(error.read().decode())
        except OSError:
            if must_answer:
                failures.append("Code: 159. DB::Exception: A replica did not answer. (TIMEOUT_EXCEEDED)")
    if failures:
        raise RuntimeError(failures[0])
    return b"".join(answers)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            status, answer = 200, run(parameters, body)
        except Exception as error:  # whatever it is, the client must hear it
            status, answer = 500, re.sub(r"^.*?(?=Code: )", "", str(error), flags=re.DOTALL).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"Ok.\n")

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
