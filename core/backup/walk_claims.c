/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/walk_claims.h"

#include "base/memory.h"
#include "base/path.h"
#include "host/content.h"
#include <errno.h>
#include <fcntl.h>

/*
 * What the plugins say of a name, going by the name; from memory, if it was asked about before.
 * Sidecars stand close behind their file.
 */
static struct hb_claim claim_of(const struct hb_walk *walk, size_t index,
                                const struct hb_entry *entry)
{
    struct hb_level *level = walk->level;
    struct hb_claim claim = {.asked = level->asked[index]};
    if (!claim.asked) {
        hb_claim_ask(walk->request->contents, entry, &claim);
        level->asked[index] = true;
        if (claim.by_name != 0) {
            level->claimed =
                hb_resize(level->claimed, level->claimed_count + 1, sizeof *level->claimed);
            level->claimed[level->claimed_count++] = (struct hb_claimed_name){index, claim.by_name};
        }
        return claim;
    }
    for (size_t i = level->claimed_count; i-- > 0 && claim.by_name == 0;)
        if (level->claimed[i].index == index)
            claim.by_name = level->claimed[i].by_name;
    return claim;
}

static int open_head(void *context)
{
    const struct hb_walk *walk = context;
    return hb_beneath_open(&walk->run->home, walk->path, O_RDONLY | O_NONBLOCK, 0);
}

bool hb_walk_claim(struct hb_walk *walk, const struct hb_seen *seen, uint16_t *number)
{
    const struct hb_chain *contents = walk->request->contents;
    struct hb_claim claim = claim_of(walk, seen->index, &seen->entry);
    const struct hb_instance *content;
    int result = 0;
    if (claim.by_name != 0)
        result = hb_claim_settle(contents, &seen->entry, &claim, open_head, walk, &content);
    *number = claim.number;
    if (result == -ENOENT)
        hb_report_add(&walk->run->report, HB_FOUND_NOTE, walk->path,
                      "vanished while the home was being read");
    else if (result != 0)
        hb_report_add(&walk->run->report, HB_FOUND_SKIPPED, walk->path, "cannot be read: %s",
                      hb_rights_explain(-result));
    return result == 0;
}

/*
 * Is it there, and claimed by that plugin? If it cannot be looked at, the answer is no: then the
 * sidecar is stored as a file of its own, which does no harm (an import drops it), and the file
 * itself is reported when its turn comes.
 */
static bool claims_neighbour(void *context, size_t content, const struct hb_entry *owner)
{
    const struct hb_walk *walk = context;
    const struct hb_level *level = walk->level;
    struct stat status;
    const char *name = hb_base_name(owner->path);
    size_t index = hb_listing_find(&level->listing, name);
    if (index == SIZE_MAX || fstatat(level->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode))
        return false;
    struct hb_entry entry = *owner;
    entry.bytes = (uint64_t)status.st_size;
    return (claim_of(walk, index, &entry).by_name >> content & 1) != 0;
}

bool hb_walk_is_sidecar(struct hb_walk *walk, const struct hb_seen *seen)
{
    return hb_is_sidecar(walk->request->contents, &seen->entry, claims_neighbour, walk);
}

/* Would that plugin claim it, if it were there? */
static bool claims_absent(void *context, size_t content, const struct hb_entry *owner)
{
    const struct hb_walk *walk = context;
    struct hb_claim claim = {0};
    if (hb_listing_find(&walk->level->listing, hb_base_name(owner->path)) != SIZE_MAX)
        return false;
    hb_claim_ask(walk->request->contents, owner, &claim);
    return (claim.by_name >> content & 1) != 0;
}

bool hb_walk_is_orphan(struct hb_walk *walk, const struct hb_seen *seen)
{
    return seen->entry.type == HB_TYPE_FILE && seen->entry.bytes > 0 &&
           hb_is_sidecar(walk->request->contents, &seen->entry, claims_absent, walk);
}
