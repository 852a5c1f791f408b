// What belongs to one machine and not to an image made of it.
#pragma once

enum image_fate { IMAGE_KEEP, IMAGE_LEAVE_OUT, IMAGE_EMPTY };

// path: relative, without "./". IMAGE_EMPTY: the file is there, without content.
enum image_fate image_forget(const char *path);
