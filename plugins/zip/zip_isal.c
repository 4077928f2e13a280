/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast codec: ISA-L, and its inflater. Unlike libdeflate it can end a stream on a byte without
 * ending it (FULL_FLUSH: an empty stored block, and no match reaches back across it), so its units
 * join as they are.
 *
 * Its output is not proved to decompress, which would take half as long as it takes to make it;
 * the checksum is one of the input, so `verify` would tell.
 */
#include "zip_isal.h"

#include <isa-l/igzip_lib.h>
#include <stdint.h>
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

struct inflate_state *zip_isal_inflater(struct inflate_state *reused)
{
    struct inflate_state *state = reused == NULL ? calloc(1, sizeof *state) : reused;
    if (state != NULL)
        isal_inflate_init(state);
    return state;
}

/*
 * At the end of a stream, whole bytes behind it may be in the buffer of bits. From damaged data a
 * release may take nothing and give nothing, for ever.
 */
enum zip_inflating zip_isal_inflate(struct inflate_state *state, struct zip_inflow *flow)
{
    state->next_in = (unsigned char *)(uintptr_t)flow->in;
    state->avail_in = (uint32_t)flow->in_bytes;
    state->next_out = flow->out;
    state->avail_out = (uint32_t)flow->out_bytes;
    int result = isal_inflate(state);
    bool idle = state->avail_in == flow->in_bytes && state->avail_out == flow->out_bytes;
    flow->in += flow->in_bytes - state->avail_in;
    flow->in_bytes = state->avail_in;
    flow->out += flow->out_bytes - state->avail_out;
    flow->out_bytes = state->avail_out;
    if (result != ISAL_DECOMP_OK)
        return ZIP_INFLATE_REFUSED;
    if (state->block_state == ISAL_BLOCK_FINISH) {
        flow->in_bytes += (size_t)(state->read_in_length > 0 ? state->read_in_length / 8 : 0);
        return ZIP_INFLATE_ENDED;
    }
    bool more = flow->in_bytes == 0 || flow->out_bytes == 0;
    return more && !(idle && flow->in_bytes > 0) ? ZIP_INFLATE_MORE : ZIP_INFLATE_REFUSED;
}
