/* SPDX-License-Identifier: Apache-2.0 */
/* An instance of the plugin for a test, with keys in files of its own; no sentence of it may have a
 * secret in it. */
#ifndef AGE_TESTS_INSTANCE_H
#define AGE_TESTS_INSTANCE_H

#include "blocks.h"
#include "fake_host.h"

#define FIRST_PUBLIC  "age1hjgkeszr78wj73v0hmgdfgs38jhvulh46qcft5dlczn6vekn6y7qnytpp0"
#define FIRST_SECRET  "AGE-SECRET-KEY-1P9ESPSA2LM9ND02GTGQYPZP2MR488WHT7F2HMSNGU2NMYS757JNQ0UWSX7"
#define SECOND_PUBLIC "age124xmlm9qe4z5gktak8l9yql4nytghvg7nn9tlg373vxd9e5fhecsm2a3up"
#define SECOND_SECRET "AGE-SECRET-KEY-1H0T785GZ9NRKR2A9MRHH9MXMTMXQ66475DA8JZG2XTLRD7RPMA0SVER8SX"
#define WORD          "a word that nobody guesses"

struct instance {
    struct fake_host fake;
    const struct hb_plugin *plugin;
    const struct hb_transform_ops *ops;
    struct fake_settings *settings;
    void *self;
    int status; /* of create() */
};

/*
 * With settings as fake_create() takes them. In them $1, $2, $W and $F stand for the file with the
 * first key, with the second, with the word, and for a name beside them.
 */
void instance_init(struct instance *instance, const char *settings);
/* Checks what was said last, too. */
void instance_end(struct instance *instance);
/* The last sentence has these words in it, and no secret. */
void instance_said(const struct instance *instance, const char *words);
/* Makes the file $F of the instances that follow. */
void instance_file(const void *data, size_t bytes, unsigned mode);
/* For setup and teardown of a group of tests. */
int instances_begin(void **state);
int instances_end(void **state);

#endif
