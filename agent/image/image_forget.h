// What belongs to one machine and not to an image made of it.
#pragma once

enum image_fate {
    IMAGE_KEEP,
    IMAGE_LEAVE_OUT,
    IMAGE_EMPTY, // the file is there, without content
    IMAGE_LOCK_USERS, // the file is there, without passwords (image_lock.h)
    IMAGE_LOCK_GROUPS,
};

// path: relative, without "./".
enum image_fate image_forget(const char *path);
