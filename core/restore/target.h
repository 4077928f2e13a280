/* SPDX-License-Identifier: Apache-2.0 */
/* Places in the home that something is restored to, and how it gets there. */
#ifndef HB_TARGET_H
#define HB_TARGET_H

#include "files/access.h"
#include "files/beneath.h"
#include "files/names.h"
#include "host/run.h"
#include "restore/target_note.h"
#include <time.h>

/*
 * Where a path of an archive ends, links in the home followed, directories on the way made. 0 or
 * -errno, as of hb_beneath_resolve; EBADMSG: in a staging directory; EKEYREVOKED: where this
 * program's own files lie (host/own_places.h). hb_place_clear in any case.
 */
int hb_target_resolve(const struct hb_run *run, const char *path, unsigned flags,
                      struct hb_place *place);

/* May something be put at a place that was found? 0, or -errno as above: EBADMSG, EKEYREVOKED. */
int hb_target_refusal(const struct hb_run *run, const struct hb_place *place, unsigned flags);

/* Is something there that no file can take the place of? NULL, or what. */
const char *hb_target_obstacle(const struct hb_place *place);

/*
 * Has what is there been written to after that moment? (Times are what programs make them: a file
 * that was put there with an old one is not seen.)
 */
bool hb_target_is_newer(const struct hb_place *place, const struct timespec *since);

/*
 * As root, what is restored belongs to whom it belonged, or to the directory's owner. In another
 * user's directory a file of root's becomes his, as if he had replaced it, unless `keep_roots`.
 * With the rights of the place, with which it was staged. `kept`: whose it was in the archive,
 * where that counts; else NULL.
 */
int hb_target_own(int from_fd, const char *name, const struct hb_place *place, bool keep_roots,
                  const struct hb_owner *kept);
/* The same of a file, with mode and access list by the rules of files/access.h. */
int hb_target_give(struct hb_run *run, int from_fd, const char *name, const struct hb_place *place,
                   uint32_t mode, enum hb_access_rule rule, const struct hb_owner *kept);

/* Makes the directory at a place where nothing is, 0700, as root for its owner. 0 or -errno. */
int hb_target_make_directory(const struct hb_place *place);
/* One that hb_access_finish_directory() gives that mode later. */
int hb_target_make_directory_for(const struct hb_place *place, uint32_t mode);

/* 0 or -errno; ENOTSUP: it lies on another file system. */
int hb_target_rename(int from_fd, const char *name, const struct hb_place *place);
/*
 * The same if what is there is as it was noted, which is looked at again when it is out of the way:
 * nobody can change it in between unseen. `content`: of a file whose time does not tell; or NULL.
 * -ESTALE: it is not, or nothing is there any more, and it stays. What it replaced is gone.
 */
int hb_target_swap(int from_fd, const char *name, const struct hb_place *place,
                   const struct hb_target_note *note, const unsigned char *content);

/* Why it failed, in words. */
const char *hb_target_explain(int error);

/* The directory that files were last put into: neighbours in an archive often share it. */
struct hb_last_target {
    char *directory; /* as the archive has it; NULL: none */
    int fd;
    struct hb_rights rights;
    bool led;
    char *path; /* resolved, below the home */
    struct hb_names names;
    char *exact; /* a path below the home that is spelled as it is there; NULL: none is known */
};
#define HB_LAST_TARGET_NONE                                                                        \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* The place of `path`, if it is in that directory and is not a link; else false. */
bool hb_target_beside(const struct hb_run *run, const struct hb_last_target *last, const char *path,
                      struct hb_place *place);
/* `place` is where `path` was resolved to. */
void hb_target_remember(struct hb_last_target *last, const char *path,
                        const struct hb_place *place);
void hb_last_target_clear(struct hb_last_target *last);
/*
 * Where a path of an archive ends, by either way; nothing is made. A link itself, if it `is_link`
 * there, else what it leads to. As hb_beneath_resolve.
 */
int hb_target_look(const struct hb_run *run, struct hb_last_target *last, const char *path,
                   bool is_link, struct hb_place *place);

/*
 * Is what is at the place called otherwise? Then the file system takes two names for one, and the
 * other belongs to what was restored before, or was there: why nothing is put there. NULL: it is
 * called so, or there is nothing. Caller frees.
 */
char *hb_target_is_folded(const struct hb_run *run, struct hb_last_target *last,
                          const struct hb_place *place);

#endif
