/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rclone: archives wherever the program rclone can put files. It is small, and shows what a store
 * has to care for when what it stands on promises less than hbcore/store.h:
 *
 *     put.c    one `rclone rcat` per object. It takes the end of its input for the end of the file,
 *              also when whoever writes was killed; so to a name of its own, and `moveto` commits
 *     get.c    ranges by `rclone cat`, which has no versions; so it is asked after each whether the
 *              file is still the same
 *     list.c   `lsjson`, `deletefile`; what killed runs left
 *     run.c    one call of the program, by way of the host
 *     place.c  which names there can be
 *
 * The name of an object is "REMOTE/PATH": the file REMOTE:PATH. PATH may begin with '/', for
 * remotes where that is another place. Its version is its length and time, and its id where the
 * remote has one.
 */
#ifndef RCLONE_RCLONE_H
#define RCLONE_RCLONE_H

#include <hbcore/store.h>
#include <pthread.h>
#include <stdbool.h>

enum { PROGRAM, CONFIG, FLAGS, OPTIONS };

enum { REMOTE_BYTES = 128, NAME_MOST = 900, PLACE_BYTES = NAME_MOST + 64, VERSION_BYTES = 160 };

/* While it is not finished: "NAME.hbcore-part-HASH-RUN", the hash of the home's id. */
#define MARK ".hbcore-part-"
enum { HASH_DIGITS = 16, RUN_DIGITS = 16 };

struct rclone {
    const struct hb_host *host;
    const struct hb_settings *settings;
    pthread_mutex_t lock;
    char known[REMOTE_BYTES]; /* a remote that can rename, or copy on its own side */
};

#endif
