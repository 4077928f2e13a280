/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that appears under its name as a whole, with copies of planned files in it. */
#ifndef HB_STAGED_DIRECTORY_H
#define HB_STAGED_DIRECTORY_H

#include "pipeline/plan.h"

struct hb_staged_directory {
    struct hb_run *run;
    struct hb_stage stage; /* what gets the name */
    struct hb_root root;   /* the same */
    unsigned char *buffer;
};
#define HB_STAGED_DIRECTORY_NONE                                                                   \
    {                                                                                              \
        .stage = HB_STAGE_NONE                                                                     \
    }

/*
 * Begins one, below a directory that is open, of that path; what is made in it is made with those
 * rights. HB_OK or HB_STATUS_FATAL; hb_staged_directory_end in any case.
 */
int hb_staged_directory_begin(struct hb_run *run, const struct hb_directory *parent,
                              const char *path, struct hb_staged_directory *staged,
                              struct hb_error *error);
/*
 * Copies one file of the plan, at its path. HB_OK and its size; HB_STATUS_ENTRY: nothing of it is
 * there, and the report says why; HB_STATUS_FATAL; HB_STATUS_CANCELLED.
 */
int hb_staged_directory_copy(struct hb_staged_directory *staged, const struct hb_chain *contents,
                             const struct hb_plan *plan, const struct hb_planned *planned,
                             uint64_t *bytes, struct hb_error *error);
/* Gives it its name, which must be free. HB_OK, HB_STATUS_FATAL, HB_STATUS_CANCELLED. */
int hb_staged_directory_publish(struct hb_staged_directory *staged, const char *name,
                                struct hb_error *error);
/* Removes what was not published. `status` as for hb_run_close_stage. */
void hb_staged_directory_end(struct hb_staged_directory *staged, int status);

#endif
