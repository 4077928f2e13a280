/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_finish.h"

/* All of a big entry has been read: what became of its source meanwhile? */
static void settle(struct hb_pipeline *pipeline, struct hb_item *item)
{
    const char *how;
    struct hb_reader *reader = &item->readers[0];
    bool lives = item->state != HB_ITEM_DEAD;
    if (lives && hb_reader_changed(reader, &how))
        hb_queue_report(pipeline, item, how, "; it may be stored half old, half new");
    if (lives && !item->reported)
        hb_reader_settle(reader);
    hb_reader_look_back(reader);
}

/* Nobody else is in the item any more, so that no lock is needed to look at it. */
static void leave(struct hb_pipeline *pipeline, struct hb_item *item, bool last)
{
    if (!last)
        return;
    settle(pipeline, item);
    hb_queue_settled(pipeline, item);
    hb_reader_close(&item->readers[0]);
    hb_queue_closed(pipeline, item);
}

void hb_worker_drop(struct hb_pipeline *pipeline, struct hb_item *item)
{
    leave(pipeline, item, hb_queue_drop(pipeline, item));
}

void hb_worker_leave(struct hb_pipeline *pipeline, struct hb_item *item)
{
    leave(pipeline, item, hb_queue_leave(pipeline, item));
}

void hb_worker_accept(struct hb_pipeline *pipeline, struct hb_item *item)
{
    leave(pipeline, item, hb_queue_accept(pipeline, item));
}

void hb_worker_finish(struct hb_pipeline_thread *thread, struct hb_item *item, uint64_t index,
                      const struct hb_encoded *encoded)
{
    leave(thread->pipeline, item, hb_queue_finish(thread->pipeline, item, index, encoded));
}
