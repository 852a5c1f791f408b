// Binary messages, and the word that all is written.
#include "unit.h"
#include "ws_end.h"

#include <signal.h>

struct taker {
    struct end end;
    struct evbuffer *taken;
    int drained;
};

static void on_binary(struct ws *ws, const void *data, size_t len, void *arg)
{
    struct taker *taker = arg;
    evbuffer_add(taker->taken, data, len);
}

static void on_drained(struct ws *ws, void *arg)
{
    struct taker *taker = arg;
    ck_assert_int_eq(taker->end.in_call, 0);
    taker->drained++;
}

static void start_taker(struct taker *taker, int fd, enum ws_side side)
{
    static const struct ws_handlers takers = {
        .message = on_message, .closed = on_closed, .binary = on_binary, .drained = on_drained};
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    evutil_make_socket_nonblocking(fd);
    taker->end.base = base;
    taker->taken = evbuffer_new();
    taker->end.ws = ws_create(bev, side, &takers, &limits, taker);
}

static void start_takers(struct taker *server, struct taker *client)
{
    int fds[2];
    base = event_base_new();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    start_taker(server, fds[0], WS_SERVER);
    start_taker(client, fds[1], WS_CLIENT);
}

static void finish_takers(struct taker *server, struct taker *client)
{
    evbuffer_free(server->taken);
    evbuffer_free(client->taken);
    finish(&server->end, &client->end);
}

START_TEST(bytes_of_any_value_pass_both_ways)
{
    struct taker server = {0}, client = {0};
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)i;
    }
    start_takers(&server, &client);
    struct err err;
    ck_assert_int_eq(ws_send_binary(client.end.ws, bytes, sizeof(bytes), &err), 0);
    ck_assert_int_eq(ws_send_binary(server.end.ws, bytes, sizeof(bytes), &err), 0);
    run_ms(50);
    ck_assert_mem_eq(evbuffer_pullup(server.taken, -1), bytes, sizeof(bytes));
    ck_assert_mem_eq(evbuffer_pullup(client.taken, -1), bytes, sizeof(bytes));
    ck_assert_int_eq(server.end.messages + client.end.messages, 0);
    finish_takers(&server, &client);
}
END_TEST

START_TEST(the_owner_is_told_when_all_is_written_and_never_from_within_a_send)
{
    struct taker server = {0}, client = {0};
    static char much[90000];
    start_takers(&server, &client);
    run_ms(20);
    server.drained = 0;
    struct err err;
    server.end.in_call++;
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(ws_send_binary(server.end.ws, much, sizeof(much), &err), 0);
    }
    server.end.in_call--;
    ck_assert_uint_gt(ws_backlog(server.end.ws), 0);
    run_ms(200);
    ck_assert_int_ge(server.drained, 1);
    ck_assert_uint_eq(ws_backlog(server.end.ws), 0);
    ck_assert_uint_eq(evbuffer_get_length(client.taken), 4 * sizeof(much));
    finish_takers(&server, &client);
}
END_TEST

START_TEST(who_takes_none_closes_with_1003)
{
    struct end server = {0}, client = {0};
    start_pair(&server, &client, &limits);
    struct err err;
    ck_assert_int_eq(ws_send_binary(client.ws, "x", 1, &err), 0);
    run_ms(100);
    run_ms(100);
    ck_assert_uint_eq(server.code, 1003);
    finish(&server, &client);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        bytes_of_any_value_pass_both_ways,
        the_owner_is_told_when_all_is_written_and_never_from_within_a_send,
        who_takes_none_closes_with_1003, NULL};
    signal(SIGPIPE, SIG_IGN); // as both programs do
    return unit_run(unit_suite("ws_binary", tests));
}
