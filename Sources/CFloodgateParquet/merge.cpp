// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "file.h"
#include "same.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace floodgate::parquet {

namespace {

/// What one merge may take, so that it has room beside all else that a server does.
constexpr size_t most_rows = 1 << 21;
constexpr uint64_t largest_table = 512 << 20;

/// Writes the rows of some files as one, column by column, so that few columns are in memory at a time.
class Merge {
public:
    explicit Merge(fg_parquet &file) : file_(file) {}

    fg_parquet_status write(int descriptor) {
        columns_ = file_.columns;
        if (!open() || !has_room()) return FG_PARQUET_REFUSED;
        for (size_t column = 0; column < columns_.size(); column++) {
            if (is_key(columns_[column]) && !read(column)) return FG_PARQUET_REFUSED;
        }
        if (!find_gone()) return FG_PARQUET_REFUSED;
        order_ = sorted(columns_, ends_);
        auto rest = std::remove_if(order_.begin(), order_.end(), [&](uint32_t row) { return gone_[row]; });
        order_.erase(rest, order_.end());
        if (!pack()) return FG_PARQUET_REFUSED;
        file_.rows = order_.size();
        if (!put(descriptor)) return FG_PARQUET_NOT_WRITTEN;
        // The sources are removed when it counts.
        Source written(scratch_);
        bool is_whole = written.open(fcntl(descriptor, F_DUPFD_CLOEXEC, 0), file_.columns, file_.rows);
        return is_whole && written.check() ? FG_PARQUET_OK : FG_PARQUET_REFUSED;
    }

private:
    static bool is_key(const Column &column) { return column.role.rank >= 0 || column.role.is_identity; }

    bool open() {
        for (const Input &input : file_.sources) {
            auto &source = sources_.emplace_back(std::make_unique<Source>(scratch_));
            if (!source->open(input.path.c_str(), columns_, input.rows)) return false;
            ends_.push_back(size_t(source->rows()) + (ends_.empty() ? 0 : ends_.back()));
        }
        return !ends_.empty();
    }

    bool has_room() const {
        uint64_t all = 0;
        for (size_t column = 0; column < columns_.size(); column++) {
            uint64_t size = 0;
            for (auto &source : sources_) size += source->plain_size(column);
            if (size > largest_column) return false;
            all += size;
        }
        return all <= largest_table && ends_.back() <= most_rows;
    }

    bool read(size_t column) {
        return std::all_of(sources_.begin(), sources_.end(), [&](auto &source) {
            return source->read(column, columns_[column]);
        });
    }

    /// Gives a column's memory back.
    void forget(size_t column) { columns_[column] = file_.columns[column]; }

    bool find_gone() {
        gone_.resize(ends_.back());
        for (uint64_t row : file_.gone) {
            if (row >= gone_.size()) return false;
            gone_[row] = true;
        }
        SameRows same(columns_);
        if (!same.has_id()) return true;
        // There may be a thousand: one at a time.
        for (const Input &input : file_.others) {
            Source other(scratch_);
            if (!other.open(input.path.c_str(), columns_, input.rows) || !same.mark(other, gone_)) return false;
        }
        return same.pairs().empty() || keep_first(same.pairs());
    }

