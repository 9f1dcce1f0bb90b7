# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Statsig's official core (PyPI: statsig-python-core) behind the same interface as `floodgate evaluate`.

Documents reach the core through its data-store adapter, which takes a millisecond; cases with ID lists, and some
others, go over HTTP from a loopback port. Nothing leaves the machine: the HTTPS proxy variables point at a closed port.
"""
import itertools
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = "http://127.0.0.1:9"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"

import statsig_python_core as core  # noqa: E402

CRASHED = "the core crashed"
FALLBACKS = [("string", "\x00fallback"), ("float", -98765.4321), ("integer", -987654321), ("array", ["\x00fallback"]),
    ("map", {"\x00fallback": 1})]
Panic = BaseException  # a panic of the core is no Exception, and its class has no importable name
NO_LOGGING = {
    "gates": core.FeatureGateEvaluationOptions(disable_exposure_logging=True),
    "configs": core.DynamicConfigEvaluationOptions(disable_exposure_logging=True),
    "experiments": core.ExperimentEvaluationOptions(disable_exposure_logging=True),
    "layers": core.LayerEvaluationOptions(disable_exposure_logging=True),
}


def hush():
    """Lets the core's panics, which it survives, write their reports nowhere; Python's own stay."""
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def reply(self):
        body = self.server.routes.get(self.path.split("?")[0])
        data = (body or "{}").encode()
        self.send_response(200 if body is not None else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = reply

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.reply()


class Store(core.DataStore):
    """Hands one document to the core."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def get(self, key):
        return core.data_store.DataStoreResponse(result=self.text, time=1)


class Storage(core.PersistentStorage):
    """Notes what the core would have stored."""

    def __init__(self):
        super().__init__()
        self.changes = []

    def save(self, key, name, value):
        value = dict(value, undelegated_secondary_exposures=value["undelegated_secondary_exposures"] or [])
        self.changes.append(["save", name, key, value])

    def delete(self, key, name):
        self.changes.append(["delete", name, key])

    def take(self):
        """The one change since the last time, or None."""
        changes, self.changes = self.changes, []
        return changes[0] if len(changes) == 1 else changes or None


