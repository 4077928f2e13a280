/* SPDX-License-Identifier: Apache-2.0 */
#include "zip_window.h"

#include "zip_end.h"

enum { WINDOW_BYTES = 64 << 10 };

static bool holds(const struct zip_window *window, uint64_t offset, size_t bytes)
{
    return offset >= window->start && offset - window->start <= window->bytes &&
           bytes <= window->bytes - (offset - window->start);
}

/* Of what is read here and there nothing is read ahead. */
static bool follows(const struct zip_window *window, uint64_t offset)
{
    return window->bytes > 0 && offset >= window->start &&
           offset - window->start <= window->bytes + WINDOW_BYTES;
}

int zip_window_read(const struct zip *zip, const struct hb_input *input, struct zip_window *window,
                    uint64_t offset, size_t bytes, uint64_t end, const unsigned char **data)
{
    int status = HB_OK;
    if (!holds(window, offset, bytes)) {
        size_t want = bytes;
        if (want < WINDOW_BYTES && follows(window, offset))
            want = end - offset < WINDOW_BYTES ? (size_t)(end - offset) : WINDOW_BYTES;
        window->bytes = 0;
        status = zip_reserve(zip, &window->data, &window->capacity, want);
        if (status == HB_OK)
            status = zip_read(zip, input, window->data, want, offset);
        window->start = offset;
        window->bytes = status == HB_OK ? want : 0;
    }
    *data = status == HB_OK ? window->data + (offset - window->start) : NULL;
    return status;
}
