/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one thread. */
#include "tar_worker.h"

#include <stdlib.h>

void *tar_worker_create(void *self)
{
    struct tar_zstd *tar = self;
    struct tar_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        tar_no_memory(tar->host);
    else
        atomic_fetch_add(&tar->workers, 1);
    return worker;
}

void tar_worker_destroy(void *self, void *state)
{
    struct tar_zstd *tar = self;
    struct tar_worker *worker = state;
    if (worker == NULL)
        return;
    atomic_fetch_sub(&tar->workers, 1);
    ZSTD_freeCCtx(worker->compressor);
    ZSTD_freeDCtx(worker->decompressor);
    tar_buffer_free(&worker->header);
    tar_buffer_free(&worker->lengths);
    free(worker->input);
    free(worker->output);
    free(worker);
}
