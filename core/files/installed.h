/* SPDX-License-Identifier: Apache-2.0 */
/* Where the files lie that are installed with the program. */
#ifndef HB_INSTALLED_H
#define HB_INSTALLED_H

/*
 * What lies at `below` the directory that the program's bin/ is in, so that a build tree and an
 * installation that was moved find their own; `otherwise`, where nothing does. Caller frees.
 */
char *hb_installed(const char *below, const char *otherwise);

#endif
