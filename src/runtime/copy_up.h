/* A new volume begins with what the image has where it is mounted. */
#pragma once

#include "base/error.h"

/*
 * Where the folder at to_fd is empty, copies what is in from_fd: owners, modes, extended attributes, times, symbolic
 * and hard links, devices. Names are taken one at a time and never followed. Does nothing where to_fd holds something.
 */
int copy_up_folder(int from_fd, int to_fd, struct error *err);
