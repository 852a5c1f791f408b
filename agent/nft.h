// `croft-agent nft`: nftables commands by libnftables, in one transaction.
#pragma once

// Runs the commands in the file that is standard input, in nft's language: all of them take effect or none. Answers by
// helper_answer(); returns the exit status.
int nft_main(void);
