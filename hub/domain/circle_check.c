/* Shape of what comes from outside: charters, membership events, letters. Pure. */
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/circle.h"

#define CHANGE(name) MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_##name
#define LETTER(name) MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_##name
#define NONCE_BYTES  16
#define NAME_BYTES   159
#define BOUNDS_MAX   16
#define TYPE_MAX     128
#define LETTER_KEYS  64

static bool is_line(const char *text, size_t max)
{
    struct bytes bytes = bytes_text(text);
    return bytes.len > 0 && bytes.len <= 4 * max && text_length(bytes) <= max &&
           !strpbrk(text, "\r\n\t");
}

static bool are_stewards(const Maillon__Hfp__V1__Charter *charter)
{
    if (charter->n_steward < 1 || charter->n_steward > CIRCLE_STEWARDS_MAX ||
        charter->threshold < 1 || charter->threshold > charter->n_steward)
        return false;
    for (size_t i = 0; i < charter->n_steward; i++) {
        if (charter->steward[i].len != NODE_ID_BYTES)
            return false;
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(wire_bytes(charter->steward[i]), wire_bytes(charter->steward[j])))
                return false;
        }
    }
    return true;
}

bool charter_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__Charter *charter = body;
    const Maillon__Hfp__V1__Head *head = charter->head;
    if (payload.len || !head || charter->nonce.len != NONCE_BYTES)
        return err_set(err, ERR_PEER, "charter is malformed");
    bool first = head->seq == 1;
    if (head->stream.len != (first ? 0 : OID_BYTES) ||
        !bytes_equal(wire_bytes(head->stream), wire_bytes(head->scope)))
        return err_set(err, ERR_PEER, "charter is malformed: stream or scope");
    if (!is_line(charter->name, CIRCLE_NAME_MAX))
        return err_set(err, ERR_PEER, "charter is malformed: name");
    if (charter->n_principle > CIRCLE_PRINCIPLES_MAX)
        return err_set(err, ERR_PEER, "charter has more than %d lines", CIRCLE_PRINCIPLES_MAX);
    for (size_t i = 0; i < charter->n_principle; i++) {
        if (!is_line(charter->principle[i], CIRCLE_PRINCIPLE_MAX))
            return err_set(err, ERR_PEER, "a line of a charter is longer than %d characters",
                           CIRCLE_PRINCIPLE_MAX);
    }
    if (!are_stewards(charter))
        return err_set(err, ERR_PEER, "charter is malformed: stewards or threshold");
    if (charter->members_max < 1 || charter->members_max > CIRCLE_MEMBERS_MAX)
        return err_set(err, ERR_PEER, "charter is malformed: more than %d members",
                       CIRCLE_MEMBERS_MAX);
    if (charter->n_ended > (first ? 0 : CIRCLE_STEWARDS_MAX))
        return err_set(err, ERR_PEER, "charter is malformed: ended stewards");
    for (size_t i = 0; i < charter->n_ended; i++) {
        if (charter->ended[i]->node.len != NODE_ID_BYTES)
            return err_set(err, ERR_PEER, "charter is malformed: ended stewards");
    }
    return true;
}

bool membership_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__Membership *event = body;
    const Maillon__Hfp__V1__Head *head = event->head;
    if (payload.len || !head || head->scope.len != OID_BYTES ||
        !bytes_equal(wire_bytes(head->scope), wire_bytes(head->stream)) ||
        event->member.len != NODE_ID_BYTES)
        return err_set(err, ERR_PEER, "membership event is malformed");
    if (event->term < 1 || event->term > CIRCLE_TERM_MAX || head->seq > INT64_MAX)
        return err_set(err, ERR_PEER, "membership event is malformed: term");
    bool leaves = event->change == CHANGE(LEAVE);
    if (!leaves && event->change != CHANGE(ADD) && event->change != CHANGE(REMOVE))
        return err_set(err, ERR_UNSUPPORTED, "membership change %d is not known",
                       (int)event->change);
    if (event->charter.len != (leaves ? 0 : OID_BYTES))
        return err_set(err, ERR_PEER, "membership event is malformed: charter");
    if (leaves && !bytes_equal(wire_bytes(event->member), wire_bytes(head->node)))
        return err_set(err, ERR_PEER, "only a member itself can leave");
    if (strlen(event->name) > NAME_BYTES || event->n_last > BOUNDS_MAX)
        return err_set(err, ERR_PEER, "membership event is malformed: too long");
    for (size_t i = 0; i < event->n_last; i++) {
        if (strlen(event->last[i]->type) > TYPE_MAX || event->last[i]->seq > INT64_MAX)
            return err_set(err, ERR_PEER, "membership event is malformed: last");
    }
    return true;
}

bool circle_letter_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__CircleLetter *letter = body;
    size_t size = 0;
    if (payload.len || letter->circle.len != OID_BYTES || letter->nonce.len != NONCE_BYTES)
        return err_set(err, ERR_PEER, "circle letter is malformed");
    for (size_t i = 0; i < letter->n_object; i++)
        size += letter->object[i].len;
    for (size_t i = 0; i < letter->n_keys; i++) {
        if (letter->keys[i]->node.len != NODE_ID_BYTES || letter->keys[i]->n_event > KEL_EVENTS_MAX)
            return err_set(err, ERR_PEER, "circle letter is malformed: keys");
    }
    if (size > CIRCLE_LETTER_MAX || letter->n_keys > LETTER_KEYS)
        return err_set(err, ERR_PEER, "circle letter is too long");
    if (strlen(letter->text) > 4 * CIRCLE_ASK_TEXT_MAX ||
        text_length(bytes_text(letter->text)) > CIRCLE_ASK_TEXT_MAX)
        return err_set(err, ERR_PEER, "circle letter is malformed: text");
    switch (letter->kind) {
    case LETTER(ASK):
        return letter->n_object == 0 || err_set(err, ERR_PEER, "circle letter is malformed");
    case LETTER(OBJECTS):
        return letter->n_object > 0 || err_set(err, ERR_PEER, "circle letter is malformed");
    case LETTER(PROPOSAL):
        return letter->n_object == 1 || err_set(err, ERR_PEER, "circle letter is malformed");
    case LETTER(UNSPECIFIED):
    case _MAILLON__HFP__V1__CIRCLE_LETTER_KIND_IS_INT_SIZE:
        break;
    }
    return err_set(err, ERR_UNSUPPORTED, "circle letter %d is not known", (int)letter->kind);
}
