/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAME.facts, which stands beside the archive NAME of a preset: what retention and reuse have to
 * know of it, in one small read, also where the archive itself cannot be read. It is there before
 * the archive is. Its author knows the home; nobody who reads it learns a host, a path or the name
 * of a member.
 *
 * One JSON object: version, home (id, see files/home_id.h), place (a hash of id and path: only who
 * knows both can compare), run, sequence and stamp (as in origin.h), started and ended (nanoseconds
 * since 1970), length (of the archive, in bytes), head (SHA-256 of its first HB_FACTS_HEAD bytes),
 * reasons (why it is incomplete: how many; 0: it is complete), files, directories, databases,
 * bytes (of content), shrunk (hb_shrunk; only where that is not 0), and mac: an HMAC-SHA256 of all
 * that with the key of the installation (files/state_key.h), missing where there is none. In a
 * store, where nothing is renamed, it covers the name of the archive, too: there facts are of no
 * other. Only facts with the mac of this installation are believed (backup/preset_facts.h).
 *
 * Facts belong to the archive whose length and head are those that they name (the head is for who
 * has the bytes at hand). An archive without them, or with others, is asked itself.
 */
#ifndef HB_FACTS_H
#define HB_FACTS_H

#include "archive/origin.h"
#include "host/archive_name.h"

enum { HB_FACTS_HEAD = 4096, HB_FACTS_MOST = 4096, HB_FACTS_HASH = 32, HB_PLACE_BYTES = 33 };

struct hb_facts {
    char home[HB_ID_BYTES];
    char place[HB_PLACE_BYTES];
    char run[65];
    char stamp[HB_STAMP_BYTES];
    unsigned char head[HB_FACTS_HASH];
    uint64_t sequence, length, reasons, files, directories, databases, bytes;
    int64_t started, ended;
    enum hb_shrunk shrunk;
};

/* The text; with a key, sealed; `name`: of the archive in a store, else "". Caller frees. */
char *hb_facts_text(const struct hb_facts *facts, const char *name, const unsigned char *key);

/* The same back. False: these are none, or of a later version. */
bool hb_facts_parse(const void *data, size_t bytes, struct hb_facts *facts);

/* Were they sealed, whatever the key? */
bool hb_facts_have_seal(const void *data, size_t bytes);
/* Were they sealed with this key for that name, and are they as they were then? */
bool hb_facts_are_sealed(const void *data, size_t bytes, const char *name,
                         const unsigned char key[HB_SEAL_BYTES]);

/* Of a home with that id at that path. */
void hb_facts_place(const char *id, const char *path, char place[HB_PLACE_BYTES]);

/* Of the first bytes of an archive, all of them if it is shorter. */
void hb_facts_head(const void *data, size_t bytes, unsigned char head[HB_FACTS_HASH]);

#endif
