/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps a loss from staying silent. A home that was emptied, by a mistake, a full disk, a
 * mount that is missing, gives an archive that is complete: all that is there is in it. Forty
 * nights later retention has removed every archive that has more.
 *
 * So an archive of a preset is compared, before it is published, with the newest one of this home
 * and this preset that is complete, has figures and is not marked itself. If it has fewer files or
 * bytes than the preset says, or they fell by more than its limit, it is made all the same, and
 * marked as shrunk: in its facts and in its trailer (hb_shrunk in archive/origin.h). The mark says
 * nothing about completeness. While the newest is marked, retention removes nothing
 * (backup/retention.h), until one is made that is not, or somebody accepts it (backup/accepted.h).
 *
 * The same of what content plugins have counted: rows of tables, where the configuration says so.
 * A name that nothing is counted for any more counts as none.
 *
 * Where the archives that are there cannot be read, nobody can tell. The archive is then marked as
 * that: nothing goes either, and the next one is not compared with it, unless there is no other.
 */
#ifndef HB_SHRINK_H
#define HB_SHRINK_H

#include "archive/origin.h"
#include "base/report.h"
#include "config/settings.h"

/* The archive that a new one is compared with. */
struct hb_before {
    bool known;           /* there is one */
    bool unreadable;      /* none is known, but not all could be read */
    bool without_figures; /* none is known: those that there are do not say what they have */
    char *name;
    uint64_t files, bytes;
    json_t *counts;     /* as hb_shrink_counts(); NULL: it was not asked, or cannot be read */
    bool counts_untold; /* it cannot be read */
};

/* What became of it. */
struct hb_shrink_result {
    enum hb_shrunk shrunk;
    char *why; /* the figures, before and now; NULL: there is nothing to say */
};

/* What an archive has. */
struct hb_figures {
    uint64_t files, bytes;
    const json_t *annotations; /* of its trailer; or NULL */
};

/* `settings` NULL: nothing is compared. */
void hb_shrink_find(const struct hb_preset_settings *settings, const struct hb_before *before,
                    const struct hb_figures *figures, struct hb_shrink_result *shrink);

/*
 * What content plugins have counted (archive/annotations.h), all entries together: an object of
 * names and numbers. Caller releases it.
 */
json_t *hb_shrink_counts(const json_t *annotations);

#endif
