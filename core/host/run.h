/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a command: what all stages share, and the instances of plugins with the host services
 * that they see (hbcore/host.h).
 */
#ifndef HB_RUN_H
#define HB_RUN_H

#include "base/report.h"
#include "config/config.h"
#include "files/beneath.h"
#include "files/held_inodes.h"
#include "files/stage.h"
#include "host/not_kept.h"
#include <hbcore/content.h>
#include <hbcore/filter.h>
#include <hbcore/format.h>
#include <hbcore/hook.h>
#include <hbcore/store.h>
#include <hbcore/transform.h>
#include <pthread.h>
#include <stdatomic.h>

struct hb_progress;
struct hb_own_places;
struct hb_stores;
struct hb_transforms;

enum { HB_MOST_SUSPECTS = 32, HB_COUNTED_CALLS = 13 };

struct hb_run {
    const struct hb_config *config;
    struct hb_report report;
    struct hb_root home;          /* fd -1 where the command has none */
    struct hb_stage stage;        /* fd -1 until opened */
    bool stage_on_demand;         /* in the home, for the first plugin that needs it */
    struct hb_stage hooks_stage;  /* of hooks, in the home; fd -1 until one needs it */
    bool hooks_stage_nothing;     /* a dry run, or a command that only reads */
    bool dry_run;                 /* the command shows what it would do */
    struct hb_progress *progress; /* may be NULL */
    struct hb_held_inodes held;
    pthread_key_t failure; /* per thread: the last sentence of a plugin's fail() */
    void (*heard)(void *context, const char *sentence); /* each of them, while a plugin is made */
    void *heard_context;
    int log_level;               /* shown from here on */
    FILE *log;                   /* where plugins' log lines go */
    atomic_int stop;             /* a stage failed: the others end soon */
    atomic_bool short_of_memory; /* a plugin failed for lack of it; who wants to know clears it */
    atomic_uint lost;            /* what was told of already, see lost.h */
    struct hb_own_places *own;   /* see own_places.h, which makes and clears it; NULL until then */
    void (*clear_own)(struct hb_own_places *own);
    struct hb_stores *stores; /* see store/store.h, likewise */
    void (*clear_stores)(struct hb_stores *stores);
    struct hb_transforms *transforms; /* see transform/at_work.h, likewise */
    void (*clear_transforms)(struct hb_transforms *transforms);
    bool seals;                  /* what it writes is sealed: whatever plugins stage is not */
    struct hb_not_kept not_kept; /* of a backup */
    bool walked; /* by a backup, to the end: filters have been asked about all that is there */
    pthread_mutex_t suspect_lock; /* of the plugins that were called and not always looked after: */
    const char *suspects[HB_MOST_SUSPECTS]; /* calls.c */
    atomic_size_t suspect_count;
};

void hb_run_init(struct hb_run *run, const struct hb_config *config);
void hb_run_clear(struct hb_run *run);

/* The home is open: reading it is as [home] read-as says. */
void hb_run_set_reading(struct hb_run *run);
/*
 * With which rights an archive or a snapshot of the home is made in a directory: its owner's;
 * root's own if what root alone can read may be in it. Then 0 is only the answer if no link of
 * another user's led to it that he could not have used: else -EACCES.
 */
int hb_run_making(const struct hb_run *run, const struct hb_directory *directory,
                  struct hb_rights *rights);

/*
 * Closes a stage. One that cannot be removed is named: in the report if the run has come to
 * `status` HB_OK, else where the log goes, for nobody reads the report then.
 */
void hb_run_close_stage(struct hb_run *run, struct hb_stage *stage, int status);

/* Stopped by a signal, or by a failed stage? */
bool hb_run_cancelled(struct hb_run *run);

/* How many threads encode and decode: backup.workers, or one a processor. */
unsigned hb_run_workers(const struct hb_run *run);

/* The table of any kind of plugin. */
union hb_ops {
    struct hb_format_ops format;
    struct hb_content_ops content;
    struct hb_filter_ops filter;
    struct hb_hook_ops hook;
    struct hb_store_ops store;
    struct hb_transform_ops transform;
};

/* An instance of a plugin, and the host as it sees it. */
struct hb_instance {
    struct hb_host host;
    struct hb_run *run;
    const struct hb_section *section;
    const struct hb_plugin *plugin; /* what calls.c makes of the plugin's own: `wrapped` */
    void *self;                     /* for the callbacks of `plugin` */
    struct hb_plugin wrapped;
    union hb_ops ops, own_ops; /* those of `wrapped`, and the plugin's own */
    void *own_self;
    atomic_uint calls[HB_COUNTED_CALLS];
};

enum { HB_MOST_CONTENTS = 64 }; /* content plugins in a chain: a bit each, see host/content.h */

/* All instances of one kind that take part in `direction`, in the order of the configuration. */
struct hb_chain {
    struct hb_instance **instances;
    size_t count;
};

/* For a table of callbacks: HB_HAS and not NULL. */
#define HB_CAN(ops, callback) (HB_HAS(ops, callback) && (ops)->callback != NULL)

#endif
