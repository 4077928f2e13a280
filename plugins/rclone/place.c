/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int refuse(const struct rclone *rclone, const char *why)
{
    return rclone->host->fail_as(rclone->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED,
                                 "write rclone://REMOTE/PATH; `rclone listremotes` names them",
                                 "%s", why);
}

/* "Valid remote names", rclone's documentation; those that it makes of words are not for a URL. */
static bool is_remote(const char *name, size_t bytes)
{
    static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-.+@ ";
    return bytes > 0 && bytes < REMOTE_BYTES && strspn(name, known) >= bytes && *name != '-' &&
           *name != ' ' && name[bytes - 1] != ' ';
}

/* U+2400 to U+2421 and U+201B: in place of others, and in front of those (overview of its remotes,
 * "Restricted characters"). */
static bool is_of_rclone(const unsigned char *at)
{
    return at[0] == 0xe2 &&
           ((at[1] == 0x90 && at[2] >= 0x80 && at[2] <= 0xa1) || (at[1] == 0x80 && at[2] == 0x9b));
}

/* The bytes of a character in UTF-8 (RFC 3629); 0: it is none, or one that rclone renames. */
static size_t character_bytes(const unsigned char *at)
{
    size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] > 0xf4 || at[0] < ' ' || at[0] == 0x7f)
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
               (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f) ||
               is_of_rclone(at);
    return bad ? 0 : bytes;
}

static bool is_text(const char *path)
{
    size_t bytes = 1;
    for (; *path != '\0' && bytes > 0; path += bytes)
        bytes = character_bytes((const unsigned char *)path);
    return bytes > 0;
}

/* No part of it is one that rclone would take for another place. A '/' may begin it, or end it. */
static bool is_plain(const char *path)
{
    path += *path == '/';
    while (*path != '\0') {
        size_t bytes = strcspn(path, "/");
        if (bytes == 0 || (bytes <= 2 && strspn(path, ".") >= bytes))
            return false;
        path += bytes + (path[bytes] == '/');
    }
    return true;
}

int place_of(const struct rclone *rclone, const char *name, bool directory, char place[PLACE_BYTES])
{
    size_t remote = strcspn(name, "/"), bytes = strlen(name);
    if (!is_remote(name, remote) || name[remote] != '/')
        return refuse(rclone, "the URL names no remote of rclone, or a bad one");
    while (directory && name[bytes - 1] != '/')
        bytes--;
    if (bytes > NAME_MOST)
        return refuse(rclone, "its name is too long");
    if (directory && bytes > remote + 2) /* "/" itself stays */
        bytes--;
    snprintf(place, PLACE_BYTES, "%.*s:%.*s", (int)remote, name, (int)(bytes - remote - 1),
             name + remote + 1);
    if (!directory && place[remote + 1] == '\0')
        return refuse(rclone, "the URL names a remote of rclone and no file");
    if (!is_plain(place + remote + 1))
        return refuse(rclone, "the path has an empty part, or '.' or '..' in it");
    return is_text(place)
               ? HB_OK
               : refuse(rclone, "rclone changes names with control characters or signs for "
                                "them, or that "
                                "are not UTF-8");
}

/* ---- what is not finished -------------------------------------------------------------------- */

/* FNV-1a: to tell homes apart, no more. */
static uint64_t hash_of(const char *home)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *home != '\0'; home++)
        hash = (hash ^ (unsigned char)*home) * UINT64_C(0x100000001b3);
    return hash;
}

void mark_place(const char *place, const char *home, const char *run, char marked[PLACE_BYTES])
{
    snprintf(marked, PLACE_BYTES, "%.*s" MARK "%016" PRIx64 "-%.*s", NAME_MOST + 1, place,
             hash_of(home), RUN_DIGITS, run);
}

bool is_marked(const char *name, const char *home)
{
    char hash[HASH_DIGITS + 1];
    const char *found = NULL;
    for (const char *at = strstr(name, MARK); at != NULL; at = strstr(at + 1, MARK))
        found = at + sizeof MARK - 1;
    if (found == NULL || strspn(found, "0123456789abcdef") != HASH_DIGITS ||
        found[HASH_DIGITS] != '-' || strspn(found + HASH_DIGITS + 1, "0123456789abcdef") == 0 ||
        strchr(found, '/') != NULL)
        return false;
    if (home == NULL)
        return true;
    snprintf(hash, sizeof hash, "%016" PRIx64, hash_of(home));
    return strncmp(found, hash, HASH_DIGITS) == 0;
}
