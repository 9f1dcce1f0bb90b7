// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// Parquet files of flat rows, sorted: made of rows, and merged. Over zstd (pages) and xxHash (dictionaries); the format
// is https://parquet.apache.org/docs/file-format/, the rows are what CFloodgateEventScan calls packed.

#ifndef FLOODGATE_PARQUET_H
#define FLOODGATE_PARQUET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    /// A UUID.
    FG_COLUMN_ID = 0,
    /// UTF-8.
    FG_COLUMN_TEXT = 1,
    /// A whole number of 64 bits.
    FG_COLUMN_INTEGER = 2,
    /// A double, or null.
    FG_COLUMN_OPTIONAL_NUMBER = 3,
    /// 0 or 1, as a whole number of 8 bits.
    FG_COLUMN_FLAG = 4,
} fg_column_kind;

/// What a column is for.
typedef struct {
    fg_column_kind kind;
    /// Where it stands among the columns that rows are sorted by, from 0; -1 if it does not. Not of optional numbers.
    int rank;
    /// Whether rows that agree in all such columns are the same; they are one id and any texts.
    bool is_identity;
    /// Where it stands among the whole numbers that tell which of the same rows came first, from 0; -1 if it does not.
    int age;
} fg_column_role;

typedef enum {
    FG_PARQUET_OK = 0,
    /// What is said to be rows is not; what is said to be a file of ours cannot be read as one, or takes too much
    /// memory.
    FG_PARQUET_REFUSED = 1,
    /// There is no memory.
    FG_PARQUET_NO_MEMORY = 2,
    /// The file cannot be written; `errno` says why.
    FG_PARQUET_NOT_WRITTEN = 3,
} fg_parquet_status;

/// Rows on their way into a file; for one thread at a time.
typedef struct fg_parquet fg_parquet;

/// Begins a file without columns; NULL if there is no memory.
fg_parquet *fg_parquet_make(void);
void fg_parquet_free(fg_parquet *file);

/// Adds a column behind the others; before the first rows.
fg_parquet_status fg_parquet_column(fg_parquet *file, const char *name, size_t name_size, fg_column_role role);

/// Adds rows. After any other answer than `FG_PARQUET_OK` the file is of no more use.
fg_parquet_status fg_parquet_add(fg_parquet *file, const uint8_t *rows, size_t size);

/// How many rows there are.
uint64_t fg_parquet_rows(const fg_parquet *file);

/// Makes the file of all rows; its bytes are valid until `file` is freed.
fg_parquet_status fg_parquet_finish(fg_parquet *file, const uint8_t **bytes, size_t *size);

/// Adds the file at `path`, which was made here with the same columns and so many rows. Not together with
/// `fg_parquet_add`.
fg_parquet_status fg_parquet_add_file(fg_parquet *file, const char *path, uint64_t rows);

/// Leaves out rows that are in the file at `path`, which was made here with the same columns and so many rows.
fg_parquet_status fg_parquet_leave_out_file(fg_parquet *file, const char *path, uint64_t rows);

/// Leaves out a row by its number among those of all files that were added; for columns without an identity.
fg_parquet_status fg_parquet_leave_out(fg_parquet *file, uint64_t row);

/// Writes the rows of the files that were added, those that are the same once, as one file to `descriptor`, which can
/// be read too; `fg_parquet_rows` says how many are left. It takes about 300 bytes of memory a row, and refuses more
/// than 2 Mi rows, 128 MiB in a column or 512 MiB in all of them, before they are compressed.
fg_parquet_status fg_parquet_merge(fg_parquet *file, int descriptor);

#ifdef __cplusplus
}
#endif

#endif
