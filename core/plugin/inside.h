/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which callback of which plugin a thread is in, so that whoever ends the process there is named:
 * by a signal, by exit(), or by ending the thread. inside.c says what can be seen and what cannot.
 */
#ifndef HB_INSIDE_H
#define HB_INSIDE_H

#include <stdbool.h>

struct hb_inside {
    const char *plugin;   /* its name, or its file while it is loaded; NULL: in no plugin */
    const char *callback; /* "claim" */
    bool ready;           /* the thread is prepared, see hb_inside_prepare() */
};

extern _Thread_local struct hb_inside hb_inside;

/* Set in a child that a plugin has made by fork(). */
extern bool hb_inside_child;

/* From here on the process does not end without a word in a plugin. Main thread, once. */
void hb_inside_install(void);

/* The program ends by itself: exit() is right from here on. */
void hb_inside_done(void);

/* After a plugin was loaded: an end of the process is heard of before that plugin hears of it. */
void hb_inside_loaded(void);

/* Prepares a thread for hb_inside_enter(), which calls it. */
void hb_inside_prepare(void);

/* How many threads have called a plugin and have not ended. */
unsigned hb_inside_threads(void);

/* A child of fork() comes back from a plugin: it ends here, for the run is its parent's. */
void hb_inside_end_child(void);

/* "SIGSEGV", for those that a crash comes with. Safe in a handler of a signal. */
const char *hb_signal_name(int number);

/* The two around each call into a plugin. The texts have to outlive it. */
static inline struct hb_inside hb_inside_enter(const char *plugin, const char *callback)
{
    if (!hb_inside.ready)
        hb_inside_prepare();
    struct hb_inside before = hb_inside;
    hb_inside.plugin = plugin;
    hb_inside.callback = callback;
    return before;
}

static inline void hb_inside_leave(const struct hb_inside *before)
{
    if (hb_inside_child)
        hb_inside_end_child();
    hb_inside.plugin = before->plugin;
    hb_inside.callback = before->callback;
}

#endif
