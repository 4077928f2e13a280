/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/entry.h - one member of an archive, or one file of the home.
 */
#ifndef HBCORE_ENTRY_H
#define HBCORE_ENTRY_H

#include <hbcore/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hb_type {
    HB_TYPE_FILE = 1,
    HB_TYPE_DIRECTORY = 2,
    HB_TYPE_SYMLINK = 3,  /* `link` is its text */
    HB_TYPE_HARDLINK = 4, /* `link` is the path of an earlier entry */
    HB_TYPE_SPECIAL =
        5 /* device, pipe, socket: only ever read from a foreign archive, to be refused */
};

enum hb_entry_flags {
    HB_ENTRY_HAS_MODE = 1,  /* `mode` is known (a foreign archive may lack it) */
    HB_ENTRY_HAS_MTIME = 2, /* `mtime` is known */
    HB_ENTRY_HAS_OWNER = 4, /* `uid` and `gid` are known */
    HB_ENTRY_READ_ONLY = 8  /* `mode` is not known, but that nobody may write the file */
};

/* An archive with an entry of a type or with a flag that is not known is refused. */
struct hb_entry {
    uint32_t size;     /* sizeof(struct hb_entry) */
    uint32_t type;     /* enum hb_type */
    const char *path;  /* see abi.h; a directory's has no trailing '/'. NUL-terminated */
    size_t path_bytes; /* strlen(path) */
    const char *link;  /* target of a link, else NULL */
    uint64_t bytes;    /* length of the content; HB_SIZE_UNKNOWN where it is not known yet */
    struct timespec mtime;
    uint32_t mode;  /* permission bits, 07777; others are not looked at: the type is in `type` */
    uint32_t flags; /* enum hb_entry_flags */
    uint32_t uid;
    uint32_t gid;
    uint64_t index; /* position in the plan (writing) or in the archive (reading), from 0 */
};

HB_LAYOUT(struct hb_entry, path, 8);
HB_LAYOUT(struct hb_entry, link, 24);
HB_LAYOUT(struct hb_entry, bytes, 32);
HB_LAYOUT(struct hb_entry, mtime, 40);
HB_LAYOUT(struct hb_entry, mode, 56);
HB_LAYOUT(struct hb_entry, index, 72);
HB_SIZEOF(struct hb_entry, 80);

#ifdef __cplusplus
}
#endif
#endif
