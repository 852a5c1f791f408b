#include "nft.h"

#include <nftables/libnftables.h>
#include <string.h>

static void cleanup_nft(struct nft_ctx **ctx)
{
    if (*ctx) {
        nft_ctx_free(*ctx);
    }
}

int nft_run(const char *commands, struct err *err)
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
