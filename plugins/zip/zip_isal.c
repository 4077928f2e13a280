/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast codec: ISA-L. Unlike libdeflate it can end a stream on a byte without ending it
 * (FULL_FLUSH: an empty stored block, and no match reaches back across it), so its units join as
 * they are.
 *
 * Its output is not proved to decompress, which would take half as long as it takes to make it;
 * the checksum is one of the input, so `verify` would tell.
 */
#include "zip_isal.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

/*
 * Levels 1 and 2 take three quarters of the time and 1 to 2 % more space, but are out of the
 * question: on x86-64 they hash the address of the stream where they mean the third byte of the
 * input (isal_deflate_icf_body, up to 2.32), so that now and then the same content gives other
 * bytes.
 *
 * The size of the buffer sets that of a block, in symbols. Small blocks follow the content
 * better, and this buffer stays in a processor's cache.
 */
enum { LEVEL = 3, LEVEL_BUFFER = ISAL_DEF_LVL3_SMALL, CACHE_LINE = 64 };

struct zip_isal {
    struct isal_zstream stream;
    _Alignas(CACHE_LINE) unsigned char level_buffer[LEVEL_BUFFER];
};

struct zip_isal *zip_isal_new(void)
{
    struct zip_isal *made = aligned_alloc(CACHE_LINE, sizeof *made);
    /* Not every release's init sets all that the call reads. */
    if (made != NULL)
        memset(made, 0, sizeof *made);
    return made;
}

void zip_isal_free(struct zip_isal *isal)
{
    free(isal);
}

size_t zip_isal_deflate(struct zip_isal *isal, const unsigned char *data, size_t bytes, void *to,
                        size_t room, bool last)
{
    struct isal_zstream *stream = &isal->stream;
    isal_deflate_stateless_init(stream); /* nothing stays of what was compressed before */
    stream->level = LEVEL;
    stream->level_buf = isal->level_buffer;
    stream->level_buf_size = sizeof isal->level_buffer;
    stream->end_of_stream = last;
    stream->flush = last ? NO_FLUSH : FULL_FLUSH;
    stream->next_in = (unsigned char *)(uintptr_t)data;
    stream->avail_in = (uint32_t)bytes;
    stream->next_out = to;
    stream->avail_out = (uint32_t)room;
    if (isal_deflate_stateless(stream) != COMP_OK || stream->avail_in != 0)
        return 0;
    return stream->total_out;
}
