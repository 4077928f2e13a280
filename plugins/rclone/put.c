/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object on its way.
 *
 *     begin: pipe --> rclone rcat NAME.hbcore-part-… --> commit: end of the input, as long as it
 *     should be? nothing has the name? --> rclone moveto NAME --> is it there?
 *
 * What is never done is to replace a file: rclone removes what has the name before it moves another
 * one there, and between the two there would be neither. Nor is anything put on a remote that can
 * neither rename nor copy: there moveto would send the bytes once more, and whoever dies then
 * leaves a part of them under the name.
 */
#include "put.h"

#include "list.h"
#include "place.h"
#include "run.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERRORS_BYTES = 600, PIPE_BYTES = 1 << 20 };

struct put {
    const struct rclone *rclone;
    char place[PLACE_BYTES], marked[PLACE_BYTES];
    struct words words;
    pthread_t thread;
    int input;       /* where we write; -1: it was closed */
    int output;      /* where rclone reads: the thread's */
    uint64_t offset; /* of the next byte */
    bool failed, committed, uncertain;
    /* the thread's, until it has ended */
    int status;
    struct hb_child child;
    char errors[ERRORS_BYTES];
};

/* ---- what the remote can --------------------------------------------------------------------- */

static int ask_features(const struct rclone *rclone, const char *remote)
{
    char *text, place[REMOTE_BYTES + 1];
    size_t bytes;
    snprintf(place, sizeof place, "%s:", remote);
    int status = run_for(rclone, &(struct words){{"backend", "features", place}}, &text, &bytes);
    if (status == HB_STATUS_NOMATCH)
        return rclone->host->fail(rclone->host, HB_STATUS_FATAL, "rclone does not find %s", place);
    if (status != HB_OK)
        return status;
    json_t *said = json_loadb(text, bytes, 0, NULL);
    const json_t *features = json_object_get(said, "Features");
    free(text);
    bool well = json_is_true(json_object_get(features, "Move")) ||
                json_is_true(json_object_get(features, "Copy"));
    json_decref(said);
    return well ? HB_OK
                : rclone->host->fail_as(rclone->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED, NULL,
                                        "the remote %s can neither rename nor copy a file", place);
}

int rclone_limits(void *self, const char *name, struct hb_store_limits *limits)
{
    struct rclone *rclone = self;
    char place[PLACE_BYTES], remote[REMOTE_BYTES];
    int status = place_of(rclone, name, false, place);
    if (status != HB_OK)
        return status;
    snprintf(remote, sizeof remote, "%.*s", (int)strcspn(place, ":"), place);
    pthread_mutex_lock(&rclone->lock);
    bool known = strcmp(rclone->known, remote) == 0;
    pthread_mutex_unlock(&rclone->lock);
    status = known ? HB_OK : ask_features(rclone, remote);
    if (status != HB_OK)
        return status;
    pthread_mutex_lock(&rclone->lock);
    memcpy(rclone->known, remote, sizeof remote);
    pthread_mutex_unlock(&rclone->lock);
    limits->name_most = NAME_MOST; /* the rest as the host has set it: what comes in order */
    return HB_OK;
}

/* ---- begin ----------------------------------------------------------------------------------- */

/* As long as it reads, what we write has somewhere to go: then the pipe is closed behind it. */
static void *put_main(void *argument)
{
    struct put *put = argument;
    put->status = run_quietly(put->rclone, &put->words, &put->child);
    close(put->output);
    return NULL;
}

/* HB_OK: nothing has the name. */
static int check_free(const struct put *put)
{
    struct stat_of said;
    const struct hb_host *host = put->rclone->host;
    int status = look_at(put->rclone, put->place, &said);
    if (status == HB_STATUS_NOMATCH)
        return HB_OK;
    return status != HB_OK ? status
                           : host->fail_as(host, HB_STATUS_FATAL, HB_CAUSE_EXISTS,
                                           "choose another name, or remove that file first",
                                           "rclone cannot replace a file in one step, and there is "
                                           "one of that name");
}

static int start(struct put *put)
{
    const struct hb_host *host = put->rclone->host;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return host->fail(host, HB_STATUS_FATAL, "no pipe to rclone: %s", strerror(errno));
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
    put->output = ends[0];
    put->input = ends[1];
    put->words = (struct words){{"rcat", put->marked}};
    put->child = (struct hb_child){.flags = HB_CHILD_INPUT_FD,
                                   .input_fd = ends[0],
                                   .errors = put->errors,
                                   .errors_room = sizeof put->errors};
    int error = pthread_create(&put->thread, NULL, put_main, put);
    if (error == 0)
        return HB_OK;
    close(ends[0]);
    close(ends[1]);
    return host->fail(host, HB_STATUS_FATAL, "no thread for rclone: %s", strerror(error));
}

