#include "hub/domain/circle.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/circle_row.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/object.h"
#include "hub/domain/relation.h"

#define PREFIX_MIN 6

static const char *const ours_names[] = {
    [CIRCLE_NONE] = "none",     [CIRCLE_ASKED] = "asked", [CIRCLE_INVITED] = "invited",
    [CIRCLE_MEMBER] = "member", [CIRCLE_LEFT] = "left",   [CIRCLE_REMOVED] = "removed",
};

const char *circle_ours_name(enum circle_ours ours)
{
    return ours_names[ours];
}

static enum circle_ours ours_of(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(ours_names); i++) {
        if (strcmp(name, ours_names[i]) == 0)
            return (enum circle_ours)i;
    }
    return CIRCLE_NONE;
}

bool circle_is_steward(const struct circle *circle, const struct node_id *node)
{
    for (size_t i = 0; i < circle->steward_count; i++) {
        if (node_id_equal(&circle->steward[i], node))
            return true;
    }
    return false;
}

/* ---- rows ---- */

#define COLUMNS                                                                               \
    "c.id, c.scope, c.charter, c.charter_seq, c.name, c.principles, c.stewards, c.threshold," \
    " c.members_max, c.relay_duty, c.accept_each_other, c.ours,"                              \
    " (SELECT count(*) FROM circle_member m WHERE m.circle = c.id AND m.is_in = 1)"

static void split_lines(struct circle *circle, const char *text)
{
    while (text && *text && circle->principle_count < CIRCLE_PRINCIPLES_MAX) {
        size_t len = strcspn(text, "\n");
        char *line = circle->principle[circle->principle_count++];
        size_t room = sizeof(circle->principle[0]) - 1;
        memcpy(line, text, len < room ? len : room);
        line[len < room ? len : room] = '\0';
        text += len + (text[len] == '\n');
    }
}

static bool row_read(struct stmt *stmt, struct circle *ret, struct err *err)
{
    *ret = (struct circle){.id = stmt_i64(stmt, 0), .charter_seq = (uint64_t)stmt_i64(stmt, 3)};
    if (!stmt_copy(stmt, 1, ret->scope.b, OID_BYTES) ||
        !stmt_copy(stmt, 2, ret->charter.b, OID_BYTES))
        return err_set(err, ERR_IO, "a circle row cannot be read");
    ret->founded = ret->charter_seq > 0;
    text_copy(ret->name, sizeof(ret->name), stmt_text(stmt, 4));
    split_lines(ret, stmt_text(stmt, 5));
    struct bytes stewards = stmt_bytes(stmt, 6);
    for (size_t i = 0; i < CIRCLE_STEWARDS_MAX && stewards.len >= (i + 1) * NODE_ID_BYTES; i++)
        memcpy(ret->steward[ret->steward_count++].b, stewards.data + i * NODE_ID_BYTES,
               NODE_ID_BYTES);
    ret->threshold = (uint32_t)stmt_i64(stmt, 7);
    ret->members_max = (uint32_t)stmt_i64(stmt, 8);
    ret->relay_duty = stmt_i64(stmt, 9) != 0;
    ret->accept_each_other = stmt_i64(stmt, 10) != 0;
    ret->ours = ours_of(stmt_text(stmt, 11));
    ret->member_count = (uint32_t)stmt_i64(stmt, 12);
    return true;
}

bool circle_find(struct store *store, const struct oid *scope, bool *ret_found, struct circle *ret,
                 struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT " COLUMNS " FROM circle c WHERE c.scope = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(scope));
    bool row;
    if (!stmt_next(stmt, &row, err) || (row && !row_read(stmt, ret, err)))
        return err_wrap(err, "find a circle");
    *ret_found = row;
    return true;
}

bool circle_row_get(struct store *store, const struct oid *scope, struct circle *ret,
                    struct err *err)
{
    bool found;
    if (!circle_find(store, scope, &found, ret, err))
        return false;
    return found || err_set(err, ERR_UNKNOWN, "there is no such circle here");
}

