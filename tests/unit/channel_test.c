/* What src/sandbox/channel.h promises. */
#include "test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/es_clock.h"
#include "sandbox/channel.h"

static size_t open_fd_count(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void channel_carries_messages_and_descriptors_both_ways(void **state)
{
    (void)state;
    size_t fds_before = open_fd_count();
    {
        struct es_err err = { 0 };
        es_auto(channel) one = NULL;
        es_auto(channel) other = NULL;
        assert_ok(channel_open_pair(&one, &other, &err), err);
        es_auto_fd zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        const int fds[2] = { zero, zero };

        assert_ok(channel_send(one, 7, "hello", 5, fds, 2, &err), err);
        assert_ok(channel_send(one, 8, NULL, 0, NULL, 0, &err), err);
        struct channel_message message;
        assert_ok(channel_receive(other, 0, &message, &err), err);
        assert_int_equal(message.type, 7);
        assert_int_equal(message.size, 5);
        assert_memory_equal(message.bytes, "hello", 5);
        assert_int_equal((uintptr_t)message.bytes % 8, 0);
        assert_int_equal(message.fd_count, 2);
        assert_true(fcntl(message.fds[0], F_GETFD) & FD_CLOEXEC);
        es_auto_fd taken = channel_take_fd(other, 1);
        assert_int_equal(channel_take_fd(other, 1), -1);
        assert_int_equal(channel_take_fd(other, 2), -1);

        assert_ok(channel_receive(other, 0, &message, &err), err);
        assert_int_equal(message.type, 8);
        assert_int_equal(message.size, 0);
        assert_int_equal(message.fd_count, 0);
        struct stat given, got;
        assert_int_equal(fstat(zero, &given), 0);
        assert_int_equal(fstat(taken, &got), 0);
        assert_int_equal(given.st_ino, got.st_ino);

        assert_ok(channel_send(other, UINT32_MAX, "back", 4, fds, 1, &err), err);
        assert_ok(channel_receive(one, -1, &message, &err), err);
        assert_int_equal(message.type, UINT32_MAX);
    }
    assert_int_equal(open_fd_count(), fds_before);
}

static void channel_carries_the_longest_message_and_refuses_a_longer_one(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(channel) one = NULL;
    es_auto(channel) other = NULL;
    assert_ok(channel_open_pair(&one, &other, &err), err);
    es_auto_free unsigned char *bytes = malloc(CHANNEL_MESSAGE_BYTES_MAX + 1);
    for (size_t i = 0; i <= CHANNEL_MESSAGE_BYTES_MAX; i++)
        bytes[i] = (unsigned char)(i * 31);
    assert_ok(channel_send(one, 1, bytes, CHANNEL_MESSAGE_BYTES_MAX, NULL, 0, &err), err);
    struct channel_message message;
    assert_ok(channel_receive(other, 0, &message, &err), err);
    assert_int_equal(message.size, CHANNEL_MESSAGE_BYTES_MAX);
    assert_memory_equal(message.bytes, bytes, CHANNEL_MESSAGE_BYTES_MAX);

    assert_int_equal(channel_send(one, 1, bytes, CHANNEL_MESSAGE_BYTES_MAX + 1, NULL, 0, &err),
                     ES_INVALID);
    int fds[CHANNEL_FDS_MAX + 1] = { 0 };
    assert_int_equal(channel_send(one, 1, NULL, 0, fds, CHANNEL_FDS_MAX + 1, &err), ES_INVALID);
    assert_int_equal(channel_receive(other, 0, &message, &err), ES_UNAVAILABLE);
}

static void channel_receive_keeps_its_timeout(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(channel) one = NULL;
    es_auto(channel) other = NULL;
    assert_ok(channel_open_pair(&one, &other, &err), err);
    struct channel_message message;
    int64_t start_ms = es_clock_monotonic_ms();
    assert_int_equal(channel_receive(one, 20, &message, &err), ES_UNAVAILABLE);
    assert_true(es_clock_monotonic_ms() - start_ms >= 19);
}

static void channel_send_gives_up_on_a_peer_that_does_not_read(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    int fds[2];
    assert_ok(channel_make_sockets(fds, &err), err);
    es_auto(channel) one = channel_open(fds[0], 10);
    es_auto_fd other = fds[1]; /* never reads */
    assert_true(other >= 0);
    enum es_code code = ES_OK;
    for (int i = 0; i < 100000 && code == ES_OK; i++)
        code = channel_send(one, 1, "some bytes", 10, NULL, 0, &err);
    assert_int_equal(code, ES_UNAVAILABLE);
}

static void channel_tells_the_end_after_the_last_message(void **state)
{
    (void)state;
    struct es_err err = { 0 };
    es_auto(channel) one = NULL;
    struct channel *other = NULL;
    assert_ok(channel_open_pair(&one, &other, &err), err);
    /* The peer leaves with a message unread, which resets the socket. */
    assert_ok(channel_send(one, 1, NULL, 0, NULL, 0, &err), err);
    assert_ok(channel_send(other, 2, "result", 6, NULL, 0, &err), err);
    channel_close(other);

    struct channel_message message;
    assert_ok(channel_receive(one, -1, &message, &err), err);
    assert_int_equal(message.type, 2);
    assert_int_equal(channel_receive(one, -1, &message, &err), ES_CANCELLED);
    assert_int_equal(channel_receive(one, -1, &message, &err), ES_CANCELLED);
    assert_int_equal(channel_send(one, 1, NULL, 0, NULL, 0, &err), ES_CANCELLED);
}

/* As a compromised peer would, around the channel. */
static void send_raw(int fd, const void *bytes, size_t size, size_t fd_count)
{
    struct iovec piece = { .iov_base = (void *)bytes, .iov_len = size };
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
    if (fd_count > 0) {
        struct cmsghdr *header = (struct cmsghdr *)control;
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        for (size_t i = 0; i < fd_count; i++)
            memcpy(CMSG_DATA(header) + i * sizeof(int), &(int){ 0 }, sizeof(int));
    }
    assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), (ssize_t)size);
}

