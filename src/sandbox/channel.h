/* One end of a conversation between the program and one child: whole messages over a SOCK_SEQPACKET
 * socket pair, each with a type, up to CHANNEL_MESSAGE_BYTES_MAX bytes and up to CHANNEL_FDS_MAX
 * file descriptors (SCM_RIGHTS, unix(7)). What types mean is the users' business. The peer may be
 * compromised: whatever it sends is either a message within these bounds or an error, and nothing
 * that it does or leaves undone makes a call block for longer than it says.
 *
 * Threads: any number may send at once, beside one that receives. */
#ifndef SANDBOX_CHANNEL_H
#define SANDBOX_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/es_auto.h"
#include "base/es_error.h"

#define CHANNEL_MESSAGE_BYTES_MAX ((size_t)128 * 1024)
#define CHANNEL_FDS_MAX           8

struct channel;

/* Belongs to the channel and lives until its next receive, or its close. */
struct channel_message {
    uint32_t type;
    const uint8_t *bytes; /* never NULL; 8-aligned */
    size_t size;          /* 0..CHANNEL_MESSAGE_BYTES_MAX */
    const int *fds;       /* close-on-exec; closed by the channel unless taken */
    size_t fd_count;      /* 0..CHANNEL_FDS_MAX */
};

/* Makes the two ends of a fresh channel in this process. ES_IO. */
ES_CHECK enum es_code channel_open_pair(struct channel **ret_one, struct channel **ret_other,
                                        struct es_err *reterr);

/* Wraps a socket that channel_make_sockets made; the channel owns it from now on. A send that the
 * peer lets wait fails after `send_timeout_ms`; -1: it waits as long as it must. Never NULL. */
struct channel *channel_open(int fd, int send_timeout_ms);

/* The two sockets of a channel, close-on-exec and with buffers that hold the longest message.
 * ES_IO. */
ES_CHECK enum es_code channel_make_sockets(int ret_fds[static 2], struct es_err *reterr);

/* Sends one message, whole or not at all; descriptors are duplicated into it, and stay the
 * caller's. Blocks while the peer's queue is full. `bytes` may be NULL where `size` is 0, `fds`
 * where `fd_count` is. ES_INVALID: over a bound. ES_UNAVAILABLE: the peer did not read in time.
 * ES_CANCELLED: the peer is gone. ES_IO. */
ES_CHECK enum es_code channel_send(struct channel *channel, uint32_t type, const void *bytes,
                                   size_t size, const int *fds, size_t fd_count,
                                   struct es_err *reterr);

/* Waits up to `timeout_ms` (0: not at all; -1: for ever) for a message. ES_UNAVAILABLE: none came
 * in time. ES_CANCELLED: the peer is gone, and all that it had sent has been received. ES_INVALID:
 * the peer sent what no channel sends (too long, too short, too many descriptors); what it sends
 * next can still be received, but it should no longer be believed. ES_IO. After any call the
 * previous message is void. */
ES_CHECK enum es_code channel_receive(struct channel *channel, int timeout_ms,
                                      struct channel_message *ret_message, struct es_err *reterr);

/* Makes descriptor `index` of the message received last the caller's, who closes it. -1 where the
 * message has none such or it was taken before. */
int channel_take_fd(struct channel *channel, size_t index);

/* For poll(2): readable when a receive would not wait. Stays the channel's. */
int channel_fd(const struct channel *channel);

/* Closes the socket, which the peer notices at once, and every descriptor that was not taken;
 * frees. */
void channel_close(struct channel *channel);

ES_DEFINE_AUTO(channel, channel_close);

#endif
