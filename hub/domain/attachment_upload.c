/* Files on their way from a client into an event of a referral. */
#include "hub/base/random.h"
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment_row.h"

#define UPLOADS_MAX 6 /* of one account that are not sent: twice what a referral takes */

/* How files of a type begin, so that a wrong name or type shows at once. */
static const struct {
    const char *media_type, *begin;
    size_t len;
} begins[] = {
    {"application/pdf", "%PDF-", 5},
    {"image/jpeg", "\xff\xd8\xff", 3},
    {"image/png", "\x89PNG\r\n\x1a\n", 8},
};

static bool is_of_type(const char *media_type, struct bytes data, uint64_t offset)
{
    if (strcmp(media_type, "text/plain") == 0)
        return !data.len || !memchr(data.data, 0, data.len);
    for (size_t i = 0; i < ARRAY_LEN(begins) && offset == 0 && data.len; i++)
        if (strcmp(begins[i].media_type, media_type) == 0)
            return data.len >= begins[i].len &&
                   memcmp(data.data, begins[i].begin, begins[i].len) == 0;
    return true;
}

const char *attachment_type_of(struct bytes file)
{
    for (size_t i = 0; i < ARRAY_LEN(begins); i++)
        if (file.len >= begins[i].len && memcmp(file.data, begins[i].begin, begins[i].len) == 0)
            return begins[i].media_type;
    return file.len && !memchr(file.data, 0, file.len) ? "text/plain" : NULL;
}

static bool first_is_whole(const struct attachment_slice *slice, struct err *err)
{
    if (!slice->name || !*slice->name)
        return err_set(err, ERR_INVALID, "name is missing: write what the file is called");
    if (!slice->size)
        return err_set(err, ERR_INVALID, "the file is empty");
    if (!slice->media_type || !attachment_type_is_taken(slice->media_type))
        return err_set(err, ERR_INVALID,
                       "files of this kind are not taken: only " ATTACHMENT_TYPES_WORDS);
    if (slice->size > ATTACHMENT_BYTES)
        return err_set(err, ERR_LIMIT,
                       "the file is too large: at most %d MiB, so scan it with less detail",
                       ATTACHMENT_BYTES >> 20);
    return true;
}

static bool has_room(struct tx *tx, int64_t account, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT count(*) FROM attachment WHERE referral IS NULL AND account = ?1", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "count uploads");
    return stmt_i64(stmt, 0) < UPLOADS_MAX ||
           err_set(err, ERR_LIMIT,
                   "you have %d uploads that were never sent: send them, or wait a day",
                   UPLOADS_MAX);
}

/* The manifest without hashes, under its own key; both go when it is sent. */
static void seal_draft(struct tx *tx, const struct attachment_slice *slice, const char *upload,
                       uint8_t wrapped[WRAPPED_KEY_BYTES], struct buf *out)
{
    struct data_key key;
    Maillon__Hfp__V1__Attachment manifest = MAILLON__HFP__V1__ATTACHMENT__INIT;
    AUTO(buf_done) struct buf plain = {0};
    random_fill(tx->random, key.b, sizeof(key.b));
    manifest.name = attachment_name(tx->arena, slice->name);
    manifest.media_type = arena_text(tx->arena, slice->media_type);
    manifest.size = slice->size;
    manifest.key = wire_data(bytes_of(key.b, sizeof(key.b)));
    wire_pack(&manifest, &plain);
    identity_wrap(tx->self, tx->random, &key, wrapped);
    data_encrypt(&key, tx->random, bytes_text(upload), buf_bytes(&plain), out);
    secret_wipe(plain.data, plain.len);
    secret_wipe(&key, sizeof(key));
}

