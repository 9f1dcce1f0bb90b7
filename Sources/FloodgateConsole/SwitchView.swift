// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs

/// A gate's switch with the form that asks why.
struct SwitchView: Sendable {
    let dialogID: String
    let switchClass: String
    let switchLabel: String
    let toggleQuestion: String
    let toggleEffect: String
    let toggleAction: String
    let toggleTo: String
    let toggleRevision: Int64
    let toggleBack: String
    let submitClass: String
    let submitText: String

    /// Makes a gate's switch with an `id` unique on the page; `back` is `overview` or `detail`, where to go then.
    init?(_ entity: Entity, id: String, back: String, frame: PageFrame) {
        guard entity.kind == .gate else { return nil }
        let isOn = entity.isEnabled || entity.letsSomePass
        self.dialogID = id
        self.switchClass = isOn ? "on" : "off"
        self.switchLabel = "\(entity.name) is \(isOn ? "on" : "off"): switch it \(isOn ? "off" : "on")"
        self.toggleQuestion = "Switch \(entity.name) \(isOn ? "off" : "on")?"
        self.toggleEffect =
            isOn
            ? "Nobody will pass it until it is on again. SDKs learn of it with their next poll."
            : "Its rules decide again who passes. SDKs learn of it with their next poll."
        self.toggleAction = frame.base + ConsolePath.page(of: .gate, name: entity.name) + "/toggle"
        self.toggleTo = isOn ? "false" : "true"
        self.toggleRevision = entity.revision
        self.toggleBack = back
        self.submitClass = isOn ? "danger" : "primary"
        self.submitText = isOn ? "Switch off" : "Switch on"
    }
}

/// A state in one word.
struct StateView: Sendable {
    /// Of a gate that an import disabled: SDKs that follow Statsig's Rust core ask its rules all the same.
    static let markedOff = "Marked off"

    let text: String
    let style: String

    init(_ entity: Entity) {
        if !entity.isEnabled {
            (self.text, self.style) = entity.letsSomePass ? (Self.markedOff, "wait") : ("Off", "off")
            return
        }
        switch entity.kind {
        case .experiment, .autotune:
            let isRunning = entity.spec.isActive == true
            (self.text, self.style) = isRunning ? ("Running", "on") : ("Not running", "wait")
        case .gate, .holdout, .segment, .dynamicConfig, .layer: (self.text, self.style) = ("On", "on")
        }
    }
}

extension Entity {
    /// Whether SDKs that ignore that a gate is disabled, as Statsig's Rust core does, let anybody pass it.
    var letsSomePass: Bool {
        guard kind.section == .gates else { return false }
        return published.rules.contains { $0.passPercentage.doubleValue > 0 && $0.returnValue.boolValue == true }
    }
}
