// `croft-agent pack MAX:RESERVE:DIRECTORY`: packs a root file system that nobody changes into an image.
#pragma once

// Writes a tar.zst of directory to standard input's file, at most MAX bytes, while its disk keeps RESERVE free. Chrooted there, with no
// network and no more than the right to read. What belongs to one machine stays out (image_forget.h), as
// do devices and sockets. ERR_QUOTA: it has more bytes; ERR_IMAGE: it has more or deeper entries than an
// image may have; ERR_DISK_FULL: its disk has no more to give. Answers by helper_answer(); returns the exit status.
int image_pack_main(const char *argument);
