/* SPDX-License-Identifier: Apache-2.0 */
/* What the record of a member means: which kind of entry, under which path. */
#ifndef ZIP_ENTRY_H
#define ZIP_ENTRY_H

#include "zip.h"
#include "zip_name.h"

/* What is unusual about it, and is told. */
enum zip_oddity {
    ZIP_ODD_SLASHES = 1,   /* '\' between its directories, read as '/' */
    ZIP_ODD_DIRECTORY = 2, /* a directory by its MS-DOS attribute alone */
    ZIP_ODD_FRONT = 4      /* of the archive: what lies in front of it was looked at */
};

/*
 * Fills in all but `link`; the path is in `name`, of ZIP_NAME_TEXT_MAX. Returns its oddities. A
 * directory has no content, whatever its record says.
 */
unsigned zip_entry_of(const struct zip_record *record, char *name, struct hb_entry *entry);

/* NULL, or why the path means no place below a directory on UNIX: the rest of a sentence. */
const char *zip_entry_problem(const struct zip *zip, const struct zip_record *record,
                              const char *path);

#endif
