/* Datagrams that begin with their type. The socket keeps their bounds, so there is no framing to
 * get wrong: what is too long arrives cut (MSG_TRUNC), and what is too short has no type. */
#include "sandbox/channel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/es_arena.h"
#include "base/es_clock.h"

/* What the kernel adds to a message's bytes when it counts them against the buffer, and room to
 * queue. */
#define SOCKET_BUFFER_BYTES ((int)CHANNEL_MESSAGE_BYTES_MAX * 3 / 2)

struct channel {
    int fd;
    int send_timeout_ms;
    size_t fd_count;
    int fds[CHANNEL_FDS_MAX]; /* of the message received last; -1: taken */
    uint32_t type;
    uint8_t *bytes; /* CHANNEL_MESSAGE_BYTES_MAX, from the first receive on */
};

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
};

enum es_code channel_make_sockets(int ret_fds[static 2], struct es_err *reterr)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return es_fail_errno(reterr, errno, "cannot make a socket pair");
    es_auto_fd one = fds[0];
    es_auto_fd other = fds[1];
    for (int i = 0; i < 2; i++) {
        int size = SOCKET_BUFFER_BYTES;
        socklen_t length = sizeof(size);
        /* The kernel cuts the size to net.core.wmem_max in silence, hence the look at what it gave.
         */
        if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) != 0 ||
            getsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, &length) != 0)
            return es_fail_errno(reterr, errno, "cannot size a socket's buffer");
        if ((size_t)size < CHANNEL_MESSAGE_BYTES_MAX + 1024)
            return es_fail(reterr, ES_IO,
                           "socket buffers hold %d bytes, too few for a message of %zu: raise the "
                           "system's net.core.wmem_max",
                           size, CHANNEL_MESSAGE_BYTES_MAX);
    }
    ret_fds[0] = es_take_fd(&one);
    ret_fds[1] = es_take_fd(&other);
    return ES_OK;
}

struct channel *channel_open(int fd, int send_timeout_ms)
{
    struct channel *channel = es_malloc(sizeof(*channel));
    channel->fd = fd;
    channel->send_timeout_ms = send_timeout_ms;
    return channel;
}

enum es_code channel_open_pair(struct channel **ret_one, struct channel **ret_other,
                               struct es_err *reterr)
{
    int fds[2];
    enum es_code code = channel_make_sockets(fds, reterr);
    if (code != ES_OK)
        return code;
    *ret_one = channel_open(fds[0], -1);
    *ret_other = channel_open(fds[1], -1);
    return ES_OK;
}

static void drop_message(struct channel *channel)
{
    for (size_t i = 0; i < channel->fd_count; i++)
        if (channel->fds[i] >= 0)
            close(channel->fds[i]);
    channel->fd_count = 0;
}

void channel_close(struct channel *channel)
{
    drop_message(channel);
    close(channel->fd);
    free(channel->bytes);
    free(channel);
}

int channel_fd(const struct channel *channel)
{
    return channel->fd;
}

/* Waits for `events` until `deadline_ms` of the monotonic clock, -1: for ever. ES_UNAVAILABLE,
 * ES_IO. */
static enum es_code await(int fd, short events, int64_t deadline_ms, struct es_err *reterr)
{
    for (;;) {
        int64_t left_ms = -1;
        if (deadline_ms >= 0) {
            left_ms = deadline_ms - es_clock_monotonic_ms();
            left_ms = left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : left_ms;
        }
        struct pollfd waited = { .fd = fd, .events = events };
        int ready = poll(&waited, 1, (int)left_ms);
        if (ready > 0)
            return ES_OK;
        if (ready == 0)
            return es_fail(reterr, ES_UNAVAILABLE, "the peer keeps the channel waiting");
        if (errno != EINTR)
            return es_fail_errno(reterr, errno, "cannot wait for a channel");
    }
}

static int64_t deadline_after(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : es_clock_monotonic_ms() + timeout_ms;
}

static enum es_code fail_peer_gone(struct es_err *reterr)
{
    return es_fail(reterr, ES_CANCELLED, "the peer has left the channel");
}

