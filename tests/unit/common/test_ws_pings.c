// Who is gone and who is only slow: peers that read slowly, that throttle us, and that are dead.
#include "macro.h"
#include "unit.h"
#include "ws_end.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>

static const struct ws_limits fast = {.message_max = 100000, .backlog_max = 400000, .ping_s = 1};

static void on_drained(struct ws *ws, void *arg)
{
}

// As consoles have it.
static const struct ws_handlers with_drained = {
    .message = on_message, .closed = on_closed, .drained = on_drained};

static struct bufferevent *start_drained(struct end *end, int fd, enum ws_side side)
{
    evutil_make_socket_nonblocking(fd);
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    end->base = base;
    end->ws = ws_create(bev, side, &with_drained, &fast, end);
    return bev;
}

// Both ends of a connection over loopback with small buffers.
static void tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int small = 8192;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    ck_assert_int_eq(connect(fds[1], (struct sockaddr *)&address, len), 0);
    fds[0] = accept(listener, NULL, NULL);
    ck_assert_int_ge(fds[0], 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    close(listener);
}

static void fill(struct end *end)
{
    static char much[90000];
    struct err err;
    memset(much, 'x', sizeof(much));
    ck_assert_int_eq(ws_send(end->ws, much, sizeof(much), &err), 0);
    ck_assert_int_eq(ws_send(end->ws, much, sizeof(much), &err), 0);
}

START_TEST(a_dead_peer_is_found_although_each_ping_empties_the_output)
{
    struct end server = {0};
    int fds[2];
    base = event_base_new();
    tcp_pair(fds);
    start_drained(&server, fds[0], WS_SERVER);
    run_ms(8000);
    ck_assert_int_eq(server.closed, 1);
    ck_assert_str_eq(server.reason, "pings unanswered");
    close(fds[1]);
    finish(&server, NULL);
}
END_TEST

START_TEST(a_peer_that_reads_nothing_of_a_backlog_is_dead)
{
    struct end server = {0};
    int fds[2];
    base = event_base_new();
    tcp_pair(fds);
    start_drained(&server, fds[0], WS_SERVER);
    fill(&server);
    run_ms(10000);
    ck_assert_int_eq(server.closed, 1);
    ck_assert_str_eq(server.reason, "pings unanswered");
    close(fds[1]);
    finish(&server, NULL);
}
END_TEST

START_TEST(a_peer_that_reads_a_backlog_slowly_is_not)
{
    struct end server = {0};
    int fds[2];
    char some[12000];
    base = event_base_new();
    tcp_pair(fds);
    start_drained(&server, fds[0], WS_SERVER);
    fill(&server);
    for (int i = 0; i < 14; i++) { // each pong would come behind 180,000 bytes
        run_ms(500);
        ck_assert_int_eq(server.closed, 0);
        ck_assert_int_gt(read(fds[1], some, sizeof(some)), 0);
    }
    close(fds[1]);
    finish(&server, NULL);
}
END_TEST

static void check_throttling(int fds[2])
{
    struct end server = {0}, client = {0};
    start_drained(&server, fds[0], WS_SERVER);
    struct bufferevent *bev = start_drained(&client, fds[1], WS_CLIENT);
    bufferevent_disable(bev, EV_READ);
    fill(&server);
    run_ms(7000);
    ck_assert_int_eq(server.closed, 0);
    ck_assert_int_eq(client.closed, 0);
    bufferevent_enable(bev, EV_READ);
    run_ms(1000);
    ck_assert_int_eq(client.messages, 2);
    ck_assert_int_eq(server.closed, 0);
    finish(&server, &client);
}

START_TEST(a_peer_that_throttles_us_is_not_dead)
{
    int fds[2];
    base = event_base_new();
    tcp_pair(fds);
    check_throttling(fds);
}
END_TEST

START_TEST(nor_over_what_is_no_tcp)
{
    int fds[2];
    base = event_base_new();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    check_throttling(fds);
}
END_TEST

START_TEST(who_throttles_a_peer_finds_out_that_its_process_is_gone)
{
    struct end server = {0};
    int fds[2];
    base = event_base_new();
    tcp_pair(fds);
    struct bufferevent *bev = start_drained(&server, fds[0], WS_SERVER);
    bufferevent_disable(bev, EV_READ);
    close(fds[1]);
    run_ms(8000);
    ck_assert_int_eq(server.closed, 1);
    ck_assert_uint_eq(server.code, 1006);
    finish(&server, NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_dead_peer_is_found_although_each_ping_empties_the_output,
                                  a_peer_that_reads_nothing_of_a_backlog_is_dead,
                                  a_peer_that_reads_a_backlog_slowly_is_not,
                                  a_peer_that_throttles_us_is_not_dead,
                                  nor_over_what_is_no_tcp,
                                  who_throttles_a_peer_finds_out_that_its_process_is_gone,
                                  NULL};
    signal(SIGPIPE, SIG_IGN); // as both programs do
    return unit_run(unit_suite("ws_pings", tests));
}
