/* SPDX-License-Identifier: Apache-2.0 */
#include "upload.h"

#include <nettle/base64.h>
#include <nettle/md5.h>

void put_headers(const struct s3 *s3, const struct put *put, struct call *call)
{
    const char *class = text_setting(s3->settings, STORAGE_CLASS);
    const char *kms_key = text_setting(s3->settings, KMS_KEY);
    int64_t encryption = number_setting(s3->settings, ENCRYPTION);
    call_header(call, "content-type", "application/octet-stream");
    call_header(call, RUN_HEADER, put->run);
    if (*class != '\0')
        call_header(call, "x-amz-storage-class", class);
    if (encryption == ENCRYPT_AES256)
        call_header(call, "x-amz-server-side-encryption", "AES256");
    if (encryption == ENCRYPT_KMS)
        call_header(call, "x-amz-server-side-encryption", "aws:kms");
    if (encryption == ENCRYPT_KMS && *kms_key != '\0')
        call_header(call, "x-amz-server-side-encryption-aws-kms-key-id", kms_key);
    call->flags |= CALL_ENCRYPTED;
}

void put_conditions(const struct put *put, struct call *call)
{
    if (put->fresh)
        call_header(call, "if-none-match", "*");
    else if (put->replaces != NULL)
        call_header(call, "if-match", put->replaces);
}

void md5_of(const void *data, size_t bytes, char base64[32])
{
    struct md5_ctx context;
    uint8_t digest[MD5_DIGEST_SIZE];
    md5_init(&context);
    md5_update(&context, bytes, data);
    md5_digest(&context, sizeof digest, digest);
    base64_encode_raw(base64, sizeof digest, digest);
    base64[BASE64_ENCODE_RAW_LENGTH(sizeof digest)] = '\0';
}
