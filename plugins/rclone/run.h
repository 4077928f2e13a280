/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the program, by way of the host. */
#ifndef RCLONE_RUN_H
#define RCLONE_RUN_H

#include "rclone.h"

/* Words that stand behind the program and the flags. */
struct words {
    const char *word[6];
};

/*
 * Runs it: HB_OK, where its exit status is 0; HB_STATUS_NOMATCH: it says that there is no such file
 * or directory; or a failure that was told. `child` has its input or output, and errors_room.
 */
int run(const struct rclone *rclone, const struct words *words, struct hb_child *child);
/* The same in two halves, for a thread that tells nothing: only what the host said. */
int run_quietly(const struct rclone *rclone, const struct words *words, struct hb_child *child);
int tell(const struct rclone *rclone, const struct words *words, const struct hb_child *child);
/* With all its output, of any length; caller frees. */
int run_for(const struct rclone *rclone, const struct words *words, char **output, size_t *bytes);
int no_memory(const struct rclone *rclone);

#endif
