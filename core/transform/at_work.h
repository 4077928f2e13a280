/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transforms at work. A run has one instance of each, made when it is needed first: key files are
 * read once, and a passphrase is asked for once, whatever is sealed and opened with it.
 */
#ifndef HB_AT_WORK_H
#define HB_AT_WORK_H

#include "host/chosen.h"
#include "host/run.h"
#include <pthread.h>

struct hb_transform {
    struct hb_run *run;
    struct hb_instance *instance;
    const struct hb_transform_ops *ops;
    struct hb_section *owned; /* where no section of the configuration says it */
    pthread_mutex_t lock;     /* around seal_begin(), open() and end() */
};

/* The run's own. HB_OK or HB_STATUS_FATAL: it cannot be made, and *error says why. */
int hb_transform_find(struct hb_run *run, const struct hb_chosen *choice,
                      struct hb_transform **transform, struct hb_error *error);

/* Of its section, for people and programs. */
static inline const char *hb_transform_name(const struct hb_transform *transform)
{
    return transform->instance->section->label;
}

static inline const struct hb_transform_ops *hb_transform_ops_of(const struct hb_chosen *choice)
{
    return (const struct hb_transform_ops *)choice->section->library->plugin->ops;
}

/* The one whose magic bytes these begin with; NULL: none. */
const struct hb_chosen *hb_transform_of(const struct hb_chosen_list *list, const void *head,
                                        size_t bytes);

#endif
