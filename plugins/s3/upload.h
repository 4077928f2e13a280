/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object on its way into a bucket.
 *
 *     begin --- first part is smaller than any but the last may be ---> kept ----> commit: one PUT
 *        \----- else: mark, CreateMultipartUpload ---> parts, copies ----> commit: Complete
 *
 * Nothing is sent before there is a part. A part that may come again is sent again as it is: parts
 * have numbers, and the last one of a number counts.
 *
 * The commit is where an answer must not be misread. The request may be done although its answer is
 * lost, and the service may say 200 and mean a failure, in the body. So:
 *
 *     a success, body read ............................ it is there
 *     a refusal, and no attempt that may have done it .. it is not, and will not be
 *     anything else ................................... look: our run's id and length: it is there;
 *                                                       else try again as long as that is worth it,
 *                                                       then nobody can tell
 *
 * "NoSuchUpload" after a lost answer is of the last kind: it is said of an upload that is complete
 * as well as of one that somebody has given up.
 */
#ifndef S3_UPLOAD_H
#define S3_UPLOAD_H

#include "client.h"

enum { ETAG_BYTES = 96, CHECKSUM_BYTES = 48 };

struct part {
    char etag[ETAG_BYTES];         /* as the service gave it, with quotes; "": not there yet */
    char checksum[CHECKSUM_BYTES]; /* base64 of its SHA-256; "": none is asked for */
};

struct put {
    struct object_name name;
    char *key; /* that of name */
    char *home;
    char run[65];
    bool fresh;     /* no such name may be there */
    char *replaces; /* or only this version; NULL: any */

    pthread_mutex_t lock; /* of what follows, while parts are on their way */
    char *id;             /* of the upload; NULL: none was begun */
    bool marked;
    bool stray; /* another one may have been begun whose answer was lost */
    struct part *parts;
    size_t part_count, part_room;

    unsigned char *kept; /* the only part; NULL: there is none such */
    size_t kept_bytes;
    bool committed, uncertain;
};

/* How the service encrypts it. */
void put_encryption(const struct s3 *s3, struct call *call);
/* What an object is stored with: class, encryption, our run. */
void put_headers(const struct s3 *s3, const struct put *put, struct call *call);
/* Only a new name, or only in place of one version, where that is asked for. */
void put_conditions(const struct put *put, struct call *call);
/* With `checksum = sha256`: base64 of the SHA-256 of the body, sent with it. Else "". */
void put_checksum(const struct s3 *s3, struct call *call, char checksum[CHECKSUM_BYTES]);
/* Base64 of the MD5 of bytes. */
void md5_of(const void *data, size_t bytes, char base64[32]);

#endif
