/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items and their units, between the threads of a pipeline: workers take what is next and bring
 * what has finished, openers prepare claimed entries, one thread takes the results in order.
 * All functions here take the pipeline's lock themselves, from any thread.
 */
#ifndef HB_PIPELINE_QUEUE_H
#define HB_PIPELINE_QUEUE_H

#include "pipeline/pipeline.h"
#include "pipeline/spill.h"

enum hb_item_state {
    HB_ITEM_WAITING, /* claimed; for an opener */
    HB_ITEM_OPENING, /* a worker or an opener is at it */
    HB_ITEM_OPEN,    /* its units can be taken, or have been */
    HB_ITEM_DEAD     /* nothing more of it can be stored */
};

/* A unit, and what is to be remembered of it. */
struct hb_encoded {
    struct hb_unit unit;
    struct hb_unit_mark mark;
    bool reused;
};

struct hb_finished {
    struct hb_finished *next;
    uint64_t index;
    struct hb_encoded encoded;
    bool spilled; /* its bytes lie in the spill, at `offset` */
    bool left;    /* they were left in the previous archive */
    uint64_t offset;
};

struct hb_item {
    struct hb_item *next, *next_ready;
    enum hb_item_state state;
    size_t first, count; /* in the plan */
    struct hb_reader *readers;
    struct hb_entry **entries; /* of those readers that could be opened */
    size_t entry_count;
    uint64_t units;      /* how many it has */
    uint64_t next_unit;  /* the next to be taken by a worker */
    uint64_t next_step;  /* the next to be handed out */
    uint64_t short_unit; /* the entry ends with this one, earlier than thought; or UINT64_MAX */
    uint64_t content;    /* bytes of it in the steps so far */
    uint64_t bytes;      /* of its one entry, when it was opened */
    uint64_t reserved;   /* room in the stage for its copy, until it is opened */
    unsigned in_flight;  /* threads that are at it: it must not go before they have left it */
    bool pending;        /* its plugin may still say that the source is worth nothing */
    bool ready;          /* in the list of those with units to take */
    bool exhausted;      /* nothing is left to be taken */
    bool closed;         /* its source, or it is being closed */
    bool settled;        /* it is known what became of the source while it was read */
    bool reported;       /* that it changed */
    bool refused;        /* by the format, before anything of it was handed out */
    bool taken_over;     /* all its units come from the previous archive */
    size_t previous;     /* number in it of the entry that this one is or was; or SIZE_MAX */
    struct hb_finished *finished; /* by index */
};

/* What a worker takes: an item to be opened and, if it is small, encoded; or one unit. */
struct hb_work {
    struct hb_item *item;
    uint64_t index;
    bool whole;
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
    pthread_cond_t done;          /* for hb_queue_next: something has finished */
    struct hb_item *head, *tail;  /* handed out next; made last */
    struct hb_item *parting;      /* all handed out, but a thread is still closing the source */
    struct hb_item *ready;        /* those with units to take, in plan order */
    struct hb_item *claimed;      /* made at the start, appended when their turn comes */
    struct hb_item *claimed_next; /* the first claimed one that no opener has taken */
    size_t opened;                /* claimed ones that openers took and that are not yet closed */
    size_t planned_next;          /* the first entry that has no item */
    size_t unfinished;            /* items from which something may still be taken */
    size_t pending;               /* items that another may yet replace */
    uint64_t waiting_bytes;       /* in memory */
    uint64_t waiting_weight;      /* of units, in memory or in the spill */
    unsigned idle;                /* workers that wait for work */
    bool stopping;
    int status; /* of the first failure */
    struct hb_error error;

    struct hb_pipeline_thread *threads;
    unsigned thread_count;
    struct hb_unit handed_out; /* its data is freed by the next call */
};

void hb_queue_init(struct hb_pipeline *pipeline);
void hb_queue_clear(struct hb_pipeline *pipeline);

/* Remembers the first failure and stops everything. */
void hb_queue_fail(struct hb_pipeline *pipeline, int status, const char *path, const char *why);
/* All threads are to come to an end. */
void hb_queue_stop(struct hb_pipeline *pipeline);

/* What a worker does next. HB_OK; HB_END: nothing any more; HB_SKIP: nothing now (if !wait). */
int hb_queue_take(struct hb_pipeline *pipeline, bool wait, struct hb_work *work);
/* What an opener does next; NULL: nothing any more. */
struct hb_item *hb_queue_take_claimed(struct hb_pipeline *pipeline);

/* The item is open: its units can be taken. */
void hb_queue_opened(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units);
/* The same, but none is handed out before hb_queue_accept, hb_queue_replace or hb_queue_drop. */
void hb_queue_offer(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t units);
void hb_queue_accept(struct hb_pipeline *pipeline, struct hb_item *item);
/*
 * What was made of the item counts for nothing: another takes its place, for the same thread to
 * open. NULL: the format has refused the entry meanwhile.
 */
struct hb_item *hb_queue_replace(struct hb_pipeline *pipeline, struct hb_item *item);
/* A unit has finished; the only one, if the item was taken whole. Takes its data over. */
void hb_queue_finish(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index,
                     const struct hb_encoded *encoded);
/* Nothing of an item that was taken whole, opened or to be opened can be stored. */
void hb_queue_drop(struct hb_pipeline *pipeline, struct hb_item *item);
/* The entry ends in unit `index`, which is still to be finished. */
void hb_queue_end_early(struct hb_pipeline *pipeline, struct hb_item *item, uint64_t index);
/*
 * The format refuses the entry at a unit: nothing of it is to be stored. If a part of it has been
 * handed out already, everything fails. True for the first such unit.
 */
bool hb_queue_refuse(struct hb_pipeline *pipeline, struct hb_item *item, const char *why);
/* A unit that came to nothing. */
void hb_queue_leave(struct hb_pipeline *pipeline, struct hb_item *item);
/* Reports what happened to the item's one entry, once. */
void hb_queue_report(struct hb_pipeline *pipeline, struct hb_item *item, const char *what,
                     const char *detail);

/* The next step in plan order; as hb_pipeline_next. */
int hb_queue_next(struct hb_pipeline *pipeline, struct hb_step *step, struct hb_error *error);

#endif
