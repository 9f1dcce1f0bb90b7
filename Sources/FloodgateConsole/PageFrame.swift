// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What stands around every page.
package struct PageFrame: Sendable {
    /// The menu entry that a page belongs to.
    package enum Place: Sendable { case overview, live, fleet, audit, none }

    /// What the last action came to, shown once.
    package struct Notice: Sendable {
        /// What happened, for the person who did it.
        package var text: String
        /// Whether it did not work.
        package var isFailure: Bool

        package init(_ text: String, isFailure: Bool = false) {
            self.text = text
            self.isFailure = isFailure
        }
    }

    /// The path in front of all paths of the server, without a slash at its end.
    package var base = ""
    /// The menu entry to mark.
    package var place: Place
    /// The environment that the pages show.
    package var environment: String
    /// The program's version.
    package var version: String
    /// The present, in Unix ms.
    package var now: Int64
    /// What the last action came to.
    package var notice: Notice?

    package init(place: Place, environment: String, version: String, now: Int64, notice: Notice? = nil) {
        self.place = place
        self.environment = environment
        self.version = version
        self.now = now
        self.notice = notice
    }
}

/// `PageFrame` as the layout's template reads it.
struct FrameView: Sendable {
    let base: String
    let pageTitle: String
    let environment: String
    let version: String
    let assetVersion = ConsoleAsset.version
    let onOverview: Bool
    let onLive: Bool
    let onFleet: Bool
    let onAudit: Bool
    let notice: Bool
    let noticeText: String
    let noticeClass: String

    init(_ frame: PageFrame, title: String) {
        self.base = frame.base
        self.pageTitle = title
        self.environment = frame.environment
        self.version = frame.version
        self.onOverview = frame.place == .overview
        self.onLive = frame.place == .live
        self.onFleet = frame.place == .fleet
        self.onAudit = frame.place == .audit
        self.notice = frame.notice != nil
        self.noticeText = frame.notice?.text ?? ""
        self.noticeClass = frame.notice?.isFailure == true ? "bad" : ""
    }
}
