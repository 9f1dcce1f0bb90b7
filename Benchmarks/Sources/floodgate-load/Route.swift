// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A route that is overloaded, with requests as SDKs send them.
enum Route: String, CaseIterable, Sendable {
    /// Evaluation of everything for one user, who is another each time.
    case initialize
    /// A batch of ten events, half of them exposures, which is durable before it is answered.
    case rgstr

    /// Requests to send in turn, complete with their heads.
    func requests(key: String) -> [[UInt8]] {
        (0..<64).map { number in
            let body = self == .initialize ? Self.user(number) : Self.batch(number)
            let head =
                "POST /v1/\(rawValue) HTTP/1.1\r\nhost: localhost\r\nstatsig-api-key: \(key)\r\n"
                + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
            return Array((head + body).utf8)
        }
    }

    private static func user(_ number: Int) -> String {
        #"{"user":{"userID":"user-\#(number)","country":"NZ","custom":{"plan":"pro","level":\#(number)}},"#
            + #""statsigMetadata":{"sdkType":"js-client","sdkVersion":"3.12.0"}}"#
    }

    private static func batch(_ number: Int) -> String {
        let user = #"{"userID":"user-\#(number)","country":"NZ","custom":{"plan":"pro"}}"#
        let events = (0..<10).map { index in
            index % 2 == 0
                ? #"{"eventName":"statsig::gate_exposure","user":\#(user),"time":1750000000000,"metadata":"#
                    + #"{"gate":"new_checkout","gateValue":"true","ruleID":"rule-\#(index)","reason":"Network:Recognized"},"#
                    + #""secondaryExposures":[]}"#
                : #"{"eventName":"purchase","user":\#(user),"time":1750000000000,"value":\#(index),"#
                    + #""metadata":{"item":"socks","count":"2"}}"#
        }
        return #"{"events":[\#(events.joined(separator: ","))],"#
            + #""statsigMetadata":{"sdkType":"py-server","sdkVersion":"0.50.0"}}"#
    }
}
