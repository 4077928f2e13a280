/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/hook.h - a hook plugin: what else happens before and after a command.
 *
 * before() may veto. after() sees what happened; it may add lines to the summary
 * (hb_host.summary) and members to the JSON (hb_host.member), and cannot make a finished
 * command fail. A command whose work only hooks know (guard: what must not get lost, and how to
 * tell) is done by run(), which can.
 */
#ifndef HBCORE_HOOK_H
#define HBCORE_HOOK_H

#include <hbcore/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hb_event {
    uint32_t size;
    int32_t exit_status; /* after(): what the command will exit with so far */
    const char *command; /* "backup", "import", … as typed */
    const char *home;    /* absolute and canonical, or NULL */
    const char *archive; /* path, "-", or NULL */
    uint64_t files;      /* after(): stored or restored */
    uint64_t bytes;      /* after(): their content */
    uint64_t skipped;    /* after(): entries that were skipped or are doubtful */
    uint32_t dry_run;    /* non-zero: nothing is changed; neither may the hook */
    uint32_t reserved;
    const char *snapshot; /* "guard": the directory to compare with, a path below the home that may
                             not be there; else NULL */
    uint64_t left_out;    /* after() an import: entries of the archive that nobody asked for, by
                             patterns of the command line */
    uint32_t elsewhere;   /* non-zero: the home is not the one that the configuration names, as in a
                             drill with --home; what is outside of it is none of this home's */
    uint32_t reserved_2;
};

HB_LAYOUT(struct hb_event, command, 8);
HB_LAYOUT(struct hb_event, files, 32);
HB_LAYOUT(struct hb_event, snapshot, 64);
HB_LAYOUT(struct hb_event, left_out, 72);
HB_SIZEOF(struct hb_event, 88);

struct hb_hook_ops {
    uint32_t size;
    uint32_t reserved;
    /* Any may be NULL, not all. Main thread. before: HB_OK, or a failure: nothing is done. */
    int (*before)(void *self, const struct hb_event *event);
    int (*after)(void *self, const struct hb_event *event);
    /* The work itself. HB_OK, HB_STATUS_NOMATCH: it does none of this command's; or a failure:
     * exit 1. */
    int (*run)(void *self, const struct hb_event *event);
};

HB_LAYOUT(struct hb_hook_ops, before, 8);
HB_LAYOUT(struct hb_hook_ops, run, 24);
HB_SIZEOF(struct hb_hook_ops, 32);

#ifdef __cplusplus
}
#endif
#endif
