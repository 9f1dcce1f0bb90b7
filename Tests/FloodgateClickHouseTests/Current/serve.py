# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""The HTTP interface of ClickHouse, as far as Floodgate uses it, in front of a current ClickHouse in this process (chdb).

`serve.py PORT FOLDER`; runs until it is killed.
"""

import http.server
import os
import re
import sys
import urllib.parse

os.makedirs(sys.argv[2], exist_ok=True)
os.chdir(sys.argv[2])  # chdb takes a config.xml of the folder that it starts in for its own

from chdb import session  # noqa: E402

# What is for the interface and not for the engine.
INTERFACE = {"query", "query_id", "default_format", "wait_end_of_query", "buffer_size"}
# What the engine in a process has no use for: it is nobody's server.
ENGINE_HAS_NONE = {"readonly"}

engine = session.Session(sys.argv[2] + "/data")


def run(parameters, body):
    settings = {name: value for name, value in parameters.items() if name not in INTERFACE | ENGINE_HAS_NONE}
    clause = " SETTINGS " + ", ".join(f"{name} = '{value}'" for name, value in settings.items()) if settings else ""
    if "query" in parameters:
        statement, form = parameters["query"].rsplit(" FORMAT ", 1)
        text = f"{statement}{clause} FORMAT {form}\n".encode() + body
        return engine.query(text.decode(), "TabSeparated").bytes()
    text = body.decode()
    if parameters.get("readonly") == "2" and not re.match(r"\s*(\(|select|selekt)", text, re.IGNORECASE):
        raise RuntimeError("Code: 164. DB::Exception: Cannot execute query in readonly mode.")
    if re.match(r"\s*select", text, re.IGNORECASE):
        text += clause
    return engine.query(text, parameters.get("default_format", "TabSeparated")).bytes()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            status, answer = 200, run(parameters, body) or b""
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


# One request at a time: the engine has one session.
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
