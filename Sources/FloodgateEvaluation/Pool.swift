// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A fixed list in memory of its own: reading from it touches no reference count but the element's.
///
/// An array in a class costs a retain and a release for each read, which is what stops two threads from scaling.
struct Pool<Element: Sendable>: ~Copyable, @unchecked Sendable {
    // SAFETY: the memory is filled in `init`, never written again, and freed with the one owner.
    private let elements: UnsafeMutableBufferPointer<Element>

    init(_ list: [Element]) {
        elements = .allocate(capacity: list.count)
        _ = elements.initialize(from: list)
    }

    /// Takes over what `list` holds and leaves it empty, so that what is laid out next finds its memory.
    init(moving list: inout [Element]) {
        self.init(list)
        list = []
    }

    deinit {
        elements.deinitialize()
        elements.deallocate()
    }

    var count: Int { elements.count }

    /// The elements as they lie in memory, for as long as the pool lives.
    @inline(__always)
    var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(elements) }

    @inline(__always)
    subscript(index: Int) -> Element {
        @inline(__always) _read {
            precondition(index >= 0 && index < elements.count, "a compiled document names only what it holds")
            yield elements[index]
        }
    }

    /// Where an element lies, without a check: for places that the compiler of the document wrote itself.
    @inline(__always)
    func pointer(to index: Int32) -> UnsafePointer<Element> {
        assert(index >= 0 && Int(index) < elements.count, "a compiled document names only what it holds")
        return UnsafePointer(elements.baseAddress.unsafelyUnwrapped + Int(index))
    }
}
