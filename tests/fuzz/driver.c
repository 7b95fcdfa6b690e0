// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a fuzz target without libFuzzer: replays the files it is given, or makes
 * inputs up, the same ones each time.
 *
 *	driver [-runs=N] [-seed=N] [FILE ...]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEN	4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Half of the bytes are small: operation codes and counts, not noise. */
static void run_generated(unsigned long runs, uint64_t seed)
{
	uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
	unsigned long i;

	for (i = 0; i < runs; i++) {
		size_t n = next(&state) % MAX_LEN, k;
		/* Exactly as long as it says, so that reading on is noticed */
		uint8_t *data = malloc(n ? n : 1);

		for (k = 0; k < n; k++) {
			uint64_t v = next(&state);

			data[k] = v & 0x100 ? (v >> 16) & 0x8f : v >> 16;
		}
		LLVMFuzzerTestOneInput(data, n);
		free(data);
	}
	printf("%lu generated inputs\n", runs);
}

static int run_file(const char *path)
{
	uint8_t *data = malloc(MAX_LEN * 16);
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		perror(path);
		free(data);
		return 1;
	}
	n = fread(data, 1, MAX_LEN * 16, f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long runs = 0;
	uint64_t seed = 1;
	int i, ret = 0;

	for (i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "-runs=", 6))
			runs = strtoul(argv[i] + 6, NULL, 0);
		else if (!strncmp(argv[i], "-seed=", 6))
			seed = strtoull(argv[i] + 6, NULL, 0);
		else
			ret |= run_file(argv[i]);
	}
	run_generated(runs, seed);
	return ret;
}