static void channel_refuses_malformed_messages_and_leaks_nothing(void **state)
{
    (void)state;
    size_t fds_before = open_fd_count();
    {
        struct es_err err = { 0 };
        es_auto(channel) one = NULL;
        es_auto(channel) other = NULL;
        assert_ok(channel_open_pair(&one, &other, &err), err);
        int raw = channel_fd(other);
        es_auto_free char *bytes = calloc(1, CHANNEL_MESSAGE_BYTES_MAX + 5);
        struct channel_message message;

        send_raw(raw, "abc", 3, 0);
        assert_int_equal(channel_receive(one, 0, &message, &err), ES_INVALID);
        send_raw(raw, "abc", 3, 2);
        assert_int_equal(channel_receive(one, 0, &message, &err), ES_INVALID);
        send_raw(raw, bytes, CHANNEL_MESSAGE_BYTES_MAX + 5, 3);
        assert_int_equal(channel_receive(one, 0, &message, &err), ES_INVALID);
        send_raw(raw, "type", 4, CHANNEL_FDS_MAX + 1);
        assert_int_equal(channel_receive(one, 0, &message, &err), ES_INVALID);
        send_raw(raw, "type", 4, 64);
        assert_int_equal(channel_receive(one, 0, &message, &err), ES_INVALID);
        send_raw(raw, "", 0, 0);
        assert_int_equal(channel_receive(one, 0, &message, &err), ES_CANCELLED);

        send_raw(raw, "typebytes", 9, CHANNEL_FDS_MAX);
        assert_ok(channel_receive(one, 0, &message, &err), err);
        assert_int_equal(message.size, 5);
        assert_int_equal(message.fd_count, CHANNEL_FDS_MAX);
    }
    assert_int_equal(open_fd_count(), fds_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_carries_messages_and_descriptors_both_ways),
        cmocka_unit_test(channel_carries_the_longest_message_and_refuses_a_longer_one),
        cmocka_unit_test(channel_receive_keeps_its_timeout),
        cmocka_unit_test(channel_send_gives_up_on_a_peer_that_does_not_read),
        cmocka_unit_test(channel_tells_the_end_after_the_last_message),
        cmocka_unit_test(channel_refuses_malformed_messages_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
