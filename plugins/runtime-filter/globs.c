/* SPDX-License-Identifier: Apache-2.0 */
#include "globs.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static bool fill(struct glob *glob, const char *text)
{
    const char *slash = strrchr(text, '/');
    size_t directory = slash == NULL ? 0 : (size_t)(slash + 1 - text);
    glob->text = text;
    glob->literal = strcspn(text, "*?[\\");
    for (const char *at = text; *at != '\0'; at++)
        glob->slashes += *at == '/';
    glob->around_literal = glob->literal < directory ? glob->literal : directory;
    glob->around = malloc(directory + 2);
    if (glob->around == NULL)
        return false;
    memcpy(glob->around, text, directory);
    memcpy(glob->around + directory, "*", 2);
    return true;
}

static bool repeats(const struct globs *globs, const struct glob *glob)
{
    for (size_t i = 0; i < globs->count; i++)
        if (strcmp(globs->globs[i].around, glob->around) == 0)
            return true;
    return false;
}

bool globs_init(struct globs *globs, const char *const *texts, size_t count)
{
    globs->globs = calloc(count + 1, sizeof *globs->globs);
    if (globs->globs == NULL)
        return false;
    for (; globs->count < count; globs->count++) {
        struct glob *glob = &globs->globs[globs->count];
        if (!fill(glob, texts[globs->count]))
            return false;
        glob->repeats = repeats(globs, glob);
    }
    return true;
}

void globs_free(struct globs *globs)
{
    for (size_t i = 0; i < globs->count; i++)
        free(globs->globs[i].around);
    free(globs->globs);
}

bool glob_matches(const struct glob *glob, const char *part)
{
    return strncmp(part, glob->text, glob->literal) == 0 &&
           fnmatch(glob->text, part, FNM_PATHNAME) == 0;
}

bool glob_is_about(const struct glob *glob, const char *part)
{
    return strncmp(part, glob->around, glob->around_literal) == 0 &&
           fnmatch(glob->around, part, FNM_PATHNAME) == 0;
}
