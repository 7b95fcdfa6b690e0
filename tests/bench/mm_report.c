// SPDX-License-Identifier: GPL-2.0
/*
 * Puts what mm.c has measured for several lifetimes and in several rounds side by
 * side: a table of medians, and a plot of one figure.
 *
 * usage: mm_report FIGURE < LINES
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS	4
#define MAX_ROWS	64
#define MAX_ROUNDS	16
#define PLOT_WIDTH	56

struct cell {
	double values[MAX_ROUNDS];
	unsigned int n;
};

struct row {
	char what[64];
	unsigned int param;
	char unit[16];
	struct cell cells[MAX_COLUMNS];
};

static char columns[MAX_COLUMNS][16];
static struct row rows[MAX_ROWS];
static unsigned int nr_columns, nr_rows;

static struct cell *find_cell(const char *column, const struct row *key)
{
	unsigned int c, r;

	for (c = 0; c < nr_columns && strcmp(columns[c], column); c++)
		;
	for (r = 0; r < nr_rows; r++) {
		if (!strcmp(rows[r].what, key->what) && rows[r].param == key->param)
			break;
	}
	if (c == MAX_COLUMNS || r == MAX_ROWS)
		return NULL;
	if (c == nr_columns)
		strcpy(columns[nr_columns++], column);
	if (r == nr_rows)
		rows[nr_rows++] = *key;
	return &rows[r].cells[c];
}

static int read_lines(void)
{
	char line[256], column[16];
	struct cell *cell;
	double value;

	while (fgets(line, sizeof(line), stdin)) {
		struct row key = {};

		if (sscanf(line, "%15[^\t]\t%63[^\t]\t%u\t%15[^\t]\t%lf", column, key.what,
			   &key.param, key.unit, &value) != 5)
			continue;
		cell = find_cell(column, &key);
		if (!cell || cell->n == MAX_ROUNDS)
			return -1;
		cell->values[cell->n++] = value;
	}
	return nr_rows ? 0 : -1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct cell *cell)
{
	if (!cell->n)
		return 0;
	qsort(cell->values, cell->n, sizeof(cell->values[0]), compare);
	return cell->values[cell->n / 2];
}

static void print_table(void)
{
	unsigned int c, r;

	printf("%-46s %6s %-8s", "figure", "n", "unit");
	for (c = 0; c < nr_columns; c++)
		printf(" %10s", columns[c]);
	printf("\n");
	for (r = 0; r < nr_rows; r++) {
		printf("%-46s %6u %-8s", rows[r].what, rows[r].param, rows[r].unit);
		for (c = 0; c < nr_columns; c++)
			printf(" %10.0f", median(&rows[r].cells[c]));
		printf("\n");
	}
}

static double highest(const char *what)
{
	double max = 1, value;
	unsigned int c, r;

	for (r = 0; r < nr_rows; r++) {
		for (c = 0; c < nr_columns && !strcmp(rows[r].what, what); c++) {
			value = median(&rows[r].cells[c]);
			max = value > max ? value : max;
		}
	}
	return max;
}

static void print_bar(const char *name, double value, double max)
{
	int i, len = value / max * PLOT_WIDTH + 0.5;

	printf("  %6s |", name);
	for (i = 0; i < len; i++)
		putchar('#');
	printf(" %.0f\n", value);
}

static void print_plot(const char *what)
{
	double max = highest(what);
	unsigned int c, r;

	for (r = 0; r < nr_rows; r++) {
		if (strcmp(rows[r].what, what))
			continue;
		printf("\n%s = %u, %s\n", what, rows[r].param, rows[r].unit);
		for (c = 0; c < nr_columns; c++)
			print_bar(columns[c], median(&rows[r].cells[c]), max);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2 || read_lines()) {
		fprintf(stderr, "mm_report: usage, or no figures\n");
		return 1;
	}
	print_table();
	print_plot(argv[1]);
	return 0;
}
