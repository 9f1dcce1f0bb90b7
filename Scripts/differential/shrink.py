# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Makes a case that shows a difference as small as it gets."""
import copy
import time


def shrink(case, is_bad, seconds=30.0):
    """The smallest case found for which `is_bad` still holds; asks it many times, for at most so long."""
    deadline = time.monotonic() + seconds
    case = copy.deepcopy(case)
    progress = True
    while progress and time.monotonic() < deadline:
        progress = False
        if "text" in case:
            progress |= shrink_text(case, is_bad, deadline)
        for path in paths(case):
            if time.monotonic() > deadline:
                break
            progress |= shrink_at(case, path, is_bad, deadline)
    return case


def shrink_text(case, is_bad, deadline):
    """Cuts pieces out of a damaged document's text."""
    progress = False
    size = len(case["text"]) // 2
    while size >= 1:
        start = 0
        while start < len(case["text"]) and time.monotonic() < deadline:
            kept = case["text"]
            case["text"] = kept[:start] + kept[start + size:]
            if holds(case, is_bad):
                progress = True
            else:
                case["text"] = kept
                start += size
        size //= 2
    return progress


def paths(node, path=()):
    """Every object and array of a JSON value, outermost first."""
    found = []
    if isinstance(node, (dict, list)):
        found.append(path)
        for key in node if isinstance(node, dict) else range(len(node)):
            found += paths(node[key], path + (key,))
    return found


def follow(case, path):
    node = case
    for key in path:
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def shrink_at(case, path, is_bad, deadline):
    """Leaves out members of one object or array, first many at a time."""
    node = follow(case, path)
    if not isinstance(node, (dict, list)) or not node:
        return False
    progress = False
    size = len(node)
    while size >= 1 and time.monotonic() < deadline:
        start = 0
        while start < len(node) and time.monotonic() < deadline:
            kept = copy.copy(node)
            if isinstance(node, dict):
                for key in list(node)[start:start + size]:
                    del node[key]
            else:
                del node[start:start + size]
            if holds(case, is_bad):
                progress = True
                continue
            node.clear()
            (node.update if isinstance(node, dict) else node.extend)(kept)
            start += size
        size //= 2
    return progress


def holds(case, is_bad):
    try:
        return is_bad(case)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        return False  # cut too deep to be a case
