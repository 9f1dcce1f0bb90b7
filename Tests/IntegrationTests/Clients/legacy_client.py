# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Drives Statsig's older Python SDK, changed in nothing but its address; as core_client.py, with "legacy_purchase"."""

import json
import logging
import sys

from statsig import StatsigEvent, StatsigOptions, StatsigUser, statsig


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


def evaluate(user, names):
    gates = {name: statsig.get_feature_gate(user, name) for name in names["gates"]}
    configs = {name: statsig.get_config(user, name) for name in names["configs"]}
    experiments = {name: statsig.get_experiment(user, name) for name in names["experiments"]}
    layers = {name: statsig.get_layer(user, name) for name in names["layers"]}
    return {
        "gates": {name: {"value": gate.value, "rule": gate.rule_id} for name, gate in gates.items()},
        "configs": {name: {"value": config.get_value(), "rule": config.rule_id} for name, config in configs.items()},
        "experiments": {
            name: {"value": each.get_value(), "rule": each.rule_id, "group": each.group_name}
            for name, each in experiments.items()
        },
        "layers": {
            name: {
                "value": {parameter: layer.get(parameter, None) for parameter in names["layers"][name]},
                "rule": layer.rule_id,
            }
            for name, layer in layers.items()
        },
    }


def main():
    logging.disable(logging.CRITICAL)
    asked = json.load(sys.stdin)
    details = statsig.initialize(asked["key"], StatsigOptions(api=asked["server"] + "/v1/"))
    users = [make_user(attributes) for attributes in asked["users"]]
    answers = [evaluate(user, asked["names"]) for user in users]
    for user in users:
        statsig.log_event(StatsigEvent(user, "legacy_purchase", value=12.5, metadata={"currency": "EUR"}))
    statsig.flush()
    statsig.shutdown()
    json.dump({"source": details.source.value, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
