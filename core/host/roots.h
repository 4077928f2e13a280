/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The further roots of a home: what [root:NAME] of the configuration says lies elsewhere and
 * belongs to it all the same. In an archive, in reports and for plugins it lies below a name in the
 * home, the prefix; on the disk in a directory of its own. How paths get there is in
 * files/grafts.h; here is what the configuration has to do with it.
 *
 * A root needs the configuration's word, never the archive's: of one without a directory an import
 * restores nothing, and names it.
 */
#ifndef HB_ROOTS_H
#define HB_ROOTS_H

#include "host/run.h"

/* The home is open: reading it is as [home] read-as says, and its further roots are opened. */
void hb_roots_take_home(struct hb_run *run);

/*
 * Opens those that the configuration names, for a home that is open; again, if it was opened again.
 * One that cannot be opened is there all the same, and says why. With run->without_roots there are
 * none.
 */
void hb_roots_open(struct hb_run *run);

/*
 * A path of the configuration, expanded for that home: as root, "~" is not root's, for what belongs
 * to a home lies with its owner. NULL: he has no login directory. Caller frees.
 */
char *hb_roots_expand(const struct hb_root *home, const char *text);

/* Those of a backup that should be there and are not are told of. */
void hb_roots_report(struct hb_run *run);

/*
 * Why an import restores nothing at a path below the home; NULL: it may. With run->elsewhere what
 * is there is left alone, for it is that of the home that the configuration names, unless --set
 * names the directory. Caller frees.
 */
char *hb_roots_problem(const struct hb_run *run, const char *path, bool is_directory);

/* Is the path in a further root? */
bool hb_roots_have(const struct hb_run *run, const char *path);
/* And is something there, or may there be? */
bool hb_roots_are_filled(const struct hb_run *run, const char *path);

/*
 * Takes the lock of the roots, as hb_home_lock(), until the run ends: of those in which a backup
 * finds something, together with others that read; or of those that are used, alone.
 */
int hb_roots_lock(struct hb_run *run, bool alone, int64_t wait_seconds, struct hb_error *error);

#endif
