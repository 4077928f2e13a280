/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the journal of an interrupted import: as they are, and as records between a right
 * head and a right end. What is believed must be something that an import may have written.
 */
#include "base/memory.h"
#include "base/path.h"
#include "import/select.h"
#include "restore/journal.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_row(int status, const struct hb_journal_row *row)
{
    size_t skip;
    if (hb_path_problem(row->path, SIZE_MAX, &skip) != NULL || skip != 0)
        abort(); /* it would lead anywhere */
    if (row->stage >= HB_JOURNAL_STAGES || row->mode > 0777 || row->mtime_nanoseconds > 999999999)
        abort();
    if (row->note.what > HB_NOTED_NOTHING || row->note.mode > 0777 ||
        row->note.nanoseconds > 999999999 ||
        (row->note.has_content && row->note.what != HB_NOTED_FILE))
        abort();
    if (status == HB_OK &&
        (row->type < HB_TYPE_FILE || row->type > HB_TYPE_SYMLINK || row->link == NULL))
        abort();
}

static void use(unsigned char *text, size_t bytes)
{
    struct hb_journal *journal = NULL;
    struct hb_journal_row row;
    struct hb_error error = {0};
    int status;
    FILE *file = bytes == 0 ? NULL : fmemopen(text, bytes, "r");
    if (file == NULL || hb_journal_read(file, &journal, &error) != HB_OK) {
        if (file != NULL && error.text[0] == '\0')
            abort();
        return;
    }
    if (hb_journal_archive(journal) == NULL)
        abort();
    while ((status = hb_journal_next(journal, &row, &error)) == HB_OK || status == HB_STATUS_SKIP)
        check_row(status, &row);
    if (status != HB_STATUS_END && error.text[0] == '\0')
        abort();
    hb_journal_close(journal);
}

/* The first byte is the number of rows that the end claims; `head` ends with its NUL. */
static void use_completed(const uint8_t *data, size_t bytes, const char *head)
{
    size_t head_bytes = strlen(head) + 1, length = head_bytes + bytes - 1;
    HB_AUTO_FREE unsigned char *text = hb_alloc(length + 64);
    memcpy(text, head, head_bytes);
    memcpy(text + head_bytes, data + 1, bytes - 1);
    int start = snprintf((char *)text + length, 32, "end %u ", data[0]);
    size_t hashed = length + (size_t)start;
    int hash = snprintf((char *)text + hashed, 32, "%016" PRIx64, XXH3_64bits(text, hashed));
    use(text, hashed + (size_t)hash + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    HB_AUTO_FREE unsigned char *copy = hb_alloc(bytes);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    use(copy, bytes);
    if (bytes > 0) {
        use_completed(data, bytes, "hbcore-journal 1 archive"); /* of the release before */
        use_completed(data, bytes, "hbcore-journal 2 77 archive");
    }
    return 0;
}
