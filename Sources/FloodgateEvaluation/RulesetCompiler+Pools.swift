// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON

extension RulesetCompiler {
    mutating func text(_ bytes: UnsafeBufferPointer<UInt8>) -> TextIndex {
        let next = Int32(texts.count)
        let known = textIndex.number(of: bytes, else: next)
        if known == next { texts.append(String(decoding: bytes, as: UTF8.self)) }
        return TextIndex(index: known)
    }

    /// Values that are written alike are one.
    mutating func value(_ view: JSONView?) -> Int32 {
        let next = Int32(values.count)
        let known: Int32
        switch view?.kind ?? .null {
        case .null:
            if literals.null < 0 { literals.null = next }
            known = literals.null
        case .false:
            if literals.false < 0 { literals.false = next }
            known = literals.false
        case .true:
            if literals.true < 0 { literals.true = next }
            known = literals.true
        case .string: known = stringIndex.number(of: view.bytesOrNone, else: next)
        // A number's record begins with a zero, an array's or object's text with its bracket.
        case .integer, .unsigned, .double:
            known = view.map { valueIndex.number(of: $0.recordBytes, else: next) } ?? -1
        case .array, .object: known = view.map { valueIndex.number(of: bytes(of: $0), else: next) } ?? -1
        }
        if known == next { values.append(view?.value ?? .null) }
        return known
    }

    /// The source of an array or object.
    func bytes(of view: JSONView) -> UnsafeBufferPointer<UInt8> {
        guard let (start, length) = view.extent else { return JSONView?.none.bytesOrNone }
        return UnsafeBufferPointer(rebasing: source[start..<start + length])
    }

    mutating func list(_ list: JSONView?) -> Int32 {
        guard let list else { return -1 }
        textLists.append(list.items.compactMap(\.text))
        return Int32(textLists.count - 1)
    }

    mutating func field(_ name: UnsafeBufferPointer<UInt8>) -> Int32 {
        let next = Int32(fields.count)
        let known = fieldIndex.number(of: name, else: next)
        if known == next { fields.append(FieldName(String(decoding: name, as: UTF8.self))) }
        return known
    }

    mutating func unit(_ name: UnsafeBufferPointer<UInt8>) -> UnitIndex {
        let known = unitIndex.find(name)
        if known >= 0 { return UnitIndex(index: known) }
        let text = String(decoding: name, as: UTF8.self)
        let lowercased = text.rustLowercased()
        var index: Int32 = 0
        if lowercased != "userid" {
            index = Int32(unitTypes.count)
            unitTypes.append((text, lowercased))
        }
        return UnitIndex(index: unitIndex.number(of: name, else: index))
    }

    /// Keeps the parts, each followed by a dot: all of what is hashed but the unit ID.
    ///
    /// Equal salts share one place: the groups of an experiment are recognised by it.
    mutating func salt(
        _ first: UnsafeBufferPointer<UInt8>,
        _ second: UnsafeBufferPointer<UInt8>? = nil
    ) -> Extent {
        let number = Int(salts.number(of: first, second))
        return salts.extents[number]
    }
}

extension JSONView? {
    /// The bytes of a text; none of anything else.
    var bytesOrNone: UnsafeBufferPointer<UInt8> { self?.bytes ?? UnsafeBufferPointer(start: nil, count: 0) }
}

extension JSONView {
    /// The bytes of a text; none of anything else.
    var bytesOrNone: UnsafeBufferPointer<UInt8> { bytes ?? UnsafeBufferPointer(start: nil, count: 0) }

    /// Itself, if it is an object.
    var objectIfAny: JSONView? { kind == .object ? self : nil }

    /// Whether this is a text of just these bytes.
    func isText(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let bytes, bytes.count == other.count else { return false }
        guard let left = bytes.baseAddress, let right = other.baseAddress else { return bytes.count == 0 }
        return ByteRun.areEqual(left, right, count: bytes.count)
    }
}
