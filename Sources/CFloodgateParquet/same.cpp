// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "same.h"

namespace floodgate::parquet {

SameRows::SameRows(const std::vector<Column> &columns) : columns_(columns) {
    for (size_t column = 0; column < columns.size(); column++) {
        if (!columns[column].role.is_identity) continue;
        if (columns[column].role.kind == FG_COLUMN_TEXT) texts_.push_back(column);
        if (columns[column].role.kind != FG_COLUMN_ID) continue;
        id_column_ = column;
        id_ = &columns[column].ids;
    }
    if (id_ == nullptr) return;
    size_t size = 64;
    while (size < id_->size() * 2) size *= 2;
    slots_.resize(size);
    for (uint32_t row = 0; row < id_->size(); row++) {
        for (size_t at = place((*id_)[row]);; at = (at + 1) & (slots_.size() - 1)) {
            if (slots_[at] == 0) {
                slots_[at] = row + 1;
                break;
            }
            if (!is_same(slots_[at] - 1, row)) continue;
            pairs_.push_back({slots_[at] - 1, row});
            break;
        }
    }
}

size_t SameRows::place(const UUID &id) const { return XXH3_64bits(&id, sizeof id) & (slots_.size() - 1); }

bool SameRows::is_same(uint32_t row, uint32_t other) const {
    const UUID &left = (*id_)[row], &right = (*id_)[other];
    if (left.first != right.first || left.second != right.second) return false;
    for (size_t column : texts_) {
        const Dictionary &texts = columns_[column].texts;
        if (texts[texts.rows()[row]] != texts[texts.rows()[other]]) return false;
    }
    return true;
}

bool SameRows::mark(Source &other, std::vector<bool> &marks) const {
    for (size_t group = 0; group < other.groups(); group++) {
        Column ids;
        ids.role.kind = FG_COLUMN_ID;
        if (!other.read(id_column_, group, ids)) return false;
        std::vector<std::pair<uint32_t, uint32_t>> found;
        for (uint32_t number = 0; number < ids.ids.size(); number++) {
            const UUID &id = ids.ids[number];
            for (size_t at = place(id); slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
                const UUID &own = (*id_)[slots_[at] - 1];
                if (own.first == id.first && own.second == id.second) found.push_back({slots_[at] - 1, number});
            }
        }
        if (found.empty()) continue;
        std::vector<Column> texts(texts_.size());
        for (size_t index = 0; index < texts_.size(); index++) {
            texts[index].role.kind = FG_COLUMN_TEXT;
            if (!other.read(texts_[index], group, texts[index])) return false;
        }
        for (auto [row, number] : found) {
            bool is_same = true;
            for (size_t index = 0; index < texts_.size(); index++) {
                const Dictionary &own = columns_[texts_[index]].texts, &others = texts[index].texts;
                is_same = is_same && own[own.rows()[row]] == others[others.rows()[number]];
            }
            if (is_same) marks[row] = true;
        }
    }
    return true;
}

}  // namespace floodgate::parquet
