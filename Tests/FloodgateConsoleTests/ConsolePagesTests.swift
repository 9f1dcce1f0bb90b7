// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import Mustache
import Testing

import FloodgateConsole

@Suite("Console pages") struct ConsolePagesTests {
    let pages = ConsolePages()
    let now: Int64 = 1_772_000_000_000

    private func frame(_ notice: PageFrame.Notice? = nil) -> PageFrame {
        PageFrame(place: .overview, environment: "production", version: "1.2.3", now: now, notice: notice)
    }

    private func demo() async throws -> ControlPlane {
        let plane = ControlPlane(store: InMemoryControlStore(), now: { 1_772_000_000_000 })
        _ = try await plane.loadDemo(by: Change(actor: "tests"))
        return plane
    }

    private func gate(_ name: String, _ rules: [Rule], isSwitchedOff: Bool = false) -> Entity {
        let spec = Spec(
            name: name,
            type: "feature_gate",
            entity: "feature_gate",
            salt: "s",
            defaultValue: false,
            rules: rules
        )
        return Entity(
            kind: .gate,
            spec: spec,
            isSwitchedOff: isSwitchedOff,
            revision: 7,
            createdTime: 0,
            modifiedTime: now,
            modifiedBy: "ana"
        )
    }

    private func content(_ entity: Entity, history: [AuditRecord] = []) -> EntityContent {
        EntityContent(
            entity: entity,
            entities: [entity],
            history: history,
            address: "http://127.0.0.1:8080",
            serverKey: "secret-k"
        )
    }

