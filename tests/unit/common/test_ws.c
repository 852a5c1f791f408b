#include "ws.h"

#include "tls.h"
#include "unit.h"
#include "unit_pki.h"
#include "ws_end.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

START_TEST(messages_pass_both_ways_in_order)
{
    struct end server = {.on_message = ECHO_SEND}, client = {0};
    start_pair(&server, &client, &limits);
    send_text(&client, "one");
    send_text(&client, "");
    send_text(&client, "tw\xc3\xb6");
    run_ms(50);
    ck_assert_int_eq(server.messages, 3);
    ck_assert_int_eq(client.messages, 3);
    ck_assert_str_eq(client.last, "tw\xc3\xb6");
    ck_assert_uint_eq(ws_backlog(client.ws), 0);
    finish(&server, &client);
}
END_TEST

START_TEST(a_message_as_large_as_the_limit_passes_and_one_larger_closes)
{
    struct end server = {0}, client = {0};
    start_pair(&server, &client, &limits);
    struct err err;
    _cleanup_free_ char *text = malloc(limits.message_max + 1);
    memset(text, 'a', limits.message_max + 1);
    ck_assert_int_eq(ws_send(client.ws, text, limits.message_max, &err), 0);
    run_ms(100);
    ck_assert_uint_eq(server.last_len, limits.message_max);
    ck_assert_int_eq(ws_send(client.ws, text, limits.message_max + 1, &err), 0);
    run_ms(200);
    run_ms(200);
    ck_assert_int_eq(server.messages, 1);
    ck_assert_int_eq(client.closed, 1);
    ck_assert_uint_eq(client.code, 1009);
    finish(&server, &client);
}
END_TEST

START_TEST(close_reaches_both_ends_once_with_its_code)
{
    struct end server = {0}, client = {0};
    start_pair(&server, &client, &limits);
    send_text(&server, "last words");
    server.in_call++;
    ws_close(server.ws, 4001, "done");
    ws_close(server.ws, 4002, "again");
    server.in_call--;
    struct err err;
    ck_assert_int_eq(ws_send(server.ws, "x", 1, &err), ERR_UNAVAILABLE);
    run_ms(100);
    run_ms(100);
    ck_assert_int_eq(client.messages, 1);
    ck_assert_int_eq(server.closed, 1);
    ck_assert_int_eq(client.closed, 1);
    ck_assert_uint_eq(server.code, 4001);
    ck_assert_uint_eq(client.code, 4001);
    ck_assert_str_eq(client.reason, "done");
    finish(&server, &client);
}
END_TEST

START_TEST(a_handler_may_close)
{
    struct end server = {.on_message = ECHO_CLOSE}, client = {0};
    start_pair(&server, &client, &limits);
    send_text(&client, "one");
    send_text(&client, "two");
    run_ms(100);
    run_ms(100);
    ck_assert_int_eq(server.messages, 1);
    ck_assert_uint_eq(client.code, 4000);
    ck_assert_int_eq(server.closed, 1);
    finish(&server, &client);
}
END_TEST

START_TEST(what_a_handler_said_before_it_closed_arrives)
{
    struct end server = {.on_message = ECHO_LAST}, client = {0};
    start_pair(&server, &client, &limits);
    send_text(&client, "last words");
    run_ms(100);
    run_ms(100);
    ck_assert_str_eq(client.last, "last words");
    ck_assert_uint_eq(client.code, 4000);
    finish(&server, &client);
}
END_TEST

START_TEST(a_handler_may_destroy)
{
    struct end server = {.on_message = ECHO_DESTROY}, client = {0};
    start_pair(&server, &client, &limits);
    send_text(&client, "one");
    send_text(&client, "two");
    run_ms(100);
    ck_assert_int_eq(server.messages, 1);
    ck_assert_int_eq(server.closed, 0);
    ck_assert_int_eq(client.closed, 1);
    ck_assert_uint_eq(client.code, 1006);
    finish(&server, &client);
}
END_TEST

