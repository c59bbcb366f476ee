#include "cli/image_tree.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "store/image_usage.h"

#define SPACING		   3
#define DEFAULT_WIDTH	   80
#define FIRST_COLUMN_LEAST 12
#define BRANCH		   "└─ "

#define BOLD	  "\033[1m"
#define TOP_NAME  "\033[34;4;1m"
#define GREEN	  "\033[32m"
#define NO_COLOUR "\033[0m"

enum alignment { LEFT, CENTER, RIGHT };

static const struct {
	const char *title;
	size_t width;
	enum alignment alignment;
} columns[] = {{"IMAGE", 0, LEFT},
	       {"ID", 12, LEFT},
	       {"DISK USAGE", 10, RIGHT},
	       {"CONTENT SIZE", 12, RIGHT},
	       {"USED", 4, CENTER}};

struct tree {
	struct engine *engine;
	const struct image_list *list;
	const struct image_usages *usages;
	size_t first_width;
	size_t column_count;
	bool colours;
};

static size_t text_width(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void print_spaces(size_t count)
{
	printf("%*s", (int)count, "");
}

static void print_cell(const struct tree *tree, const char *text, size_t width, enum alignment alignment,
		       const char *colour)
{
	size_t used = text_width(text);
	size_t fill = used < width ? width - used : 0;
	size_t before = alignment == RIGHT ? fill : alignment == CENTER ? fill / 2 : 0;
	print_spaces(before);
	if (tree->colours && colour)
		printf("%s", colour);
	/* Names are ASCII, so what is too long can be cut by bytes. */
	if (used > width && width > 3)
		printf("%.*s...", (int)width - 3, text);
	else
		printf("%s", text);
	if (tree->colours && colour)
		printf(NO_COLOUR);
	print_spaces(fill - before);
}

static void print_details(const struct tree *tree, const struct digest *id, const struct image *image)
{
	const struct image_usage *usage = image_usage_find(tree->usages, &image->id);
	char short_id[13], disk[16], content[16];
	snprintf(short_id, sizeof short_id, "%.12s", digest_hex(id));
	size_format_human(image->size, disk, sizeof disk);
	size_format_human(usage ? usage->content : 0, content, sizeof content);
	const char *const cells[] = {NULL, short_id, disk, content, usage && usage->containers ? "✔" : " "};
	for (size_t i = 1; i < tree->column_count; i++) {
		print_spaces(SPACING);
		print_cell(tree, cells[i], columns[i].width, columns[i].alignment, i == 4 ? GREEN : NULL);
	}
	printf("\n");
}

static char *name_of(const struct image_tag *tag)
{
	cleanup_free char *name = tag->name ? reference_familiarize(tag->name) : NULL;
	return tag->tag ? format_string("%s:%s", name, tag->tag) : duplicate_string("<untagged>");
}

static char *platform_of(const struct tree *tree, const struct image *image, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	if (image_read_config(tree->engine->store, image, &config, err) < 0)
		return NULL;
	return platform_text(&config.platform);
}

/* Rows from `index` on that are of one image. */
static size_t count_rows(const struct image_list *list, size_t index)
{
	size_t count = 1;
	while (index + count < list->count &&
	       digest_equal(&list->items[index].image.id, &list->items[index + count].image.id))
		count++;
	return count;
}

static void measure(struct tree *tree)
{
	size_t widest = strlen(columns[0].title);
	for (size_t i = 0; i < tree->list->count; i++) {
		cleanup_free char *name = name_of(&tree->list->items[i]);
		size_t width = text_width(name);
		widest = width > widest ? width : widest;
	}
	struct platform host;
	platform_host(&host);
	cleanup_free char *text = platform_text(&host);
	size_t branch = text_width(BRANCH) + strlen(text);
	widest = branch > widest ? branch : widest;
	struct winsize terminal = {0};
	tree->colours = isatty(STDOUT_FILENO);
	/* What does not end at a terminal is not cut: it may be read by a program after all. */
	size_t width = SIZE_MAX;
	if (tree->colours)
		width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &terminal) == 0 && terminal.ws_col ? terminal.ws_col
											    : DEFAULT_WIDTH;
	for (tree->column_count = 1; tree->column_count < ARRAY_SIZE(columns); tree->column_count++) {
		size_t needed = columns[tree->column_count].width + SPACING;
		if (width < needed + FIRST_COLUMN_LEAST)
			break;
		width -= needed;
	}
	tree->first_width = width < widest ? width : widest;
}

static void print_header(const struct tree *tree)
{
	for (size_t i = 0; i < tree->column_count; i++) {
		if (i)
			print_spaces(SPACING);
		print_cell(tree, columns[i].title, i ? columns[i].width : tree->first_width, columns[i].alignment,
			   BOLD);
	}
	printf("\n");
}

static int print_image(const struct tree *tree, size_t index, size_t rows, struct error *err)
{
	const struct image *image = &tree->list->items[index].image;
	cleanup_free char *platform = platform_of(tree, image, err);
	if (!platform)
		return -1;
	for (size_t i = 0; i < rows; i++) {
		cleanup_free char *name = name_of(&tree->list->items[index + i]);
		if (i)
			printf("\n");
		print_cell(tree, name, tree->first_width, LEFT, TOP_NAME);
	}
	print_details(tree, &image->id, image);
	cleanup_free char *branch = format_string(BRANCH "%s", platform);
	print_cell(tree, branch, tree->first_width, LEFT, NULL);
	print_details(tree, &image->manifest, image);
	return 0;
}

int image_tree_print(struct engine *engine, const struct image_list *list, struct error *err)
{
	cleanup_image_usages struct image_usages usages = {0};
	if (image_usage_list(engine->store, &usages, err) < 0)
		return -1;
	struct tree tree = {.engine = engine, .list = list, .usages = &usages};
	measure(&tree);
	print_header(&tree);
	for (size_t i = 0; i < list->count;) {
		size_t rows = count_rows(list, i);
		if (i)
			printf("\n");
		if (print_image(&tree, i, rows, err) < 0)
			return -1;
		i += rows;
	}
	return 0;
}
