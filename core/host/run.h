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
#include <hbcore/content.h>
#include <hbcore/filter.h>
#include <hbcore/format.h>
#include <hbcore/hook.h>
#include <pthread.h>
#include <stdatomic.h>

struct hb_progress;

struct hb_run {
    const struct hb_config *config;
    struct hb_report report;
    struct hb_root home;          /* fd -1 where the command has none */
    struct hb_stage stage;        /* fd -1 until opened */
    bool stage_on_demand;         /* in the home, for the first plugin that needs it */
    struct hb_progress *progress; /* may be NULL */
    struct hb_held_inodes held;
    pthread_key_t failure; /* per thread: the last sentence of a plugin's fail() */
    int log_level;         /* shown from here on */
    FILE *log;             /* where plugins' log lines go */
    atomic_int stop;       /* a stage failed: the others end soon */
};

void hb_run_init(struct hb_run *run, const struct hb_config *config);
void hb_run_clear(struct hb_run *run);

/* Stopped by a signal, or by a failed stage? */
bool hb_run_cancelled(struct hb_run *run);

/* How many threads encode and decode: backup.workers, or one a processor. */
unsigned hb_run_workers(const struct hb_run *run);

/* An instance of a plugin, and the host as it sees it. */
struct hb_instance {
    struct hb_host host;
    struct hb_run *run;
    const struct hb_section *section;
    const struct hb_plugin *plugin;
    void *self;
};

int hb_instance_create(struct hb_run *run, const struct hb_section *section,
                       struct hb_instance **instance, struct hb_error *error);
void hb_instance_free(struct hb_instance *instance);

/*
 * The sentence of the last fail() in this thread, with the plugin's name in front; says so when
 * there was none. Valid until the thread's next fail().
 */
const char *hb_instance_failure(const struct hb_instance *instance);
/* The host's own reason, for a plugin that passes a failed service on without one. */
void hb_run_explain(struct hb_run *run, const char *format, ...) HB_PRINTF(2, 3);
/* Forgets it; before a call whose message will be asked for. */
void hb_run_clear_failure(struct hb_run *run);

/* All instances of one kind that take part in `direction`, in the order of the configuration. */
struct hb_chain {
    struct hb_instance **instances;
    size_t count;
};
int hb_chain_create(struct hb_run *run, enum hb_kind kind, const char *command,
                    struct hb_chain *chain, struct hb_error *error);
void hb_chain_free(struct hb_chain *chain);

/* The verdict of one filter. HB_OK, or HB_FATAL: it failed, or answered something else. */
int hb_ask_filter(struct hb_run *run, const struct hb_instance *filter, int direction,
                  const struct hb_entry *entry, struct hb_verdict *verdict, struct hb_error *error);

/* For a table of callbacks: HB_HAS and not NULL. */
#define HB_CAN(ops, callback) (HB_HAS(ops, callback) && (ops)->callback != NULL)

#endif
