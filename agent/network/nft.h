// `croft-agent nft`: nftables commands by libnftables, in one transaction.
#pragma once

enum nft_mode { NFT_COMMIT, NFT_CHECK };

// Runs the commands in the file that is standard input, in nft's language: all of them take effect or none; or only asks
// the kernel whether it would take them. Answers by helper_answer(); returns the exit status.
int nft_main(enum nft_mode mode);
