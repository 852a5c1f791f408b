#include "console.h"

#include "config.h"
#include "console_seal.h"
#include "field.h"
#include "file.h"
#include "handover.h"
#include "json.h"
#include "message.h"
#include "vps_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { ORDER_MAX = 1024, DEPTH_MAX = 4, KILLED_MS = 1000 };

static const struct field order_fields[] = {
    {.name = "terminal",
     .type = FIELD_UUID,
     .offset = offsetof(struct console_order, terminal),
     .flags = FIELD_REQUIRED},
    {.name = "vps",
     .type = FIELD_UUID,
     .offset = offsetof(struct console_order, vps),
     .flags = FIELD_REQUIRED},
    {.name = "kind",
     .type = FIELD_STRING,
     .offset = offsetof(struct console_order, kind),
     .min = 1,
     .max = 8,
     .flags = FIELD_REQUIRED},
    {.name = "cols",
     .type = FIELD_INT,
     .offset = offsetof(struct console_order, cols),
     .min = 1,
     .max = CONSOLE_SIDE_MAX,
     .preset = "80"},
    {.name = "rows",
     .type = FIELD_INT,
     .offset = offsetof(struct console_order, rows),
     .min = 1,
     .max = CONSOLE_SIDE_MAX,
     .preset = "24"},
    {.name = "type", .type = FIELD_JSON, .offset = sizeof(struct console_order)},
    {0},
};

// With room for what is of no interest.
struct decoded {
    struct console_order order;
    json_t *type;
};

int console_order_read(json_t *message, struct console_order *ret_order, struct err *err)
{
    struct decoded decoded;
    int r = field_decode(order_fields, message, NULL, &decoded, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(decoded.order.kind, "login") != 0 && strcmp(decoded.order.kind, "shell") != 0) {
        return err_at(err, ERR_INVALID, "/kind", "must be login or shell");
    }
    *ret_order = decoded.order;
    return 0;
}

enum console_kind console_order_kind(const struct console_order *order)
{
    return strcmp(order->kind, "login") == 0 ? CONSOLE_LOGIN : CONSOLE_SHELL;
}

static int read_order(json_t **ret_message, struct err *err)
{
    char line[ORDER_MAX];
    size_t len = 0;
    while (len < sizeof(line)) {
        ssize_t n = read(STDIN_FILENO, line + len, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return err_set(err, ERR_CANCELLED, "the order was taken back");
        }
        if (line[len] == '\n') {
            return json_read(line, len, DEPTH_MAX, ret_message, err);
        }
        len++;
    }
    return err_set(err, ERR_TOO_LARGE, "an order of a console is shorter");
}

static void answer(json_t *message)
{
    _cleanup_json_ json_t *owned = message;
    _cleanup_free_ char *text = json_write(owned);
    size_t len = strlen(text);
    text[len] = '\n'; // in the place of the NUL
    (void)!file_write_all(STDOUT_FILENO, text, len + 1, NULL); // a broker that is gone ends us, too
}

static int load_spec(const struct agent_config *config, const char *vps, struct vps_state *state,
                     struct vps_spec *spec, struct err *err)
{
    int r = vps_state_load(config, vps, state, err);
    return r < 0 ? r : spec_decode(config, vps, state->generation, state->spec, spec, err);
}

static int open_terminal(const struct agent_config *config, const struct console_order *order,
                         struct terminal *terminal, struct err *err)
{
    struct drivers drivers;
    struct vps_state state = {0};
    struct vps_spec spec = {0};
    const struct winsize size = {.ws_col = (unsigned short)order->cols,
                                 .ws_row = (unsigned short)order->rows};
    int r = drivers_select(config, &drivers, err);
    if (r == 0) {
        r = load_spec(config, order->vps, &state, &spec, err);
    }
    if (r == 0 && !drivers.container->console) {
        r = err_set(err, ERR_CONFLICT, "the node's container driver, %s, gives guests no terminal",
                    drivers.container->name);
    }
    if (r == 0) {
        r = drivers.container->console(config, &spec, console_order_kind(order), terminal, err);
    }
    if (r == 0 && ioctl(terminal->fd, TIOCSWINSZ, &size) < 0) {
        r = err_errno(err, errno, "setting a terminal's size");
    }
    spec_finish(&spec);
    vps_state_finish(&state);
    return r;
}

// Until the terminal has ended by itself, or the broker closes our standard input.
static void wait_for_end(const struct terminal *terminal)
{
    struct pollfd ends[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = terminal->ended, .events = POLLIN}};
    while (poll(ends, ARRAY_LEN(ends), -1) < 0 && errno == EINTR) {
    }
}

static void close_terminal(const struct terminal *terminal)
{
    // Whatever else runs on it is hung up with the last descriptor of its controlling side, which is the link's.
    // It is waited for, but not for ever: one that stands still dies later, and one that is traced is its tracer's until that
    // ends (ptrace(2)), both of which the guest decides. Whoever inherits it from us reaps it.
    struct pollfd ended = {.fd = terminal->ended, .events = POLLIN};
    if (terminal->shell > 0) {
        kill(terminal->shell, SIGKILL);
        (void)poll(&ended, 1, KILLED_MS);
        (void)waitpid(terminal->shell, NULL, WNOHANG);
    }
}

static int run(const struct agent_config *config, int handover, char **argv, struct err *err)
{
    _cleanup_json_ json_t *message = NULL;
    struct console_order order;
    struct terminal terminal = {.fd = -1, .held = -1, .ended = -1};
    int r = console_seal(argv, err);
    // Nobody in the guest looks into us on the way in.
    if (r == 0 && (fcntl(handover, F_SETFD, FD_CLOEXEC) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)) {
        r = err_errno(err, errno, "preparing a console");
    }
    if (r == 0) {
        r = read_order(&message, err);
    }
    if (r == 0) {
        r = console_order_read(message, &order, err);
    }
    if (r == 0) {
        r = open_terminal(config, &order, &terminal, err);
    }
    if (r == 0) {
        r = handover_send(handover, order.terminal, terminal.fd, err);
    }
    if (r == 0) {
        close(terminal.fd);
        answer(json_pack("{s:s}", "status", "open"));
        wait_for_end(&terminal);
    }
    close_terminal(&terminal);
    return r;
}

int console_main(const struct agent_config *config, int handover, char **argv)
{
    struct err err = {0};
    if (run(config, handover, argv, &err) < 0) {
        answer(json_pack("{s:s, s:o}", "status", "failed", "error", message_error(&err)));
        return 1;
    }
    return 0;
}
