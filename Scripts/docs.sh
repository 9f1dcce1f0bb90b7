#!/usr/bin/env bash
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Holds the documentation against what is built (`swift build -c release` comes first): every block of Swift in it must
# type-check, and the DocC archive of the SDK must build without a warning. The archive goes to .build/docs.
#
# A block is checked by itself, in a scope of its own. One that begins with an import sees what it imports; a fragment
# sees the SDK's modules and what its reader has at hand by then (`fragment` below). Both see `Shop` and `checkout`, which
# stand for the reader's own program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=.build/release
modules=$build/Modules
[ -f "$modules/FloodgateOpenFeature.swiftmodule" ] || {
    echo "error: nothing is built; run 'swift build -c release' first" >&2
    exit 1
}
work=$build/docs-check
rm -rf "$work"
mkdir -p "$work/blocks" "$work/graphs" .build/docs

# C modules under the Swift ones: some bring a map along, SwiftPM wrote the others.
flags=(-I "$modules")
for map in $build/*.build/module.modulemap; do
    [ ! -f "$map" ] || flags+=(-Xcc "-fmodule-map-file=$map")
done
for map in .build/checkouts/*/Sources/*/include/module.modulemap Sources/C*/include/module.modulemap; do
    [ ! -f "$map" ] || flags+=(-Xcc "-fmodule-map-file=$map" -Xcc "-I${map%/*}")
done
for map in Sources/C*/module.modulemap; do
    [ ! -f "$map" ] || flags+=(-Xcc "-fmodule-map-file=$map")
done

cat >"$work/blocks/Reader.swift" <<'SWIFT'
import Floodgate

/// The reader's own program.
struct Shop {
    let flags: FloodgateClient
    func checkout(for user: String) -> String { user }
    func page(for user: String) -> (hasGuarantee: Bool, title: String) { (true, user) }
}

func checkout(for user: String) async throws -> String { user }
SWIFT

# Writes each block of the files named to a file of its own, whose errors point to where the block stands.
cut_blocks() {
    awk -v folder="$work/blocks" '
        function finish(   place) {
            place = sprintf("#sourceLocation(file: \"%s\", line: %d)\n", FILENAME, start)
            out = sprintf("%s/Block%03d.swift", folder, ++count)
            if (imports == "") {
                imports = "import Floodgate\nimport FloodgateOpenFeature\nimport FloodgateTesting\n" \
                    "import Foundation\nimport Testing\n"
                scope = fragment
            } else {
                scope = ""
            }
            if (declares) printf "%sstruct Block%d {\n%s%s}\n", imports, count, place, body > out
            else printf "%sfunc block%d() async throws {\n%sdo {\n%s%s\n}\n}\n", imports, count, scope, place, body > out
            close(out)
        }
        BEGIN {
            fragment = "let key = \"secret-x\"\nvar options = FloodgateClient.Options()\n" \
                "let client = FloodgateClient(key: key, options: options)\n" \
                "let user = FloodgateUser(userID: \"u-42\")\n" \
                "var document = TestDocument()\nlet flags = FloodgateFixture(document)\n" \
                "let provider: any FeatureProvider = FloodgateProvider(client)\n" \
                "let context = EvaluationContext(targetingKey: \"u-42\")\nlet url = URL(filePath: \"specs.json\")\n"
        }
        FNR == 1 { inside = 0 }
        FILENAME ~ /\.swift$/ {
            if ($0 !~ /^ *\/\/\/ ?/) next
            sub(/^ *\/\/\/ ?/, "")
        }
        /^```swift *$/ { inside = 1; start = FNR + 1; imports = body = ""; declares = -1; next }
        inside && /^``` *$/ { inside = 0; finish(); next }
        !inside { next }
        /^(@[a-z]+ )?import / { imports = imports $0 "\n"; body = body "\n"; next }
        declares < 0 && NF && !/^ *\/\// {
            declares = /^(@Suite|@Test|struct|enum|extension|func|final class|actor)/
        }
        { body = body $0 "\n" }
    ' "$@"
}
shopt -s globstar nullglob
cut_blocks README.md docs/guide.md Sources/{Floodgate,FloodgateTesting,FloodgateOpenFeature,FloodgateFlags}/**/*.{md,swift}

blocks=("$work"/blocks/Block*.swift)
if [ ! -f "$modules/Hummingbird.swiftmodule" ]; then
    for block in "${blocks[@]}"; do
        grep -q '^import Hummingbird' "$block" || continue
        echo "Not checked, as Hummingbird is not built: $(grep -o -m 1 'file: "[^"]*", line: [0-9]*' "$block")"
        rm "$block"
    done
    blocks=("$work"/blocks/Block*.swift)
fi
# A fragment may make a value only to show how.
swiftc -typecheck -swift-version 6 -suppress-warnings -parse-as-library -module-name Documentation \
    -enable-upcoming-feature ExistentialAny "${flags[@]}" "$work"/blocks/*.swift
echo "${#blocks[@]} blocks of Swift type-check"

if ! command -v docc >/dev/null || ! command -v swift-symbolgraph-extract >/dev/null; then
    echo "The DocC archive was not built: this toolchain has no docc"
    exit 0
fi
target=$(swiftc -print-target-info | sed -n 's/^ *"triple": "\(.*\)",$/\1/p' | head -n 1)
swift-symbolgraph-extract -module-name Floodgate -target "$target" -minimum-access-level public \
    -output-dir "$work/graphs" "${flags[@]}"
docc convert Sources/Floodgate/Floodgate.docc --additional-symbol-graph-dir "$work/graphs" \
    --output-path .build/docs/Floodgate.doccarchive --warnings-as-errors \
    --fallback-display-name Floodgate --fallback-bundle-identifier floodgate.Floodgate
