/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which member has the content of a hard link. The archive alone tells that, whatever becomes of
 * its members.
 *
 * A link names the last member of that name before it, as an archive is unpacked: the file that has
 * the name later is another one. Some tools store the file behind its links; then it is the first
 * one behind. A link to a link has what that one has. Targets are compared by what they mean:
 * "./d//a" is "d/a", and a leading '/' does not count, since tools leave it out of names and
 * of targets alike.
 */
#ifndef HB_HARD_LINKS_H
#define HB_HARD_LINKS_H

#include "archive/catalog.h"

#define HB_LINKS_NOWHERE  UINT32_MAX       /* the archive has no member of that name */
#define HB_LINKS_IN_RINGS (UINT32_MAX - 1) /* only links, that name each other */

/*
 * A number a member: of the member with its content, itself but for hard links, or one of those
 * above. Caller frees. NULL: there are no hard links.
 */
uint32_t *hb_hard_links_find(const struct hb_catalog *catalog);

/*
 * What counts as a file, in all commands: a regular file, and a hard link to one, which is copied:
 * its content counts again. A link whose content the archive does not have is none. `content` is
 * what hb_hard_links_find() gave; *bytes, if that is not NULL, is how much is in it.
 */
bool hb_hard_links_is_file(const struct hb_catalog *catalog, const uint32_t *content, size_t index,
                           uint64_t *bytes);
/* How many files are in the archive, and what is in these. */
void hb_hard_links_count(const struct hb_catalog *catalog, uint64_t *files, uint64_t *bytes);

#endif
