/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hermes plugin: its settings, which its parts share. The parts, each of which includes only
 * those before it:
 *
 *     text          texts for people, for JSON and for the shell
 *     home          ways to look into the home
 *     alias_place   an alias, and where aliases go
 *     alias_file    the file of an alias
 *     alias         which alias a profile gets
 *     jobs          a file of jobs
 *     after_import  aliases and guidance
 *     guard         lost jobs put back
 *     plugin        options and the table of functions
 */
#ifndef HERMES_H
#define HERMES_H

#include <hbcore/hook.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* For which homes aliases are made, as the choices of the option stand. */
enum hermes_aliases { ALIASES_OF_HOME, ALIASES_ALWAYS, ALIASES_NEVER };

/* One instance. The texts are the host's. */
struct hermes {
    const struct hb_host *host;
    const char *section;
    enum hermes_aliases aliases;
    const char *profiles;             /* directory below the home; "" for none */
    const char *const *profile_files; /* a directory in it that has one of these is a profile */
    const char *program;
    const char *program_directory; /* "" for none */
    const char *alias_directory;
    const char *const *reserved;
    const char *const *subcommands;
    const char *jobs_file;
    const char *jobs_member;
    bool when_fewer; /* else: when emptied */
};

static inline void hermes_auto_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void hermes_auto_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define HERMES_AUTO_FREE  __attribute__((cleanup(hermes_auto_free)))
#define HERMES_AUTO_CLOSE __attribute__((cleanup(hermes_auto_close)))

#endif
