/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that requests are signed with, and where they come from. Asked for when the first
 * request is made; again when they are about to expire, or when the service says that they have.
 *
 *     options       access-key-id, secret-access-key, session-token, each by hb_host.secret()
 *     command       what a program prints, as credential_process of AWS
 *     environment   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     file          ~/.aws/credentials, a section a profile
 *     metadata      of the container, or of the machine (IMDSv2)
 *
 * With "auto" the first source that has some is taken; one that should have some and fails is an
 * error, not a reason to try the next: other keys are other rights. Nothing here is ever printed.
 */
#ifndef S3_CREDENTIALS_H
#define S3_CREDENTIALS_H

#include "keys.h"

struct credentials;

/* NULL: out of memory. What it is given has to outlive it. */
struct credentials *credentials_make(const struct hb_host *host, const struct hb_settings *settings,
                                     struct http *http);
void credentials_free(struct credentials *credentials);
/*
 * A copy of the keys; keys_clear() in any case. `refused`: the service has said that these have
 * expired; where they cannot have been replaced, that is a failure. HB_OK, or a failure that was
 * told. Any thread.
 */
int credentials_get(struct credentials *credentials, const struct keys *refused, struct keys *keys);
/* The same without asking anybody: HB_STATUS_NOMATCH where that would be needed. Any thread. */
int credentials_peek(struct credentials *credentials, struct keys *keys);

#endif
