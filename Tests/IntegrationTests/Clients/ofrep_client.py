# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Drives OpenFeature's Python SDK with its OFREP provider, changed in nothing but address and key.

stdin: {"server", "headers": {...}, "questions": [{"type", "key", "default", "context"}]}; a context may be null
stdout: [{"value", "reason", "variant", "error", "metadata"}, one per question]
"""

import json
import sys

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext


def make_context(members):
    if members is None:
        return None
    return EvaluationContext(members.pop("targetingKey", None), members)


def ask(client, question):
    resolve = getattr(client, "get_{}_details".format(question["type"]))
    details = resolve(question["key"], question["default"], make_context(question["context"]))
    return {
        "value": details.value,
        "reason": details.reason,
        "variant": details.variant,
        "error": details.error_code,
        "metadata": details.flag_metadata,
    }


def main():
    asked = json.load(sys.stdin)
    api.set_provider(OFREPProvider(asked["server"], headers_factory=lambda: asked["headers"]))
    client = api.get_client()
    json.dump([ask(client, question) for question in asked["questions"]], sys.stdout)


if __name__ == "__main__":
    main()