static bool begin(struct tx *tx, const struct attachment_slice *slice, char *upload,
                  struct err *err)
{
    uint8_t random[16], wrapped[WRAPPED_KEY_BYTES];
    AUTO(buf_done) struct buf draft = {0};
    if (!first_is_whole(slice, err) || !has_room(tx, slice->account, err))
        return false;
    random_fill(tx->random, random, sizeof(random));
    hex_encode(bytes_of(random, sizeof(random)), upload);
    seal_draft(tx, slice, upload, wrapped, &draft);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO attachment (position, is_ours, state, size, parts, have, hashes,"
                 " created_ms, account, upload, draft, draft_key)"
                 " VALUES (0, 1, ?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, ATTACHMENT_UPLOADING);
    stmt_bind_i64(stmt, 2, (int64_t)slice->size);
    stmt_bind_i64(stmt, 3, attachment_parts(slice->size));
    stmt_bind_bytes(stmt, 4, bytes_of("", 0));
    stmt_bind_i64(stmt, 5, tx->now.ms);
    stmt_bind_i64(stmt, 6, slice->account);
    stmt_bind_text(stmt, 7, upload);
    stmt_bind_bytes(stmt, 8, buf_bytes(&draft));
    stmt_bind_bytes(stmt, 9, bytes_of(wrapped, sizeof(wrapped)));
    return stmt_run(stmt, err) || err_wrap(err, "begin an upload");
}

/* `ret_manifest` is in the arena; its key too, until the message of the caller is done. */
static bool find_upload(struct tx *tx, int64_t account, const char *upload, struct attachment *ret,
                        Maillon__Hfp__V1__Attachment **ret_manifest, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT " ATTACHMENT_COLUMNS ", draft, draft_key FROM attachment"
                                 " WHERE upload = ?1 AND account = ?2",
                                 err);
    bool row;
    struct data_key key;
    AUTO(buf_done) struct buf plain = {0};
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, upload);
    stmt_bind_i64(stmt, 2, account);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find an upload");
    if (!row)
        return err_set(err, ERR_UNKNOWN,
                       "no such upload: it was sent already, or is older than a day; begin again");
    attachment_read(stmt, tx->arena, ret);
    if (!identity_unwrap(tx->self, stmt_bytes(stmt, 11), &key, err))
        return err_wrap(err, "open the key of an upload");
    bool opened = data_decrypt(&key, bytes_text(upload), stmt_bytes(stmt, 10), &plain, err);
    secret_wipe(&key, sizeof(key));
    if (!opened)
        return err_wrap(err, "open an upload");
    *ret_manifest =
        wire_unpack(&maillon__hfp__v1__attachment__descriptor, buf_bytes(&plain), tx->arena, err);
    secret_wipe(plain.data, plain.len);
    if (!*ret_manifest || (*ret_manifest)->key.len != sizeof(key))
        return err_set(err, ERR_INTERNAL, "an upload is damaged");
    return true;
}

static bool slice_fits(const struct attachment_slice *slice, const struct attachment *row,
                       const char *media_type, struct err *err)
{
    uint64_t have = (uint64_t)row->have * ATTACHMENT_PART_BYTES;
    size_t len = slice->data.len;
    if (len > API_SLICE_MAX)
        return err_set(err, ERR_LIMIT, "a slice has at most %d bytes", API_SLICE_MAX);
    if (slice->offset != have)
        return err_set(err, ERR_INVALID, "offset is wrong: go on at %llu",
                       (unsigned long long)have);
    if (len > row->size - have)
        return err_set(err, ERR_INVALID, "more bytes than size said");
    if (len < row->size - have && len % ATTACHMENT_PART_BYTES)
        return err_set(err, ERR_INVALID, "a slice before the last is a multiple of %d bytes",
                       ATTACHMENT_PART_BYTES);
    if (!is_of_type(media_type, slice->data, slice->offset))
        return err_set(err, ERR_INVALID,
                       "the file is not what its type says: only " ATTACHMENT_TYPES_WORDS
                       " are taken");
    return true;
}