int rclone_put_begin(void *self, const struct hb_put *asked, void **upload)
{
    const struct rclone *rclone = self;
    struct put *put = calloc(1, sizeof *put);
    if (put == NULL)
        return no_memory(rclone);
    put->rclone = rclone;
    int status = place_of(rclone, asked->name, false, put->place);
    if (status == HB_OK) {
        mark_place(put->place, asked->home == NULL ? "" : asked->home, asked->run, put->marked);
        status = check_free(put);
    }
    if (status == HB_OK)
        status = start(put);
    if (status == HB_OK)
        *upload = put;
    else
        free(put);
    return status;
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* The input has ended: waits until rclone has, and says why it failed. */
static int finish(struct put *put)
{
    const struct hb_host *host = put->rclone->host;
    if (put->input >= 0) {
        close(put->input);
        put->input = -1;
        pthread_join(put->thread, NULL);
    }
    if (put->status == HB_OK && put->child.exit_status == 0 && !put->failed)
        return HB_OK;
    put->failed = true;
    if (host->cancelled(host))
        return host->fail(host, HB_STATUS_CANCELLED, "interrupted");
    if (put->status != HB_OK)
        return host->fail(host, HB_STATUS_FATAL, "rclone rcat: it could not be run");
    return put->child.exit_status != 0
               ? tell(put->rclone, &put->words, &put->child)
               : host->fail(host, HB_STATUS_FATAL, "rclone rcat: it did not want all of it");
}

/* What was written cannot be written again: a part that failed is the end of it. */
int rclone_put_part(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                    size_t bytes)
{
    struct put *put = upload;
    (void)self;
    (void)number;
    put->failed |= put->input < 0 || offset != put->offset;
    for (size_t done = 0; !put->failed && done < bytes;) {
        ssize_t wrote = write(put->input, (const char *)data + done, bytes - done);
        if (wrote > 0)
            done += (size_t)wrote;
        put->failed = wrote < 0 && errno != EINTR;
    }
    put->offset += bytes;
    return put->failed ? finish(put) : HB_OK;
}

/* ---- commit ---------------------------------------------------------------------------------- */

static int check_length(const struct put *put, uint64_t bytes)
{
    const struct hb_host *host = put->rclone->host;
    struct stat_of said;
    int status = look_at(put->rclone, put->marked, &said);
    if (status == HB_OK && said.bytes == bytes)
        return HB_OK;
    return status != HB_OK && status != HB_STATUS_NOMATCH
               ? status
               : host->fail(host, HB_STATUS_FATAL, "rclone rcat: what it put there is not whole");
}

enum moved { MOVED, NOT_MOVED, CANNOT_TELL };

/* What a move has done, whatever it says. */
static enum moved look_what_moved(const struct put *put, bool says_well, uint64_t bytes)
{
    struct stat_of there, left;
    int is_there = look_at(put->rclone, put->place, &there);
    bool whole = is_there == HB_OK && there.bytes == bytes;
    if (says_well && whole)
        return MOVED;
    if (is_there != HB_OK && is_there != HB_STATUS_NOMATCH)
        return CANNOT_TELL;
    int is_left = look_at(put->rclone, put->marked, &left);
    if (whole && is_left == HB_STATUS_NOMATCH)
        return MOVED;
    return is_there == HB_STATUS_NOMATCH && is_left == HB_OK && left.bytes == bytes ? NOT_MOVED
                                                                                    : CANNOT_TELL;
}

static int move(struct put *put, uint64_t bytes)
{
    const struct hb_host *host = put->rclone->host;
    const struct words words = {{"moveto", put->marked, put->place}};
    struct hb_child child = {.errors = put->errors, .errors_room = sizeof put->errors};
    int status = run_quietly(put->rclone, &words, &child);
    enum moved moved = look_what_moved(put, status == HB_OK && child.exit_status == 0, bytes);
    if (moved == MOVED)
        return HB_OK;
    if (moved == NOT_MOVED)
        return status == HB_OK && child.exit_status != 0
                   ? tell(put->rclone, &words, &child)
                   : host->fail(host, HB_STATUS_FATAL, "rclone moveto: nothing was moved");
    put->uncertain = true;
    return host->fail(host, HB_STATUS_UNCERTAIN,
                      "rclone moveto failed, and nobody can tell what it has done");
}

int rclone_put_commit(void *self, void *upload, const struct hb_put *asked, uint64_t bytes)
{
    struct put *put = upload;
    (void)self;
    (void)asked; /* as it was begun */
    int status = finish(put);
    if (status == HB_OK)
        status = check_length(put, bytes);
    if (status == HB_OK)
        status = check_free(put);
    if (status == HB_OK)
        status = move(put, bytes);
    put->committed = status == HB_OK;
    return status;
}

void rclone_put_end(void *self, void *upload)
{
    struct put *put = upload;
    (void)self;
    if (put->input >= 0)
        (void)finish(put);
    if (!put->committed && !put->uncertain)
        (void)run(put->rclone, &(struct words){{"deletefile", put->marked}},
                  &(struct hb_child){.size = 0});
    free(put);
}
