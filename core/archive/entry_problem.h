/* SPDX-License-Identifier: Apache-2.0 */
/* What a format plugin tells of an entry is looked at before anything is done with it. */
#ifndef HB_ENTRY_PROBLEM_H
#define HB_ENTRY_PROBLEM_H

#include <hbcore/format.h>

/*
 * Does it break what entry.h says of every entry? What is wrong, as the rest of a sentence; NULL:
 * nothing. Whether its path means a place is another question (base/path.h).
 */
const char *hb_entry_problem(const struct hb_entry *entry);
/* The same of a member of a listing, its entry included. */
const char *hb_member_problem(const struct hb_member *member);

#endif
