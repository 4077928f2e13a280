/* SPDX-License-Identifier: Apache-2.0 */
/* What --help prints without a command: the commands and the global options. */
#ifndef HB_GLOBAL_HELP_H
#define HB_GLOBAL_HELP_H

extern const char hb_cli_global_help[];

#endif
