// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#include "file.h"

#include "rows.h"

#include <algorithm>

namespace floodgate::parquet {

namespace {

void describe(Thrift &out, const Column &column) {
    enum { Int8 = 15, Int64 = 18, Utf8 = 0 };
    out.begin();
    out.int32(1, int32_t(physical(column.role.kind)));
    if (column.role.kind == FG_COLUMN_ID) out.int32(2, 16);
    out.int32(3, column.role.kind == FG_COLUMN_OPTIONAL_NUMBER ? 1 : 0);
    out.binary(4, column.name);
    switch (column.role.kind) {
    case FG_COLUMN_ID:
        out.begin(10);
        out.begin(14);
        out.end();
        out.end();
        break;
    case FG_COLUMN_TEXT:
        out.int32(6, Utf8);
        out.begin(10);
        out.begin(1);
        out.end();
        out.end();
        break;
    case FG_COLUMN_INTEGER: out.int32(6, Int64); break;
    case FG_COLUMN_FLAG: out.int32(6, Int8); break;
    case FG_COLUMN_OPTIONAL_NUMBER: break;
    }
    out.end();
}

void describe(Thrift &out, const Column &column, const ChunkWriter::Chunk &chunk) {
    int64_t start = chunk.has_dictionary ? chunk.dictionary_at : chunk.data_at;
    out.begin();
    out.int64(2, start);
    out.begin(3);
    out.int32(1, int32_t(physical(column.role.kind)));
    out.list(2, Thrift::Int32, chunk.has_dictionary ? 3 : 2);
    if (chunk.has_dictionary) out.item(int64_t(Encoding::Plain));
    out.item(int64_t(Encoding::Runs));
    out.item(int64_t(chunk.encoding));
    out.list(3, Thrift::Binary, 1);
    out.item(column.name);
    out.int32(4, int32_t(chunk.codec));
    out.int64(5, chunk.values);
    out.int64(6, chunk.plain_size);
    out.int64(7, chunk.size);
    out.int64(9, chunk.data_at);
    if (chunk.has_dictionary) out.int64(11, chunk.dictionary_at);
    out.begin(12);
    out.int64(3, chunk.nulls);
    if (chunk.has_range) {
        out.binary(5, chunk.greatest);
        out.binary(6, chunk.least);
    }
    out.end();
    out.end();
    out.end();
}

}  // namespace

std::string footer(const std::vector<Column> &columns, const std::vector<RowGroup> &groups) {
    size_t rows = 0;
    for (const RowGroup &group : groups) rows += group.rows;
    Thrift metadata;
    metadata.begin();
    metadata.int32(1, 2);
    metadata.list(2, Thrift::Struct, columns.size() + 1);
    metadata.begin();
    metadata.binary(4, "rows");
    metadata.int32(5, int32_t(columns.size()));
    metadata.end();
    for (const Column &column : columns) describe(metadata, column);
    metadata.int64(3, int64_t(rows));
    metadata.list(4, Thrift::Struct, groups.size());
    int64_t place = sizeof magic - 1;
    for (const RowGroup &group : groups) {
        int64_t plain_size = 0, size = 0;
        metadata.begin();
        metadata.list(1, Thrift::Struct, columns.size());
        for (size_t column = 0; column < columns.size(); column++) {
            plain_size += group.chunks[column].plain_size;
            size += group.chunks[column].size;
            describe(metadata, columns[column], group.chunks[column]);
        }
        metadata.int64(2, plain_size);
        metadata.int64(3, int64_t(group.rows));
        metadata.int64(5, place);
        metadata.int64(6, size);
        metadata.end();
        place += size;
    }
    metadata.binary(6, writer_name);
    // Bounds are by the order of each column's kind.
    metadata.list(7, Thrift::Struct, columns.size());
    for (size_t column = 0; column < columns.size(); column++) {
        metadata.begin();
        metadata.begin(1);
        metadata.end();
        metadata.end();
    }
    metadata.end();
    uint32_t size = uint32_t(metadata.out.size());
    metadata.out.append(reinterpret_cast<const char *>(&size), sizeof size);
    metadata.out.append(magic, 4);
    return std::move(metadata.out);
}

namespace {

bool write(std::string &file, const std::vector<Column> &columns, size_t rows) {
    std::vector<uint32_t> order = sorted(columns, {rows});
    ChunkWriter writer;
    std::vector<RowGroup> groups;
    file.assign(magic, 4);
    for (size_t start = 0; start < rows; start += rows_of_group) {
        RowGroup &group = groups.emplace_back();
        group.rows = std::min(rows_of_group, rows - start);
        const uint32_t *first = order.data() + start;
        for (const Column &column : columns) {
            if (!writer.write(file, column, first, first + group.rows, group.chunks.emplace_back())) return false;
        }
    }
    file += footer(columns, groups);
    return true;
}

}  // namespace

}  // namespace floodgate::parquet

using namespace floodgate::parquet;

fg_parquet *fg_parquet_make(void) { return new (std::nothrow) fg_parquet(); }

void fg_parquet_free(fg_parquet *file) { delete file; }

fg_parquet_status fg_parquet_column(fg_parquet *file, const char *name, size_t name_size, fg_column_role role) {
    return guarded([&] {
        Column column;
        column.name.assign(name, name_size);
        column.role = role;
        file->columns.push_back(std::move(column));
        return FG_PARQUET_OK;
    });
}

fg_parquet_status fg_parquet_add(fg_parquet *file, const uint8_t *rows, size_t size) {
    return guarded([&] {
        return take(rows, size, file->columns, file->rows) ? FG_PARQUET_OK : FG_PARQUET_REFUSED;
    });
}

uint64_t fg_parquet_rows(const fg_parquet *file) { return file->rows; }

fg_parquet_status fg_parquet_finish(fg_parquet *file, const uint8_t **bytes, size_t *size) {
    return guarded([&] {
        if (!write(file->file, file->columns, size_t(file->rows))) return FG_PARQUET_REFUSED;
        *bytes = reinterpret_cast<const uint8_t *>(file->file.data());
        *size = file->file.size();
        return FG_PARQUET_OK;
    });
}
