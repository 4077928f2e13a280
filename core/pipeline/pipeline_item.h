/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a pipeline: its items, one entry or a group of small ones each, and the units that
 * have finished. All of it is under the pipeline's lock, and so are the functions here.
 */
#ifndef HB_PIPELINE_ITEM_H
#define HB_PIPELINE_ITEM_H

#include "pipeline/pipeline_step.h"
#include "pipeline/pipeline_window.h"
#include "pipeline/spill.h"

/* In this order; pipeline_queue.h has a picture of it. */
enum hb_item_state {
    HB_ITEM_WAITING, /* claimed; no opener has taken it */
    HB_ITEM_OPENING, /* a worker or an opener is at it */
    HB_ITEM_OFFERED, /* units can be taken, but its plugin may still reject its source */
    HB_ITEM_OPEN,    /* units can be taken */
    HB_ITEM_DRAINED, /* all units are taken */
    HB_ITEM_DEAD,    /* nothing of it is stored */
    HB_ITEM_SETTLED  /* no thread reads its source; what became of the source is reported */
};

/* A unit, and what a later backup needs to know of it. */
struct hb_encoded {
    struct hb_unit unit;
    struct hb_unit_mark mark;
    uint64_t content; /* what it adds to the checksum of the content of its one entry */
    bool reused;
};

struct hb_finished {
    struct hb_finished *next;
    uint64_t index;
    struct hb_encoded encoded;
    enum hb_place_of_unit place; /* where its bytes are */
    uint64_t offset;             /* in the spill */
};

struct hb_item {
    struct hb_item *next, *next_ready;
    enum hb_item_state state;
    size_t first, count; /* in the plan */
    struct hb_reader *readers;
    struct hb_entry **entries; /* of those readers that could be opened */
    size_t entry_count;
    uint64_t units;        /* how many it has */
    uint64_t next_unit;    /* the next for a worker to take */
    uint64_t next_step;    /* the next to hand out */
    uint64_t short_unit;   /* the entry ends with this one, earlier than thought; or UINT64_MAX */
    uint64_t content;      /* bytes of it in the steps so far */
    uint64_t content_hash; /* of those, if it is one entry */
    uint64_t bytes;        /* of its one entry, when it was opened */
    uint64_t reserved;     /* room in the stage for its copy, while there is no copy */
    unsigned threads;      /* that are at it: it is not freed before they have left */
    bool reported;         /* that it changed */
    size_t previous;       /* number in the previous archive of what this is or was; or SIZE_MAX */
    bool adopted;          /* all of it is there, unchanged, and stays there until its turn comes */
    struct hb_range range; /* where, then */
    struct hb_finished *finished; /* by index */
};

/* Items that are handed out together; see pipeline_gather.h. */
struct hb_gathered {
    struct hb_item *first, *last;
    size_t entry_count, unit_count;
    struct hb_range range;
    const struct hb_entry **entries;
    struct hb_unit *units;
    struct hb_unit_mark *marks;
    struct hb_adoption adoption;
};

struct hb_pipeline {
    struct hb_pipeline_request request;
    const struct hb_format_ops *ops;
    struct hb_unit_policy policy;
    bool size_first;
    struct hb_spill spill;

    pthread_mutex_t lock;
    pthread_cond_t work;          /* for workers: there may be something to take */
    pthread_cond_t room;          /* for openers: another entry may be prepared */
    pthread_cond_t done;          /* for hb_result_next: something has finished */
    struct hb_item *head, *tail;  /* handed out next; made last */
    struct hb_item *parting;      /* all handed out, but a thread is still closing the source */
    struct hb_item *ready;        /* those with units to take, in plan order */
    struct hb_item *claimed;      /* made at the start, appended when their turn comes */
    struct hb_item *claimed_next; /* the first claimed one that no opener has taken */
    size_t opened;                /* claimed ones whose source is open, or will be */
    size_t planned_next;          /* the first entry that has no item */
    size_t unfinished;            /* items that are neither drained nor dead */
    struct hb_window window;
    unsigned idle; /* workers that wait for work */
    bool stopping;
    int status; /* of the first failure */
    struct hb_error error;

    struct hb_pipeline_thread *threads;
    unsigned thread_count;
    struct hb_pipeline_thread *missing_worker, *missing_opener; /* see hb_worker_help; or NULL */
    struct hb_unit handed_out; /* its data is freed by the next call */
    struct hb_gathered run;    /* of the thread that takes the results */
};

/* A new one that stands nowhere yet. */
struct hb_item *hb_item_new(struct hb_pipeline *pipeline, size_t first, size_t count,
                            enum hb_item_state state);
void hb_item_free(struct hb_item *item);
/* Nobody will take the units that have finished. */
void hb_item_discard(struct hb_pipeline *pipeline, struct hb_item *item);

/* Puts it behind all others that are to be handed out. */
void hb_item_append(struct hb_pipeline *pipeline, struct hb_item *item);
/* Puts `next` behind one that has its place in the order. */
void hb_item_insert_behind(struct hb_pipeline *pipeline, struct hb_item *item,
                           struct hb_item *next);
/* All others have their place: the claimed ones follow. */
void hb_item_append_claimed(struct hb_pipeline *pipeline);

bool hb_item_is_claimed(const struct hb_pipeline *pipeline, const struct hb_item *item);
/* Does the entry end with this unit? */
bool hb_item_is_last(const struct hb_item *item, uint64_t index);
/* Can its next unit be handed out? The last one waits until the source is settled. */
bool hb_item_has_step(const struct hb_item *item);
/* Has all of it been handed out? */
bool hb_item_is_over(const struct hb_item *item);

/* Have all entries that are not claimed got their items? */
bool hb_all_planned(const struct hb_pipeline *pipeline);
/* Nothing is left for a worker to take. */
bool hb_all_taken(const struct hb_pipeline *pipeline);
/* Nothing is left to hand out. */
bool hb_all_handed_out(const struct hb_pipeline *pipeline);

void hb_wake_workers(struct hb_pipeline *pipeline);
/* The thread that takes the results, if there are some in their order, and enough. */
void hb_wake_taker(struct hb_pipeline *pipeline);

#endif
