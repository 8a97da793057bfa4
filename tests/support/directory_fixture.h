#pragma once
/* Services and import files for the tests of the directory; include after <cmocka.h>. */
#include "hub/domain/directory.h"
#include "hub/domain/import.h"
#include "tests/support/domain_fixture.h"

typedef Maillon__Hfp__V1__ServiceContent service_content;

/** Content with a name and a place; strings are borrowed. */
static inline UNUSED service_content make_content(const char *name, const char *structure,
                                                  const char *commune, const char *postal_code)
{
    service_content content;
    maillon__hfp__v1__service_content__init(&content);
    content.name = (char *)(uintptr_t)name;
    content.structure_name = (char *)(uintptr_t)structure;
    content.commune_name = (char *)(uintptr_t)commune;
    content.postal_code = (char *)(uintptr_t)postal_code;
    return content;
}

/** Imports JSON text as data-inclusion of source "test". */
static inline UNUSED struct import_report import_text(struct domain_fixture *f, const char *json)
{
    struct import_report report;
    const struct import_file file = {
        .format = "data-inclusion", .file = bytes_text(json), .source = "test"};
    assert_ok(f, directory_import(&f->tx, &file, &report, &f->err));
    return report;
}

static inline UNUSED struct directory_results search(struct domain_fixture *f, const char *words,
                                                     const char *near)
{
    struct directory_results results;
    const struct directory_query query = {.words = words, .near = near};
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    return results;
}

/** What the peer sends: a version of its service `uid`; content NULL withdraws. */
static inline UNUSED enum err_code peer_sends(struct domain_fixture *f, const char *uid,
                                              uint32_t version, service_content *content,
                                              Maillon__Hfp__V1__ReceiptState *ret_state)
{
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Service service;
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__service__init(&service);
    head.node = (ProtobufCBinaryData){NODE_ID_BYTES, (uint8_t *)(uintptr_t)peer_node(f)->b};
    head.created_s = (uint64_t)f->tx.now.ms / 1000;
    head.expires_s = head.created_s + 86400;
    service.head = &head;
    service.uid = (char *)(uintptr_t)uid;
    service.version = version;
    service.content = content;
    struct inbound_object object = {.from = *peer_node(f), .head = &head, .body = &service};
    fake_random_init(&f->random, version);
    random_fill(&f->random.source, object.envelope.oid.b, OID_BYTES);
    struct disposition disposition = {0};
    f->err = (struct err){0};
    if (service_check(&service, (struct bytes){0}, &f->err) &&
        service_apply(&f->tx, &object, &disposition, &f->err)) {
        if (ret_state)
            *ret_state = disposition.state;
        return ERR_NONE;
    }
    return f->err.code;
}
