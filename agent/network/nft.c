#include "nft.h"

#include "helper.h"

#include <nftables/libnftables.h>
#include <string.h>
#include <sys/stat.h>

enum { COMMANDS_MAX = 256 * 1024 * 1024 };

static void cleanup_nft(struct nft_ctx **ctx)
{
    if (*ctx) {
        nft_ctx_free(*ctx);
    }
}

static int run(const char *commands, enum nft_mode mode, struct err *err)
{
    _cleanup_(cleanup_nft) struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!ctx) {
        return err_set(err, ERR_SYSTEM, "nftables is not available");
    }
    nft_ctx_set_dry_run(ctx, mode == NFT_CHECK);
    nft_ctx_buffer_error(ctx);
    nft_ctx_buffer_output(ctx);
    if (nft_run_cmd_from_buffer(ctx, commands) != 0) {
        const char *text = nft_ctx_get_error_buffer(ctx);
        return err_set(err, ERR_SYSTEM, "nftables: %.*s", (int)strcspn(text, "\n"), text);
    }
    return 0;
}

int nft_main(enum nft_mode mode)
{
    struct err err = {0};
    struct stat st;
    if (fstat(STDIN_FILENO, &st) < 0 || st.st_size > COMMANDS_MAX) {
        err.code = err_set(&err, ERR_TOO_LARGE, "too many nftables commands");
        return helper_answer(&err);
    }
    _cleanup_free_ char *commands = calloc(1, (size_t)st.st_size + 1);
    if (!commands) {
        abort();
    }
    ssize_t n = pread(STDIN_FILENO, commands, (size_t)st.st_size, 0);
    err.code = n == st.st_size ? run(commands, mode, &err)
                               : err_set(&err, ERR_SYSTEM, "reading nftables commands");
    return helper_answer(&err);
}
