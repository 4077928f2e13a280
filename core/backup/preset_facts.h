/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the facts beside an archive of a preset say of it (archive/facts.h), and what of that is
 * believed. The seal of those in a store covers the archive's name as well.
 *
 * Whoever can write into a directory can put facts there: of an archive that is not complete,
 * another home's, those of another archive, with any time. So they are weighed:
 *
 *     facts                                             the archive
 *     sealed by this installation, of its length,       not asked, until a decision rests on it:
 *       of this home at this place                        see preset_prune.c
 *     sealed by this installation, of another home      in a store not asked, here asked for its
 *                                                         home's name; else the facts say whose
 *     sealed by another, not sealed, of another         asked, and its trailer decides
 *       length; in a store, of another run than its
 *       name says; or none
 *
 * An archive that was read and does not say whose it is, while facts with its length and its first
 * bytes name another home, is taken for that home's: it stays. One that no format takes for its
 * own, while such facts stand beside it, cannot be read here: if this installation has sealed the
 * facts, they decide; else nobody can tell whether it is complete, and it stays.
 */
#ifndef HB_PRESET_FACTS_H
#define HB_PRESET_FACTS_H

#include "backup/preset_listed.h"

/* Do they say enough? Else the archive is to be asked, and hb_row_weigh_facts() comes after that.
 */
bool hb_row_take_facts(const struct hb_preset_query *query,
                       const struct hb_preset_archives *archives, const char *path,
                       struct hb_preset_archive *row);
void hb_row_weigh_facts(const struct hb_preset_query *query,
                        const struct hb_preset_archives *archives, struct hb_preset_archive *row);

/* Are the first bytes of the archive those that its facts name? */
bool hb_row_has_head(const struct hb_preset_archives *archives,
                     const struct hb_preset_archive *row);

/*
 * Removes facts whose archive is not there, and what uploads left behind, a day later: until then
 * it may be that of a run that goes on. Only facts that this installation or this home has made; a
 * file that only has such a name is somebody's.
 */
void hb_preset_sweep(const struct hb_preset_query *query,
                     const struct hb_preset_archives *archives);

#endif
