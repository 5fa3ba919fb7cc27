/* The compression function of MD5 for a number of messages at once, as md5_lanes.c is compiled for each width: `lanes`
 * states and messages, the same number of blocks of each. */
#ifndef TERCET_BASE_MD5_LANES_H
#define TERCET_BASE_MD5_LANES_H

#include <stddef.h>
#include <stdint.h>

typedef void md5_lanes_fn(uint32_t *const words[], const uint8_t *const data[], size_t blocks);

md5_lanes_fn md5_lanes_1, md5_lanes_4;
#if defined(__x86_64__)
md5_lanes_fn md5_lanes_8_avx2, md5_lanes_8_avx512, md5_lanes_16_avx512;
#endif

#endif
