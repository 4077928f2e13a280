/* SPDX-License-Identifier: Apache-2.0 */
/* The last sentence of a plugin's fail(). Each thread has its own, so workers do not overwrite it.
 */
#ifndef HB_FAILURE_H
#define HB_FAILURE_H

#include "host/run.h"

/* Room for a sentence, its end included. */
enum { HB_FAILURE_BYTES = 1024 };

/* What a thread has heard last. */
struct hb_failure {
    uint32_t cause; /* enum hb_cause */
    bool own;       /* the plugin's own words, and not what the host has found */
    char text[HB_FAILURE_BYTES];
    char hint[HB_FAILURE_BYTES / 2]; /* "": none */
};

/* This thread's, to be written to. */
struct hb_failure *hb_failure_of(struct hb_run *run);

uint32_t hb_cause_of(int errno_value);

/*
 * The sentence of the last fail() in this thread, with the plugin's name in front; says so when
 * there was none. Valid until the thread's next fail().
 */
const char *hb_instance_failure(const struct hb_instance *instance);
/* The same without the name of the plugin in front. */
const char *hb_instance_reason(const struct hb_instance *instance);

/* Sets the host's reason, for a plugin that passes a failed service on without one of its own. */
void hb_run_explain(struct hb_run *run, const char *format, ...) HB_PRINTF(2, 3);

/* An error of that status: the sentence behind `what` and a colon (NULL: alone), and its hint. */
int hb_instance_error(const struct hb_instance *instance, int status, const char *what,
                      struct hb_error *error);

/* Forgets it; before a call whose message will be asked for. */
void hb_run_clear_failure(struct hb_run *run);

#endif
