#pragma once
/* Every size and count both ends enforce (proto/README.md "Limits"). Bytes unless the name says otherwise. */

/* node ids, keys, hashes */
#define NODE_ID_BYTES     32
#define OID_BYTES         32
#define ED25519_KEY_BYTES 32
#define ED25519_SIG_BYTES 64
#define X25519_KEY_BYTES  32
#define ENC_KEY_ID_BYTES  16
#define SALT_BYTES        32
#define INVITE_BYTES      16
#define UID_BYTES         16

/* link */
#define LINK_FRAME_MAX            65535 /* one WebSocket message */
#define LINK_PACK_BYTES           16384 /* several Data share a frame up to here: one TLS record */
#define LINK_PART_BYTES           32768
#define LINK_HANDSHAKE_MAX        8192
#define LINK_HANDSHAKE_MESSAGES   3
#define LINK_HANDSHAKE_MS         10000
#define LINK_HALF_OPEN_MAX        256
#define LINK_ADDRESS_PER_MINUTE   10
#define LINK_ADDRESS_BURST        20
#define LINK_WINDOW_OBJECTS       1024
#define LINK_BATCH_MAX            256
#define LINK_KEL_INLINE_MAX       4096
#define LINK_PEER_REQUEST_MAX     2048
#define LINK_CLOCK_SKEW_MS        600000
#define LINK_LANES                4
#define LINK_OUT_MAX              1048576 /* outbound bytes buffered per session */

/* objects */
#define SIGNED_BODY_MAX        262144
#define SIGNED_SIGS_MAX        5
#define OBJECT_NOTICE_MAX      16384
#define OBJECT_SERVICE_MAX     16384
#define OBJECT_ENTRY_MAX       8192
#define OBJECT_KEL_MAX         4096
#define OBJECT_EVENT_MAX       262144
#define KEL_EVENTS_MAX         64
#define KEL_BYTES_MAX          65536
#define SEALED_MAX             (262144 + 256)
#define SEAL_BUCKET_MIN        1024
#define SEAL_BUCKET_MAX        262144 /* 1, 2, 4 … 256 KiB */
#define RECEIPT_ENTRIES_MAX    256

/* shape, checked before protobuf-c allocates (R-LI-1) */
#define WIRE_DEPTH_MAX         5
#define WIRE_REPEATED_MAX      1024
#define WIRE_FIELDS_MAX        4096

/* lifetimes, seconds */
#define OBJECT_FUTURE_S         600
#define OBJECT_EXPIRED_GRACE_S  600
#define NOTICE_LIFETIME_MAX_S   (180 * 86400)
#define REFERRAL_LIFETIME_MAX_S (90 * 86400)
#define DELEGATION_LIFETIME_S   (400 * 86400)
#define DEDUP_EXTRA_S           (7 * 86400)
#define TIME_MAX_S              253402300799 /* the year 9999: milliseconds of it fit an int64 */

/* relations and domain */
#define PEER_TEXT_MAX           1024
#define INVITE_TEXT_MAX         300
#define INVITE_LIFETIME_S       (14 * 86400)
#define OPEN_REFERRALS_PER_PEER 10000
#define EVENTS_PER_REFERRAL     2000
#define OPEN_NOTICES_PER_NODE   50
#define NOTICE_TEXT_MAX         1500 /* characters */
#define SUGGESTED_SERVICES_MAX  3

/* client API */
#define API_REQUEST_MAX         1048576
#define API_IMPORT_MAX          67108864
#define API_HEADERS_MAX         4096
#define WATCH_MESSAGE_MAX       4096
