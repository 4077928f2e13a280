/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/filter.h - a filter plugin: what is kept.
 *
 * Filters chain in the order of the configuration; the first that does not keep an
 * entry decides. A section says with `on = backup import` when it is asked.
 */
#ifndef HBCORE_FILTER_H
#define HBCORE_FILTER_H

#include <hbcore/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hb_verdict_kind {
    HB_VERDICT_KEEP = 0,
    HB_VERDICT_LEAVE_OUT =
        1,               /* this entry only; of a directory: its own entry, it is still walked */
    HB_VERDICT_PRUNE = 2 /* a directory and all below it, which is never walked */
};

enum hb_verdict_flags {
    HB_VERDICT_MODE = 1 /* give it `mode` */
};

/* The host presets everything to HB_VERDICT_KEEP and zero. A kind or a flag that is not known ends
 * the command. */
struct hb_verdict {
    uint32_t size;
    uint32_t kind;    /* enum hb_verdict_kind */
    uint32_t flags;   /* enum hb_verdict_flags */
    uint32_t mode;    /* may only tighten: bits for group and others that the entry
                         lacks, and setuid, setgid and sticky, are ignored */
    char reason[112]; /* a few words, for the report */
};

HB_LAYOUT(struct hb_verdict, mode, 12);
HB_LAYOUT(struct hb_verdict, reason, 16);
HB_SIZEOF(struct hb_verdict, 128);

struct hb_filter_ops {
    uint32_t size;
    uint32_t reserved;

    /*
     * Required. `direction` is enum hb_direction. On backup every entry is shown, parents
     * first, but none below a pruned directory; on import every entry in the order of
     * the archive, where parents need not be shown. One at a time. HB_OK; HB_STATUS_ENTRY: it
     * cannot tell, and the entry, of a directory on backup with everything below it, is left out
     * and named (exit 3); or HB_STATUS_FATAL, which ends the command.
     */
    int (*verdict)(void *self, int direction, const struct hb_entry *entry,
                   struct hb_verdict *verdict);

    /*
     * Optional, backup only: a directory that is walked begins and ends. "" is the home itself.
     * The verdict about a directory comes before its dir_enter(); what is in it, directories in it
     * included, before its dir_leave(); and no two of them are mixed up: they nest. A directory
     * that is not walked (pruned, not readable, on another file system) has neither. After a
     * failure neither comes any more. HB_OK or HB_STATUS_FATAL.
     */
    int (*dir_enter)(void *self, const char *path);
    int (*dir_leave)(void *self, const char *path);
};

HB_LAYOUT(struct hb_filter_ops, verdict, 8);
HB_SIZEOF(struct hb_filter_ops, 32);

#ifdef __cplusplus
}
#endif
#endif
