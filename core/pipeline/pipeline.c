/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline.h"

#include "base/memory.h"
#include "host/failure.h"
#include "host/format.h"
#include "pipeline/pipeline_gather.h"
#include "pipeline/pipeline_result.h"
#include "pipeline/pipeline_reuse.h"
#include "pipeline/pipeline_worker.h"
#include <errno.h>
#include <string.h>

enum { OPENERS = 2 }; /* claimed entries that are prepared at the same time */

/* What a worker needs beside its thread. */
static int equip_worker(struct hb_pipeline *pipeline, struct hb_pipeline_thread *thread,
                        struct hb_error *error)
{
    const struct hb_instance *format = pipeline->request.format;
    if (HB_CAN(pipeline->ops, encode) && HB_CAN(pipeline->ops, worker_create)) {
        hb_run_clear_failure(pipeline->request.run);
        thread->worker = pipeline->ops->worker_create(format->self);
        if (thread->worker == NULL)
            return hb_instance_error(format, HB_STATUS_FATAL, NULL, error);
    }
    if (pipeline->policy.spans) {
        thread->buffer_bytes = (size_t)pipeline->policy.unit_bytes;
        thread->buffer = malloc(thread->buffer_bytes);
        if (thread->buffer == NULL)
            return hb_error_set(error, HB_STATUS_FATAL, "out of memory for a worker");
    }
    return HB_OK;
}

/*
 * As many as can be made: a limit (RLIMIT_NPROC, pids.max) may leave fewer than were asked for, and
 * none at all. Then the thread that takes the results does their work: *missing.
 */
static void start_thread(struct hb_pipeline_thread *thread, void *(*main_function)(void *),
                         bool first, struct hb_pipeline_thread **missing)
{
    thread->started = pthread_create(&thread->thread, NULL, main_function, thread) == 0;
    if (first && !thread->started)
        *missing = thread;
}

static int start_threads(struct hb_pipeline *pipeline, struct hb_error *error)
{
    const struct hb_plan *plan = pipeline->request.plan;
    size_t claimed = plan->count - plan->first_claimed;
    unsigned openers = claimed < OPENERS ? (unsigned)claimed : OPENERS;
    int status = HB_OK;
    pipeline->threads = hb_alloc((pipeline->request.workers + openers) * sizeof *pipeline->threads);
    pipeline->thread_count = pipeline->request.workers + openers;
    for (unsigned i = 0; i < pipeline->thread_count; i++)
        pipeline->threads[i].pipeline = pipeline;
    for (unsigned i = 0; i < openers && (i == 0 || pipeline->threads[i - 1].started); i++)
        start_thread(&pipeline->threads[i], hb_opener_main, i == 0, &pipeline->missing_opener);
    for (unsigned i = openers;
         i < pipeline->thread_count && (i == openers || pipeline->threads[i - 1].started); i++) {
        status = equip_worker(pipeline, &pipeline->threads[i], error);
        if (status != HB_OK)
            break;
        start_thread(&pipeline->threads[i], hb_worker_main, i == openers,
                     &pipeline->missing_worker);
    }
    return status;
}

int hb_pipeline_start(const struct hb_pipeline_request *request, struct hb_pipeline **pipeline,
                      struct hb_error *error)
{
    struct hb_pipeline *made = hb_alloc(sizeof *made);
    made->request = *request;
    made->ops = request->format->plugin->ops;
    made->size_first = (made->ops->flags & HB_FORMAT_SIZE_FIRST) != 0;
    hb_queue_init(made);
    int status = hb_format_policy(made->request.format, &made->policy, error);
    if (status == HB_OK)
        status = start_threads(made, error);
    if (status != HB_OK) {
        hb_pipeline_free(made);
        return status;
    }
    *pipeline = made;
    return HB_OK;
}

static void free_handed_out(struct hb_pipeline *pipeline)
{
    free((void *)(uintptr_t)pipeline->handed_out.data);
    pipeline->handed_out.data = NULL;
}

/* Back into memory: formats, simple ones too, get bytes. */
static int load(struct hb_pipeline *pipeline, struct hb_finished *finished, struct hb_error *error)
{
    if (finished->place == HB_IN_PREVIOUS)
        return hb_reuse_again(pipeline, pipeline->head, finished->index, &finished->encoded, error);
    void *data = malloc((size_t)finished->encoded.unit.bytes);
    int result = data == NULL
                     ? -ENOMEM
                     : hb_spill_take(&pipeline->spill, data, (size_t)finished->encoded.unit.bytes,
                                     finished->offset);
    finished->encoded.unit.data = data;
    if (result == 0)
        return HB_OK;
    return hb_error_set(error, HB_STATUS_FATAL,
                        "%s: cannot be read back from the staging directory: %s",
                        finished->encoded.unit.entry->path, strerror(-result));
}

int hb_pipeline_next(struct hb_pipeline *pipeline, struct hb_step *step, struct hb_error *error)
{
    struct hb_finished *finished;
    free_handed_out(pipeline);
    hb_gathered_clear(pipeline);
    int status = hb_result_next(pipeline, step, &finished, error);
    if (status != HB_OK)
        return status;
    if (finished == NULL) {
        hb_gathered_step(pipeline, step);
        return HB_OK;
    }
    if (finished->place != HB_IN_MEMORY)
        status = load(pipeline, finished, error);
    step->unit.data = finished->encoded.unit.data;
    pipeline->handed_out = finished->encoded.unit;
    free(finished);
    return status;
}

void hb_pipeline_free(struct hb_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    hb_queue_stop(pipeline);
    for (unsigned i = 0; i < pipeline->thread_count; i++) {
        struct hb_pipeline_thread *thread = &pipeline->threads[i];
        if (thread->started)
            pthread_join(thread->thread, NULL);
        if (thread->worker != NULL)
            pipeline->ops->worker_destroy(pipeline->request.format->self, thread->worker);
        free(thread->buffer);
        free(thread->proof);
    }
    hb_gathered_clear(pipeline);
    hb_queue_clear(pipeline);
    free_handed_out(pipeline);
    free(pipeline->threads);
    free(pipeline);
}
