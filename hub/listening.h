#pragma once
/*
 * Where people, programs and peers reach this hub, and with which certificate: what the settings
 * say, checked before anything is opened.
 */
#include "hub/config.h"

#define LISTENING_PATH 600

struct listening {
    char address[64];                                      /* without brackets */
    unsigned port;                                         /* 0: any */
    char certificate[LISTENING_PATH], key[LISTENING_PATH]; /* "": no TLS here */
};
/**
 * ERR_INVALID: `listen` is no address:port, or it would be open to others without TLS; ERR_IO: what
 * certificate_check() says.
 */
NODISCARD bool listening_read(const struct config *config, struct listening *ret, struct err *err);
