/* SPDX-License-Identifier: BSD-2-Clause */
/* The one place that says which reel this is. */
#ifndef REEL_FORMAT_VERSION_H
#define REEL_FORMAT_VERSION_H

#define REEL_VERSION "0.1.0"

#endif
