/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for unit tests of plugins: keeps the last message, counts reports, and
 * stages files in a directory of its own below the working directory.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <hbcore/plugin.h>
#include <stdatomic.h>

struct fake_host {
    struct hb_host host; /* hand out &fake->host */
    char message[512];   /* last fail() */
    uint32_t cause;      /* of that */
    char hint[256];      /* of that; "": none */
    char report[512];    /* last note() or doubtful() */
    int notes;
    int doubtful;
    atomic_int cancel;    /* set to make cancelled() say so */
    int64_t remaining_ms; /* what remaining_ms() answers; INT64_MAX after init */
    char home[256];       /* home_path(); a fresh directory */
    char stage[256];      /* where stage_file() makes its files */
    int dry_run;          /* what dry_run() answers */
    struct timespec now;  /* of both clocks, where the test has set it */
    /* What run_child() does; NULL: no program is there. A test answers in its place. */
    int (*child)(struct fake_host *fake, struct hb_child *child);
};

/* Makes both directories below $TMPDIR or the working directory. */
void fake_host_init(struct fake_host *fake);
/* Removes them, and fails the test if a staged file was left behind. */
void fake_host_finish(struct fake_host *fake);

/*
 * An instance of `plugin` with settings from `text`: "key=value" lines in the manner of the
 * configuration (lists: words between blanks). Every option that is not named has its
 * default. Returns the status of create().
 */
struct fake_settings;
int fake_create(struct fake_host *fake, const struct hb_plugin *plugin, const char *text,
                void **self, struct fake_settings **settings);
/* destroy() and the settings. */
void fake_destroy(const struct hb_plugin *plugin, void *self, struct fake_settings *settings);

#endif