class Oracle:
    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.routes = {"/v1/log_event": '{"success":true}', "/none": "{}"}
        self.base = "http://127.0.0.1:%d" % self.server.server_port
        self.numbers = itertools.count()
        self.crashes = 0
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def evaluate(self, case, response_options=None):
        """`{"results": […]}` as `floodgate evaluate` prints it, or `{"error": …}` for a refused document.

        An answer that the core crashed on is CRASHED, where that is a whole case `{"crashed": …}`; a user that it
        refuses is None.
        """
        try:
            return self.results(case, response_options)
        except Panic as error:
            return {"crashed": self.crashed(error)}

    def results(self, case, response_options):
        client, routes = self.start(case)
        try:
            probe = client._INTERNAL_get_feature_gate(core.StatsigUser("x"), "", NO_LOGGING["gates"])
            reason = probe["details"]["reason"]
            if ":" not in reason or reason.startswith("Loading"):
                return {"error": reason}
            names = [list(case["specs"][part]) for part in ("feature_gates", "dynamic_configs", "layer_configs")]
            names = names + [response_options]
            self.override(client, case.get("overrides") or [])
            shows_overrides = bool((case.get("options") or {}).get("include_local_overrides"))
            results = []
            for number, user in enumerate(case["users"]):
                person = self.person(user)
                results.append(person and self.answer(client, person, *names, shows_overrides))
                kept = (case.get("persisted") or [])[number:number + 1]
                if person and kept and kept[0]:
                    results[-1].update(self.sticky(client, person, kept[0], *names[1:3]))
                if person and case.get("parameter_stores"):
                    results[-1]["parameter_stores"] = {name: self.ask_store(client, person, name, parameters)
                        for name, parameters in case["parameter_stores"].items()}
            return {"results": results}
        finally:
            client.shutdown().wait()
            for route in routes:
                self.server.routes.pop(route, None)

    def start(self, case):
        key = "secret-%d-%d" % (os.getpid(), next(self.numbers))
        text = case.get("text") or json.dumps(case["specs"], ensure_ascii=False)
        lists = case.get("id_lists") or {}
        options = {name: value for name, value in (case.get("options") or {}).items() if value is not None
            and name != "include_local_overrides"}
        over_http = bool(lists) or case.get("over_http", False)
        routes = []
        keywords = dict(
            options, log_event_url=self.base + "/v1/log_event", output_log_level="none", disable_all_logging=True,
            wait_for_country_lookup_init=True, wait_for_user_agent_init=True, specs_sync_interval_ms=10 ** 8,
            id_lists_sync_interval_ms=10 ** 8, enable_id_lists=over_http)
        if over_http:
            manifest = {}
            for number, (name, ids) in enumerate(lists.items()):
                route = "/%s/%d" % (key, number)
                data = "".join("+%s\n" % item for item in ids)
                routes.append(route)
                self.server.routes[route] = data
                manifest[name] = {"name": name, "size": len(data), "url": self.base + route, "fileID": "f",
                    "creationTime": 1}
            routes += ["/%s/lists" % key, "/v2/%s.json" % key]
            self.server.routes[routes[-2]] = json.dumps(manifest)
            self.server.routes[routes[-1]] = text
            keywords.update(specs_url=self.base + "/v2", id_lists_url=self.base + routes[-2])
        else:
            keywords.update(data_store=Store(text), disable_network=True)
        if case.get("persisted"):
            self.storage = keywords["persistent_storage"] = Storage()
        client = core.Statsig(key, core.StatsigOptions(**keywords))
        client.initialize().wait()
        return client, routes

    def person(self, user):
        """The user as the core reads it; None if it refuses."""
        person = core.StatsigUser("")
        try:
            person.__setstate__(json.dumps(user, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        except Exception:
            return None
        if person.__getstate__() == b"{}" and any(value is not None for value in user.values()):
            return None  # a user that it cannot read silently becomes one without members
        return person

    def override(self, client, overrides):
        for kind, name, value, unit in overrides:
            if kind == "remove":
                getattr(client, "remove_%s_override" % value)(name, unit)
            elif kind == "experiment_group":
                client.override_experiment_by_group_name(name, value, unit)
            else:
                getattr(client, "override_" + kind)(name, value, unit)

    def sticky(self, client, person, kept, config_names, layer_names):
        """Experiments and layers with what is kept for the user, each with what is to be stored."""
        values = {"user_persisted_values": kept["values"], "enforce_targeting": kept["enforce_targeting"],
            "enforce_overrides": kept["enforce_overrides"], "disable_exposure_logging": True}

        def both(form):
            def read(answer):
                reason, time = answer["details"]["reason"], answer["details"]["lcut"]
                return [form(answer), time if reason == "Persisted" else False, self.storage.take()]
            return read

        self.storage.take()
        experiments, layers = core.ExperimentEvaluationOptions(**values), core.LayerEvaluationOptions(**values)
        return {
            "sticky_experiments": {name: self.ask(client._INTERNAL_get_experiment, person, name, experiments,
                both(experiment)) for name in config_names},
            "sticky_layers": {name: self.ask(client._INTERNAL_get_layer, person, name, layers, both(layer))
                for name in layer_names},
        }

    def ask_store(self, client, person, name, parameters):
        """Each parameter read in each way: as text, float, integer, boolean, list and object; None for the fallback."""
        def read(store, parameter):
            answers = [getattr(store, "get_" + kind)(parameter, fallback) for kind, fallback in FALLBACKS]
            answers = [None if answer == fallback else answer for answer, (_, fallback) in zip(answers, FALLBACKS)]
            yes, no = store.get_bool(parameter, True), store.get_bool(parameter, False)
            return answers[:3] + [yes if yes == no else None] + answers[3:]

        try:
            store = client.get_parameter_store(person, name, core.ParameterStoreEvaluationOptions(True))
            return {parameter: read(store, parameter) for parameter in parameters}
        except Panic as error:
            return self.crashed(error)

    def answer(self, client, person, gate_names, config_names, layer_names, response_options, shows_overrides):
        gates, configs, experiments, layers = {}, {}, {}, {}
        for name in gate_names:
            gates[name] = self.ask(client._INTERNAL_get_feature_gate, person, name, NO_LOGGING["gates"], head)
        for name in config_names:
            configs[name] = self.ask(client._INTERNAL_get_dynamic_config, person, name, NO_LOGGING["configs"], head)
            experiments[name] = self.ask(client._INTERNAL_get_experiment, person, name, NO_LOGGING["experiments"],
                experiment)
        for name in layer_names:
            layers[name] = self.ask(client._INTERNAL_get_layer, person, name, NO_LOGGING["layers"], layer)
        return {"gates": gates, "configs": configs, "experiments": experiments, "layers": layers,
                "gcir": self.responses(client, person, response_options, shows_overrides)}

    def ask(self, function, person, name, options, form):
        try:
            return form(function(person, name, options))
        except Panic as error:
            return self.crashed(error)

    def responses(self, client, person, options, shows_overrides):
        """The three sections of the response with hash `none`, or, for recorded files, whole responses."""
        try:
            if options is None:
                response = json.loads(client.get_client_initialize_response(person, "none", None, shows_overrides))
                return {part: response[part] for part in ("feature_gates", "dynamic_configs", "layer_configs")}
            return [json.loads(client.get_client_initialize_response(person, *option)) for option in options]
        except Panic as error:
            return self.crashed(error)

    def crashed(self, error):
        if type(error).__name__ != "PanicException":
            raise error
        self.crashes += 1
        return CRASHED


def head(answer):
    details = answer["details"]
    parts = details["reason"].split(":")
    if parts[0] in ("Error", "LocalOverride", "Persisted"):
        outcome = parts[0]
    else:
        outcome = parts[1] if len(parts) > 1 else "Unrecognized"
    return [answer.get("value"), answer["ruleID"], answer["idType"] or "", details["version"], outcome]


def experiment(answer):
    return head(answer) + [answer.get("groupName"), answer.get("isExperimentActive"),
        answer.get("secondaryExposures", [])]


def layer(answer):
    return experiment(answer) + [answer.get("allocatedExperimentName")]
