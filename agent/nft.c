#include "nft.h"

#include "helper.h"

#include <nftables/libnftables.h>
#include <string.h>

enum { COMMANDS_MAX = 4 * 1024 * 1024 };

static void cleanup_nft(struct nft_ctx **ctx)
{
    if (*ctx) {
        nft_ctx_free(*ctx);
    }
}

static int run(const char *commands, struct err *err)
{
    _cleanup_(cleanup_nft) struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!ctx) {
        return err_set(err, ERR_SYSTEM, "nftables is not available");
    }
    nft_ctx_buffer_error(ctx);
    nft_ctx_buffer_output(ctx);
    if (nft_run_cmd_from_buffer(ctx, commands) != 0) {
        const char *text = nft_ctx_get_error_buffer(ctx);
        return err_set(err, ERR_SYSTEM, "nftables: %.*s", (int)strcspn(text, "\n"), text);
    }
    return 0;
}

int nft_main(void)
{
    struct err err = {0};
    _cleanup_free_ char *commands = calloc(1, COMMANDS_MAX);
    size_t used = 0;
    ssize_t n;
    if (!commands) {
        abort();
    }
    while (used < COMMANDS_MAX - 1 &&
           (n = read(STDIN_FILENO, commands + used, COMMANDS_MAX - 1 - used)) > 0) {
        used += (size_t)n;
    }
    err.code = run(commands, &err);
    return helper_answer(&err);
}
