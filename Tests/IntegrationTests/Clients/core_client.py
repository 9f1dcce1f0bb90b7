# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Drives Statsig's Python core SDK, changed in nothing but its addresses.

stdin: {"server", "key", "users": [...], "names": {"gates", "configs", "experiments", "layers": {name: [parameters]}}}
stdout: {"source": "Network", "answers": [{"gates", "configs", "experiments", "layers"}, one per user]}

Logs one event "core_purchase" for each user besides the exposures, and flushes.
"""

import json
import sys

from statsig_python_core import Statsig, StatsigOptions, StatsigUser


def make_client(server, key, **more):
    options = StatsigOptions(
        specs_url=server + "/v2/download_config_specs",
        log_event_url=server + "/v1/log_event",
        id_lists_url=server + "/v1/get_id_lists",
        enable_id_lists=True,
        output_log_level="none",
        **more,
    )
    return Statsig(key, options)


def make_user(attributes):
    return StatsigUser(
        user_id=attributes.get("userID"),
        email=attributes.get("email"),
        ip=attributes.get("ip"),
        user_agent=attributes.get("userAgent"),
        country=attributes.get("country"),
        locale=attributes.get("locale"),
        app_version=attributes.get("appVersion"),
        custom=attributes.get("custom"),
        custom_ids=attributes.get("customIDs"),
    )


def evaluate(statsig, user, names):
    gates = {name: statsig.get_feature_gate(user, name) for name in names["gates"]}
    configs = {name: statsig.get_dynamic_config(user, name) for name in names["configs"]}
    experiments = {name: statsig.get_experiment(user, name) for name in names["experiments"]}
    layers = {name: statsig.get_layer(user, name) for name in names["layers"]}
    return {
        "gates": {name: {"value": gate.value, "rule": gate.rule_id} for name, gate in gates.items()},
        "configs": {name: {"value": config.value, "rule": config.rule_id} for name, config in configs.items()},
        "experiments": {
            name: {"value": each.value, "rule": each.rule_id, "group": each.group_name}
            for name, each in experiments.items()
        },
        "layers": {
            name: {
                "value": {parameter: layer.get(parameter, None) for parameter in names["layers"][name]},
                "rule": layer.rule_id,
                "experiment": layer.allocated_experiment_name,
            }
            for name, layer in layers.items()
        },
    }


def main():
    asked = json.load(sys.stdin)
    statsig = make_client(
        asked["server"], asked["key"], wait_for_country_lookup_init=True, wait_for_user_agent_init=True
    )
    statsig.initialize().wait()
    source = statsig.get_initialize_details().source
    users = [make_user(attributes) for attributes in asked["users"]]
    answers = [evaluate(statsig, user, asked["names"]) for user in users]
    for user in users:
        statsig.log_event(user, "core_purchase", 12.5, {"currency": "EUR"})
    statsig.flush_events().wait()
    statsig.shutdown().wait()
    json.dump({"source": source, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
