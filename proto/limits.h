#pragma once
/* Every size and count both ends enforce (proto/README.md "Limits"). Bytes unless the name says
 * otherwise. */

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
#define LINK_FRAME_MAX          65535 /* one WebSocket message */
#define LINK_PACK_BYTES         16384 /* several Data share a frame up to here: one TLS record */
#define LINK_PART_BYTES         32768
#define LINK_HANDSHAKE_MAX      8192
#define LINK_HANDSHAKE_MESSAGES 3
#define LINK_HANDSHAKE_MS       10000
#define LINK_HALF_OPEN_MAX      256
#define LINK_ADDRESS_PER_MINUTE 10
#define LINK_ADDRESS_BURST      20
#define LINK_WINDOW_OBJECTS     1024
#define LINK_BATCH_MAX          256
#define LINK_KEL_INLINE_MAX     4096
#define LINK_PEER_REQUEST_MAX   2048
#define LINK_CLOCK_SKEW_MS      600000
#define LINK_LANES              4
#define LINK_OUT_MAX            1048576 /* outbound bytes buffered per session */

/* relays (proto/README.md "Relays") */
#define RELAY_PART_BYTES      49152 /* of a Sealed in one Relay frame */
#define RELAY_HOPS_MAX        2
#define RELAY_HOMES_MAX       3
#define RELAY_TAG_BYTES       16
#define RELAY_TAGS_MAX        1024
#define RELAY_DEST_BYTES      67108864 /* in custody for one destination */
#define RELAY_DEST_BLOBS      2000     /* a count */
#define RELAY_FROM_DEST_BYTES 16777216 /* of one injecting peer for one destination */
#define RELAY_FROM_BYTES      268435456

/* attachments (proto/README.md "Attachments") */
#define ATTACHMENT_PART_BYTES     32768 /* of the file; 16 more once sealed */
#define ATTACHMENT_BYTES          16777216
#define ATTACHMENTS_PER_REFERRAL  3
#define ATTACHMENT_REFERRAL_BYTES 67108864
#define ATTACHMENT_PEER_BYTES     268435456 /* fetched from one peer and not erased yet */
#define ATTACHMENT_NAME_MAX       120
#define ATTACHMENT_KEEP_S         (182 * 86400) /* after the end of the referral */
#define PARTS_WANTED_MAX          256

/* gossip of circles */
#define OFFER_OIDS_MAX   1000
#define WANT_OIDS_MAX    256
#define RECON_FRAME_MAX  49152
#define RECON_ROUNDS_MAX 32
#define RECON_AT_ONCE    4  /* as initiator, and as many as responder */
#define HOPS_CIRCLE      12 /* start values of Objects.hops_left (R-OB-6) */
#define HOPS_MAX         32

/* objects */
#define SIGNED_BODY_MAX    262144
#define SIGNED_SIGS_MAX    5
#define OBJECT_NOTICE_MAX  16384
#define OBJECT_SERVICE_MAX 16384
#define OBJECT_ENTRY_MAX   8192
#define OBJECT_KEL_MAX     4096
/* circles */
#define CIRCLES_MAX           64
#define CIRCLES_UNASKED_MAX   16 /* of them told by peers, and nobody here asked or agreed */
#define CIRCLE_MEMBERS_MAX    5000
#define CIRCLE_STEWARDS_MAX   5
#define CIRCLE_PRINCIPLES_MAX 5
#define CIRCLE_PRINCIPLE_MAX  200 /* characters */
#define CIRCLE_TERM_MAX       1000000
#define CIRCLE_OBJECT_MAX     16384
#define CIRCLE_LETTER_MAX     131072         /* bytes of objects in one letter */
#define CIRCLE_LIFETIME_S     (3650 * 86400) /* of charters and membership events */
#define INTRODUCTION_MAX      32768
#define INTRODUCTION_KEL_MAX  16384

#define OBJECT_AUDIT_HEAD_MAX 1024
#define OBJECT_EVENT_MAX      262144
#define KEL_EVENTS_MAX        64
#define KEL_BYTES_MAX         65536
#define SEALED_MAX            (262144 + 256)
#define SEAL_BUCKET_MIN       1024
#define SEAL_BUCKET_MAX       262144 /* 1, 2, 4 … 256 KiB */
#define RECEIPT_ENTRIES_MAX   256

/* shape, checked before protobuf-c allocates (R-LI-1) */
#define WIRE_DEPTH_MAX    5
#define WIRE_REPEATED_MAX 1024
#define WIRE_FIELDS_MAX   4096

/* lifetimes, seconds */
#define OBJECT_FUTURE_S         600
#define OBJECT_EXPIRED_GRACE_S  600
#define NOTICE_LIFETIME_MAX_S   (180 * 86400)
#define REFERRAL_LIFETIME_MAX_S (90 * 86400)
#define DELEGATION_LIFETIME_S   (400 * 86400)
#define DELEGATION_STALE_S      (90 * 86400) /* past its end: warned about, traffic goes on */
#define ENC_KEY_EVERY_S         (7 * 86400)
#define ENC_KEY_ACCEPTED_S      (21 * 86400)
#define ENC_KEY_LIFETIME_S      (ENC_KEY_ACCEPTED_S + REFERRAL_LIFETIME_MAX_S)
#define BEACON_EVERY_S          86400
#define BEACON_MISSED_S         (30 * 86400)
#define OBJECT_BEACON_MAX       1024
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
#define API_REQUEST_MAX   1048576
#define API_IMPORT_MAX    67108864
#define API_SLICE_MAX     524288 /* of an attachment, in one call */
#define API_HEADERS_MAX   4096
#define WATCH_MESSAGE_MAX 4096
