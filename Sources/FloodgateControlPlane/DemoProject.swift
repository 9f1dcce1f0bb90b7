// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
import FloodgateJSON
package import FloodgateSpecs

/// The demo project: a web shop with a bit of everything, embedded in the program.
package enum DemoProject {
    /// The names of the embedded files with their bytes.
    package static var files: [(name: String, bytes: [UInt8])] {
        [
            ("config_catalog_page.json", PackageResources.config_catalog_page_json),
            ("config_shipping_banner.json", PackageResources.config_shipping_banner_json),
            ("experiment_checkout_copy.json", PackageResources.experiment_checkout_copy_json),
            ("experiment_product_gallery.json", PackageResources.experiment_product_gallery_json),
            ("experiment_search_ranking.json", PackageResources.experiment_search_ranking_json),
            ("experiment_search_suggestions.json", PackageResources.experiment_search_suggestions_json),
            ("gate_early_access_sale.json", PackageResources.gate_early_access_sale_json),
            ("gate_free_returns.json", PackageResources.gate_free_returns_json),
            ("gate_new_checkout.json", PackageResources.gate_new_checkout_json),
            ("gate_pay_later.json", PackageResources.gate_pay_later_json),
            ("gate_price_inspector.json", PackageResources.gate_price_inspector_json),
            ("gate_recommendations.json", PackageResources.gate_recommendations_json),
            ("gate_saved_cards.json", PackageResources.gate_saved_cards_json),
            ("gate_store_credit.json", PackageResources.gate_store_credit_json),
            ("gate_voice_search.json", PackageResources.gate_voice_search_json),
            ("holdout_autumn_holdout.json", PackageResources.holdout_autumn_holdout_json),
            ("idlist_beta_testers.txt", PackageResources.idlist_beta_testers_txt),
            ("layer_search_page.json", PackageResources.layer_search_page_json),
            ("segment_loyal_customers.json", PackageResources.segment_loyal_customers_json),
        ]
    }

    /// The specs as one document; layers own the experiments that their rules delegate to.
    package static func document() throws(ControlError) -> SpecDocument {
        var document = SpecDocument(time: 0)
        for (name, bytes) in files where name.hasSuffix(".json") {
            let spec: Spec
            do { spec = try Spec(json: JSONValue(parsing: bytes)) } catch {
                throw ControlError(.invalid, "The demo's \(name) cannot be read: \(error)", cause: error)
            }
            guard let kind = EntityKind(entity: spec.entity) else {
                throw ControlError(.invalid, "The demo's \(name) has the unknown entity \"\(spec.entity)\"")
            }
            document[keyPath: kind.section.path].append(document.interned(spec))
            guard kind == .layer else { continue }
            for rule in spec.rules {
                if let experiment = rule.configDelegate { document.experimentToLayer[experiment] = spec.name }
            }
        }
        return document
    }

    /// The ID lists by name; the files hold plain unit IDs.
    package static var idLists: [String: IDList] {
        var lists: [String: IDList] = [:]
        for (name, bytes) in files {
            guard name.hasPrefix("idlist_"), name.hasSuffix(".txt") else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            lists[String(name.dropFirst("idlist_".count).dropLast(".txt".count))] = IDList(
                ids: text.split(whereSeparator: \.isNewline).map { IDList.hash(of: String($0)) }
            )
        }
        return lists
    }
}