START_TEST(a_silent_peer_is_given_up_after_two_pings)
{
    struct ws_limits fast = limits;
    fast.ping_s = 1;
    struct end server = {0};
    int peer = start_bare(&server, &fast);
    run_ms(2500);
    ck_assert_int_eq(server.closed, 0);
    run_ms(3000);
    ck_assert_int_eq(server.closed, 1);
    ck_assert_uint_eq(server.code, 1006);
    ck_assert_str_eq(server.reason, "pings unanswered");
    unsigned char sent[16];
    ck_assert_int_eq(read(peer, sent, sizeof(sent)), 4);
    ck_assert_int_eq(memcmp(sent, "\x89\x00\x89\x00", 4), 0);
    close(peer);
    finish(&server, NULL);
}
END_TEST

START_TEST(pings_are_answered)
{
    struct ws_limits fast = limits;
    fast.ping_s = 1;
    struct end server = {0}, client = {0};
    start_pair(&server, &client, &fast);
    run_ms(3500);
    ck_assert_int_eq(server.closed, 0);
    ck_assert_int_eq(client.closed, 0);
    finish(&server, &client);
}
END_TEST

START_TEST(a_peer_is_not_blamed_while_its_owner_does_not_read)
{
    struct ws_limits fast = limits;
    fast.ping_s = 1;
    int fds[2];
    base = event_base_new();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    struct bufferevent *bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
    struct end server = {.base = base};
    server.ws = ws_create(bev, WS_SERVER, &handlers, &fast, &server);
    bufferevent_disable(bev, EV_READ);
    run_ms(3500);
    ck_assert_int_eq(server.closed, 0);
    bufferevent_enable(bev, EV_READ);
    run_ms(3500);
    ck_assert_int_eq(server.closed, 1);
    close(fds[1]);
    finish(&server, NULL);
}
END_TEST

START_TEST(an_unanswered_close_ends_within_three_seconds)
{
    struct end server = {0};
    int peer = start_bare(&server, &limits);
    ws_close(server.ws, 1001, "going");
    run_ms(2500);
    ck_assert_int_eq(server.closed, 0);
    run_ms(1000);
    ck_assert_int_eq(server.closed, 1);
    ck_assert_uint_eq(server.code, 1001);
    close(peer);
    finish(&server, NULL);
}
END_TEST