static bool add_parts(struct tx *tx, struct attachment *row,
                      const Maillon__Hfp__V1__Attachment *manifest, struct bytes data,
                      struct err *err)
{
    AUTO(buf_done) struct buf hashes = {0};
    struct data_key key;
    memcpy(key.b, manifest->key.data, sizeof(key.b));
    buf_add_bytes(&hashes, row->hashes);
    bool ok = true;
    for (size_t at = 0; ok && at < data.len; at += ATTACHMENT_PART_BYTES) {
        AUTO(buf_done) struct buf sealed = {0};
        size_t left = data.len - at;
        uint8_t hash[32];
        part_seal(
            &key, row->have, row->parts,
            bytes_of(data.data + at, left < ATTACHMENT_PART_BYTES ? left : ATTACHMENT_PART_BYTES),
            &sealed);
        digest_sha256(buf_bytes(&sealed), hash);
        buf_add(&hashes, hash, sizeof(hash));
        ok = attachment_part_add(tx, row->id, row->have++, buf_bytes(&sealed), err);
    }
    secret_wipe(&key, sizeof(key));
    if (!ok)
        return false;
    if (row->have == row->parts)
        row->state = ATTACHMENT_WHOLE;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "UPDATE attachment SET have = ?2, state = ?3, hashes = ?4 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, row->id);
    stmt_bind_i64(stmt, 2, row->have);
    stmt_bind_i64(stmt, 3, row->state);
    stmt_bind_bytes(stmt, 4, buf_bytes(&hashes));
    return stmt_run(stmt, err) || err_wrap(err, "note an upload");
}

static uint64_t bytes_held(const struct attachment *row)
{
    uint64_t have = (uint64_t)row->have * ATTACHMENT_PART_BYTES;
    return have < row->size ? have : row->size;
}

bool attachment_upload(struct tx *tx, const struct attachment_slice *slice,
                       char ret_upload[ATTACHMENT_UPLOAD_TEXT], uint64_t *ret_have, bool *ret_whole,
                       struct err *err)
{
    char upload[ATTACHMENT_UPLOAD_TEXT];
    struct attachment row;
    Maillon__Hfp__V1__Attachment *manifest;
    if (slice->upload && *slice->upload)
        text_copy(upload, sizeof(upload), slice->upload);
    else if (!begin(tx, slice, upload, err))
        return false;
    if (!find_upload(tx, slice->account, upload, &row, &manifest, err))
        return false;
    /* An answer was lost and the slice comes again. */
    bool is_here = slice->offset + slice->data.len <= bytes_held(&row);
    if (!is_here && (!slice_fits(slice, &row, manifest->media_type, err) ||
                     !add_parts(tx, &row, manifest, slice->data, err)))
        return false;
    memcpy(ret_upload, upload, sizeof(upload));
    *ret_have = bytes_held(&row);
    *ret_whole = row.state == ATTACHMENT_WHOLE;
    return true;
}

bool attachment_drafts(struct tx *tx, int64_t account, int64_t referral, const char *const *uploads,
                       size_t count, Maillon__Hfp__V1__Attachment ***ret, struct err *err)
{
    struct attachment *held = NULL;
    size_t held_count = 0;
    uint64_t bytes = 0;
    if (!attachment_fits(count, 0, err) ||
        (referral && !attachment_list(tx->store, tx->arena, referral, &held, &held_count, err)))
        return false;
    for (size_t i = 0; i < held_count; i++)
        bytes += held[i].size;
    Maillon__Hfp__V1__Attachment **list = arena_alloc(tx->arena, (count + 1) * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        struct attachment row;
        for (size_t j = 0; j < i; j++)
            if (strcmp(uploads[i], uploads[j]) == 0)
                return err_set(err, ERR_INVALID, "the same upload is named twice");
        if (!find_upload(tx, account, uploads[i], &row, &list[i], err))
            return false;
        if (row.state != ATTACHMENT_WHOLE)
            return err_set(err, ERR_CONFLICT, "an upload is not whole yet: send the rest first");
        list[i]->part_hash = wire_data(row.hashes);
        bytes += row.size;
    }
    if (!attachment_fits(held_count + count, bytes, err))
        return false;
    *ret = list;
    return true;
}
