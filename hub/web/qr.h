#pragma once
/* QR codes as a path for SVG. libqrencode's only home besides hubctl's terminal. */
#include <jansson.h>

/** {path, size} with the quiet zone that scanners want; NULL: the text is too long. */
json_t *qr_shape(const char *text);
