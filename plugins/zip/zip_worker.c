/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one thread, and its inflater. */
#include "zip_worker.h"

#include "zip_isal.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <zlib.h>

void *zip_worker_create(void *self)
{
    struct zip_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        zip_no_memory(self);
    return worker;
}

void zip_worker_destroy(void *self, void *opaque)
{
    struct zip_worker *worker = opaque;
    (void)self;
    if (worker == NULL)
        return;
    libdeflate_free_compressor(worker->compressor);
    libdeflate_free_compressor(worker->sampler);
    zip_isal_free(worker->isal);
    libdeflate_free_decompressor(worker->decompressor);
    if (worker->inflater != NULL)
        inflateEnd(worker->inflater);
    free(worker->inflater);
    free(worker->fast_inflater);
    free(worker->packed);
    free(worker->plain);
    free(worker->members.data);
    free(worker->central.data);
    free(worker);
}

z_stream *zip_inflater(const struct zip *zip, struct zip_worker *worker)
{
    if (worker->inflater != NULL) {
        inflateReset(worker->inflater);
        return worker->inflater;
    }
    z_stream *made = calloc(1, sizeof *made);
    if (made == NULL || inflateInit2(made, -MAX_WBITS) != Z_OK) {
        free(made);
        zip_no_memory(zip);
        return NULL;
    }
    worker->inflater = made;
    return made;
}
