# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Random config-specs documents that cover the whole grammar, sound or broken.

Gates ask only for gates of a lower level and delegates lead only to experiments with a lower number, since both sides
multiply exposures with every level; circles and chains up to the depth limits are families of their own.
"""
import base64
import hashlib

import values as v

LEVELS = 4


def list_id(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()[:8]


def djb2(text):
    value = 0
    for scalar in text:
        value = (value * 31 + ord(scalar)) % 2 ** 32
    return str(value)


class DocumentMaker:
    def __init__(self, values):
        self.values, self.random = values, values.random
        self.pick, self.chance = values.pick, values.chance
        self.conditions, self.gates, self.configs, self.layers = {}, {}, {}, {}
        self.levels = [[] for _ in range(LEVELS)]
        self.experiments, self.special = [], []
        self.lists = {}
        self.is_tidy = True  # see assignments.is_tidy

    def document(self, specs):
        """A document of about this many specs."""
        self.id_lists()
        for number in range(specs // 2):
            self.gate(number)
        if self.chance(0.3):
            self.special_gates()
        for number in range(specs // 4):
            self.experiment(number)
        self.configs["plain"] = self.spec("experiment", self.config_value(), [self.rule(0, 0, self.config_value())])
        if self.chance(0.15):
            self.special_experiments()
        for number in range(specs - specs // 2 - specs // 4):
            self.layer(number)
        document = {
            "has_updates": True, "time": self.pick([1, 5, 1700000000000]), "feature_gates": self.gates,
            "dynamic_configs": self.configs, "layer_configs": self.layers,
            "condition_map": self.conditions, "experiment_to_layer": {},
        }
        self.optional_members(document)
        if self.chance(0.3):
            self.mappings(document)
        if self.chance(0.4):
            self.bandits(document)
        return document

    def id_lists(self):
        if self.chance(0.3):
            for name in self.random.sample(["L", "l", self.pick(["list é", "list e\u0301"]), "", "many"],
                self.random.randint(1, 3)):
                texts = [unit if isinstance(unit, str) else str(unit)
                    for unit in self.values.units + [self.values.text() for _ in range(5)]]
                self.lists[name] = sorted({list_id(text) for text in texts if self.chance(0.5)})

    def optional_members(self, document):
        def maybe(probability, name, value):
            if self.chance(probability):
                document[name] = value

        maybe(0.5, "response_format", "dcs-v2")
        maybe(0.4, "app_id", self.values.value())
        maybe(0.3, "default_environment", self.pick(v.TIERS))
        maybe(0.2, "sdk_keys_to_app_ids", {"client-a": self.pick(["app", "a", 5, None])})
        maybe(0.1, "hashed_sdk_keys_to_app_ids", {djb2("client-a"): self.pick(["app", "b", 1.0, {}])})
        maybe(0.15, "session_replay_info", self.session_replay())
        maybe(0.2, "id_lists", {name: True for name in self.lists})
        maybe(0.2, "sdk_configs", {"a": [1, None], "b": "c"})
        maybe(0.1, "gcir_config", {"remove_default_value_gates": self.chance(0.5)})
        maybe(0.1, "checksum", "abc")
        maybe(0.1, "unknown_member", self.values.value())
        if self.chance(0.3):
            document["param_stores"] = {name: self.parameter_store() for name in self.random.sample(
                ["store", "Store", "é", ""], self.random.randint(0, 3))}

    def parameter_store(self):
        def name_of(*parts):
            return self.pick([name for part in parts for name in part] + ["ghost"])

        def parameter():
            form = self.pick([
                {"value": self.values.value()}, {"value": self.values.value()},
                {"gate_name": name_of(self.gates), "pass_value": self.values.value(), "fail_value": self.values.value()},
                {"config_name": name_of(self.configs), "param_name": self.pick(["a", "b", "é", "n"])},
                {"experiment_name": name_of(self.configs), "param_name": self.pick(["a", "b", "é", "n"])},
                {"layer_name": name_of(self.layers), "param_name": self.pick(["a", "b", "é", ""])}])
            if self.chance(0.1):
                form["value" if self.chance(0.3) else "unknown"] = self.values.value()
            return dict(form, ref_type=self.pick(["static", "gate", "dynamic_config", "experiment", "layer"]),
                param_type=self.pick(["string", "number", "boolean", "array", "object", "x"]))

        store = {"parameters": {name: parameter() for name in self.random.sample(["p", "q", "P", "é", ""],
            self.random.randint(0, 5))}}
        if self.chance(0.1):
            store["targetAppIDs"] = self.pick([[], ["app"], None])
        return store

    def session_replay(self):
        """Settings of session replay whose outcome does not depend on chance.

        For an unknown targeting gate the core gives what it happened to evaluate last.
        """
        settings = {}
        for name, values in (
                ("sampling_rate", [0, 1, 1.0, None]), ("targeting_gate", [*self.gates, None]),
                ("recording_blocked", [True, False, None]),
                ("session_recording_privacy_settings", [{"privacy_mode": "mask", "masked_elements": ["a"]}, None])):
            if self.chance(0.5):
                settings[name] = self.pick(values)
        for name in ("session_recording_event_triggers", "session_recording_exposure_triggers"):
            if self.chance(0.4):
                settings[name] = {"t": self.pick([{}, {"sampling_rate": 1}, {"sampling_rate": 0, "values": ["x"]}])}
        return settings

    # Conditions.

    def condition(self, level):
        """The id of a new or an old condition that asks only for gates below the level."""
        if self.chance(0.01):
            return "missing"
        number = str(len(self.conditions))
        kind = self.pick(["user_field"] * 18 + ["unit_id"] * 3 + ["user_bucket"] * 3 + ["ua_based"] * 3 + [
            "ip_based"] * 2 + ["environment_field"] * 2 + ["public"] * 3 + ["current_time", "target_app"])
        if level > 0 and self.chance(0.3):
            kind = self.pick(["pass_gate", "fail_gate"])
        elif level == LEVELS and self.chance(0.03):
            kind = "experiment_group"
            self.is_tidy = False
        elif self.chance(0.015):
            kind = self.pick(v.UNKNOWN_TYPES)
        condition = {"type": kind, "idType": self.pick(v.ID_TYPES) if self.chance(0.5) else "userID"}
        operator = self.pick(v.OPERATORS)
        if kind == "user_bucket":
            operator = self.pick(["lt", "gte", "any", "none", "eq", "lt", operator])
            condition["additionalValues"] = self.pick([{"salt": "s%d" % self.random.randint(0, 5)}, {"salt": ""}, {},
                {"salt": "é"}, None, {"other": "x"}])
        elif kind == "current_time":
            operator = self.pick(["before", "after", "on", operator])
        elif kind in ("unit_id", "user_field") and self.lists and self.chance(0.1):
            operator = self.pick(["in_segment_list", "not_in_segment_list"])
        condition["operator"] = operator
        if kind in ("pass_gate", "fail_gate"):
            condition["targetValue"] = self.gate_target(level)
            condition["operator"] = self.pick([None, "any", operator])
        else:
            condition["targetValue"] = self.target(kind, operator)
        field = self.field(kind)
        if field is not None or self.chance(0.5):
            condition["field"] = field
        if self.chance(0.01):
            condition["operator"] = self.pick(v.UNKNOWN_OPERATORS + [None])
        if self.chance(0.03):
            condition.pop(self.pick(["targetValue", "operator", "field", "additionalValues"]), None)
        self.conditions[number] = condition
        return number

    def gate_target(self, level):
        if self.chance(0.06):
            return self.pick(["ghost", "", 5, None, ["g0"], "segment:ghost", "G0", "g0 "])
        if self.special and self.chance(0.03):
            return self.pick(self.special)
        below = [name for names in self.levels[:level] for name in names]
        return self.pick(below) if below else "ghost"

    def field(self, kind):
        if kind == "user_field":
            return self.pick(v.FIELDS)
        if kind == "ip_based":
            return self.pick(["country", "country", "Country", "ip", "x", "COUNTRY"])
        if kind == "ua_based":
            return self.pick(v.AGENT_FIELDS)
        if kind == "environment_field":
            return self.pick(["tier", "tier", "Tier", "region", "TIER", ""])
        if kind == "experiment_group":
            return self.pick(self.experiments) if self.experiments else "ghost"
        return None

    def target(self, kind, operator):
        values = self.values
        if self.chance(0.12):
            return values.value()
        if operator in ("in_segment_list", "not_in_segment_list"):
            return self.pick(list(self.lists) + ["unknown", "list é", "list e\u0301"])
        if kind == "user_bucket":
            number = self.random.randint(0, 1000)
            if operator in ("any", "none"):
                buckets = self.random.sample(range(1000), self.pick([1, 100, 400]))
                return {str(bucket): True for bucket in buckets} if self.chance(0.5) else buckets
            return self.pick([number, number, float(number), str(number)])
        if kind == "current_time":
            return self.pick([0, 1, 4102444800000, "2099-01-01 00:00:00", "2001-01-01T00:00:00Z", None, "x", -5, 1e15])
        if kind == "ip_based" and self.chance(0.8):
            return self.random.sample(v.COUNTRIES, 5) if operator not in ("eq", "neq") else self.pick(v.COUNTRIES)
        if kind == "environment_field" and self.chance(0.8):
            return self.random.sample(v.TIERS, 2) if operator not in ("eq", "neq") else self.pick(v.TIERS)
        if kind == "ua_based" and self.chance(0.7):
            texts = ["Chrome", "Safari", "iOS", "Android", "Windows", "Mac OS X", "Other", "Linux", "Firefox",
                "0.0.0", "10", "17.1", "Chrome Mobile", "Mobile Safari", "Googlebot", "Edge", "IE", "120.0.0.0", "XP",
                "Ubuntu"]
            if operator.startswith("version") or operator in ("eq", "neq"):
                return self.pick(texts[9:12] + ["9", "120"]) if operator.startswith("version") else self.pick(texts)
            return self.random.sample(texts, 5)
        if operator.startswith("version"):
            return self.pick(v.VERSIONS)
        if operator in ("before", "after", "on"):
            return self.pick([values.date(), values.number(), self.pick(v.NUMBER_TEXTS),
                self.pick([1700000000000, 1700000000, "1700000000000", "2023-11-14T22:13:20Z"])])
        if operator in ("gt", "gte", "lt", "lte"):
            return self.pick([values.number(), values.number(), self.pick(v.NUMBER_TEXTS), values.atom()])
        if operator == "str_matches":
            return self.pick(v.PATTERNS)
        if operator in ("eq", "neq"):
            return values.value()
        if operator in ("any", "none") and self.chance(0.1):
            return {values.text(): values.atom() for _ in range(self.random.randint(0, 4))}
        return values.list()

    # Rules and specs.

    def rule(self, number, level, value):
        count = self.pick([0, 1, 1, 1, 1, 2, 2, 3, 4])
        rule = {
            "name": "", "id": self.pick(["r%d" % number, "r%d" % number, "r%d" % number, "", "é", "r:0.50:1"]),
            "passPercentage": self.pick(v.PERCENTAGES),
            "conditions": [self.condition(level) for _ in range(count)], "returnValue": value,
            "idType": self.pick(v.ID_TYPES) if self.chance(0.3) else "userID",
        }
        if self.chance(0.7):
            rule["salt"] = self.pick(["s", "rs%d" % number, "", None, "é", "."])
        if self.chance(0.4):
            rule["groupName"] = self.pick(["Control", "Test", "", None, "é"])
        if self.chance(0.4):
            rule["isExperimentGroup"] = self.pick([True, True, False, None])
        if self.chance(0.1):
            rule["samplingRate"] = self.pick([0, 1, 10, None, 2 ** 64 - 1])
        if self.chance(0.05):
            rule["unknown"] = self.values.value()
        return rule

    def spec(self, entity, default, rules, **more):
        spec = {
            "type": "feature_gate" if entity in ("feature_gate", "segment", "holdout") else "dynamic_config",
            "entity": entity, "salt": self.pick(["salt", "", "é", "s%d" % self.random.randint(0, 99)]),
            "enabled": not self.chance(0.1), "defaultValue": default, "rules": rules, "idType": self.pick(v.ID_TYPES)
            if self.chance(0.4) else "userID",
        }
        if self.chance(0.7):
            spec["version"] = self.pick([1, 7, 0, 2 ** 32 - 1, None])
        if self.chance(0.2):
            spec["targetAppIDs"] = self.pick([["app"], [], None, ["a", "b"]])
        spec.update(more)
        return spec

    def gate(self, number):
        level = min(self.pick([0, 0, 1, 1, 2, 3]), LEVELS - 1)
        rules = [self.rule(i, level, self.pick([True] * 8 + [False, None, {}, "true", 1, 0, "false", []]))
            for i in range(self.pick([0, 1, 1, 1, 1, 2, 3]))]
        for rule in rules:
            if level == 0 and self.chance(0.03):
                rule["configDelegate"] = self.pick(["plain", "plain", "bandit", "ghost"])
        name = self.pick(["g%d", "g%d", "g%d", "g%d", "segment:g%d", "G%d é", "G%d e\u0301"]) % number
        if number == 1 and self.chance(0.2):
            name = ""
        entity = self.pick(["feature_gate"] * 5 + ["segment", "holdout", "gate"])
        self.gates[name] = self.spec(entity, self.pick([False] * 9 + [True, None, {}, "true", 1]), rules)
        self.levels[level].append(name)

    def special_gates(self):
        """Circles, and chains about as long as the core follows; one condition each, so that nothing multiplies."""
        length = self.pick([1, 2, 63, 64, 65, 66])
        closed = self.chance(0.4) or length < 3
        kind = self.pick(["pass_gate", "fail_gate"])
        for number in range(length):
            following = "chain0" if closed and number + 1 == length else "chain%d" % (number + 1)
            self.conditions["chain%d" % number] = {"type": kind, "targetValue": following, "idType": "userID"}
            rule = {"name": "", "id": "cr", "passPercentage": 100, "conditions": ["chain%d" % number],
                "returnValue": True, "idType": "userID", "salt": ""}
            self.gates["chain%d" % number] = self.spec("feature_gate", False, [rule])
        self.special = ["chain0", "chain%d" % (length // 2)]

    def config_value(self):
        r = self.random.random()
        if r < 0.85:
            return {name: self.values.value() for name in self.random.sample(["a", "b", "c", "A", "é", "e\u0301", ""],
                self.random.randint(0, 4))}
        return self.pick([None, True, False, 5, "text", [1, {"a": 2}], {}, 1.0])

    def delegate(self, below):
        if self.chance(0.1):
            return self.pick(["ghost", "", "g0", None])
        return self.pick(self.experiments[:below]) if below else "ghost"

    def experiment(self, number):
        entity = self.pick(["experiment"] * 4 + ["dynamic_config"] * 3 + ["autotune", "other"])
        name = self.pick(["e%d", "e%d", "e%d", "E%d é", "g%d"]) % number
        rules = [self.rule(i, LEVELS, self.config_value()) for i in range(self.pick([0, 1, 1, 2, 2, 3]))]
        for rule in rules:
            if self.chance(0.15):
                rule["id"] = self.pick(["targetingGate", "inlineTargetingRules", "x:override", "x:userID:id_override",
                    "override", "targetinggate"])
            if self.chance(0.12):
                rule["configDelegate"] = self.delegate(len(self.experiments) if len(self.experiments) < 40 else 40)
        spec = self.spec(entity, self.config_value(), rules)
        self.experiment_members(spec)
        self.configs[name] = spec
        self.experiments.append(name)

    def experiment_members(self, spec):
        if self.chance(0.6):
            spec["isActive"] = self.pick([True, True, False, None])
        if self.chance(0.4):
            spec["hasSharedParams"] = self.pick([True, False, None])
        if self.chance(0.5):
            spec["explicitParameters"] = self.pick([["a"], ["a", "b"], [], None, ["zz", "a", "a"]])
        if self.chance(0.1):
            spec["forwardAllExposures"] = True

    def special_experiments(self):
        """Delegates of delegates: circles, and chains about as long as the core follows them."""
        length = self.pick([1, 2, 5, 5, 299, 301, 302])
        closed = self.chance(0.3) or length < 3
        self.conditions["always"] = {"type": "public", "idType": "userID"}
        for number in range(length):
            following = "d0" if closed and number + 1 == length else "d%d" % (number + 1)
            rule = {"name": "", "id": "dr%d" % number, "passPercentage": 0, "conditions": ["always"],
                "returnValue": {"n": number}, "idType": "userID", "configDelegate": following, "groupName": "G"}
            self.configs["d%d" % number] = self.spec("experiment", {"n": -number}, [rule])
        if self.chance(0.7):
            self.experiments = [self.pick(["d0", "d1"])] + self.experiments

    def layer(self, number):
        rules = []
        for index in range(self.pick([0, 1, 2, 2, 3, 4])):
            rule = self.rule(index, LEVELS, self.config_value())
            if self.chance(0.55):
                rule["configDelegate"] = self.delegate(len(self.experiments))
            rules.append(rule)
        spec = self.spec("layer", self.config_value(), rules)
        self.experiment_members(spec)
        if self.chance(0.5):
            spec["useNewLayerEval"] = self.pick([True, True, False, None])
        self.layers[self.pick(["l%d", "l%d", "g%d", "e%d", "L%d é"]) % number] = spec

    # What stands beside the specs.

    def mappings(self, document):
        """Config mappings; each leads to a lower number or a stranger, since a circle kills the core."""
        document["override_rules"] = {"o%d" % i: self.rule(i, 1, True) for i in range(4)}
        overrides = {}
        for names in ([name for level in self.levels[1:] for name in level], self.experiments, list(self.layers)):
            for _ in range(self.random.randint(0, 3)):
                if len(names) < 3:
                    continue
                place = self.random.randrange(1, len(names))
                overrides[names[place]] = [
                    {"new_config_name": self.pick([names[self.random.randrange(place)], "ghost"]) if self.chance(0.9)
                    else "ghost",
                     "rules": [dict({"rule_name": self.pick(["o0", "o1", "o2", "o3", "ghost"])},
                     **self.pick([{}, {}, {"start_time": None}, {"start_time": 5}, {"start_time": 4102444800000}]))
                     for _ in range(self.random.randint(0, 3))]}
                    for _ in range(self.random.randint(0, 2))]
        overrides["stranger"] = [{"new_config_name": "g0", "rules": [{"rule_name": "o0"}]}]
        document["overrides"] = overrides
        specs = [*self.gates.values(), *self.configs.values(), *self.layers.values()]
        if any(rule.get("configDelegate") in overrides for spec in specs for rule in spec["rules"]):
            self.is_tidy = False
        if self.chance(0.05):
            document.pop("override_rules")

    def bandits(self, document):
        """Contextual bandits whose answer does not depend on chance."""
        document["cmab_configs"] = {}
        for name in self.random.sample(self.experiments[:60] + ["bandit"], min(3, len(self.experiments) + 1)):
            groups = [{"name": "G%d" % i, "id": self.pick(["id%d", "ID%d"]) % i,
                "parameterValues": self.config_value()} for i in range(self.random.randint(0, 4))]
            bandit = {
                "salt": self.pick(["s", "", "b"]), "idType": self.pick(v.ID_TYPES),
                "defaultValue": self.config_value(), "enabled": not self.chance(0.1), "version": self.pick([1, 9]),
                "sampleRate": self.pick([0, 0.0, 0, -1]), "higherIsBetter": self.chance(0.5), "groups": groups,
            }
            if self.chance(0.3):
                # Gates may delegate to "bandit": its own gates must not ask for others.
                levels = self.levels[:1] if name == "bandit" else self.levels
                gates = [gate for level in levels for gate in level]
                bandit["targetingGateName"] = self.pick(gates + ["ghost", None])
                self.is_tidy = False
            if name in document.get("overrides", {}):
                self.is_tidy = False
            if self.chance(0.8):
                bandit["config"] = {group["id"]: self.weights() for group in groups if self.chance(0.85)}
                if groups:  # the core would draw lots if it could score none
                    bandit["config"][groups[0]["id"]] = dict(self.weights(), weightsNumerical={"x": 1})
            document["cmab_configs"][name] = bandit

    def weights(self):
        number = lambda: self.pick([0, 1, -1, 0.5, 0.1, 0.30000000000000004, 2, 1e10])  # noqa: E731
        return {
            "alpha": number(), "intercept": number(), "records": self.random.randint(0, 9),
            "weightsNumerical": {field: number() for field in self.random.sample(v.FIELDS, self.random.randint(0, 2))},
            "weightsCategorical": {field: {self.values.text(): number() for _ in range(2)}
            for field in self.random.sample(v.FIELDS, self.random.randint(0, 2))},
        }


def depends_on_chance(document):
    """Whether a contextual bandit of the document may draw lots."""
    bandits = document.get("cmab_configs")
    for bandit in bandits.values() if isinstance(bandits, dict) else ():
        if not isinstance(bandit, dict) or not isinstance(bandit.get("config"), dict):
            continue
        rate = bandit.get("sampleRate")
        groups = bandit["groups"] if isinstance(bandit.get("groups"), list) else []
        models = [bandit["config"].get(group["id"]) for group in groups if isinstance(group, dict)
            and isinstance(group.get("id"), str)]
        is_scored = any(isinstance(model, dict) and (model.get("weightsNumerical")
            or model.get("weightsCategorical")) for model in models)
        if isinstance(rate, (int, float)) and rate > 0 or groups and not is_scored:
            return True
    return False