    @Test func `lists everything with its state and how to change it`() async throws {
        let plane = try await demo()
        let entities = try await plane.entities()
        let html = pages.overview(entities, live: [], frame: frame())
        for entity in entities {
            #expect(html.contains(">\(entity.name)</a>"))
            #expect(html.contains("href=\"\(ConsolePath.page(of: entity.kind, name: entity.name))\""))
        }
        let gates = entities.filter { $0.kind == .gate }
        #expect(html.split(separator: "class=\"switch ").count == gates.count + 1)
        for gate in gates { #expect(html.contains("action=\"/gates/\(gate.name)/toggle\"")) }
    }

    @Test func `every template is there`() {
        let library = PageTemplates.library()
        for name in PageTemplates.sources.keys { #expect(library.getTemplate(named: name) != nil) }
    }

    @Test func `every page of the demo renders`() async throws {
        let plane = try await demo()
        let entities = try await plane.entities()
        for entity in entities {
            let html = pages.entity(
                EntityContent(
                    entity: entity,
                    entities: entities,
                    history: try await plane.auditLog(limit: 10),
                    address: "http://127.0.0.1:8080",
                    serverKey: nil
                ),
                frame: frame()
            )
            #expect(html.contains("<h1 class=\"mono\">\(entity.name)</h1>"))
            #expect(html.hasSuffix("</html>\n"))
            #expect(!html.contains("{{"))
            #expect(!html.contains("Optional("))
        }
    }

    @Test(arguments: [
        "<script>alert(1)</script>", "\" onmouseover=\"alert(1)", "' onmouseover='alert(1)", "a&lt;b", "</title><b>",
        "\"\u{301} onmouseover=alert(1) ", "<\u{301}script>", "{{name}}", "javascript:alert(1)",
    ])
    func `shows hostile texts as texts`(hostile: String) {
        var rule = Rule(
            id: hostile,
            name: hostile,
            passPercentage: .integer(50),
            conditions: [
                .inline(
                    Condition(type: "user_field", operator: hostile, targetValue: [.string(hostile)], field: hostile)
                ),
                .inline(Condition(type: "pass_gate", targetValue: .string(hostile))),
                .inline(Condition(type: hostile, idType: hostile)),
            ],
            returnValue: true,
            idType: hostile
        )
        rule.groupName = hostile
        rule.isExperimentGroup = true
        rule.configDelegate = hostile
        var entity = gate(hostile, [rule])
        entity.spec.others["description"] = .string(hostile)
        entity.modifiedBy = hostile
        var experiment = entity
        experiment.kind = .experiment
        experiment.spec.defaultValue = .object([hostile: .string(hostile)])
        let record = AuditRecord(
            sequence: 1,
            time: now,
            actor: hostile,
            action: hostile,
            entity: "gate:\(hostile)",
            reason: hostile,
            before: hostile,
            after: hostile,
            previousHash: "",
            hash: ""
        )
        let event = ArrivedEvent(
            time: now,
            kind: .gate,
            name: hostile,
            value: hostile,
            rule: hostile,
            unit: hostile
        )
        var loud = frame(.init(hostile))
        loud.environment = hostile
        let instance = FleetContent.Instance(
            id: hostile,
            name: hostile,
            sdk: hostile,
            time: 1,
            lastSeen: now,
            via: [hostile, hostile]
        )
        var fleet = FleetContent()
        (fleet.live, fleet.stragglers, fleet.edges) = (1, [instance], [instance])
        let all = [
            pages.fleet(fleet, frame: loud), pages.overview([entity, experiment], live: [event], frame: loud),
            pages.entity(content(entity, history: [record]), frame: loud),
            pages.entity(content(experiment, history: [record]), frame: loud),
            pages.live([event], frame: loud), pages.audit([record], frame: loud),
            pages.message(status: 404, title: hostile, text: hostile, frame: loud),
        ]
        let wasEscaped = hostile.unicodeScalars.contains { "<>&\"'".unicodeScalars.contains($0) }
        for html in all {
            let bytes = Array(html.utf8)
            if wasEscaped { #expect(bytes.firstRange(of: Array(hostile.utf8)) == nil, "\(html)") }
            #expect(bytes.firstRange(of: Array("<script>".utf8)) == nil)
            #expect(bytes.firstRange(of: Array("href=\"javascript".utf8)) == nil)
        }
    }

    @Test func `shows a NUL as the sign for what cannot be shown`() {
        let html = pages.overview([gate("x\u{0}y", [])], live: [], frame: frame())
        #expect(html.contains(">x\u{FFFD}y</a>"))
        #expect(html.utf8.firstIndex(of: 0) == nil)
    }

    @Test func `loads nothing from elsewhere and needs no inline code`() async throws {
        let entities = try await demo().entities()
        let html = pages.overview(entities, live: [], frame: frame())
        #expect(!html.contains("<style"))
        #expect(!html.contains(" style="))
        #expect(!html.contains(" onclick="))
        #expect(!html.contains("src=\"http"))
        #expect(!html.contains("href=\"http"))
        for asset in ConsoleAsset.all {
            let text = String(decoding: asset.bytes, as: UTF8.self)
            #expect(!text.contains("https://"))
            #expect(html.contains("/console/assets/\(asset.name)?v=\(ConsoleAsset.version)"))
        }
    }

    @Test func `stands below a path prefix`() {
        var prefixed = frame()
        prefixed.base = "/flags"
        let html = pages.overview([gate("a", [])], live: [], frame: prefixed)
        #expect(html.contains("href=\"/flags/gates/a\""))
        #expect(html.contains("action=\"/flags/gates/a/toggle\""))
        #expect(html.contains("src=\"/flags/console/assets/console.js"))
        #expect(!html.contains("href=\"/gates"))
    }

    @Test func `says that a gate is off and offers to switch it on`() {
        let html = pages.entity(content(gate("a", [], isSwitchedOff: true)), frame: frame())
        #expect(html.contains("<span class=\"badge off\">Off</span>"))
        #expect(html.contains("name=\"enabled\" value=\"true\""))
        #expect(html.contains("Switched off: SDKs get the default"))
    }

    @Test func `warns of a gate that is disabled but still lets people pass`() {
        var marked = gate(
            "a",
            [Rule(id: "r", name: "r", passPercentage: .integer(100), conditions: [], returnValue: true)]
        )
        marked.spec.isEnabled = false
        let html = pages.entity(content(marked), frame: frame())
        #expect(html.contains("Marked off"))
        #expect(html.contains("name=\"enabled\" value=\"false\""))
    }

    @Test func `gives code to paste`() {
        let html = pages.entity(content(gate("a", [])), frame: frame())
        #expect(html.contains("client.checkGate(&quot;a&quot;, for: user)"))
        #expect(html.contains("options.specs_url = server + &quot;/v2/download_config_specs&quot;"))
        #expect(html.contains("STATSIG-API-KEY: secret-k"))
    }

    @Test func `tells a rollout and its reason from the audit log`() async throws {
        let plane = try await demo()
        try await plane.setRollout(gate: "new_checkout", percent: 62.5, by: Change(actor: "ben", reason: "Looks fine"))
        try await plane.setGate("new_checkout", enabled: false, by: Change(actor: "ana", reason: "Broken"))
        let html = pages.audit(try await plane.auditLog(limit: 10), frame: frame())
        #expect(html.contains("rollout from 50% to 62.5%"))
        #expect(html.contains("Looks fine"))
        #expect(html.contains("switched off"))
        #expect(html.contains("Demo project loaded"))
    }
}