    /// Of the same rows leaves those out that came later.
    bool keep_first(const std::vector<std::pair<uint32_t, uint32_t>> &pairs) {
        std::vector<size_t> ages;
        for (size_t column = 0; column < columns_.size(); column++) {
            if (columns_[column].role.age >= 0) ages.push_back(column);
        }
        std::sort(ages.begin(), ages.end(), [&](size_t left, size_t right) {
            return columns_[left].role.age < columns_[right].role.age;
        });
        for (size_t column : ages) {
            if (!is_key(columns_[column]) && !read(column)) return false;
        }
        auto is_before = [&](uint32_t left, uint32_t right) {
            for (size_t column : ages) {
                int64_t one = int64_t(columns_[column].numbers[left]), other = int64_t(columns_[column].numbers[right]);
                if (one != other) return one < other;
            }
            return left < right;
        };
        // All pairs of the same rows have the same first one: by it the best of each is found.
        auto sorted = pairs;
        std::stable_sort(sorted.begin(), sorted.end(), [](auto &left, auto &right) {
            return left.first < right.first;
        });
        for (size_t start = 0; start < sorted.size();) {
            uint32_t kept = sorted[start].first;
            size_t end = start;
            // What another file has too is gone altogether.
            bool is_gone = gone_[kept];
            for (; end < sorted.size() && sorted[end].first == sorted[start].first; end++) {
                uint32_t row = sorted[end].second;
                if (!gone_[row] && is_before(row, kept)) kept = row;
            }
            gone_[sorted[start].first] = true;
            for (size_t at = start; at < end; at++) gone_[sorted[at].second] = true;
            gone_[kept] = is_gone;
            start = end;
        }
        for (size_t column : ages) {
            if (!is_key(columns_[column])) forget(column);
        }
        return true;
    }

    bool pack() {
        size_t rows = order_.size();
        groups_.resize((rows + rows_of_group - 1) / rows_of_group);
        packed_.resize(groups_.size());
        ChunkWriter writer;
        uint64_t packed = 0;
        for (size_t column = 0; column < columns_.size(); column++) {
            if (!is_key(columns_[column]) && !read(column)) return false;
            for (size_t group = 0; group < groups_.size(); group++) {
                size_t start = group * rows_of_group;
                groups_[group].rows = std::min(rows_of_group, rows - start);
                const uint32_t *first = order_.data() + start;
                std::string &out = packed_[group].emplace_back();
                ChunkWriter::Chunk &chunk = groups_[group].chunks.emplace_back();
                if (!writer.write(out, columns_[column], first, first + groups_[group].rows, chunk)) return false;
                out.shrink_to_fit();
                packed += out.size();
                if (packed > largest_table) return false;
            }
            forget(column);
        }
        return true;
    }

    bool put(int descriptor) {
        if (!put(descriptor, std::string(magic))) return false;
        int64_t place = sizeof magic - 1;
        for (size_t group = 0; group < groups_.size(); group++) {
            for (size_t column = 0; column < columns_.size(); column++) {
                const std::string &bytes = packed_[group][column];
                if (!put(descriptor, bytes)) return false;
                groups_[group].chunks[column].dictionary_at += place;
                groups_[group].chunks[column].data_at += place;
                place += int64_t(bytes.size());
            }
        }
        return put(descriptor, footer(columns_, groups_));
    }

    static bool put(int descriptor, const std::string &bytes) {
        for (size_t done = 0; done < bytes.size();) {
            ssize_t count = ::write(descriptor, bytes.data() + done, bytes.size() - done);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return false;
            done += size_t(count);
        }
        return true;
    }

    fg_parquet &file_;
    std::vector<Column> columns_;
    Scratch scratch_;
    std::vector<std::unique_ptr<Source>> sources_;
    /// Where the rows of each source end.
    std::vector<size_t> ends_;
    std::vector<bool> gone_;
    std::vector<uint32_t> order_;
    std::vector<RowGroup> groups_;
    std::vector<std::vector<std::string>> packed_;
};

fg_parquet_status add(const char *path, uint64_t rows, std::vector<Input> &inputs) {
    return guarded([&] {
        inputs.push_back({path, rows});
        return FG_PARQUET_OK;
    });
}

}  // namespace

}  // namespace floodgate::parquet

using namespace floodgate::parquet;

fg_parquet_status fg_parquet_add_file(fg_parquet *file, const char *path, uint64_t rows) {
    return add(path, rows, file->sources);
}

fg_parquet_status fg_parquet_leave_out_file(fg_parquet *file, const char *path, uint64_t rows) {
    return add(path, rows, file->others);
}

fg_parquet_status fg_parquet_leave_out(fg_parquet *file, uint64_t row) {
    return guarded([&] {
        file->gone.push_back(row);
        return FG_PARQUET_OK;
    });
}

fg_parquet_status fg_parquet_merge(fg_parquet *file, int descriptor) {
    return guarded([&] { return Merge(*file).write(descriptor); });
}