bool circle_list(struct store *store, struct arena *arena, struct circle **ret, size_t *ret_count,
                 struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT " COLUMNS " FROM circle c ORDER BY lower(c.name), c.id", err);
    if (!stmt)
        return false;
    struct circle *list = arena_alloc(arena, CIRCLES_MAX * sizeof(*list));
    size_t count = 0;
    for (bool row; count < CIRCLES_MAX; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list the circles");
        if (!row)
            break;
        if (!row_read(stmt, &list[count], err))
            return false;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

/* 2: by name or whole id, 1: by the first digits of the id. */
static unsigned fit(struct arena *arena, const struct circle *circle, const char *wanted,
                    const char *wanted_folded)
{
    char hex[2 * OID_BYTES + 1];
    size_t len = strlen(wanted);
    hex_encode(oid_bytes(&circle->scope), hex);
    if (len >= PREFIX_MIN && strncmp(hex, wanted, len) == 0)
        return len == 2 * OID_BYTES ? 2 : 1;
    const char *folded = text_fold(arena, bytes_text(circle->name));
    return folded && *folded && strcmp(folded, wanted_folded) == 0 ? 2 : 0;
}

bool circle_resolve(struct store *store, const char *text, struct circle *ret, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const char *folded = text_fold(arena, bytes_text(text));
    struct circle *list;
    size_t count, found = 0;
    unsigned best = 1;
    if (!folded)
        return err_set(err, ERR_INVALID, "the name of a circle must be valid UTF-8");
    if (!circle_list(store, arena, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        unsigned level = fit(arena, &list[i], text, folded);
        if (level < best)
            continue;
        found = level > best ? 1 : found + 1;
        best = level;
        *ret = list[i];
    }
    if (found > 1)
        return err_set(err, ERR_INVALID, "%zu circles fit: give the first digits of the id", found);
    return found == 1 ||
           err_set(err, ERR_UNKNOWN,
                   "no such circle: give its name or the first %d digits of its id", PREFIX_MIN);
}

void circle_row_fill(struct circle *circle, const Maillon__Hfp__V1__Charter *charter)
{
    text_copy(circle->name, sizeof(circle->name), charter->name);
    circle->principle_count = 0;
    for (size_t i = 0; i < charter->n_principle && i < CIRCLE_PRINCIPLES_MAX; i++)
        text_copy(circle->principle[circle->principle_count++], sizeof(circle->principle[0]),
                  charter->principle[i]);
    circle->steward_count = 0;
    for (size_t i = 0; i < charter->n_steward && i < CIRCLE_STEWARDS_MAX; i++) {
        if (node_id_from(wire_bytes(charter->steward[i]), &circle->steward[circle->steward_count]))
            circle->steward_count++;
    }
    circle->threshold = charter->threshold;
    circle->members_max = charter->members_max;
    circle->relay_duty = charter->relay_duty;
    circle->accept_each_other = charter->accept_each_other;
}

/* What peers tell about must not take the room of what people here choose. */
static bool check_room(struct tx *tx, const struct circle *circle, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT count(*), coalesce(sum(ours IN ('none', 'invited')), 0)"
                                 " FROM circle",
                                 err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    if (row && circle->ours == CIRCLE_NONE && stmt_i64(stmt, 1) >= CIRCLES_UNASKED_MAX)
        return err_set(err, ERR_LIMIT, "this hub was told of %d circles that nobody here joined",
                       CIRCLES_UNASKED_MAX);
    return !row || stmt_i64(stmt, 0) < CIRCLES_MAX ||
           err_set(err, ERR_LIMIT, "this hub knows %d circles already: that is the most it can",
                   CIRCLES_MAX);
}

bool circle_row_save(struct tx *tx, struct circle *circle, struct err *err)
{
    if (circle->id == 0 && !check_room(tx, circle, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO circle (scope, charter, charter_seq, name, principles, stewards,"
                 " threshold, members_max, relay_duty, accept_each_other, ours, since_ms)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
                 " ON CONFLICT (scope) DO UPDATE SET charter = excluded.charter,"
                 " charter_seq = excluded.charter_seq, name = excluded.name,"
                 " principles = excluded.principles, stewards = excluded.stewards,"
                 " threshold = excluded.threshold, members_max = excluded.members_max,"
                 " relay_duty = excluded.relay_duty,"
                 " accept_each_other = excluded.accept_each_other, ours = excluded.ours",
                 err);
    if (!stmt)
        return false;
    AUTO(buf_done) struct buf lines = {0};
    for (size_t i = 0; i < circle->principle_count; i++)
        buf_addf(&lines, "%s%s", i ? "\n" : "", circle->principle[i]);
    stmt_bind_bytes(stmt, 1, oid_bytes(&circle->scope));
    stmt_bind_bytes(stmt, 2, oid_bytes(&circle->charter));
    stmt_bind_i64(stmt, 3, (int64_t)circle->charter_seq);
    stmt_bind_text(stmt, 4, circle->name);
    stmt_bind_text(stmt, 5, buf_text(&lines));
    stmt_bind_bytes(stmt, 6, bytes_of(circle->steward, circle->steward_count * NODE_ID_BYTES));
    stmt_bind_i64(stmt, 7, circle->threshold);
    stmt_bind_i64(stmt, 8, circle->members_max);
    stmt_bind_i64(stmt, 9, circle->relay_duty);
    stmt_bind_i64(stmt, 10, circle->accept_each_other);
    stmt_bind_text(stmt, 11, ours_names[circle->ours]);
    stmt_bind_i64(stmt, 12, tx->now.ms);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "store a circle");
    if (circle->id == 0)
        circle->id = store_last_id(tx->store);
    return true;
}

bool circle_charter_get(struct store *store, struct arena *arena, const struct oid *oid,
                        Maillon__Hfp__V1__Charter **ret, struct err *err)
{
    bool found;
    struct object_row row;
    struct envelope envelope;
    if (!object_get(store, arena, oid, &found, &row, err))
        return false;
    if (!found)
        return err_set(err, ERR_UNKNOWN, "a charter is not here");
    if (!envelope_open(row.bytes, arena, &envelope, err))
        return false;
    *ret = wire_unpack(&maillon__hfp__v1__charter__descriptor, envelope.body, arena, err);
    return *ret != NULL;
}

/* ---- questions about members ---- */

/* Is there a row? `two` may be empty when the SQL has one place. */
static bool ask_one(struct store *store, const char *sql, struct bytes one, struct bytes two,
                    bool *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, one);
    if (two.data)
        stmt_bind_bytes(stmt, 2, two);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "ask who is in a circle");
    *ret = row;
    return true;
}

bool circle_is_member(struct store *store, const struct oid *scope, const struct node_id *node,
                      struct wall now, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT 1 FROM circle c JOIN circle_member m ON m.circle = c.id"
                 " WHERE c.scope = ?1 AND c.charter_seq > 0 AND m.node = ?2 AND m.is_in = 1"
                 " AND (m.expires_s = 0 OR m.expires_s > ?3)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(scope));
    stmt_bind_bytes(stmt, 2, node_id_bytes(node));
    stmt_bind_i64(stmt, 3, now.ms / 1000);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "ask who is in a circle");
    *ret = row;
    return true;
}

bool circle_is_ours(struct store *store, const struct oid *scope, bool *ret, struct err *err)
{
    return ask_one(store, "SELECT 1 FROM circle WHERE scope = ?1 AND ours = 'member'",
                   oid_bytes(scope), (struct bytes){0}, ret, err);
}

bool circle_share(struct store *store, const struct node_id *a, const struct node_id *b, bool *ret,
                  struct err *err)
{
    return ask_one(store,
                   "SELECT 1 FROM circle c JOIN circle_member a ON a.circle = c.id"
                   " JOIN circle_member b ON b.circle = c.id WHERE c.ours = 'member'"
                   " AND a.node = ?1 AND a.is_in = 1 AND b.node = ?2 AND b.is_in = 1 LIMIT 1",
                   node_id_bytes(a), node_id_bytes(b), ret, err);
}

static bool read_scopes(struct stmt *stmt, struct arena *arena, struct oid **ret, size_t *ret_count,
                        struct err *err)
{
    struct oid *list = arena_alloc(arena, CIRCLES_MAX * sizeof(*list));
    size_t count = 0;
    for (bool row; count < CIRCLES_MAX; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list circles");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, list[count].b, OID_BYTES))
            return err_set(err, ERR_IO, "a circle row cannot be read");
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool circle_scopes_shared(struct store *store, const struct node_id *peer, struct arena *arena,
                          struct oid **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT c.scope FROM circle_member m"
                                 " JOIN circle c ON c.id = m.circle WHERE m.node = ?1"
                                 " AND m.is_in = 1 AND c.ours = 'member' ORDER BY c.scope",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    return read_scopes(stmt, arena, ret, ret_count, err);
}

bool circle_scopes_own(struct store *store, struct arena *arena, struct oid **ret,
                       size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT scope FROM circle WHERE ours = 'member' ORDER BY scope", err);
    return stmt && read_scopes(stmt, arena, ret, ret_count, err);
}

/* A former member: what its last removal says of this type. */
static bool read_bound(struct store *store, int64_t circle, const struct node_id *node,
                       uint64_t ended, const char *type, uint64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT min(b.seq) FROM circle_event e"
                                 " JOIN circle_bound b ON b.event = e.id WHERE e.circle = ?1"
                                 " AND e.member = ?2 AND e.term = ?3 AND e.change <> 1"
                                 " AND e.counts = 1 AND b.type = ?4",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, node_id_bytes(node));
    stmt_bind_i64(stmt, 3, (int64_t)ended);
    stmt_bind_text(stmt, 4, type);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read what a removal says");
    *ret = row && !stmt_is_null(stmt, 0) ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

/* Each object of a circle asks: so without counting the members, as circle_find does. */
static bool find_founded(struct store *store, const struct oid *scope, int64_t *ret,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT id FROM circle WHERE scope = ?1 AND charter_seq > 0", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(scope));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find a circle");
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool circle_last_valid(struct store *store, const struct oid *scope, const struct node_id *node,
                       const char *type, uint64_t *ret_seq, struct err *err)
{
    int64_t circle = 0;
    struct circle_standing standing;
    *ret_seq = 0;
    if (!find_founded(store, scope, &circle, err))
        return false;
    if (!circle)
        return true;
    if (strcmp(type, TYPE_CHARTER) == 0 || strcmp(type, TYPE_MEMBERSHIP) == 0) {
        *ret_seq = UINT64_MAX; /* these are judged by their stewards' signatures */
        return true;
    }
    if (!circle_standing(store, circle, node, &standing, err))
        return false;
    if (standing.is_in) {
        *ret_seq = UINT64_MAX;
        return true;
    }
    return !standing.ended || read_bound(store, circle, node, standing.ended, type, ret_seq, err);
}

bool circle_author_valid(struct store *store, const struct oid *scope, const struct node_id *author,
                         const char *type, uint64_t seq, bool *ret, struct err *err)
{
    uint64_t last;
    bool blocked;
    struct node_keys_state keys;
    if (!(strcmp(type, TYPE_NOTICE) == 0 ? relation_is_muted
                                         : relation_is_blocked)(store, author, &blocked, err) ||
        !node_keys_state(store, author, &keys, err) ||
        !circle_last_valid(store, scope, author, type, &last, err))
        return false;
    *ret = !blocked && !(keys.found && keys.duplicity) && seq <= last;
    return true;
}

bool circle_has_relay_duty(struct store *store, const struct oid *scope, bool *ret, struct err *err)
{
    return ask_one(store, "SELECT 1 FROM circle WHERE scope = ?1 AND relay_duty = 1",
                   oid_bytes(scope), (struct bytes){0}, ret, err);
}

bool circle_owes_relay(struct store *store, const struct node_id *peer, bool *ret, struct err *err)
{
    return ask_one(store,
                   "SELECT 1 FROM circle_member m JOIN circle c ON c.id = m.circle"
                   " WHERE m.node = ?1 AND m.is_in = 1 AND c.ours = 'member'"
                   " AND c.relay_duty = 1 LIMIT 1",
                   node_id_bytes(peer), (struct bytes){0}, ret, err);
}

bool circle_auto_accepts(struct store *store, const struct node_id *peer, bool *ret,
                         struct oid *ret_scope, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT c.scope FROM circle_member m"
                                 " JOIN circle c ON c.id = m.circle WHERE m.node = ?1"
                                 " AND m.is_in = 1 AND c.ours = 'member'"
                                 " AND c.accept_each_other = 1 ORDER BY c.id LIMIT 1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "ask for circles in common");
    *ret = row && stmt_copy(stmt, 0, ret_scope->b, OID_BYTES);
    return true;
}

bool circle_standing(struct store *store, int64_t circle, const struct node_id *node,
                     struct circle_standing *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT is_in, added, ended FROM circle_member"
                                 " WHERE circle = ?1 AND node = ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, node_id_bytes(node));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "ask who is in a circle");
    *ret = (struct circle_standing){0};
    if (row)
        *ret = (struct circle_standing){stmt_i64(stmt, 0) != 0, (uint64_t)stmt_i64(stmt, 1),
                                        (uint64_t)stmt_i64(stmt, 2)};
    return true;
}

/* ---- lists ---- */

bool circle_member_list(struct store *store, struct arena *arena, const struct oid *scope,
                        struct circle_member **ret, size_t *ret_count, struct err *err)
{
    struct circle circle;
    if (!circle_row_get(store, scope, &circle, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT m.node, CASE WHEN m.name <> '' THEN m.name ELSE coalesce(p.name, '') END"
                 " AS called, m.added, m.since_s FROM circle_member m"
                 " LEFT JOIN peer p ON p.node = m.node WHERE m.circle = ?1 AND m.is_in = 1"
                 " ORDER BY lower(called), m.node LIMIT ?2",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle.id);
    stmt_bind_i64(stmt, 2, CIRCLE_MEMBERS_MAX + CIRCLE_STEWARDS_MAX);
    struct circle_member *list =
        arena_alloc(arena, (circle.member_count + CIRCLE_STEWARDS_MAX) * sizeof(*list));
    size_t count = 0;
    for (bool row; count < circle.member_count; count++) {
        struct circle_member *member = &list[count];
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list the members of a circle");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, member->node.b, NODE_ID_BYTES))
            return err_set(err, ERR_IO, "a member row cannot be read");
        text_copy(member->name, sizeof(member->name), stmt_text(stmt, 1));
        member->term = (uint64_t)stmt_i64(stmt, 2);
        member->since_s = (uint64_t)stmt_i64(stmt, 3);
        member->steward = circle_is_steward(&circle, &member->node);
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool circle_ask_list(struct store *store, struct arena *arena, const struct oid *scope,
                     struct circle_ask **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT a.node, coalesce(p.name, ''), a.text, a.asked_ms"
                                 " FROM circle_ask a JOIN circle c ON c.id = a.circle"
                                 " LEFT JOIN peer p ON p.node = a.node"
                                 " WHERE c.scope = ?1 ORDER BY a.asked_ms LIMIT 100",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(scope));
    struct circle_ask *list = arena_alloc(arena, 100 * sizeof(*list));
    size_t count = 0;
    for (bool row; count < 100; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list requests");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, list[count].node.b, NODE_ID_BYTES))
            return err_set(err, ERR_IO, "a request row cannot be read");
        text_copy(list[count].name, sizeof(list[count].name), stmt_text(stmt, 1));
        text_copy(list[count].text, sizeof(list[count].text), stmt_text(stmt, 2));
        list[count].asked_ms = stmt_i64(stmt, 3);
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool circle_note(struct tx *tx, const struct circle *circle, const char *verb, struct err *err)
{
    char id[2 * OID_BYTES + 1];
    return tx_event(tx, "circle", hex_encode(oid_bytes(&circle->scope), id), verb, err);
}
