/* SPDX-License-Identifier: Apache-2.0 */
/* Which process on which machine a stage belongs to, and whether it may still be at work. */
#ifndef HB_STAGE_OWNER_H
#define HB_STAGE_OWNER_H

#include <stdbool.h>
#include <stdint.h>

/* In each stage. In one that becomes a snapshot it makes room for a file of that name. */
#define HB_STAGE_OWNER       "owner"
#define HB_STAGE_OWNER_APART ".hbcore-owner"

/* What an owner file says. */
struct hb_stage_owner {
    char host[65];        /* uname(2); "": it is not known */
    char machine[33];     /* machine-id(5), or "" */
    char boot[37];        /* of this start of the kernel, or "" */
    char process_set[33]; /* the namespace that the number is one of, or "" */
    int64_t process;
    uint64_t start; /* of the process, in ticks since the boot */
};

/* Writes the file of this process, new or again. 0 or -errno. */
int hb_stage_owner_write(int stage_fd, const char *name);

/* Does it hold such a file? */
bool hb_stage_has_owner(int stage_fd);

/* Why a stage is not this machine's to sweep, to complete or to pass over. */
struct hb_stage_claim {
    struct hb_stage_owner owner;
    int64_t age;  /* seconds since its last sign of life, by the clock of the file system; or -1 */
    int64_t left; /* seconds until it counts as left behind */
    bool alive;   /* the process is there, on this machine */
};

/*
 * On a shared file system: may somebody else still be at work in it, though its lock is free here?
 * That is so if another boot made it, or nobody knows who, and it is younger than a day; or a
 * process of this one that is alive. `probe`: the clock may be asked by making a directory in
 * `parent_fd` and removing it; otherwise it is not known, and the answer yes. On other file systems
 * the lock decides: no.
 */
bool hb_stage_is_claimed(int parent_fd, int stage_fd, bool probe, struct hb_stage_claim *claim);

/* "host NAME, process 12, 3 minutes ago". 160 bytes. */
void hb_stage_claim_describe(const struct hb_stage_claim *claim, char *text);

#endif