START_TEST(a_peer_that_does_not_read_fills_the_backlog)
{
    struct end server = {0};
    int peer = start_bare(&server, &limits);
    struct err err = {0};
    char text[10000];
    memset(text, 'x', sizeof(text));
    int rc = 0;
    for (int i = 0; i < 10000 && rc == 0; i++) {
        rc = ws_send(server.ws, text, sizeof(text), &err);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    ck_assert_int_eq(rc, ERR_UNAVAILABLE);
    ck_assert_uint_lt(ws_backlog(server.ws), limits.backlog_max + 1000);
    run_ms(3500);
    ck_assert_int_eq(server.closed, 1);
    ck_assert_uint_eq(server.code, 1008);
    close(peer);
    finish(&server, NULL);
}
END_TEST

// A client's frame: masked with zeros, so that the payload stands as it is.
static size_t frame(unsigned char *out, unsigned first, const char *payload, size_t len)
{
    out[0] = (unsigned char)first;
    out[1] = (unsigned char)(0x80 | len);
    memset(out + 2, 0, 4);
    memcpy(out + 6, payload, len);
    return len + 6;
}

START_TEST(a_flood_of_pings_does_not_grow_memory)
{
    struct ws_limits small = limits;
    small.backlog_max = 20000;
    struct end server = {0};
    int peer = start_bare(&server, &small);
    evutil_make_socket_nonblocking(peer);
    unsigned char ping[131];
    char payload[125];
    memset(payload, 'p', sizeof(payload));
    size_t len = frame(ping, 0x89, payload, sizeof(payload));
    for (int i = 0; i < 100000 && !server.closed; i++) {
        ssize_t n = write(peer, ping, len);
        if (n != (ssize_t)len) {
            run_ms(20);
        }
        event_base_loop(base, EVLOOP_NONBLOCK);
        if (server.ws) {
            ck_assert_uint_lt(ws_backlog(server.ws), 200000);
        }
        if (n > 0 && n != (ssize_t)len) {
            break;
        }
    }
    run_ms(3500);
    ck_assert_int_eq(server.closed, 1);
    close(peer);
    finish(&server, NULL);
}
END_TEST

START_TEST(fragments_are_put_together_around_control_frames)
{
    struct end server = {0};
    int peer = start_bare(&server, &limits);
    unsigned char out[100];
    size_t len = frame(out, 0x01, "frag", 4);
    len += frame(out + len, 0x89, "ping", 4);
    len += frame(out + len, 0x00, "men", 3);
    len += frame(out + len, 0x80, "ts", 2);
    for (size_t i = 0; i < len; i++) {
        ck_assert_int_eq(write(peer, out + i, 1), 1);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    run_ms(20);
    ck_assert_int_eq(server.messages, 1);
    ck_assert_str_eq(server.last, "fragments");
    char pong[6];
    ck_assert_int_eq(read(peer, pong, 6), 6);
    ck_assert_int_eq(memcmp(pong, "\x8a\x04ping", 6), 0);
    close(peer);
    finish(&server, NULL);
}
END_TEST

START_TEST(fragments_together_are_bounded)
{
    struct ws_limits small = limits;
    small.message_max = 10;
    struct end server = {0};
    int peer = start_bare(&server, &small);
    unsigned char out[100];
    size_t len = frame(out, 0x01, "123456", 6);
    len += frame(out + len, 0x80, "78901", 5);
    ck_assert_int_eq(write(peer, out, len), (ssize_t)len);
    run_ms(20);
    unsigned char close_frame[4];
    ck_assert_int_eq(read(peer, close_frame, 4), 4);
    ck_assert_int_eq(close_frame[0], 0x88);
    ck_assert_int_eq(close_frame[2] << 8 | close_frame[3], 1009);
    ck_assert_int_eq(server.messages, 0);
    close(peer);
    finish(&server, NULL);
}
END_TEST

START_TEST(frames_against_the_protocol_end_the_connection)
{
    static const struct {
        const char *bytes;
        size_t len;
        unsigned code;
    } bad[] = {
        {"\x81\x01x", 3, 1002}, // not masked
        {"\x81\x81\0\0\0\0\xff", 7, 1007}, // not UTF-8
        {"\x81\x82\0\0\0\0\xc3", 7, 0}, // (cut: nothing yet)
        {"\x82\x81\0\0\0\0x", 7, 1003}, // binary
        {"\xc1\x81\0\0\0\0x", 7, 1002}, // reserved bit
        {"\x83\x81\0\0\0\0x", 7, 1002}, // reserved opcode
        {"\x80\x81\0\0\0\0x", 7, 1002}, // continuation of nothing
        {"\x09\x80\0\0\0\0", 6, 1002}, // fragmented ping
        {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x", 15, 1009},
        {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1002},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct end server = {0};
        int peer = start_bare(&server, &limits);
        evutil_make_socket_nonblocking(peer);
        ck_assert_int_eq(write(peer, bad[i].bytes, bad[i].len), (ssize_t)bad[i].len);
        run_ms(10);
        unsigned char answer[4] = {0};
        ssize_t n = read(peer, answer, 4);
        unsigned code = n == 4 && answer[0] == 0x88 ? (unsigned)(answer[2] << 8 | answer[3]) : 0;
        ck_assert_msg(code == bad[i].code || (server.closed && bad[i].code), "case %zu: %u", i,
                      code);
        ck_assert_int_eq(server.messages, 0);
        close(peer);
        run_ms(10);
        ck_assert_int_eq(server.closed, 1);
        finish(&server, NULL);
    }
}
END_TEST

START_TEST(input_that_was_there_before_is_read)
{
    int fds[2];
    base = event_base_new();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct bufferevent *bev = bufferevent_socket_new(base, fds[0], BEV_OPT_CLOSE_ON_FREE);
    unsigned char out[100];
    size_t len = frame(out, 0x81, "early", 5);
    struct evbuffer *input = bufferevent_get_input(bev);
    evbuffer_unfreeze(input, 0);
    evbuffer_add(input, out, len);
    evbuffer_freeze(input, 0);
    struct end server = {.base = base};
    server.ws = ws_create(bev, WS_SERVER, &handlers, &limits, &server);
    ck_assert_int_eq(server.messages, 0);
    run_ms(10);
    ck_assert_str_eq(server.last, "early");
    close(fds[1]);
    finish(&server, NULL);
}
END_TEST

static struct bufferevent *tls_bev(SSL_CTX *ctx, int fd, enum bufferevent_ssl_state state)
{
    evutil_make_socket_nonblocking(fd);
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(base, fd, SSL_new(ctx), state, BEV_OPT_CLOSE_ON_FREE);
    ck_assert_ptr_nonnull(bev);
    return bev;
}

START_TEST(the_same_works_over_tls)
{
    struct unit_pki pki;
    unit_pki_make(&pki);
    struct err err;
    SSL_CTX *server_ctx, *client_ctx;
    ck_assert_int_eq(tls_server_ctx(pki.server_cert, pki.server_key, pki.ca_cert, TLS_PEER_REQUIRED,
                                    &server_ctx, &err),
                     0);
    ck_assert_int_eq(
        tls_client_ctx(pki.ca_cert, pki.client_cert, pki.client_key, &client_ctx, &err), 0);
    unit_pki_remove(&pki);
    int fds[2];
    base = event_base_new();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct end server = {.on_message = ECHO_SEND, .base = base}, client = {.base = base};
    server.ws = ws_create(tls_bev(server_ctx, fds[0], BUFFEREVENT_SSL_ACCEPTING), WS_SERVER,
                          &handlers, &limits, &server);
    client.ws = ws_create(tls_bev(client_ctx, fds[1], BUFFEREVENT_SSL_CONNECTING), WS_CLIENT,
                          &handlers, &limits, &client);
    send_text(&client, "over TLS");
    run_ms(200);
    ck_assert_str_eq(client.last, "over TLS");
    _cleanup_free_ char *large = malloc(limits.message_max);
    memset(large, 'l', limits.message_max);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ws_send(client.ws, large, limits.message_max, &err), 0);
    }
    run_ms(500);
    ck_assert_int_eq(server.messages, 4);
    ck_assert_int_eq(client.messages, 4);
    server.in_call++;
    ws_close(server.ws, 1001, "bye");
    server.in_call--;
    run_ms(100);
    run_ms(100);
    ck_assert_uint_eq(client.code, 1001);
    ck_assert_uint_eq(server.code, 1001);
    finish(&server, &client);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
}
END_TEST

START_TEST(tcp_does_not_hold_small_messages_back)
{
    static const struct ws_handlers none = {.message = on_message, .closed = on_closed};
    base = event_base_new();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    struct ws *ws = ws_create(bev, WS_CLIENT, &none, &limits, NULL);
    int on = 0;
    socklen_t len = sizeof(on);
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    ck_assert_int_ne(on, 0);
    ws_destroy(ws);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_free(base);
}
END_TEST

START_TEST(keys_and_accepts_are_those_of_the_rfc)
{
    char accept[29], key[25], other[25];
    ws_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    ws_key(key);
    ws_key(other);
    ck_assert_uint_eq(strlen(key), 24);
    ck_assert_str_ne(key, other);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        messages_pass_both_ways_in_order,
        a_message_as_large_as_the_limit_passes_and_one_larger_closes,
        close_reaches_both_ends_once_with_its_code,
        a_handler_may_close,
        what_a_handler_said_before_it_closed_arrives,
        a_handler_may_destroy,
        a_silent_peer_is_given_up_after_two_pings,
        pings_are_answered,
        a_peer_is_not_blamed_while_its_owner_does_not_read,
        an_unanswered_close_ends_within_three_seconds,
        a_peer_that_does_not_read_fills_the_backlog,
        a_flood_of_pings_does_not_grow_memory,
        fragments_are_put_together_around_control_frames,
        fragments_together_are_bounded,
        frames_against_the_protocol_end_the_connection,
        input_that_was_there_before_is_read,
        the_same_works_over_tls,
        tcp_does_not_hold_small_messages_back,
        keys_and_accepts_are_those_of_the_rfc,
        NULL,
    };
    signal(SIGPIPE, SIG_IGN); // as both programs do
    return unit_run(unit_suite("ws", tests));
}