enum es_code channel_send(struct channel *channel, uint32_t type, const void *bytes, size_t size,
                          const int *fds, size_t fd_count, struct es_err *reterr)
{
    if (size > CHANNEL_MESSAGE_BYTES_MAX || fd_count > CHANNEL_FDS_MAX)
        return es_fail(reterr, ES_INVALID,
                       "a message of %zu bytes and %zu descriptors is too large", size, fd_count);
    struct iovec pieces[2] = {
        { .iov_base = &type, .iov_len = sizeof(type) },
        { .iov_base = (void *)bytes, .iov_len = size },
    };
    struct msghdr message = { .msg_iov = pieces, .msg_iovlen = size > 0 ? 2 : 1 };
    union control control = { 0 };
    if (fd_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
    }

    int64_t deadline_ms = deadline_after(channel->send_timeout_ms);
    for (;;) {
        if (sendmsg(channel->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return ES_OK;
        if (errno == EINTR)
            continue;
        if (errno == EPIPE || errno == ECONNRESET)
            return fail_peer_gone(reterr);
        if (errno != EAGAIN)
            return es_fail_errno(reterr, errno, "cannot send a message");
        enum es_code code = await(channel->fd, POLLOUT, deadline_ms, reterr);
        if (code != ES_OK)
            return code;
    }
}

/* Keeps every descriptor that came with `message`, so that none leaks whatever else is wrong with
 * it. False where there were too many: the kernel then dropped some. */
static bool keep_fds(struct channel *channel, struct msghdr *message)
{
    bool whole = !(message->msg_flags & MSG_CTRUNC);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const unsigned char *data = CMSG_DATA(header);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, data + i * sizeof(int), sizeof(fd));
            if (channel->fd_count < CHANNEL_FDS_MAX) {
                channel->fds[channel->fd_count++] = fd;
            } else {
                close(fd);
                whole = false;
            }
        }
    }
    return whole;
}

enum es_code channel_receive(struct channel *channel, int timeout_ms,
                             struct channel_message *ret_message, struct es_err *reterr)
{
    drop_message(channel);
    if (!channel->bytes)
        channel->bytes = es_malloc(CHANNEL_MESSAGE_BYTES_MAX);
    struct iovec pieces[2] = {
        { .iov_base = &channel->type, .iov_len = sizeof(channel->type) },
        { .iov_base = channel->bytes, .iov_len = CHANNEL_MESSAGE_BYTES_MAX },
    };
    union control control;
    struct msghdr message;
    ssize_t got;
    int64_t deadline_ms = deadline_after(timeout_ms);
    for (;;) {
        message = (struct msghdr){ .msg_iov = pieces,
                                   .msg_iovlen = 2,
                                   .msg_control = control.bytes,
                                   .msg_controllen = sizeof(control.bytes) };
        got = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got >= 0)
            break;
        /* A peer that closed with messages of ours unread resets the socket, which is told once,
         * ahead of the messages that it had sent: those are still to be had. */
        if (errno == EINTR || errno == ECONNRESET)
            continue;
        if (errno != EAGAIN)
            return es_fail_errno(reterr, errno, "cannot receive a message");
        enum es_code code = await(channel->fd, POLLIN, deadline_ms, reterr);
        if (code != ES_OK)
            return code;
    }

    bool whole = keep_fds(channel, &message);
    /* An empty datagram looks like the end; who sends one is treated as if gone. */
    if (got == 0 && channel->fd_count == 0)
        return fail_peer_gone(reterr);
    if (!whole || (message.msg_flags & MSG_TRUNC) || (size_t)got < sizeof(channel->type)) {
        drop_message(channel);
        return es_fail(reterr, ES_INVALID,
                       whole ? "the peer sent a malformed message of %zd bytes or more"
                             : "descriptors were lost with a message of %zd bytes: too many, or no "
                               "room for them in this process",
                       got);
    }
    *ret_message = (struct channel_message){
        .type = channel->type,
        .bytes = channel->bytes,
        .size = (size_t)got - sizeof(channel->type),
        .fds = channel->fds,
        .fd_count = channel->fd_count,
    };
    return ES_OK;
}

int channel_take_fd(struct channel *channel, size_t index)
{
    return index < channel->fd_count ? es_take_fd(&channel->fds[index]) : -1;
}
