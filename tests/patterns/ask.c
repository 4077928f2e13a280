/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask FILE: for each path on standard input, ended by NUL, a directory with a '/' behind it: the
 * number of the pattern in FILE that leaves it out, from 1, or 0.
 */
#include "base/memory.h"
#include "base/patterns.h"

#include <stdio.h>
#include <string.h>

static void add_file(struct hb_patterns *patterns, const char *name)
{
    char text[1 << 20];
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        perror(name);
        exit(2);
    }
    hb_patterns_add_lines(patterns, text, fread(text, 1, sizeof text, file));
    fclose(file);
}

int main(int argc, char **argv)
{
    HB_AUTO_FREE char *path = NULL;
    size_t room = 0;
    if (argc != 2)
        return 2;
    struct hb_patterns *patterns = hb_patterns_new();
    add_file(patterns, argv[1]);
    while (getdelim(&path, &room, '\0', stdin) > 0) {
        size_t bytes = strlen(path), which;
        bool directory = bytes > 0 && path[bytes - 1] == '/';
        hb_patterns_exclude(patterns, path, bytes - directory, directory, &which);
        printf("%zu\n", which == HB_NO_PATTERN ? 0 : which + 1);
    }
    hb_patterns_free(patterns);
    return 0;
}
